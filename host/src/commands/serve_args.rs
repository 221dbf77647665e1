//! The options that `run` and `serve` share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use syft_manifest::units::{parse_long_time, parse_size, parse_time};
use syft_protocol::file_events::RetryPolicy;

use super::serve_workers::WorkersArgs;
use crate::activity::LogBounds;
use crate::settings::{HostSettings, SettingValue};
use syft_runtime::durability::Durability;
use syft_runtime::machine::usual_memory;
use syft_runtime::memory::{LEAST_TOTAL, Memory};
use syft_runtime::state::StoreOptions;
use syft_server::app::Placement;
use syft_server::encryption::OpenedEnvelopes;
use syft_server::local::LocalApps;
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

    /// What survives a power failure [default: batched]
    #[arg(long, value_enum, value_name = "LEVEL")]
    durability: Option<DurabilityArg>,

    /// Memory for all apps together, such as `4GiB` [default: half of what this machine or
    /// container has]
    #[arg(long, value_name = "SIZE", value_parser = parse_total)]
    memory_total: Option<usize>,

    /// How long requests and answers are kept, such as `30d` [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    keep: Option<Duration>,

    /// How often expired requests and answers are deleted [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    sweep_every: Option<Duration>,

    /// Log that is kept of each app at most, such as `50MiB` [default: 50MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_logs, help_heading = "Logs")]
    logs_per_app: Option<u64>,

    /// Logs that are kept of all apps at most [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_logs, help_heading = "Logs")]
    logs_total: Option<u64>,

    /// Send traces of requests to this collector, by OTLP over HTTP, such as
    /// `http://127.0.0.1:4318` [default: $OTEL_EXPORTER_OTLP_ENDPOINT, else nowhere]
    #[arg(long, value_name = "URL", help_heading = "Logs")]
    otlp: Option<String>,

    /// Delay before a file event, a call of a schedule or a reply to a message is tried again; it
    /// doubles with each failed attempt [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = parse_retry, help_heading = "Events")]
    retry_first: Option<Duration>,

    /// Attempts before one of these is parked [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20), help_heading = "Events")]
    retry_attempts: Option<u32>,

    #[command(flatten)]
    workers: WorkersArgs,
}

/// Returns how much is kept of what apps do, by what was said.
pub(super) fn log_bounds(settings: &HostSettings) -> LogBounds {
    LogBounds {
        of_one: settings.size("serve.logs-per-app").unwrap_or(50 << 20),
        of_all: settings.size("serve.logs-total").unwrap_or(1 << 30),
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

impl DurabilityArg {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Batched => "batched",
            Self::Strict => "strict",
        }
    }

    fn of(name: &str) -> Self {
        let named = |level: &Self| level.name() == name;
        let level = [Self::None, Self::Batched, Self::Strict]
            .into_iter()
            .find(named);
        level.unwrap_or(Self::Batched)
    }
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

impl SharedServeArgs {
    /// Puts what was said on the command line over what the settings say.
    pub(super) fn over(&self, settings: &mut HostSettings) {
        let time = |time: Option<Duration>| time.map(SettingValue::Time);
        let word = |level: DurabilityArg| SettingValue::Word(level.name());
        let size = |bytes: usize| SettingValue::Size(bytes as u64);
        settings.say(
            "serve.debug",
            self.debug.then_some(SettingValue::Flag(true)),
        );
        settings.say(
            "serve.schema",
            self.no_schema.then_some(SettingValue::Flag(false)),
        );
        settings.say("serve.durability", self.durability.map(word));
        settings.say("serve.memory-total", self.memory_total.map(size));
        let size = |bytes: u64| SettingValue::Size(bytes);
        settings.say("serve.logs-per-app", self.logs_per_app.map(size));
        settings.say("serve.logs-total", self.logs_total.map(size));
        settings.say("serve.otlp", self.otlp.clone().map(SettingValue::Text));
        settings.say("serve.keep", time(self.keep));
        settings.say("serve.sweep-every", time(self.sweep_every));
        settings.say("serve.retry-first", time(self.retry_first));
        let attempts = self.retry_attempts;
        let attempts = attempts.map(|attempts| SettingValue::Count(attempts.into()));
        settings.say("serve.retry-attempts", attempts);
        self.workers.over(settings);
    }
}

/// Returns how apps are served by what was said.
pub(super) fn serve_options(settings: &HostSettings) -> ServeOptions {
    let memory_total = settings.size("serve.memory-total");
    let memory_total = memory_total.and_then(|bytes| usize::try_from(bytes).ok());
    let durability = settings.word("serve.durability").map(DurabilityArg::of);
    let attempts = settings.count("serve.retry-attempts");
    let attempts = attempts.and_then(|attempts| u32::try_from(attempts).ok());
    let seconds = Duration::from_secs;
    ServeOptions {
        debug: settings.flag("serve.debug").unwrap_or(false),
        memory: Memory::new(memory_total.unwrap_or_else(usual_memory)),
        publish_schema: settings.flag("serve.schema").unwrap_or(true),
        store: StoreOptions {
            keep: settings
                .time("serve.keep")
                .unwrap_or(seconds(30 * 24 * 60 * 60)),
            durability: durability.unwrap_or(DurabilityArg::Batched).into(),
            ..StoreOptions::default()
        },
        sweep_every: settings
            .time("serve.sweep-every")
            .unwrap_or(seconds(60 * 60)),
        stop_within: None,
        retry: RetryPolicy {
            first: settings.time("serve.retry-first").unwrap_or(seconds(1)),
            attempts: attempts.unwrap_or(10),
        },
        opened: OpenedEnvelopes::default(),
        placement: Placement::default(),
        local_apps: LocalApps::default(),
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
