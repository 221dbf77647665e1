//! Telling the service manager how things go, where one has started the host: systemd does want to
//! know.

#[cfg(target_os = "linux")]
use sd_notify::NotifyState;

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState<'a> {
    /// It has begun, or read again what it was told.
    Ready,
    /// It reads again what it was told. Ends with `Ready`.
    Reloading,
    /// It finishes what it has begun.
    Stopping,
    /// In words, for people.
    Says(&'a str),
}

/// Tells the service manager, if there is one. If that fails, the log says so.
#[cfg(target_os = "linux")]
pub fn tell(state: ServiceState<'_>) {
    let told = match state {
        ServiceState::Ready => sd_notify::notify(&[NotifyState::Ready]),
        ServiceState::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        ServiceState::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        ServiceState::Says(words) => sd_notify::notify(&[NotifyState::Status(words)]),
    };
    if let Err(error) = told {
        tracing::warn!("the service manager cannot be told how things go: {error}");
    }
}

/// Nobody wants to know.
#[cfg(not(target_os = "linux"))]
pub fn tell(_state: ServiceState<'_>) {}
