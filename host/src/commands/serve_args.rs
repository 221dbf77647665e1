//! The options that `run` and `serve` share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use syft_manifest::units::{parse_long_time, parse_size, parse_time};
use syft_protocol::file_events::RetryPolicy;

use crate::activity::LogBounds;
use crate::config::TraceTarget;
use crate::error::CommandError;
use syft_runtime::durability::Durability;
use syft_runtime::machine::usual_memory;
use syft_runtime::memory::{LEAST_TOTAL, Memory};
use syft_runtime::state::StoreOptions;
use syft_server::server::ServeOptions;

/// Less than this would hold hardly more than a few long lines.
const LEAST_LOGS: usize = 64 << 10;

#[derive(Debug, Clone, Args)]
pub(super) struct SharedServeArgs {
    /// Show callers what went wrong inside a handler
    #[arg(long)]
    debug: bool,

    /// Do not publish `rpc.schema.json`
    #[arg(long)]
    no_schema: bool,

    /// What survives a power failure
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = DurabilityArg::Batched)]
    durability: DurabilityArg,

    /// Memory for all apps together, such as `4GiB` [default: half of what this machine or
    /// container has]
    #[arg(long, value_name = "SIZE", value_parser = parse_total)]
    memory_total: Option<usize>,

    /// How long requests and answers are kept, such as `30d`
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time, default_value = "30d")]
    keep: Duration,

    /// How often expired requests and answers are deleted
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time, default_value = "1h")]
    sweep_every: Duration,

    /// Log that is kept of each app at most, such as `50MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_logs, default_value = "50MiB", help_heading = "Logs")]
    logs_per_app: u64,

    /// Logs that are kept of all apps at most
    #[arg(long, value_name = "SIZE", value_parser = parse_logs, default_value = "1GiB", help_heading = "Logs")]
    logs_total: u64,

    /// Send traces of requests to this collector, by OTLP over HTTP, such as
    /// `http://127.0.0.1:4318` [default: $OTEL_EXPORTER_OTLP_ENDPOINT, else nowhere]
    #[arg(long, value_name = "URL", help_heading = "Logs")]
    otlp: Option<String>,

    /// Delay before an event is delivered again; it doubles with each failed attempt
    #[arg(long, value_name = "DURATION", value_parser = parse_retry, default_value = "1s", help_heading = "Watching")]
    retry_first: Duration,

    /// Delivery attempts before an event is parked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20), default_value_t = 10, help_heading = "Watching")]
    retry_attempts: u32,
}

impl SharedServeArgs {
    /// Returns where traces are sent, if they are.
    pub(super) fn trace_target(&self) -> Result<Option<TraceTarget>, CommandError> {
        TraceTarget::find(self.otlp.as_deref())
    }

    /// Returns how much is kept of what apps do.
    pub(super) fn log_bounds(&self) -> LogBounds {
        LogBounds {
            of_one: self.logs_per_app,
            of_all: self.logs_total,
        }
    }
}

/// If only the host is killed, none of these loses anything.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityArg {
    /// Force nothing to the disk: a power failure may lose the last calls or damage the state
    None,
    /// Force the state before an answer is visible; a lost answer is written again
    Batched,
    /// Force the state and each answer
    Strict,
}

impl From<DurabilityArg> for Durability {
    fn from(level: DurabilityArg) -> Self {
        match level {
            DurabilityArg::None => Self::None,
            DurabilityArg::Batched => Self::Batched,
            DurabilityArg::Strict => Self::Strict,
        }
    }
}

impl From<SharedServeArgs> for ServeOptions {
    fn from(args: SharedServeArgs) -> Self {
        Self {
            debug: args.debug,
            memory: Memory::new(args.memory_total.unwrap_or_else(usual_memory)),
            publish_schema: !args.no_schema,
            store: StoreOptions {
                keep: args.keep,
                durability: args.durability.into(),
            },
            sweep_every: args.sweep_every,
            stop_within: None,
            retry: RetryPolicy {
                first: args.retry_first,
                attempts: args.retry_attempts,
            },
        }
    }
}

fn parse_total(text: &str) -> Result<usize, String> {
    parse_size(text)
        .filter(|bytes| *bytes >= LEAST_TOTAL)
        .ok_or_else(|| "expected a size of `256MiB` or more".to_owned())
}

fn parse_logs(text: &str) -> Result<u64, String> {
    parse_size(text)
        .filter(|bytes| *bytes >= LEAST_LOGS)
        .map(|bytes| bytes as u64)
        .ok_or_else(|| "expected a size of `64KiB` or more".to_owned())
}

fn parse_retry(text: &str) -> Result<Duration, String> {
    parse_time(text)
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(60)).contains(time))
        .ok_or_else(|| "expected a time from `1ms` to `1m`".to_owned())
}
