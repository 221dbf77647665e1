//! Keeps what was delivered without a call, and what became of events that failed.

use std::sync::Arc;

use syft_protocol::file_events::{Event, Record};
use tokio::sync::mpsc;

use super::{EndedTask, EventRunner, send};

/// Begins to write records, which ends with one event.
pub(super) fn start(
    runner: &Arc<EventRunner>,
    records: Vec<Record>,
    sender: &mpsc::UnboundedSender<EndedTask>,
) {
    let (runner, sender) = (Arc::clone(runner), sender.clone());
    tokio::spawn(async move {
        let result = runner.app.state().record(records).await;
        drop(runner);
        if let Err(error) = &result {
            tracing::error!("trying again later: {error}");
        }
        let is_kept = result.is_ok();
        send(&sender, Event::Recorded { is_kept }, None);
    });
}
