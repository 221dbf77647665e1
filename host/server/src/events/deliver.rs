//! Calls the app with an event.

use std::sync::Arc;
use std::time::Instant;

use syft_manifest::units::log_ms;
use syft_protocol::file_events::{Delivery, DeliveryResult, Event, Failure};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::{EndedTask, EventRunner, send};
use crate::app::{App, TakenCall};
use crate::suspension::{self, CRASHES_BEFORE_ALONE};
use syft_runtime::sandbox::Outcome;

/// Begins an attempt, which ends with one event.
pub(super) fn start(
    runner: &Arc<EventRunner>,
    delivery: Delivery,
    sender: &mpsc::UnboundedSender<EndedTask>,
) {
    let (key, sender, runner) = (delivery.key, sender.clone(), Arc::clone(runner));
    let attempt = attempt(Arc::clone(&runner), delivery).in_current_span();
    tokio::spawn(async move {
        // After a panic of the host's own, other events are delivered still.
        let panicked = |error: tokio::task::JoinError| {
            let outcome = Outcome::Trapped(error.to_string());
            DeliveryResult::Failed(failure(&outcome, &runner.app))
        };
        // Begun from here, it runs next on the same thread, and no other one has to wake.
        let result = tokio::spawn(attempt).await.unwrap_or_else(panicked);
        send(&sender, Event::Delivered(key, result), None);
    });
}

async fn attempt(runner: Arc<EventRunner>, delivery: Delivery) -> DeliveryResult {
    let (id, event) = (delivery.id, &delivery.event);
    // The host may have crashed during the attempts before.
    let _alone = match event.attempt {
        ..=CRASHES_BEFORE_ALONE => None,
        _ => Some(suspension::alone().await),
    };
    let _slots = runner.slots().await;
    let _entry = runner.journal.event(id);
    let start = Instant::now();
    let result = runner.app.deliver(&delivery).await;
    let (kind, path, ms) = (event.kind.as_str(), &*event.path, log_ms(start.elapsed()));
    match result {
        Ok(TakenCall {
            taken: Ok(()),
            worker,
        }) => {
            let worker = worker.as_deref();
            tracing::info!(name: "delivered", %id, event = kind, path, ms, worker, "delivered");
            DeliveryResult::Delivered
        }
        Ok(TakenCall {
            taken: Err(outcome),
            ..
        }) => DeliveryResult::Failed(failure(&outcome, &runner.app)),
        Err(error) => {
            tracing::error!(%id, event = kind, path, "delivering it again later: {error}");
            DeliveryResult::HostFailed
        }
    }
}

/// Returns how the app failed, for the owner.
pub(crate) fn failure(outcome: &Outcome, app: &App) -> Failure {
    let hint = outcome.hint(app.advice(), app.name().as_str());
    let words = outcome.detail().into_iter().chain(hint);
    Failure {
        name: outcome.name(),
        detail: words.collect::<Vec<_>>().join("; "),
    }
}
