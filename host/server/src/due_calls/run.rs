//! Calls the app when it is due.

use std::sync::Arc;
use std::time::Instant;

use syft_manifest::units::log_ms;
use syft_protocol::due_calls::{DueEvent, DueResult, DueRun};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::send;
use crate::app::TakenCall;
use crate::events::{EventRunner, failure};
use crate::suspension::{self, CRASHES_BEFORE_ALONE};
use syft_runtime::sandbox::Outcome;

/// Begins an attempt, which ends with one event.
pub(super) fn start(
    runner: &Arc<EventRunner>,
    run: DueRun,
    sender: &mpsc::UnboundedSender<DueEvent>,
) {
    let (id, sender, runner) = (run.call.id, sender.clone(), Arc::clone(runner));
    let attempt = attempt(Arc::clone(&runner), run).in_current_span();
    tokio::spawn(async move {
        // After a panic of the host's own, other calls run still.
        let panicked = |error: tokio::task::JoinError| {
            let outcome = Outcome::Trapped(error.to_string());
            DueResult::Failed(failure(&outcome, &runner.app))
        };
        // Begun from here, it runs next on the same thread, and no other one has to wake.
        let result = tokio::spawn(attempt).await.unwrap_or_else(panicked);
        send(&sender, DueEvent::Ended(id, result));
    });
}

async fn attempt(runner: Arc<EventRunner>, run: DueRun) -> DueResult {
    let (id, kind) = (run.call.id, &run.call.kind);
    // The host may have crashed during the attempts before.
    let _alone = match run.attempt {
        ..=CRASHES_BEFORE_ALONE => None,
        _ => Some(suspension::alone().await),
    };
    let _slots = runner.slots().await;
    let _entry = runner.journal.event(id);
    let start = Instant::now();
    let result = runner.app.run_due(&run).await;
    let (kind, handler, ms) = (kind.as_str(), kind.handler(), log_ms(start.elapsed()));
    match result {
        Ok(TakenCall {
            taken: Ok(()),
            worker,
        }) => {
            let worker = worker.as_deref();
            tracing::info!(
                name: "delivered", %id, event = kind, path = handler, ms, worker, "done"
            );
            DueResult::Done
        }
        Ok(TakenCall {
            taken: Err(outcome),
            ..
        }) => DueResult::Failed(failure(&outcome, &runner.app)),
        Err(error) => {
            tracing::error!(%id, event = kind, path = handler, "running it again later: {error}");
            DueResult::HostFailed
        }
    }
}
