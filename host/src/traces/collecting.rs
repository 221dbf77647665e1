//! What happened in each request, until it is answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::activity::{EntryKind, LogEntry};

/// Requests that may be open. Beyond that the oldest are sent as they end, without what
/// happened in them.
const MAX_OPEN: usize = 1_024;

/// Events, and spans, that are kept of one request; OTLP's usual bound for a span, too.
const MAX_EVENTS: usize = 128;

/// Requests that are not answered yet.
#[derive(Default)]
pub(super) struct Collecting {
    open: HashMap<Key, Happened>,
    /// In the order in which they began.
    order: VecDeque<Key>,
}

type Key = (String, String);

/// What happened in a request, in order.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// What its app wrote, used and was refused.
    pub(super) events: Vec<Arc<LogEntry>>,
    /// How long it was at what.
    pub(super) spans: Vec<Arc<LogEntry>>,
}

/// A request that ended.
#[derive(Debug)]
pub(super) struct Request {
    /// How it ended.
    pub(super) end: Arc<LogEntry>,
    /// What happened in it.
    pub(super) happened: Happened,
}

impl Happened {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.spans.is_empty()
    }

    fn add(&mut self, entry: Arc<LogEntry>) {
        let entries = match entry.kind {
            EntryKind::Span(_) => &mut self.spans,
            _ => &mut self.events,
        };
        if entries.len() < MAX_EVENTS {
            entries.push(entry);
        }
    }
}

impl Collecting {
    /// Takes what happened. Returns the request that ended by it.
    pub(super) fn take(&mut self, entry: Arc<LogEntry>) -> Option<Request> {
        let app = entry.app.clone()?;
        let key = (app, entry.id().to_owned());
        match &entry.kind {
            EntryKind::Call(_) | EntryKind::Refused { .. } | EntryKind::Delivery { .. } => {
                let happened = self.open.remove(&key).unwrap_or_default();
                return Some(Request {
                    end: entry,
                    happened,
                });
            }
            EntryKind::Output { .. }
            | EntryKind::Denied { .. }
            | EntryKind::Touched { .. }
            | EntryKind::Span(_) => {}
            EntryKind::Other => return None,
        }
        if key.1.is_empty() {
            return None;
        }
        let happened = self.open.entry(key.clone()).or_default();
        if happened.is_empty() {
            self.order.push_back(key);
        }
        happened.add(entry);
        self.forget();
        None
    }

    fn forget(&mut self) {
        while self.order.len() > MAX_OPEN {
            if let Some(oldest) = self.order.pop_front() {
                self.open.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use syft_protocol::timestamp::Timestamp;

    use super::*;
    use crate::activity::Severity;

    fn entry(app: &str, kind: EntryKind) -> Arc<LogEntry> {
        Arc::new(LogEntry {
            time: Timestamp::from_micros(0),
            level: Severity::Info,
            app: Some(app.to_owned()),
            kind,
            message: String::new(),
            fields: Map::new(),
        })
    }

    fn output(app: &str, id: &str) -> Arc<LogEntry> {
        let (stream, id) = ("log".to_owned(), id.to_owned());
        entry(app, EntryKind::Output { stream, id })
    }

    fn refused(app: &str, id: &str) -> Arc<LogEntry> {
        let [endpoint, sender] = [String::new(), String::new()];
        let id = id.to_owned();
        let status = 400;
        let kind = EntryKind::Refused {
            endpoint,
            id,
            sender,
            status,
        };
        entry(app, kind)
    }

    #[test]
    fn a_request_has_what_happened_in_it_alone() {
        let mut collecting = Collecting::default();
        assert!(collecting.take(output("a", "1")).is_none());
        assert!(collecting.take(output("b", "1")).is_none());
        assert!(collecting.take(output("a", "2")).is_none());
        let request = collecting.take(refused("a", "1")).expect("it ended");
        assert_eq!(request.happened.events.len(), 1);
        let request = collecting.take(refused("a", "1")).expect("another one");
        assert!(request.happened.is_empty());
    }

    #[test]
    fn requests_that_never_end_take_no_more_than_they_may() {
        let mut collecting = Collecting::default();
        for n in 0..MAX_OPEN * 3 {
            for _ in 0..3 {
                collecting.take(output("a", &n.to_string()));
            }
        }
        assert_eq!(
            (collecting.open.len(), collecting.order.len()),
            (MAX_OPEN, MAX_OPEN)
        );
        for _ in 0..MAX_EVENTS * 2 {
            collecting.take(output("a", "loud"));
        }
        let request = collecting.take(refused("a", "loud")).expect("it ended");
        assert_eq!(request.happened.events.len(), MAX_EVENTS);
        for n in 0..MAX_OPEN * 3 {
            collecting.take(output("b", &n.to_string()));
            collecting.take(refused("b", &n.to_string()));
        }
        assert!(collecting.order.len() <= MAX_OPEN + 1);
    }
}
