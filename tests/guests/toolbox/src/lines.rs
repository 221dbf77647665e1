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

/// Works in spans, and fails in one if it is told to.
#[on_request("/spans")]
pub fn spans(fails: bool) {
    let outer = tracing::info_span!("outer", n = 1).entered();
    tracing::info_span!("inner").in_scope(|| state::set("a", &1).expect("a state"));
    assert!(!fails, "on purpose");
    drop(outer);
    state::get::<i64>("a").expect("a state");
}

/// Marks spans as no SDK does.
#[on_request("/forged-spans")]
pub fn forged() {
    log::set_max_level(log::LevelFilter::Trace);
    for n in 1..200 {
        let name = "\u{1b}[31m".repeat(n);
        log::trace!(target: "syft-span", "enter {n} {}\n{name}\n{name}", n - 1);
    }
    log::trace!(target: "syft-span", "exit 18446744073709551615");
    log::trace!(target: "syft-span", "\n\n");
}
