//! `syft-app.toml` to a manifest. All that is wrong is found in one go.

use std::collections::BTreeMap;
use std::ops::Range;

use syft_protocol::grant::PathPattern;
use toml::de::DeTable;

use super::access_rules;
use super::check::{self, Problem};
use super::diagnostic::Diagnostic;
use super::findings::{TomlFindings as Findings, TomlValue as Value, boolean, integer, string};
use super::http as http_rules;
use super::messages as message_rules;
use super::patterns::{self, List};
use super::schedules as schedule_rules;
use super::secrets as secret_rules;
use super::worker as worker_rules;
use super::{Files, Manifest, ManifestLimits, WantedRules, WantedSecret, WorkerNeeds, section};
use crate::variable::VariableName;

const SECTIONS: &str = "the sections are `[app]`, `[files]`, `[http]`, `[messages]`, `[secrets]`, `[schedules]`, `[access]`, `[state]`, `[worker]` and `[limits]`";
const APP: &str =
    "`[app]` has `name`, `version`, `sequence`, `description`, `author`, `args` and `env`";
const FILES: &str =
    "`[files]` has `read`, `write`, `on-behalf-of-sender`, `own-folder` and `immediate-writes`";
const HTTP: &str = "`[http]` has `allow` and `methods`";
const MESSAGES: &str = "`[messages]` has `send`";
const SECRET: &str = "a secret has `send-to`, `header` and `format`";
const NO_VALUE: &str = "a manifest has no values of secrets, which owners give by `syft-host secret \
                        set`: it says how the app gets one, as in `[secrets.API_KEY]`";
const SCHEDULE: &str = "a schedule has `cron`, `every`, `time-zone` and `missed`";
const STATE: &str = "`[state]` has `quota` and `memory`";
const WORKER: &str = "`[worker]` has `cpu`, `memory` and `labels`";
const LIMITS: &str = "`[limits]` has `time`, `memory` and `concurrency`";

pub(super) fn parse(
    path: &str,
    text: &str,
) -> Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let manifest = if text.len() <= section::MAX_BYTES {
        document(&mut findings, text)
    } else {
        let message = format!("a manifest has at most {} bytes", section::MAX_BYTES);
        let help = "name folders with `**` instead of each file";
        findings.error(0..0, Problem::new(message, help));
        Manifest::default()
    };
    let has_errors = findings.n_errors() > 0;
    let diagnostics = findings.show(path, text);
    if has_errors {
        Err(diagnostics)
    } else {
        Ok((manifest, diagnostics))
    }
}

fn document(findings: &mut Findings, text: &str) -> Manifest {
    let document = findings.read(text);
    let mut manifest = Manifest::default();
    let Some(document) = document else {
        return manifest;
    };
    let mut secrets = Vec::new();
    for (key, value) in document.as_ref() {
        let read = match key.as_ref().as_ref() {
            "app" => app,
            "files" => files,
            "http" => http,
            "messages" => messages,
            "schedules" => schedules,
            "access" => access,
            "state" => state,
            "worker" => worker,
            "limits" => limits,
            "secrets" => {
                secrets = secrets_of(findings, value);
                continue;
            }
            _ => {
                findings.unknown(key, SECTIONS);
                continue;
            }
        };
        match value.as_ref().as_table() {
            // Its author will have meant something by it.
            Some(table) if key.as_ref() == "worker" && table.is_empty() => {
                findings.error(key.span(), worker_rules::nothing());
            }
            Some(table) => read(findings, table, &mut manifest),
            None => findings.wrong_type(value, "a section", SECTIONS),
        }
    }
    // What they have to fit was read by now.
    let spans: Vec<_> = secrets.iter().map(|(_, span)| span.clone()).collect();
    manifest.secrets = secrets.into_iter().map(|(secret, _)| secret).collect();
    for (at, problem) in secret_rules::misfits(&manifest) {
        findings.error(spans[at].clone(), problem);
    }
    for (secret, span) in manifest.secrets.iter().zip(spans) {
        if let Some(problem) = secret_rules::warning(secret) {
            findings.warning(span, problem);
        }
    }
    manifest
}

fn app(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "name" => manifest.name = string(findings, value, "leaderboard", check::name),
            "version" => manifest.version = string(findings, value, "1.2.0", check::parse_version),
            "sequence" => manifest.sequence = integer(findings, value, "17", check::sequence),
            "description" => {
                manifest.description =
                    string(findings, value, "Ranks model scores", check::description)
            }
            "author" => {
                manifest.author = string(findings, value, "alice@example.org", check::author)
            }
            "args" => manifest.args = args(findings, value),
            "env" => manifest.env = env(findings, value),
            _ => findings.unknown(key, APP),
        }
    }
}

fn args(findings: &mut Findings, value: &Value<'_>) -> Vec<String> {
    let Some(array) = value.as_ref().as_array() else {
        let help = "write them as a list: `args = [\"--mode\", \"fast\"]`";
        findings.wrong_type(value, "an array", help);
        return Vec::new();
    };
    findings.check(
        value.span(),
        check::number("args", array.len(), check::MAX_ARGS),
    );
    let args = array.iter().take(check::MAX_ARGS);
    args.filter_map(|arg| string(findings, arg, "--mode", check::arg))
        .collect()
}

fn env(findings: &mut Findings, value: &Value<'_>) -> BTreeMap<VariableName, String> {
    let Some(table) = value.as_ref().as_table() else {
        let help = "write it as a table: `env = { MODE = \"fast\" }`";
        findings.wrong_type(value, "a table", help);
        return BTreeMap::new();
    };
    findings.check(
        value.span(),
        check::number("env", table.len(), check::MAX_ENV),
    );
    let mut env = BTreeMap::new();
    for (key, value) in table.iter().take(check::MAX_ENV) {
        let name = findings.check(key.span(), check::variable(key.as_ref()));
        let value = string(findings, value, "fast", check::value);
        env.extend(name.zip(value));
    }
    env
}

fn secrets_of(findings: &mut Findings, value: &Value<'_>) -> Vec<(WantedSecret, Range<usize>)> {
    let Some(table) = value.as_ref().as_table() else {
        findings.wrong_type(value, "a section", SECTIONS);
        return Vec::new();
    };
    findings.check(value.span(), secret_rules::check_number(table.len()));
    let mut found = Vec::new();
    for (key, value) in table.iter().take(secret_rules::MAX_SECRETS) {
        let name = findings.check(key.span(), check::variable(key.as_ref()));
        let Some(table) = value.as_ref().as_table() else {
            findings.wrong_type(value, "a table", NO_VALUE);
            continue;
        };
        let n_before = findings.n_errors();
        let parts = secret_parts(findings, table);
        if findings.n_errors() > n_before {
            continue;
        }
        let sent = findings.check(key.span(), parts.finish());
        if let (Some(name), Some(sent)) = (name, sent) {
            found.push((WantedSecret { name, sent }, key.span()));
        }
    }
    found
}

fn secret_parts(findings: &mut Findings, table: &DeTable<'_>) -> secret_rules::Parts {
    let mut parts = secret_rules::Parts::default();
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "send-to" => {
                let example = "https://api.example.com";
                parts.to = string(findings, value, example, secret_rules::check_target);
            }
            "header" => {
                parts.header = string(findings, value, "X-Api-Key", secret_rules::check_header);
            }
            "format" => {
                parts.format = string(findings, value, "Bearer {}", secret_rules::check_format);
            }
            _ => findings.unknown(key, SECRET),
        }
    }
    parts
}

fn schedules(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    for (key, value) in table.iter().take(schedule_rules::MAX_SCHEDULES) {
        let name = findings.check(key.span(), schedule_rules::check_name(key.as_ref()));
        let Some(table) = value.as_ref().as_table() else {
            findings.wrong_type(value, "a table", SCHEDULE);
            continue;
        };
        let n_before = findings.n_errors();
        let parts = schedule_parts(findings, table);
        if findings.n_errors() > n_before {
            continue;
        }
        let finished = name.map(|name| findings.check(key.span(), parts.finish(name)));
        manifest.schedules.extend(finished.flatten());
    }
    if let Some((key, _)) = table.iter().nth(schedule_rules::MAX_SCHEDULES) {
        findings.check(key.span(), schedule_rules::check_number(table.len()));
    }
    // A component carries them in the order of their names.
    manifest
        .schedules
        .sort_by(|one, other| one.name.cmp(&other.name));
}

fn schedule_parts(findings: &mut Findings, table: &DeTable<'_>) -> schedule_rules::Parts {
    let mut parts = schedule_rules::Parts::default();
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "cron" => {
                parts.cron = string(findings, value, "0 8 * * *", schedule_rules::check_cron);
            }
            "every" => {
                parts.every = string(findings, value, "15m", schedule_rules::check_every);
            }
            "time-zone" => {
                parts.zone = string(findings, value, "Europe/Berlin", schedule_rules::check_zone);
            }
            "missed" => {
                parts.missed = string(findings, value, "drop", schedule_rules::check_missed);
            }
            _ => findings.unknown(key, SCHEDULE),
        }
    }
    parts
}

fn limits(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    let ManifestLimits {
        time,
        memory_bytes,
        concurrency,
        state_bytes: _,
    } = &mut manifest.limits;
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "time" => *time = string(findings, value, "5s", check::time),
            "memory" => *memory_bytes = string(findings, value, "128MiB", check::memory),
            "concurrency" => {
                *concurrency = integer(findings, value, "8", check::concurrency);
            }
            _ => findings.unknown(key, LIMITS),
        }
    }
}

fn access(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    let example = "rules: […]";
    for (key, value) in table.iter().take(access_rules::MAX_FILES) {
        let path = key.as_ref().as_ref();
        let rules = string(findings, value, example, |text| {
            WantedRules::new(path, text)
        });
        let Some(rules) = rules else { continue };
        if let Some(problem) = access_rules::warning(&rules) {
            findings.warning(key.span(), problem);
        }
        manifest.access.push(rules);
    }
    if let Some((key, _)) = table.iter().nth(access_rules::MAX_FILES) {
        findings.check(key.span(), access_rules::check_number(table.len()));
    }
    // A component carries them in the order of their paths.
    manifest
        .access
        .sort_by(|one, other| one.path().cmp(other.path()));
}

fn state(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "quota" => {
                manifest.limits.state_bytes = string(findings, value, "64MiB", check::quota);
            }
            "memory" => manifest.memory = string(findings, value, "kept", check::program_memory),
            _ => findings.unknown(key, STATE),
        }
    }
}

fn worker(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    let WorkerNeeds {
        cpu,
        memory_bytes,
        labels,
    } = &mut manifest.worker;
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "cpu" => *cpu = boolean(findings, value).unwrap_or(false),
            "memory" => *memory_bytes = string(findings, value, "2GiB", worker_rules::check_memory),
            "labels" => {
                let found = set_of(findings, "labels", value, "gpu", worker_rules::check_label);
                findings.check(value.span(), worker_rules::check_number(found.len()));
                labels.extend(found.into_iter().map(|(label, _)| label));
                // A component carries them in their order.
                labels.sort();
            }
            _ => findings.unknown(key, WORKER),
        }
    }
}

type SpannedPattern = (PathPattern, Range<usize>);

fn files(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    let mut lists: [(List, Vec<SpannedPattern>); 3] = [
        (List::Read, Vec::new()),
        (List::Write, Vec::new()),
        (List::OnBehalfOfSender, Vec::new()),
    ];
    let (mut own_folder, mut immediate_writes) = (false, false);
    for (key, value) in table {
        let name = key.as_ref().as_ref();
        let switch = match name {
            "own-folder" => Some(&mut own_folder),
            "immediate-writes" => Some(&mut immediate_writes),
            _ => None,
        };
        if let Some(switch) = switch {
            *switch = boolean(findings, value).unwrap_or(false);
            continue;
        }
        match lists.iter_mut().find(|(list, _)| list.key() == name) {
            Some((list, found)) => *found = list_of(findings, *list, value),
            None => findings.unknown(key, FILES),
        }
    }
    let [read, write, on_behalf_of_sender] = lists.each_ref().map(|(_, found)| {
        let patterns = found.iter().map(|(pattern, _)| pattern.clone());
        patterns.collect::<Vec<PathPattern>>()
    });
    manifest.files = Files {
        read,
        write,
        on_behalf_of_sender,
        own_folder,
        immediate_writes,
    };
    for (list, found) in &lists {
        for (pattern, span) in found {
            for problem in patterns::warnings(*list, pattern, &manifest.files) {
                findings.warning(span.clone(), problem);
            }
        }
    }
}

fn list_of(findings: &mut Findings, list: List, value: &Value<'_>) -> Vec<SpannedPattern> {
    let Some(array) = value.as_ref().as_array() else {
        let help = format!("write it as a list: `{} = [\"…\"]`", list.key());
        findings.wrong_type(value, "an array", &help);
        return Vec::new();
    };
    findings.check(value.span(), patterns::check_number(list, array.len()));
    let mut found: Vec<SpannedPattern> = Vec::new();
    for item in array.iter().take(patterns::MAX_PATTERNS) {
        let Some(pattern) = string(findings, item, "{app_data}/x", |text| {
            patterns::check(list, text)
        }) else {
            continue;
        };
        if found
            .iter()
            .any(|(other, _)| patterns::is_same(other, &pattern))
        {
            findings.error(item.span(), patterns::twice(list))
        } else {
            found.push((pattern, item.span()))
        }
    }
    found
}

fn http(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    for (key, value) in table {
        match key.as_ref().as_ref() {
            "allow" => {
                let example = "https://api.example.com";
                let found = set_of(findings, "allow", value, example, http_rules::check_origin);
                findings.check(value.span(), http_rules::check_number(found.len()));
                for (origin, span) in &found {
                    if let Some(problem) = http_rules::warning(origin) {
                        findings.warning(span.clone(), problem);
                    }
                }
                manifest.http.allow = found.into_iter().map(|(origin, _)| origin).collect();
            }
            "methods" => {
                let found = set_of(findings, "methods", value, "GET", http_rules::check_method);
                if value
                    .as_ref()
                    .as_array()
                    .is_some_and(|array| array.is_empty())
                {
                    findings.error(value.span(), http_rules::no_methods());
                }
                manifest.http.methods = found.into_iter().map(|(method, _)| method).collect();
            }
            _ => findings.unknown(key, HTTP),
        }
    }
}

fn messages(findings: &mut Findings, table: &DeTable<'_>, manifest: &mut Manifest) {
    for (key, value) in table {
        if key.as_ref() != "send" {
            findings.unknown(key, MESSAGES);
            continue;
        }
        let example = "*/app_data/pingpong/rpc/**";
        let found = set_of(
            findings,
            "send",
            value,
            example,
            message_rules::check_target,
        );
        findings.check(value.span(), message_rules::check_number(found.len()));
        for (pattern, span) in &found {
            if let Some(problem) = message_rules::warning(pattern) {
                findings.warning(span.clone(), problem);
            }
        }
        manifest.messages.send = found.into_iter().map(|(pattern, _)| pattern).collect();
    }
}

/// Checks a list of strings, none of which says the same as another.
fn set_of<T: PartialEq>(
    findings: &mut Findings,
    key: &str,
    value: &Value<'_>,
    example: &str,
    rule: impl Fn(&str) -> Result<T, Problem>,
) -> Vec<(T, Range<usize>)> {
    let Some(array) = value.as_ref().as_array() else {
        let help = format!("write it as a list: `{key} = [\"{example}\"]`");
        findings.wrong_type(value, "an array", &help);
        return Vec::new();
    };
    let mut found: Vec<(T, Range<usize>)> = Vec::new();
    // One more than there may be, so that it is known that there are too many.
    for item in array.iter().take(http_rules::MAX_ORIGINS + 1) {
        let Some(checked) = string(findings, item, example, &rule) else {
            continue;
        };
        if found.iter().any(|(other, _)| *other == checked) {
            findings.error(item.span(), http_rules::twice(key));
        } else {
            found.push((checked, item.span()));
        }
    }
    found
}
