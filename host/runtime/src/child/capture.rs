//! What a child says, read as it comes and kept within bounds.

use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use syft_system::process::Leash;

/// How long it takes at most until all are gone who could write to a pipe.
const GRACE: Duration = Duration::from_secs(10);

/// Which part is kept of more than is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    First(usize),
    Last(usize),
}

/// What was kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    pub(super) is_cut: bool,
}

/// A pipe that is being read.
pub(super) struct Capture {
    kept: Arc<Mutex<Kept>>,
    over: Receiver<()>,
}

impl Capture {
    /// Begins to read. The leash is let go once there is more than is wanted.
    pub(super) fn start(
        mut pipe: impl Read + Send + 'static,
        keep: Keep,
        leash: Option<Leash>,
    ) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (done, over) = channel();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.add(&buffer[..n], keep);
                if let (true, Some(leash)) = (kept.is_cut, &leash) {
                    leash.let_go();
                }
            }
            done.send(()).ok();
        });
        Self { kept, over }
    }

    /// Returns what was kept, once the pipe is closed. All who could write to it are gone
    /// but for those who escaped, for whom nobody waits.
    pub(super) fn finish(self) -> Kept {
        self.over.recv_timeout(GRACE).ok();
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn add(&mut self, bytes: &[u8], keep: Keep) {
        match keep {
            Keep::First(limit) => {
                let room = limit.saturating_sub(self.bytes.len());
                self.is_cut |= bytes.len() > room;
                self.bytes
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Keep::Last(limit) => {
                self.bytes.extend_from_slice(bytes);
                let n_old = self.bytes.len().saturating_sub(limit);
                self.is_cut |= n_old > 0;
                self.bytes.drain(..n_old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: Keep) -> (Vec<u8>, bool) {
        let kept = Capture::start(&b"abcdef"[..], keep, None).finish();
        (kept.bytes, kept.is_cut)
    }

    #[test]
    fn the_wanted_part_is_kept() {
        assert_eq!(kept(Keep::First(6)), (b"abcdef".to_vec(), false));
        assert_eq!(kept(Keep::First(2)), (b"ab".to_vec(), true));
        assert_eq!(kept(Keep::Last(6)), (b"abcdef".to_vec(), false));
        assert_eq!(kept(Keep::Last(2)), (b"ef".to_vec(), true));
    }
}
