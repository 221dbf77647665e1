//! The log, on stderr.

use std::io::{self, Write};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::paint::Paint;
use crate::progress;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What no filter lets through: it would show the paths of URLs that guests send requests to,
/// which may be secret.
const NEVER: &str = "wasmtime_wasi_http=warn";

/// Standard error, with nothing in the way of a line.
struct Aside;

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::aside(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts the log with a filter such as `info` or `warn,guest=debug`.
///
/// # Errors
/// The filter is malformed, or the log was started before.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter `{filter}`"))?;
    let filter = filter.add_directive(NEVER.parse()?);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Nobody reads the log any more: that is no reason to end.
        .log_internal_errors(false)
        .with_writer(|| Aside);
    let started = match format {
        LogFormat::Text => {
            let has_colours = Paint::of_stderr().has_colours();
            builder.with_ansi(has_colours).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start the log: {error}"))
}
