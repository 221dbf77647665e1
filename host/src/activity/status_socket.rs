//! Where a running host says what its apps do: a socket in a private folder, which answers
//! each connection with one document of JSON.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_system::local_socket::{self, LocalSocket};
use syft_system::private;

use super::Activity;
use super::statistics::AppStatistics;
use super::workers::WorkersStatistics;

const NAME: &str = "status.socket";

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
    folder: PathBuf,
}

impl StatusSocket {
    /// Begins to answer. Whoever calls it is the only host for the folder.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn open(folder: &Path, activity: &Activity) -> io::Result<Self> {
        private::make_folder(folder)?;
        let socket = LocalSocket::open(folder, NAME)?;
        let activity = activity.clone();
        thread::Builder::new()
            .name("status".to_owned())
            .spawn(move || answer_all(&socket, &activity))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // Its thread ends with the process.
        local_socket::remove(&self.folder, NAME).ok();
    }
}

/// Answers one connection after the other: only the owner's own programs come here.
fn answer_all(socket: &LocalSocket, activity: &Activity) {
    loop {
        let answered = socket.answer(|| Ok(serde_json::to_vec(&activity.host())?));
        if let Err(error) = answered {
            tracing::debug!("nobody was told how the apps are: {error}");
            // Such as too many open files, which will not go by at once.
            if error.kind() != ErrorKind::BrokenPipe {
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

impl HostActivity {
    /// Asks the host that serves from a folder; `None` where there is none.
    ///
    /// # Errors
    /// There is one, and it does not answer.
    pub fn ask(folder: &Path) -> io::Result<Option<Self>> {
        let json = local_socket::ask(folder, NAME, MAX_BYTES)?;
        Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
    }
}
