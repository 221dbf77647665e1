//! The log, on stderr.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

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
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(is_terminal).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start the log: {error}"))
}
