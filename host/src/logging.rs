//! The log, on stderr, and what is taken from it for the owner of apps.

use std::io::{self, Write};

use anyhow::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::activity::Activity;

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

/// Starts the log with a filter such as `info` or `warn,guest=debug`. What apps do is noted
/// whatever the filter, where somebody takes note of it.
///
/// # Errors
/// The filter is malformed, or the log was started before.
pub fn start(format: LogFormat, filter: &str, activity: Option<&Activity>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter `{filter}`"))?;
    let filter = filter.add_directive(NEVER.parse()?);
    let layer = fmt::layer()
        // Nobody reads the log any more: that is no reason to end.
        .log_internal_errors(false)
        .with_writer(|| Aside);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => {
            let has_colours = Paint::of_stderr().has_colours();
            layer.with_ansi(has_colours).boxed()
        }
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let noted = activity.map(|activity| {
        let (layer, filter) = activity.layer();
        layer.with_filter(filter)
    });
    let started = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .with(noted)
        .try_init();
    started.map_err(|error| anyhow::anyhow!("start the log: {error}"))
}
