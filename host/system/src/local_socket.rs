//! Where a process answers others of the same user: in a private folder, one document for each that
//! asks.
//!
//! On Unix that is a socket. On Windows it is a pipe by a name that nobody can guess, which stands
//! in a file of the folder.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

#[cfg(unix)]
#[path = "local_socket/unix.rs"]
mod os;
#[cfg(windows)]
#[path = "local_socket/windows.rs"]
mod os;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// What others ask.
#[derive(Debug)]
pub struct LocalSocket(os::Socket);

impl LocalSocket {
    /// Makes it in a private folder. Whoever calls it is the only one to do so there: what has the
    /// name is left of one that was killed.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        remove(folder, name)?;
        os::Socket::open(folder, name).map(Self)
    }

    /// Waits for somebody who asks, and gives them what `answer` returns then.
    ///
    /// # Errors
    /// They are gone, or the system has no more to give.
    pub fn answer(&self, answer: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        self.0.answer(answer)
    }
}

/// Removes what others ask, if it is there.
///
/// # Errors
/// It stays.
pub fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match std::fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Asks who answers in a folder, and returns at most so many bytes; `None` where nobody does.
///
/// # Errors
/// Somebody is there and does not answer.
pub fn ask(folder: &Path, name: &str, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match os::ask(folder, name, most_bytes) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if is_nobody(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn each_that_asks_gets_an_answer() {
        let site = tempfile::tempdir().expect("a folder");
        // Longer than the path of a socket may be on Linux.
        let length = if cfg!(target_os = "linux") { 150 } else { 1 };
        let folder = site.path().join("x".repeat(length));
        crate::private::make_folder(&folder).expect("made");
        assert_eq!(ask(&folder, "s", 100).expect("asked"), None);
        let socket = Arc::new(LocalSocket::open(&folder, "s").expect("opened"));
        for n in 0..3_u8 {
            let socket = Arc::clone(&socket);
            let answers = thread::spawn(move || socket.answer(|| Ok(vec![n; 100_000])));
            let said = ask(&folder, "s", 50_000).expect("asked");
            assert_eq!(said, Some(vec![n; 50_000]));
            // Whoever has heard enough may be gone.
            answers.join().expect("no panic").ok();
        }
        drop(socket);
        assert_eq!(ask(&folder, "s", 100).expect("asked"), None);
        remove(&folder, "s").expect("removed");
        assert!(std::fs::read_dir(&folder).expect("listed").next().is_none());
    }
}
