//! Telling the service manager how things go, where one has started the host.

use std::io;

use sd_notify::NotifyState;

/// All apps that are installed were tried.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// What is installed is looked at again. Ends with [`ready`].
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => failed(&error),
    }
}

/// Calls in progress are finished, and nothing new is begun.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// How many apps are served, for `systemctl status`.
pub(super) fn status(n_serving: usize, n_failed: usize) {
    notify(&[NotifyState::Status(&format!(
        "{n_serving} apps are served, {n_failed} cannot be"
    ))]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        failed(&error);
    }
}

fn failed(error: &io::Error) {
    tracing::warn!("the service manager cannot be told how things go: {error}");
}
