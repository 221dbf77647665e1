//! Lines in the host's log.

use syft_guest::prelude::*;

/// Logs by the crates `log` and `tracing`, at all levels.
#[on_request("/lines")]
pub fn write(what: String) {
    log::error!("log {what}");
    log::warn!(target: "elsewhere", "log {what}");
    log::info!("log {what}");
    log::debug!("log {what}");
    log::trace!("log {what}");
    tracing::info!(what, n = 3, "an event");
    tracing::warn_span!("span").in_scope(|| tracing::warn!("inside"));
    tracing::trace!("too much");
}
