//! `syft:app/log`: lines of the guest in the host's log.

use crate::sandbox::bindings::syft::app::log::{Host, Level};
use crate::sandbox::store::CallState;

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => tracing::Level::TRACE,
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error => tracing::Level::ERROR,
        };
        self.output.message(level, &message)
    }
}
