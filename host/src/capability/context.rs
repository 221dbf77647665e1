//! `syft:app/context`: where and for whom the app runs.
//!
//! Why: docs/decisions/55-capabilities-see-a-view.md

use std::time::Instant;

use crate::sandbox::bindings::syft::app::context::Host;
use crate::sandbox::store::CallState;

impl Host for CallState {
    fn datasite(&mut self) -> wasmtime::Result<String> {
        Ok(self.identity.datasite.to_string())
    }

    fn app(&mut self) -> wasmtime::Result<String> {
        Ok(self.identity.app.to_string())
    }

    fn time_left(&mut self) -> wasmtime::Result<u64> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_micros()).unwrap_or(u64::MAX))
    }
}
