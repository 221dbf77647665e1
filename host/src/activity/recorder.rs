//! Entries on their way from who makes them to who keeps and shows them.
//!
//! Whoever makes one only puts it in line. A thread of its own does the rest, a few times a
//! second at most, so that calls wait for no disk. What finds no room in the line is counted.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Map;
use syft_manifest::clock::now;

use super::entry::{EntryKind, LogEntry, Severity};

/// The most entries in line.
const MAX_IN_LINE: usize = 8_192;

/// The shortest time from one batch to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Entries in line.
#[derive(Debug, Default)]
pub(super) struct Line {
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<LogEntry>,
    n_dropped: u64,
    /// Nobody is at work on a batch, so that somebody has to be woken.
    is_idle: bool,
    is_closed: bool,
}

impl Line {
    /// Puts an entry at the end, unless the line is full.
    pub(super) fn push(&self, entry: LogEntry) {
        let mut inner = self.inner();
        if inner.entries.len() >= MAX_IN_LINE || inner.is_closed {
            inner.n_dropped += 1;
            return;
        }
        inner.entries.push(entry);
        let is_to_wake = std::mem::replace(&mut inner.is_idle, false);
        drop(inner);
        if is_to_wake {
            self.filled.notify_one();
        }
    }

    /// Has all batches end after what is in line.
    pub(super) fn close(&self) {
        self.inner().is_closed = true;
        self.filled.notify_one();
    }

    /// Passes on all that comes, until the line is closed and empty.
    pub(super) fn work(&self, mut take: impl FnMut(Vec<Arc<LogEntry>>)) {
        while let Some(batch) = self.batch() {
            take(batch);
            let inner = self.inner();
            if !inner.is_closed {
                drop(self.filled.wait_timeout(inner, PAUSE));
            }
        }
    }

    /// Waits for what is in line, and takes all of it.
    fn batch(&self) -> Option<Vec<Arc<LogEntry>>> {
        let mut inner = self.inner();
        while inner.entries.is_empty() && inner.n_dropped == 0 {
            if inner.is_closed {
                return None;
            }
            inner.is_idle = true;
            inner = self
                .filled
                .wait(inner)
                .expect("no holder of this lock panics");
        }
        inner.is_idle = false;
        let entries = std::mem::take(&mut inner.entries);
        let n_dropped = std::mem::take(&mut inner.n_dropped);
        drop(inner);
        let dropped = (n_dropped > 0).then(|| left_out(None, n_dropped));
        let ready = entries.into_iter().chain(dropped).map(|mut entry| {
            entry.sanitize();
            Arc::new(entry)
        });
        Some(ready.collect())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

/// Returns an entry that says how many others are missing.
pub(super) fn left_out(app: Option<String>, n_entries: u64) -> LogEntry {
    LogEntry {
        time: now(),
        level: Severity::Warn,
        app,
        kind: EntryKind::Other,
        message: format!("too much happened at once: {n_entries} lines are not kept"),
        fields: Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_full_line_counts_what_it_does_not_take() {
        let line = Line::default();
        for _ in 0..MAX_IN_LINE + 3 {
            line.push(left_out(None, 1));
        }
        line.close();
        let mut taken = Vec::new();
        line.work(|batch| taken.extend(batch));
        assert_eq!(taken.len(), MAX_IN_LINE + 1);
        let last = taken.last().map(|entry| entry.message.clone());
        assert_eq!(last, Some(left_out(None, 3).message));
    }

    #[test]
    fn what_is_in_line_at_the_end_is_passed_on() {
        let line = Line::default();
        let n_taken = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut n_taken = 0;
                line.work(|batch| n_taken += batch.len());
                n_taken
            });
            for _ in 0..1_000 {
                line.push(left_out(None, 1));
            }
            line.close();
            worker.join().expect("it ends")
        });
        assert_eq!(n_taken, 1_000);
    }
}
