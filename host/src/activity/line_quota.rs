//! How many entries of an app are kept in a second. A flood of one kind is to push out neither
//! the others nor what happened before it, and is to cost no more than being counted.

use std::sync::{Mutex, MutexGuard};

use syft_protocol::timestamp::Timestamp;

use super::entry::{EntryKind, LogEntry, Severity};

/// Entries of a kind that are kept of an app in each second.
const PER_SECOND: u32 = 1_000;

const MICROS: i64 = 1_000_000;

/// The entries of one app.
#[derive(Debug, Default)]
pub(super) struct LineQuota(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// The second in which entries were counted last.
    second: i64,
    n_entries: [u32; 5],
    n_left_out: u64,
}

/// Entries that share the room of a second.
#[derive(Debug, Clone, Copy)]
pub(super) enum Share {
    Output,
    Touched,
    Span,
    Wrong,
    Usual,
}

/// Whether an entry is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) is_kept: bool,
    /// How many were left out up to now and nobody was told of.
    pub(super) n_left_out: u64,
}

impl LineQuota {
    /// Tells whether there is no room for one more, and takes note that it is left out.
    pub(super) fn leaves_out(&self, share: Share, time: Timestamp) -> bool {
        let mut counted = self.counted();
        let is_now = counted.second == time.micros() / MICROS;
        let is_full = is_now && counted.n_entries[share as usize] >= PER_SECOND;
        counted.n_left_out += u64::from(is_full);
        is_full
    }

    /// Counts an entry.
    pub(super) fn admit(&self, entry: &LogEntry) -> Admitted {
        let mut counted = self.counted();
        let second = entry.time.micros() / MICROS;
        let mut n_left_out = 0;
        // Some come a little late; and the clock may be set back.
        if second > counted.second || second < counted.second - 60 {
            (counted.second, counted.n_entries) = (second, [0; 5]);
            n_left_out = std::mem::take(&mut counted.n_left_out);
        }
        let n_entries = &mut counted.n_entries[Share::of(entry) as usize];
        *n_entries += 1;
        let is_kept = *n_entries <= PER_SECOND;
        // No log has spans, so none misses them.
        let is_span = matches!(entry.kind, EntryKind::Span(_));
        counted.n_left_out += u64::from(!is_kept && !is_span);
        Admitted {
            is_kept,
            n_left_out,
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Share {
    fn of(entry: &LogEntry) -> Self {
        match entry.kind {
            EntryKind::Output { .. } => Self::Output,
            EntryKind::Touched { .. } => Self::Touched,
            EntryKind::Span(_) => Self::Span,
            _ if entry.level >= Severity::Warn => Self::Wrong,
            _ => Self::Usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn entry(second: i64, level: Severity, kind: EntryKind) -> LogEntry {
        LogEntry {
            time: Timestamp::from_micros(second * MICROS),
            level,
            app: Some("app".to_owned()),
            kind,
            message: "x".to_owned(),
            fields: Map::new(),
        }
    }

    fn output(second: i64) -> LogEntry {
        let kind = EntryKind::Output {
            stream: "stdout".to_owned(),
            id: "1".to_owned(),
        };
        entry(second, Severity::Info, kind)
    }

    #[test]
    fn a_flood_leaves_room_for_what_went_wrong_and_is_told_of_later() {
        let quota = LineQuota::default();
        let kept = |n_left_out| Admitted {
            is_kept: true,
            n_left_out,
        };
        let n_kept = (0..5_000).filter(|_| quota.admit(&output(1)).is_kept);
        assert_eq!(n_kept.count(), PER_SECOND as usize);
        let wrong = entry(1, Severity::Warn, EntryKind::Other);
        assert_eq!(quota.admit(&wrong), kept(0));
        let now = wrong.time;
        assert!(quota.leaves_out(Share::Output, now) && !quota.leaves_out(Share::Usual, now));
        // One that comes late.
        assert!(!quota.admit(&output(0)).is_kept);
        assert_eq!(quota.admit(&output(2)), kept(4_002));
        assert_eq!(quota.admit(&output(2)), kept(0));
        // The clock was set back.
        assert_eq!(quota.admit(&output(-100)), kept(0));
    }
}
