//! `syft:app/log`: lines of the guest in the host's log.

use super::output::Output;
use crate::wit::log::{Host, Level};

impl Host for Output {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => tracing::Level::TRACE,
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error => tracing::Level::ERROR,
        };
        self.message(level, &message)
    }
}
