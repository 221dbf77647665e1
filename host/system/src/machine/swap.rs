//! Whether pages of this process can be written to swap.
//!
//! Once they can, they can for as long as the process lives: pages that were written there
//! stay, whatever is changed afterwards.
//!
//! Why: docs/decisions/17-memory-is-reset-by-written-pages.md

use std::fs::{self, File};
use std::path::Path;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cgroup;

/// How often a limit is looked at again that is all that keeps pages in memory. The kernel
/// tells of swap that is added, and not of limits that are raised.
const LOOK_EVERY: Duration = Duration::from_secs(1);

static LOOKOUT: LazyLock<Mutex<Lookout>> = LazyLock::new(|| Mutex::new(Lookout::new()));

/// Tells whether a page that a guest has written may be elsewhere than in memory by now.
/// Asked between two calls: swap that was added since is known by then.
pub fn may_swap() -> bool {
    let mut lookout = LOOKOUT.lock().expect("no holder of this lock panics");
    lookout.look();
    lookout.may_swap
}

/// Tells whether memory of this process can be swapped out as things are now.
pub fn may_be_swapped() -> bool {
    let (is_there, by_limit) = look();
    is_there && !by_limit
}

/// Tells whether there is swap, and whether a limit alone keeps this process out of it.
fn look() -> (bool, bool) {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let is_there = read(Path::new("/proc/swaps")).is_none_or(|text| has_swap(&text));
    (is_there, is_there && cgroup::forbids_swap(&read))
}

struct Lookout {
    /// The kernel reports added and removed swap to those who have it open.
    swaps: Option<File>,
    /// There is swap, and a limit alone keeps this process out of it.
    by_limit: bool,
    looked: Instant,
    may_swap: bool,
}

impl Lookout {
    fn new() -> Self {
        let mut lookout = Self {
            swaps: File::open("/proc/swaps").ok(),
            by_limit: false,
            looked: Instant::now(),
            may_swap: false,
        };
        lookout.find_out();
        lookout
    }

    fn look(&mut self) {
        if self.may_swap {
            return;
        }
        let is_due = self.by_limit && self.looked.elapsed() >= LOOK_EVERY;
        if is_due || self.has_changed() {
            self.find_out();
        }
    }

    /// Tells whether swap was added or removed since this was asked before.
    fn has_changed(&self) -> bool {
        let Some(swaps) = &self.swaps else {
            return true;
        };
        let mut fds = [PollFd::new(swaps, PollFlags::PRI)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A regular file is always readable; a change is told as an error besides.
        poll(&mut fds, Some(&at_once)).is_err()
            || fds[0].revents().intersects(PollFlags::PRI | PollFlags::ERR)
    }

    fn find_out(&mut self) {
        let (is_there, by_limit) = look();
        self.by_limit = by_limit;
        self.looked = Instant::now();
        self.may_swap = is_there && !self.by_limit;
        if self.may_swap {
            tracing::warn!(
                "memory of this process can be swapped out: calls are slower, since the \
                 memory of each is cleared as a whole; with MemorySwapMax=0 for its unit, or \
                 without swap, they are not"
            );
        }
    }
}

/// Tells whether there is swap by the words of `/proc/swaps`: a line for each below the first.
fn has_swap(text: &str) -> bool {
    let mut lines = text.lines();
    let is_known = lines
        .next()
        .is_some_and(|line| line.starts_with("Filename"));
    !is_known || lines.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_swap() {
        const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        for (text, expected) in [
            (HEAD.to_owned(), false),
            (format!("{HEAD}/swapfile file 65532 0 -2\n"), true),
            (format!("{HEAD}/dev/zram0 partition 65532 0 100\n"), true),
            // What is not understood may be swap.
            (String::new(), true),
            ("something else\n".to_owned(), true),
        ] {
            assert_eq!(has_swap(&text), expected, "{text:?}");
        }
    }
}
