//! By a Unix socket.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use super::PATIENCE;

#[derive(Debug)]
pub(super) struct Socket(UnixListener);

impl Socket {
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let listener = in_folder(folder, name, |path| UnixListener::bind(path))?;
        std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    pub(super) fn answer(&self, answer: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        let (mut stream, _) = self.0.accept()?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&answer()?)
    }
}

pub(super) fn ask(folder: &Path, name: &str, most_bytes: u64) -> io::Result<Vec<u8>> {
    let stream = in_folder(folder, name, |path| UnixStream::connect(path))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = Vec::new();
    stream.take(most_bytes).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Does something with the path of the socket. That of a socket has at most 108 bytes, and ours
/// may be longer: by the open folder it is short.
#[cfg(target_os = "linux")]
fn in_folder<T>(
    folder: &Path,
    name: &str,
    act: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let folder = std::fs::File::open(folder)?;
    let path = format!("/proc/self/fd/{}/{name}", folder.as_raw_fd());
    act(Path::new(&path))
}

/// Does something with the path of the socket, which has at most 104 bytes here.
#[cfg(not(target_os = "linux"))]
fn in_folder<T>(
    folder: &Path,
    name: &str,
    act: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    act(&folder.join(name))
}
