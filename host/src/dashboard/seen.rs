//! What the dashboard remembers of what happened: the last of each kind, within bounds.
//!
//! Apps choose names and texts, and may say much. Everything is kept in rings that are bounded
//! in number and in bytes; what one app was given or not is bounded for each app.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::activity::{EntryKind, LogEntry, ResourceKind, Severity};
use syft_protocol::timestamp::Timestamp;

const MAX_CALLS: usize = 500;
const MAX_LINES: usize = 500;
const MAX_DETAILS: usize = 4_000;
const MAX_RING_BYTES: usize = 4 << 20;

/// Files and hosts that are remembered of an app, of those that it was given and of those that
/// it was not.
const MAX_NAMES: usize = 200;

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    /// Answers and deliveries, the oldest first.
    pub(super) calls: Ring<MAX_CALLS>,
    /// What the log has beside answers that are as they should be.
    pub(super) lines: Ring<MAX_LINES>,
    details: Ring<MAX_DETAILS>,
    /// What each app was given, and what it was not.
    apps: BTreeMap<String, [HashMap<AccessKey, Access>; 2]>,
}

/// What an app wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AccessKey {
    what: &'static str,
    access: String,
    name: String,
}

/// A file, a host or a secret that an app wanted.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// What it is.
    pub(super) what: ResourceKind,
    /// To do what with it.
    pub(super) access: String,
    /// Its path, origin or name.
    pub(super) name: String,
    /// How often.
    pub(super) count: u64,
    /// When last.
    pub(super) last: Timestamp,
    /// What would allow it, where it was refused.
    pub(super) hint: Option<String>,
}

/// The last entries.
pub(super) struct Ring<const MOST: usize> {
    entries: VecDeque<Arc<LogEntry>>,
    bytes: usize,
}

impl<const MOST: usize> Default for Ring<MOST> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<const MOST: usize> Ring<MOST> {
    fn push(&mut self, entry: &Arc<LogEntry>) {
        self.bytes += size(entry);
        self.entries.push_back(Arc::clone(entry));
        while self.entries.len() > MOST || self.bytes > MAX_RING_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= size(&oldest);
        }
    }

    /// Returns the last of them that are of an app, or of any, the newest first.
    pub(super) fn newest<'a>(
        &'a self,
        app: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<LogEntry>> {
        let all = self.entries.iter().rev();
        all.filter(move |entry| app.is_none() || entry.app.as_deref() == app)
    }
}

impl Seen {
    /// Takes note of an entry.
    pub(super) fn take(&mut self, entry: &Arc<LogEntry>) {
        match &entry.kind {
            EntryKind::Call(_) | EntryKind::Refused { .. } | EntryKind::Delivery { .. } => {
                self.calls.push(entry);
            }
            EntryKind::Denied {
                what,
                access,
                name,
                hint,
                ..
            } => self.note(entry, *what, access, name, Some(hint)),
            EntryKind::Touched {
                what, access, name, ..
            } => self.note(entry, *what, access, name, None),
            // These are for the traces.
            EntryKind::Span(_) => return,
            EntryKind::Output { .. } | EntryKind::Other => {}
        }
        if is_of_the_log(entry) {
            self.lines.push(entry);
        }
        if !entry.id().is_empty() {
            self.details.push(entry);
        }
    }

    fn note(
        &mut self,
        entry: &LogEntry,
        what: ResourceKind,
        access: &str,
        name: &str,
        hint: Option<&String>,
    ) {
        let app = entry.app.clone().unwrap_or_default();
        let names = &mut self.apps.entry(app).or_default()[usize::from(hint.is_some())];
        let key = AccessKey {
            what: what.as_str(),
            access: access.to_owned(),
            name: name.to_owned(),
        };
        if names.len() >= MAX_NAMES && !names.contains_key(&key) {
            forget_oldest(names);
        }
        let known = names.entry(key).or_insert_with(|| Access {
            what,
            access: access.to_owned(),
            name: name.to_owned(),
            count: 0,
            last: entry.time,
            hint: None,
        });
        known.count += 1;
        known.last = entry.time;
        known.hint = hint.cloned();
    }

    /// Returns what an app wanted and was not given, the newest first.
    pub(super) fn denied(&self, app: &str) -> Vec<Access> {
        self.names(app, 1)
    }

    /// Returns what an app was given, the newest first.
    pub(super) fn touched(&self, app: &str) -> Vec<Access> {
        self.names(app, 0)
    }

    fn names(&self, app: &str, which: usize) -> Vec<Access> {
        let names = self.apps.get(app).into_iter();
        let mut names: Vec<_> = names.flat_map(|app| app[which].values()).cloned().collect();
        names.sort_by(|one, other| other.last.cmp(&one.last).then(one.name.cmp(&other.name)));
        names
    }

    /// Returns the apps that wanted something.
    pub(super) fn apps(&self) -> Vec<String> {
        self.apps.keys().cloned().collect()
    }

    /// Returns all that is remembered of a request or event of an app, the oldest first.
    pub(super) fn of_call(&self, app: &str, id: &str) -> Vec<Arc<LogEntry>> {
        let all = self.details.newest(Some(app));
        let mut found: Vec<_> = all.filter(|entry| entry.id() == id).cloned().collect();
        found.reverse();
        found
    }
}

/// An answer that is as it should be is on the page of requests; what an app was given is on that
/// of accesses.
fn is_of_the_log(entry: &LogEntry) -> bool {
    match entry.kind {
        EntryKind::Touched { .. } => false,
        EntryKind::Call(_) | EntryKind::Delivery { .. } => entry.level >= Severity::Warn,
        _ => true,
    }
}

fn forget_oldest(names: &mut HashMap<AccessKey, Access>) {
    let oldest = names.iter().min_by_key(|(_, access)| access.last);
    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
        names.remove(&key);
    }
}

/// Returns about how many bytes an entry takes.
fn size(entry: &LogEntry) -> usize {
    let fields: usize = entry
        .fields
        .iter()
        .map(|(name, value)| name.len() + value.as_str().map_or(16, str::len))
        .sum();
    let kind = match &entry.kind {
        EntryKind::Call(call) => {
            call.sender.len() + call.detail.as_ref().map_or(0, String::len) + call.endpoint.len()
        }
        EntryKind::Denied { name, hint, .. } => name.len() + hint.len(),
        EntryKind::Touched { name, .. } => name.len(),
        EntryKind::Delivery { path, .. } => path.len(),
        _ => 0,
    };
    size_of::<LogEntry>() + entry.message.len() + fields + kind
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn entry(micros: i64, app: &str, kind: EntryKind, message: &str) -> Arc<LogEntry> {
        Arc::new(LogEntry {
            time: Timestamp::from_micros(micros),
            level: Severity::Info,
            app: Some(app.to_owned()),
            kind,
            message: message.to_owned(),
            fields: Map::new(),
        })
    }

    fn file(name: &str, hint: Option<&str>) -> EntryKind {
        let (what, access, name) = (ResourceKind::File, "read".to_owned(), name.to_owned());
        let id = "1".to_owned();
        match hint {
            Some(hint) => EntryKind::Denied {
                what,
                access,
                name,
                id,
                hint: hint.to_owned(),
            },
            None => EntryKind::Touched {
                what,
                access,
                name,
                id,
            },
        }
    }

    #[test]
    fn an_app_that_wants_everything_pushes_out_only_its_own() {
        let mut seen = Seen::default();
        seen.take(&entry(0, "quiet", file("kept", Some("allow it")), ""));
        for n in 0..3_000 {
            seen.take(&entry(n, "loud", file(&format!("{n}"), None), ""));
            seen.take(&entry(n, "loud", file(&format!("{n}"), Some("h")), ""));
        }
        assert_eq!(seen.denied("quiet")[0].hint.as_deref(), Some("allow it"));
        let (denied, touched) = (seen.denied("loud"), seen.touched("loud"));
        assert_eq!((denied.len(), touched.len()), (MAX_NAMES, MAX_NAMES));
        assert_eq!(denied[0].name, "2999");
        assert_eq!(seen.of_call("loud", "1").len(), MAX_DETAILS);
    }

    #[test]
    fn the_same_thing_is_counted() {
        let mut seen = Seen::default();
        for n in 0..5 {
            seen.take(&entry(n, "app", file("x", None), ""));
        }
        let touched = seen.touched("app");
        assert_eq!((touched.len(), touched[0].count), (1, 5));
        assert_eq!(touched[0].last, Timestamp::from_micros(4));
        assert!(seen.denied("app").is_empty());
    }

    #[test]
    fn long_texts_leave_room_for_fewer() {
        let mut seen = Seen::default();
        let long = "x".repeat(1 << 20);
        for n in 0..20 {
            seen.take(&entry(n, "app", EntryKind::Other, &long));
        }
        assert_eq!(seen.lines.newest(None).count(), 3);
        assert!(seen.lines.bytes <= MAX_RING_BYTES);
    }
}
