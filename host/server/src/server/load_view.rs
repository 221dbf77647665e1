//! What a server is doing, for whoever asks.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::{Server, ServerShared};

/// A look at a server, which keeps nothing of it alive.
#[derive(Clone)]
pub struct LoadView(Weak<ServerShared>);

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLoad {
    /// Requests that are read, run or answered now.
    pub n_in_progress: usize,
    /// The most calls that run at a time.
    pub most_in_progress: usize,
    /// Requests in line.
    pub n_waiting: usize,
    /// Requests and events that were given up.
    pub n_parked: usize,
    /// Messages of the app that have no answer yet, or one of which it was not told.
    pub n_messages: usize,
}

impl Server {
    /// Returns a look at what it is doing.
    pub fn load_view(&self) -> LoadView {
        LoadView(Arc::downgrade(&self.shared))
    }
}

impl LoadView {
    /// Returns what the server is doing; `None` if it has ended.
    pub fn load(&self) -> Option<ServerLoad> {
        let shared = self.0.upgrade()?;
        let n_parked_events = shared.n_parked_events.load(Ordering::Relaxed);
        let dispatcher = shared.dispatcher();
        Some(ServerLoad {
            n_in_progress: dispatcher.inbox.n_active(),
            most_in_progress: shared.app.limits().concurrency,
            n_waiting: dispatcher.inbox.n_waiting(),
            n_parked: dispatcher.suspects.n_parked() + n_parked_events,
            n_messages: shared.app.state().n_open_messages(),
        })
    }
}
