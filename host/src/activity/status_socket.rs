//! Where a running host says what its apps do: a socket in a private folder, which answers
//! each connection with one document of JSON.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use serde::{Deserialize, Serialize};
use syft_manifest::private_dir;

use super::Activity;
use super::statistics::AppStatistics;
use super::workers::WorkersStatistics;

const NAME: &str = "status.socket";

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read.
const MAX_BYTES: u64 = 256 << 20;

/// What a host says of the apps that it serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostActivity {
    /// Its process.
    pub pid: u32,
    /// Since when it counts, in microseconds since 1970.
    pub since: i64,
    /// The workers that it gives calls to, where there may be any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkersStatistics>,
    /// What it has counted.
    pub apps: Vec<AppStatistics>,
}

/// The socket, which is there until this is dropped.
#[derive(Debug)]
pub struct StatusSocket {
    path: PathBuf,
}

impl StatusSocket {
    /// Begins to answer. Whoever calls it is the only host for the folder.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn open(folder: &Path, activity: &Activity) -> io::Result<Self> {
        private_dir::make_folder(folder)?;
        let path = folder.join(NAME);
        // That of a host that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = in_folder(folder, |path| UnixListener::bind(path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let activity = activity.clone();
        thread::Builder::new()
            .name("status".to_owned())
            .spawn(move || answer_all(&listener, &activity))?;
        Ok(Self { path })
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // Its thread ends with the process.
        fs::remove_file(&self.path).ok();
    }
}

/// Answers one connection after the other: only the owner's own programs come here.
fn answer_all(listener: &UnixListener, activity: &Activity) {
    for stream in listener.incoming() {
        let answered = stream.and_then(|stream| answer(stream, activity));
        if let Err(error) = answered {
            tracing::debug!("nobody was told how the apps are: {error}");
            // Such as too many open files, which will not go by at once.
            if error.kind() != ErrorKind::BrokenPipe {
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn answer(mut stream: UnixStream, activity: &Activity) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&serde_json::to_vec(&activity.host())?)
}

impl HostActivity {
    /// Asks the host that serves from a folder; `None` where there is none.
    ///
    /// # Errors
    /// There is one, and it does not answer.
    pub fn ask(folder: &Path) -> io::Result<Option<Self>> {
        let stream = match in_folder(folder, |path| UnixStream::connect(path)) {
            Ok(stream) => stream,
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut json = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut json)?;
        Ok(Some(serde_json::from_slice(&json)?))
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused
    )
}

/// Does something with the path of the socket. That of a socket has at most 108 bytes, and ours
/// may be longer: by the open folder it is short.
fn in_folder<T>(folder: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = fs::File::open(folder)?;
    let path = format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd());
    act(Path::new(&path))
}
