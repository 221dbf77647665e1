//! The one list of what `config.toml` can say.

use std::ops::RangeInclusive;
use std::time::Duration;

use syft_manifest::sanitize::is_plain;
use syft_manifest::units::{parse_long_time, parse_size, parse_time};
use syft_manifest::{HttpHost, Problem, memory_limit, quota_limit, time_limit};
use syft_protocol::grant::PathPattern;

use super::{QuietHours, SettingValue};
use crate::config::LoopbackAddress;
use syft_runtime::memory::LEAST_TOTAL;

/// Something that can be said.
pub(crate) struct SettingKey {
    /// Its section and its name in it.
    pub(crate) name: &'static str,
    pub(crate) kind: SettingKind,
    /// As it could be written.
    pub(crate) example: &'static str,
    /// What counts where nothing is said.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
    /// It counts as soon as the host is told to look (SIGHUP); others when it starts.
    pub(crate) is_live: bool,
}

/// What a value is.
pub(crate) enum SettingKind {
    /// A string that a rule reads.
    Text(fn(&str) -> Result<SettingValue, Problem>),
    /// One of these words.
    Word(&'static [&'static str]),
    Count(RangeInclusive<u64>),
    Flag,
    Files,
    Hosts,
}

/// The least that logs have room for: of some calls.
const LEAST_LOGS: usize = 64 << 10;

/// What is said of the host, and of all apps.
pub(crate) const KEYS: &[SettingKey] = &[
    SettingKey {
        name: "serve.update-every",
        kind: SettingKind::Text(long_time),
        example: "\"6h\"",
        default: "never, see `syft-host update`",
        about: "How often to look for newer releases. One that wants no new rights is installed; \
                others wait for `syft-host approve`",
        is_live: true,
    },
    SettingKey {
        name: "serve.quiet",
        kind: SettingKind::Text(hours),
        example: "\"22:00-07:00\"",
        default: "none",
        about: "Hours of the day, in the time zone of this machine, in which no update is taken and \
                so no app is replaced by itself. What you type takes effect at once, and \
                revocations always do",
        is_live: true,
    },
    SettingKey {
        name: "serve.heed-every",
        kind: SettingKind::Text(heed),
        example: "\"5m\"",
        default: "\"5m\"",
        about: "How often to look for what authors have revoked, from `1s` to `10m`",
        is_live: true,
    },
    SettingKey {
        name: "serve.loaded",
        kind: SettingKind::Count(1..=1_000),
        example: "32",
        default: "32",
        about: "How many apps stay loaded: the most recently used. Others are loaded when they are \
                called",
        is_live: false,
    },
    SettingKey {
        name: "serve.memory-total",
        kind: SettingKind::Text(total),
        example: "\"4GiB\"",
        default: "half of what this machine or container has",
        about: "Memory for all apps together",
        is_live: false,
    },
    SettingKey {
        name: "serve.durability",
        kind: SettingKind::Word(&["none", "batched", "strict"]),
        example: "\"batched\"",
        default: "\"batched\"",
        about: "What survives a power failure: `none` forces nothing to the disk, `batched` the \
                state before an answer is visible, `strict` each answer too",
        is_live: false,
    },
    SettingKey {
        name: "serve.keep",
        kind: SettingKind::Text(long_time),
        example: "\"30d\"",
        default: "\"30d\"",
        about: "How long requests and answers are kept",
        is_live: false,
    },
    SettingKey {
        name: "serve.sweep-every",
        kind: SettingKind::Text(long_time),
        example: "\"1h\"",
        default: "\"1h\"",
        about: "How often expired requests and answers are deleted",
        is_live: false,
    },
    SettingKey {
        name: "serve.retry-first",
        kind: SettingKind::Text(retry),
        example: "\"1s\"",
        default: "\"1s\"",
        about: "Delay before a file event, a call of a schedule or a reply to a message is tried \
                again, from `1ms` to `1m`; it doubles with each failed attempt",
        is_live: false,
    },
    SettingKey {
        name: "serve.retry-attempts",
        kind: SettingKind::Count(1..=20),
        example: "10",
        default: "10",
        about: "Attempts before one of these is parked",
        is_live: false,
    },
    SettingKey {
        name: "serve.stop-within",
        kind: SettingKind::Text(long_time),
        example: "\"30s\"",
        default: "the time limit of a call; 2.5 s as an app of SyftBox",
        about: "Time for calls in progress to finish when the host is to stop",
        is_live: false,
    },
    SettingKey {
        name: "serve.schema",
        kind: SettingKind::Flag,
        example: "true",
        default: "true",
        about: "Whether `rpc.schema.json` tells callers which endpoints an app has",
        is_live: false,
    },
    SettingKey {
        name: "serve.debug",
        kind: SettingKind::Flag,
        example: "false",
        default: "false",
        about: "Whether callers are shown what went wrong inside a handler",
        is_live: false,
    },
    SettingKey {
        name: "serve.logs-per-app",
        kind: SettingKind::Text(logs),
        example: "\"50MiB\"",
        default: "\"50MiB\"",
        about: "Log that is kept of each app at most",
        is_live: false,
    },
    SettingKey {
        name: "serve.logs-total",
        kind: SettingKind::Text(logs),
        example: "\"1GiB\"",
        default: "\"1GiB\"",
        about: "Logs that are kept of all apps at most",
        is_live: false,
    },
    SettingKey {
        name: "serve.dashboard",
        kind: SettingKind::Text(own_address),
        example: "\"127.0.0.1:7980\"",
        default: "none",
        about: "Address of this machine at which a page for your browser shows what the apps do",
        is_live: false,
    },
    SettingKey {
        name: "serve.otlp",
        kind: SettingKind::Text(any_text),
        example: "\"http://127.0.0.1:4318\"",
        default: "$OTEL_EXPORTER_OTLP_ENDPOINT, else nowhere",
        about: "Collector that gets traces of requests, by OTLP over HTTP",
        is_live: false,
    },
    SettingKey {
        name: "serve.workers",
        kind: SettingKind::Text(any_text),
        example: "\"tls://nats.example.org:4222\"",
        default: "none: all calls run on this machine",
        about: "Address of the NATS server by which calls are given to other machines of yours; see \
                `syft-host workers setup`",
        is_live: false,
    },
    SettingKey {
        name: "serve.workers-folder",
        kind: SettingKind::Text(any_text),
        example: "\"/home/alice/.config/syft-host/workers\"",
        default: "the folder `workers` beside this file",
        about: "Folder that `syft-host workers setup` made, with the key of this machine",
        is_live: false,
    },
    SettingKey {
        name: "serve.workers-ca",
        kind: SettingKind::Text(any_text),
        example: "\"/etc/nats/ca.pem\"",
        default: "the authorities that this machine trusts",
        about: "File with the certificates, in PEM, that vouch for the NATS server",
        is_live: false,
    },
    SettingKey {
        name: "serve.on-workers",
        kind: SettingKind::Word(&["asked", "all"]),
        example: "\"asked\"",
        default: "\"asked\"",
        about: "Whose calls are given to workers: `asked` those of apps with a section `[worker]`, \
                `all` those of every app that can run there",
        is_live: false,
    },
    SettingKey {
        name: "serve.without-workers",
        kind: SettingKind::Word(&["run", "wait"]),
        example: "\"run\"",
        default: "\"run\"",
        about: "What becomes of such a call while no worker can take it: `run` has this machine run \
                it, `wait` leaves it until there is one",
        is_live: false,
    },
    SettingKey {
        name: "limits.time",
        kind: SettingKind::Text(call_time),
        example: "\"30s\"",
        default: "what was approved",
        about: "The most time that a call of any app may take",
        is_live: true,
    },
    SettingKey {
        name: "limits.memory",
        kind: SettingKind::Text(memory),
        example: "\"256MiB\"",
        default: "what was approved",
        about: "The most memory that a call of any app may use",
        is_live: true,
    },
    SettingKey {
        name: "limits.concurrency",
        kind: SettingKind::Count(1..=1_000),
        example: "32",
        default: "what was approved",
        about: "The most calls of any app that run at the same time",
        is_live: true,
    },
    SettingKey {
        name: "limits.state",
        kind: SettingKind::Text(state),
        example: "\"256MiB\"",
        default: "what was approved",
        about: "The most that any app may keep between calls",
        is_live: true,
    },
    SettingKey {
        name: "deny.files",
        kind: SettingKind::Files,
        example: "[\"*/private/**\"]",
        default: "[]",
        about: "Files that no app gets, with all below them, and where no app sends messages to, \
                whatever was approved",
        is_live: true,
    },
    SettingKey {
        name: "deny.hosts",
        kind: SettingKind::Hosts,
        example: "[\"*.example.com\"]",
        default: "[]",
        about: "Hosts that no app may send HTTP requests to, whatever was approved",
        is_live: true,
    },
];

/// What can be said of one app, as `[apps.NAME.limits]` and `[apps.NAME.deny]`.
pub(crate) const APP_KEYS: &[&str] = &[
    "limits.time",
    "limits.memory",
    "limits.concurrency",
    "limits.state",
    "deny.files",
    "deny.hosts",
];

impl SettingKey {
    /// Returns its section, and its name in that.
    pub(crate) fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

fn problem(message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem {
        message: message.into(),
        help: help.into(),
    }
}

fn long_time(text: &str) -> Result<SettingValue, Problem> {
    let time = parse_long_time(text).map_err(|why| problem(why, "as in `6h`"))?;
    Ok(SettingValue::Time(time))
}

fn within(
    text: &str,
    bounds: RangeInclusive<Duration>,
    help: &str,
) -> Result<SettingValue, Problem> {
    let time = parse_time(text).filter(|time| bounds.contains(time));
    let time = time.ok_or_else(|| problem("it is no such time", help))?;
    Ok(SettingValue::Time(time))
}

// A revocation has to take effect within ten minutes.
fn heed(text: &str) -> Result<SettingValue, Problem> {
    let bounds = Duration::from_secs(1)..=Duration::from_secs(600);
    within(text, bounds, "write a time from `1s` to `10m`")
}

fn retry(text: &str) -> Result<SettingValue, Problem> {
    let bounds = Duration::from_millis(1)..=Duration::from_secs(60);
    within(text, bounds, "write a time from `1ms` to `1m`")
}

fn hours(text: &str) -> Result<SettingValue, Problem> {
    let hours = QuietHours::parse(text).ok_or_else(|| {
        problem(
            "these are no hours of a day",
            "write when they begin and end, as in `22:00-07:00`",
        )
    })?;
    Ok(SettingValue::Hours(hours))
}

fn total(text: &str) -> Result<SettingValue, Problem> {
    let bytes = parse_size(text).filter(|bytes| *bytes >= LEAST_TOTAL);
    let bytes = bytes.ok_or_else(|| problem("it is no such size", "write `256MiB` or more"))?;
    Ok(SettingValue::Size(bytes as u64))
}

fn logs(text: &str) -> Result<SettingValue, Problem> {
    let bytes = parse_size(text).filter(|bytes| *bytes >= LEAST_LOGS);
    let bytes = bytes.ok_or_else(|| problem("it is no such size", "write `64KiB` or more"))?;
    Ok(SettingValue::Size(bytes as u64))
}

fn any_text(text: &str) -> Result<SettingValue, Problem> {
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err(problem(
            "it is empty or has control characters",
            "write an address",
        ));
    }
    Ok(SettingValue::Text(text.to_owned()))
}

fn own_address(text: &str) -> Result<SettingValue, Problem> {
    let address = LoopbackAddress::parse(text);
    let address = address.map_err(|why| problem(why, "write `127.0.0.1:7980`"))?;
    Ok(SettingValue::Text(address.to_string()))
}

fn call_time(text: &str) -> Result<SettingValue, Problem> {
    time_limit(text).map(SettingValue::Time)
}

fn memory(text: &str) -> Result<SettingValue, Problem> {
    memory_limit(text).map(|bytes| SettingValue::Size(bytes as u64))
}

fn state(text: &str) -> Result<SettingValue, Problem> {
    quota_limit(text).map(SettingValue::Size)
}

/// Reads a pattern of files.
pub(super) fn pattern(text: &str) -> Result<PathPattern, Problem> {
    let help = "write it as in [files] of an app, such as `*/private/**`";
    PathPattern::parse(text).map_err(|error| problem(error.to_string(), help))
}

/// Reads a host of a network.
pub(super) fn host(text: &str) -> Result<HttpHost, Problem> {
    let help = "write the host alone, such as `api.example.com` or `*.example.com`";
    HttpHost::parse(text).map_err(|error| problem(error.to_string(), help))
}

/// Checks a number.
pub(super) fn count(
    number: Option<u64>,
    bounds: &RangeInclusive<u64>,
) -> Result<SettingValue, Problem> {
    let (least, most) = (bounds.start(), bounds.end());
    let number = number.filter(|number| bounds.contains(number));
    let number = number.ok_or_else(|| {
        problem(
            "it is no such number",
            format!("write a number from {least} to {most}"),
        )
    })?;
    Ok(SettingValue::Count(number))
}
