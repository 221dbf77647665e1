//! How apps are, as lines for people.

use syft_manifest::clock::now;
use syft_manifest::sanitize::{plain, plain_excerpt, quoted};
use syft_protocol::due_calls::ScheduleStatus;
use syft_protocol::timestamp::Timestamp;

use super::super::consent::{block, careful, denial};
use super::super::in_words::{ago, calls_in_words, count, millis, size, time};
use super::table::aligned;
use super::{AppState, Counted};
use crate::activity::{AppLoad, AppStatistics, CallStatistics, LastError};
use crate::installed::{Installed, InstalledRelease};
use crate::layout::one_line;
use crate::settings::AppRules;
use crate::supervisor::AppTrouble;

const TITLES: [&str; 9] = [
    "APP", "STATE", "RELEASE", "CALLS", "ERRORS", "P50", "P99", "MEMORY", "WAITING",
];

/// Characters of the last error in the table.
const ERROR_CHARS: usize = 60;

/// Returns a line for each app.
pub(super) fn table(states: &[AppState]) -> Vec<String> {
    let titles = TITLES.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(titles)
        .chain(states.iter().map(row))
        .collect();
    let mut lines = Vec::new();
    for (n, line) in aligned(&rows).into_iter().enumerate() {
        lines.push(line);
        let state = n.checked_sub(1).and_then(|n| states.get(n));
        lines.extend(state.and_then(last_error).map(|(error, what)| {
            let message = plain_excerpt(&error.message, ERROR_CHARS);
            let age = now().saturating_duration_since(error.time());
            format!("    {what} {}: {message}", ago(age))
        }));
    }
    lines
}

fn row(state: &AppState) -> [String; TITLES.len()] {
    let counted = state.counted.as_ref().map(|counted| &counted.statistics);
    let calls = counted.map(|statistics| &statistics.calls);
    let of_calls = |text: fn(&CallStatistics) -> String| calls.map(text).unwrap_or_default();
    let timed = calls.filter(|calls| calls.count > 0);
    let of_timed = |text: fn(&CallStatistics) -> String| timed.map(text).unwrap_or_default();
    [
        state.name.to_string(),
        standing(state).to_owned(),
        version(state),
        of_calls(|calls| calls.count.to_string()),
        of_calls(|calls| calls.errors.to_string()),
        of_timed(|calls| millis(calls.latency.p50_ms)),
        of_timed(|calls| millis(calls.latency.p99_ms)),
        of_timed(|calls| size(calls.peak_memory_bytes)),
        counted
            .and_then(|counted| counted.load)
            .map(waits)
            .unwrap_or_default(),
    ]
}

fn version(state: &AppState) -> String {
    let counted = state.counted.as_ref();
    let served = counted.and_then(|counted| counted.statistics.version.clone());
    let installed = || {
        state
            .installed
            .as_ref()
            .map(|installed| installed.current.version.to_string())
    };
    served.or_else(installed).unwrap_or_default()
}

fn waits(load: AppLoad) -> String {
    match load.parked {
        0 => load.waiting.to_string(),
        parked => format!("{} ({parked} parked)", load.waiting),
    }
}

/// Returns in a word how an app is.
fn standing(state: &AppState) -> &'static str {
    let trouble = state
        .status
        .as_ref()
        .is_some_and(|status| status.trouble.is_some());
    match (state.is_served(), &state.suspended) {
        (_, Some(_)) => "suspended",
        (true, _) if trouble => "outdated",
        (true, _) if state.installed.is_none() => "running",
        (true, _) => "served",
        (false, _) if trouble => "failed",
        (false, _) => "not served",
    }
}

/// Returns what went wrong last, a failed call before all else.
fn last_error(state: &AppState) -> Option<(&LastError, &'static str)> {
    let statistics = &state.counted.as_ref()?.statistics;
    let of_call = statistics.calls.last_error.as_ref();
    let other = statistics.last_error.as_ref();
    of_call
        .map(|error| (error, "last error"))
        .or(other.map(|error| (error, "last warning")))
}

/// Returns all that is known of one app.
pub(super) fn of_one(state: &AppState, rights: &[String], rules: &AppRules) -> Vec<String> {
    let mut lines = Vec::new();
    match &state.installed {
        Some(installed) => lines.push(format!(
            "{} {} (release {}) of {}",
            state.name, installed.current.version, installed.current.sequence, installed.author
        )),
        None => lines.push(state.name.to_string()),
    }
    lines.push(format!("  {}", standing(state)));
    if let Some(suspended) = &state.suspended {
        lines.push(format!("    {}", plain(&suspended.to_string())));
        lines.push(format!(
            "    serve it again with `syft-host resume {}`",
            state.name
        ));
    }
    let trouble = state
        .status
        .as_ref()
        .and_then(|status| status.trouble.as_ref());
    lines.extend(trouble.into_iter().flat_map(trouble_lines));
    lines.extend(state.counted.iter().flat_map(counted_lines));
    let before = state.last_logged.iter();
    lines.extend(before.flat_map(|error| error_lines("warning", error)));
    if !state.schedules.is_empty() {
        lines.push("By the clock".to_owned());
        lines.extend(state.schedules.iter().flat_map(schedule_lines));
    }
    if state.installed.is_some() {
        lines.extend(match rights {
            [] => vec!["It may use no files, network or secrets.".to_owned()],
            rights => block("It may", rights),
        });
    }
    let current = state.installed.as_ref().map(|installed| &installed.current);
    lines.extend(current.into_iter().flat_map(|release| left(release, rules)));
    lines.extend(state.installed.iter().flat_map(release_lines));
    lines
}

fn schedule_lines(schedule: &ScheduleStatus) -> [String; 2] {
    let at = |micros: i64| time(Timestamp::from_micros(micros));
    let next = match schedule.next {
        Some(next) if next <= now().micros() => "as soon as it is served".to_owned(),
        Some(next) => at(next),
        None => "never".to_owned(),
    };
    let last = match &schedule.last_run {
        Some(run) => format!("last {} at {}", plain(&run.outcome), at(run.ended)),
        None => "never run yet".to_owned(),
    };
    let (name, times) = (plain(&schedule.name), plain(&schedule.times));
    [
        format!("  {name}: {times}"),
        format!("    next {next}, {last}"),
    ]
}

/// Returns what the owner takes from what was approved, and which of it is wide.
fn left(release: &InstalledRelease, rules: &AppRules) -> Vec<String> {
    let mut lines = careful(&release.approved);
    lines.extend(denial(&release.denied));
    let parts = [
        ("Your config.toml denies it", rules.denied_in_words()),
        (
            "Your config.toml sets its limits",
            rules.limited_in_words(&release.limits()),
        ),
    ];
    for (title, texts) in parts.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        lines.push(title.to_owned());
        lines.extend(texts.iter().map(|text| one_line(&format!("  {text}"))));
    }
    lines
}

fn trouble_lines(trouble: &AppTrouble) -> Vec<String> {
    let error = trouble.error.lines().map(quoted);
    let hints = trouble
        .hints
        .iter()
        .map(|hint| format!("    {}", plain(hint)));
    error.chain(hints).collect()
}

fn counted_lines(counted: &Counted) -> Vec<String> {
    let AppStatistics {
        load,
        calls,
        endpoints,
        refused,
        denied,
        ..
    } = &counted.statistics;
    let since = time(Timestamp::from_micros(counted.since));
    let mut lines = vec![
        format!("  by process {}, which counts since {since}", counted.pid),
        format!("  {}", of_calls(calls)),
    ];
    if calls.on_workers > 0 {
        let on_workers = count(calls.on_workers, "call");
        lines.push(format!("  on workers {on_workers}"));
    }
    if let Some(load) = load {
        lines.push(format!(
            "  now        {} in progress (at most {}), {} waiting, {} parked",
            load.in_progress, load.most_in_progress, load.waiting, load.parked
        ));
    }
    if let Some(load) = load.filter(|load| load.messages > 0) {
        let open = count(load.messages as u64, "message");
        lines.push(format!(
            "  messages   {open} without an answer, or with one of which it was not told"
        ));
    }
    lines.push(format!(
        "  refused    {}; denied {}",
        count(*refused, "request"),
        count(*denied, "time")
    ));
    lines.extend(events(&counted.statistics));
    let (of_call, other) = (&calls.last_error, &counted.statistics.last_error);
    lines.extend(of_call.iter().flat_map(|error| error_lines("error", error)));
    // The last failed call is a warning too.
    let other = other.as_ref().filter(|_| of_call != other);
    lines.extend(other.iter().flat_map(|error| error_lines("warning", error)));
    for endpoint in endpoints {
        lines.push(format!("  {}", endpoint.endpoint));
        lines.push(format!("    {}", of_calls(&endpoint.calls)));
    }
    lines
}

fn events(statistics: &AppStatistics) -> Option<String> {
    let AppStatistics {
        events_taken,
        events_failed,
        events_parked,
        ..
    } = statistics;
    (events_taken + events_failed > 0).then(|| {
        format!("  events     {events_taken} taken, {events_failed} failed, {events_parked} parked")
    })
}

fn of_calls(calls: &CallStatistics) -> String {
    let CallStatistics {
        count,
        errors,
        latency,
        peak_memory_bytes,
        ..
    } = calls;
    let (p50, p99) = (millis(latency.p50_ms), millis(latency.p99_ms));
    let memory = size(*peak_memory_bytes);
    match count {
        0 => "none yet".to_owned(),
        _ => {
            let calls = calls_in_words(*count, *errors);
            format!("{calls}, p50 {p50}, p99 {p99}, at most {memory}")
        }
    }
}

fn error_lines(what: &str, error: &LastError) -> [String; 2] {
    let id = match error.id.as_str() {
        "" => String::new(),
        id => format!("  {}", plain(id)),
    };
    let title = format!("last {what}");
    [
        format!("  {title} {}{id}", time(error.time())),
        quoted(&error.message),
    ]
}

fn release_lines(installed: &Installed) -> Vec<String> {
    let since = |micros: Timestamp| time(micros);
    let (current, name) = (&installed.current, &installed.name);
    let mut lines = vec![
        "Releases".to_owned(),
        format!("  {} since {}", current.version, since(current.since)),
    ];
    lines.extend(
        installed
            .previous()
            .into_iter()
            .map(|before| format!("  {} before (`syft-host rollback {name}`)", before.version)),
    );
    lines.extend(installed.waiting.iter().map(|waiting| {
        format!(
            "  {} wants more: see `syft-host approve {name}`",
            waiting.version
        )
    }));
    lines
}
