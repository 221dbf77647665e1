//! `syft:app/context`: where and for whom the app runs.
//!
//! Why: docs/decisions/55-capabilities-see-a-view.md

use std::sync::Arc;
use std::time::Instant;

use crate::recording::{Clock, Recorder};
use crate::wit::context::Host;

/// Whom a guest runs for.
#[derive(Debug, Clone)]
pub struct AppIdentity {
    /// The name of the app.
    pub app: Arc<str>,
    /// The email of the owner.
    pub datasite: Arc<str>,
}

/// What a call may know of its surroundings.
pub(crate) struct CallContext {
    pub(crate) identity: AppIdentity,
    pub(crate) deadline: Instant,
    pub(crate) idempotency_key: Arc<str>,
    pub(crate) recorder: Option<Recorder>,
}

impl Host for CallContext {
    fn datasite(&mut self) -> wasmtime::Result<String> {
        Ok(self.identity.datasite.to_string())
    }

    fn app(&mut self) -> wasmtime::Result<String> {
        Ok(self.identity.app.to_string())
    }

    fn time_left(&mut self) -> wasmtime::Result<u64> {
        let left = || {
            let left = self.deadline.saturating_duration_since(Instant::now());
            u64::try_from(left.as_micros()).unwrap_or(u64::MAX)
        };
        Ok(match &self.recorder {
            Some(recorder) => recorder.read(Clock::TimeLeft, left),
            None => left(),
        })
    }

    fn idempotency_key(&mut self) -> wasmtime::Result<String> {
        Ok(self.idempotency_key.to_string())
    }
}
