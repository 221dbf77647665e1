//! How apps are served.

use std::time::Duration;

use syft_protocol::file_events::RetryPolicy;

use crate::app::Placement;
use crate::encryption::OpenedEnvelopes;
use crate::local::LocalApps;
use syft_runtime::memory::Memory;
use syft_runtime::state::StoreOptions;

/// How apps are served, whichever they are.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Callers see what went wrong inside a handler.
    pub debug: bool,
    /// Publish `rpc.schema.json`.
    pub publish_schema: bool,
    /// The memory of all apps together.
    pub memory: Memory,
    /// How long requests and answers are kept, and what is forced to the disk.
    pub store: StoreOptions,
    /// How often old requests are deleted.
    pub sweep_every: Duration,
    /// Time for calls in progress once a server is to stop; by default as long as a call may
    /// take.
    pub stop_within: Option<Duration>,
    /// When an event that the app did not take is delivered again.
    pub retry: RetryPolicy,
    /// Which encrypted requests were opened.
    pub opened: OpenedEnvelopes,
    /// Where calls run.
    pub placement: Placement,
    /// The apps that are served so, to hand messages to without the tree.
    pub local_apps: LocalApps,
}

impl ServeOptions {
    /// Returns the usual options.
    pub fn new(memory: Memory) -> Self {
        Self {
            debug: false,
            publish_schema: true,
            memory,
            store: StoreOptions::default(),
            sweep_every: Duration::from_secs(60 * 60),
            stop_within: None,
            retry: RetryPolicy::default(),
            opened: OpenedEnvelopes::default(),
            placement: Placement::default(),
            local_apps: LocalApps::default(),
        }
    }
}
