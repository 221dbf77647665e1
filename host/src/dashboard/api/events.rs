//! What happens, as server-sent events while it happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde_json::json;
use syft_manifest::sanitize::plain_json;
use syft_server::shutdown::Shutdown;
use tokio::sync::broadcast::{Receiver, error::RecvError, error::TryRecvError};
use tokio::time;

use super::super::Shared;
use super::super::samples::{self, Sample};
use crate::activity::{EntryKind, LogEntry};

/// What happens within this time is told together: a page shows no more anyway.
const TOGETHER: Duration = Duration::from_millis(400);

/// The most entries of an event. Of others it says how many there were.
const MOST: usize = 100;

/// Somebody who listens.
struct Listener {
    shared: Arc<Shared>,
    feed: Receiver<Arc<LogEntry>>,
    shutdown: Shutdown,
}

/// What happened within a moment.
#[derive(Default)]
struct Batch {
    entries: Vec<Arc<LogEntry>>,
    n_more: u64,
}

/// Tells what happens, until the host stops or nobody listens any more.
pub(super) async fn follow(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let listener = Listener {
        feed: shared.activity.subscribe(),
        shutdown: shared.shutdown.clone(),
        shared,
    };
    let events = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl Listener {
    /// Waits for what happens, or for the next numbers.
    async fn next(&mut self) -> Option<Event> {
        let mut batch = Batch::default();
        let first = tokio::select! {
            () = self.shutdown.requested() => return None,
            first = time::timeout(samples::EVERY, self.feed.recv()) => first,
        };
        match first {
            Err(_) => return Some(self.numbers()),
            Ok(Err(RecvError::Closed)) => return None,
            Ok(Err(RecvError::Lagged(n_missed))) => batch.n_more += n_missed,
            Ok(Ok(entry)) => batch.add(entry),
        }
        time::sleep(TOGETHER).await;
        loop {
            match self.feed.try_recv() {
                Ok(entry) => batch.add(entry),
                Err(TryRecvError::Lagged(n_missed)) => batch.n_more += n_missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        Some(batch.event())
    }

    fn numbers(&self) -> Event {
        let Sample {
            calls_per_second,
            errors_per_second,
            mean_ms,
            memory_bytes,
        } = self.shared.samples().last();
        let numbers = json!({
            "calls_per_second": calls_per_second,
            "errors_per_second": errors_per_second,
            "mean_ms": mean_ms,
            "memory_bytes": memory_bytes,
        });
        Event::default().event("numbers").data(numbers.to_string())
    }
}

impl Batch {
    fn add(&mut self, entry: Arc<LogEntry>) {
        // Spans are for the traces.
        if matches!(entry.kind, EntryKind::Span(_)) {
            return;
        }
        if self.entries.len() < MOST {
            self.entries.push(entry);
        } else {
            self.n_more += 1;
        }
    }

    fn event(self) -> Event {
        let entries: Vec<&LogEntry> = self.entries.iter().map(|entry| &**entry).collect();
        let data = json!({"entries": entries, "n_more": self.n_more});
        // It is one line: what is not plain is escaped.
        Event::default().event("activity").data(plain_json(&data))
    }
}
