//! A manifest as the JSON that a component carries.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use syft_protocol::grant::PathPattern;
use syft_protocol::schedule::Timing;
use thiserror::Error;

use super::access_rules;
use super::check::{self, Problem};
use super::http as http_rules;
use super::messages as message_rules;
use super::patterns::{self, List};
use super::schedules as schedule_rules;
use super::secrets as secret_rules;
use super::section::{self, SectionError};
use super::worker as worker_rules;
use super::{
    Files, Http, Manifest, ManifestLimits, Messages, WantedRules, WantedSchedule, WantedSecret,
    WorkerLabel, WorkerNeeds,
};
use crate::origin::{HttpMethod, HttpOrigin};
use crate::sanitize::plain_excerpt;
use crate::variable::VariableName;

/// Why a component's manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// It cannot be found.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// It is not JSON of the right shape.
    #[error("the manifest is not valid: {0}")]
    Json(String),
    /// A value cannot be.
    #[error("the manifest's `{key}` is invalid: {}", problem.message)]
    Value {
        /// Its key, such as `files.read`.
        key: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// Keys as they are written, in their order.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    app: RawApp,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    files: RawFiles,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    http: RawHttp,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    messages: RawMessages,
    #[serde(skip_serializing_if = "is_empty")]
    secrets: Vec<Object<RawSecret>>,
    #[serde(skip_serializing_if = "is_empty")]
    schedules: Vec<Object<RawSchedule>>,
    #[serde(skip_serializing_if = "is_empty")]
    access: Vec<Object<RawRules>>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    state: RawState,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    worker: RawWorker,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "object")]
    limits: RawLimits,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawApp {
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    name: Option<String>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    version: Option<String>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    description: Option<String>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    author: Option<String>,
    #[serde(skip_serializing_if = "is_empty")]
    args: Vec<String>,
    /// Each is `NAME=VALUE`, in their order.
    #[serde(skip_serializing_if = "is_empty")]
    env: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct RawFiles {
    #[serde(skip_serializing_if = "is_empty")]
    read: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    write: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    on_behalf_of_sender: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    own_folder: bool,
    #[serde(skip_serializing_if = "is_empty")]
    immediate_writes: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawHttp {
    #[serde(skip_serializing_if = "is_empty")]
    allow: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    methods: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawMessages {
    #[serde(skip_serializing_if = "is_empty")]
    send: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSecret {
    name: String,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    send_to: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    header: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    format: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSchedule {
    name: String,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    cron: Option<String>,
    #[serde(
        default,
        rename = "every_ms",
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    every_ms: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    time_zone: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "present"
    )]
    missed: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    path: String,
    rules: String,
}

/// What is written as an object, in a list of such.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        object(from).map(Self)
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawState {
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    quota_bytes: Option<u64>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    memory: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWorker {
    #[serde(skip_serializing_if = "is_empty")]
    cpu: bool,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "is_empty")]
    labels: Vec<String>,
}

/// Numbers in place of the texts that authors write: there is one way to say it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    time_ms: Option<u64>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    memory_bytes: Option<usize>,
    #[serde(skip_serializing_if = "is_empty", deserialize_with = "present")]
    concurrency: Option<usize>,
}

fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A key that is present has a value; `null` is refused.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// By itself serde takes a list of values for a struct too.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    from.deserialize_map(Fields(PhantomData))
}

fn parse(json: &[u8]) -> serde_json::Result<Raw> {
    let mut from = serde_json::Deserializer::from_slice(json);
    let raw = object(&mut from)?;
    from.end()?;
    Ok(raw)
}

pub(super) fn read(json: &[u8]) -> Result<Manifest, ManifestError> {
    if json.len() > section::MAX_BYTES {
        return Err(SectionError::TooLarge(json.len()).into());
    }
    let raw =
        parse(json).map_err(|error| ManifestError::Json(plain_excerpt(&error.to_string(), 200)))?;
    let Raw {
        app,
        files,
        http,
        messages,
        secrets,
        schedules,
        access,
        state,
        worker,
        limits,
    } = raw;
    let manifest = Manifest {
        name: check("app.name", app.name, |name| check::name(&name))?,
        version: check("app.version", app.version, |version| {
            check::parse_version(&version)
        })?,
        sequence: check("app.sequence", app.sequence, |sequence| {
            check::sequence(Some(sequence))
        })?,
        description: check("app.description", app.description, |description| {
            check::description(&description)
        })?,
        author: check("app.author", app.author, |author| check::author(&author))?,
        args: read_args(&app.args)?,
        env: read_env(&app.env)?,
        files: Files {
            read: list_of("files.read", List::Read, &files.read)?,
            write: list_of("files.write", List::Write, &files.write)?,
            on_behalf_of_sender: list_of(
                "files.on-behalf-of-sender",
                List::OnBehalfOfSender,
                &files.on_behalf_of_sender,
            )?,
            own_folder: files.own_folder,
            immediate_writes: files.immediate_writes,
        },
        http: read_http(&http)?,
        messages: read_messages(&messages)?,
        secrets: read_secrets(secrets)?,
        schedules: read_schedules(schedules)?,
        access: read_access(access)?,
        memory: check("state.memory", state.memory, |memory| {
            check::program_memory(&memory)
        })?,
        worker: read_worker(&worker)?,
        limits: ManifestLimits {
            time: check("limits.time_ms", limits.time_ms, |millis| {
                check::time_in_bounds(Duration::from_millis(millis))
            })?,
            memory_bytes: check(
                "limits.memory_bytes",
                limits.memory_bytes,
                check::memory_in_bounds,
            )?,
            concurrency: check("limits.concurrency", limits.concurrency, |concurrency| {
                check::concurrency(Some(concurrency))
            })?,
            state_bytes: check(
                "state.quota_bytes",
                state.quota_bytes,
                check::quota_in_bounds,
            )?,
        },
    };
    match secret_rules::misfits(&manifest).into_iter().next() {
        None => Ok(manifest),
        Some((_, problem)) => Err(of_secrets(problem)),
    }
}

fn check<T, U>(
    key: &'static str,
    value: Option<T>,
    rule: impl FnOnce(T) -> Result<U, Problem>,
) -> Result<Option<U>, ManifestError> {
    value
        .map(|value| rule(value).map_err(|problem| ManifestError::Value { key, problem }))
        .transpose()
}

fn list_of(
    key: &'static str,
    list: List,
    texts: &[String],
) -> Result<Vec<PathPattern>, ManifestError> {
    let wrong = |problem| ManifestError::Value { key, problem };
    patterns::check_number(list, texts.len()).map_err(wrong)?;
    let mut patterns = Vec::with_capacity(texts.len());
    for text in texts {
        let pattern = patterns::check(list, text).map_err(wrong)?;
        if patterns
            .iter()
            .any(|other| patterns::is_same(other, &pattern))
        {
            return Err(wrong(patterns::twice(list)));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}

fn read_args(texts: &[String]) -> Result<Vec<String>, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "app.args",
        problem,
    };
    check::number("args", texts.len(), check::MAX_ARGS).map_err(wrong)?;
    let args = texts.iter().map(|text| check::arg(text));
    args.collect::<Result<_, _>>().map_err(wrong)
}

fn read_env(texts: &[String]) -> Result<BTreeMap<VariableName, String>, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "app.env",
        problem,
    };
    check::number("env", texts.len(), check::MAX_ENV).map_err(wrong)?;
    let mut env = BTreeMap::new();
    for text in texts {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let name = check::variable(name).map_err(wrong)?;
        let value = check::value(value).map_err(wrong)?;
        // In one order, and each once.
        if env.last_key_value().is_some_and(|(last, _)| *last >= name) {
            let help = "have each name once, in the order of their bytes";
            return Err(wrong(Problem::new("the names are not in order", help)));
        }
        env.insert(name, value);
    }
    Ok(env)
}

fn of_secrets(problem: Problem) -> ManifestError {
    ManifestError::Value {
        key: "secrets",
        problem,
    }
}

fn read_secrets(raw: Vec<Object<RawSecret>>) -> Result<Vec<WantedSecret>, ManifestError> {
    secret_rules::check_number(raw.len()).map_err(of_secrets)?;
    let mut secrets: Vec<WantedSecret> = Vec::new();
    for Object(raw) in raw {
        let secret = read_secret(&raw).map_err(of_secrets)?;
        if secrets.iter().any(|other| other.name == secret.name) {
            return Err(of_secrets(http_rules::twice("secrets")));
        }
        secrets.push(secret);
    }
    Ok(secrets)
}

fn read_secret(raw: &RawSecret) -> Result<WantedSecret, Problem> {
    let RawSecret {
        name,
        send_to,
        header,
        format,
    } = raw;
    let to = send_to.as_deref().map(secret_rules::check_target);
    let header = header.as_deref().map(secret_rules::check_header);
    let format = format.as_deref().map(secret_rules::check_format);
    let parts = secret_rules::Parts {
        to: to.transpose()?,
        header: header.transpose()?,
        format: format.transpose()?,
    };
    Ok(WantedSecret {
        name: check::variable(name)?,
        sent: parts.finish()?,
    })
}

fn read_schedules(raw: Vec<Object<RawSchedule>>) -> Result<Vec<WantedSchedule>, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "schedules",
        problem,
    };
    schedule_rules::check_number(raw.len()).map_err(wrong)?;
    let mut schedules: Vec<WantedSchedule> = Vec::new();
    for Object(raw) in raw {
        let schedule = read_schedule(&raw).map_err(wrong)?;
        // In one order, and each once.
        if (schedules.last()).is_some_and(|last| last.name >= schedule.name) {
            let help = "have each name once, in the order of their bytes";
            return Err(wrong(Problem::new("the names are not in order", help)));
        }
        schedules.push(schedule);
    }
    Ok(schedules)
}

fn read_schedule(raw: &RawSchedule) -> Result<WantedSchedule, Problem> {
    let RawSchedule {
        name,
        cron,
        every_ms,
        time_zone,
        missed,
    } = raw;
    let every =
        every_ms.map(|millis| schedule_rules::every_in_bounds(Duration::from_millis(millis)));
    let text = Option::as_deref;
    let parts = schedule_rules::Parts {
        cron: text(cron).map(schedule_rules::check_cron).transpose()?,
        every: every.transpose()?,
        zone: text(time_zone)
            .map(schedule_rules::check_zone)
            .transpose()?,
        missed: text(missed).map(schedule_rules::check_missed).transpose()?,
    };
    parts.finish(schedule_rules::check_name(name)?)
}

fn write_schedule(schedule: &WantedSchedule) -> Object<RawSchedule> {
    let (cron, every) = match &schedule.timing {
        Some(Timing::Cron(cron)) => (Some(cron.as_str().to_owned()), None),
        Some(Timing::Every(time)) => (None, Some(*time)),
        None => (None, None),
    };
    Object(RawSchedule {
        name: schedule.name.clone(),
        cron,
        every_ms: every.map(|time| time.as_millis() as u64),
        time_zone: schedule.zone.as_ref().map(|zone| zone.name.clone()),
        missed: schedule.missed.map(|missed| missed.as_str().to_owned()),
    })
}

fn read_worker(raw: &RawWorker) -> Result<WorkerNeeds, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "worker.labels",
        problem,
    };
    worker_rules::check_number(raw.labels.len()).map_err(wrong)?;
    let labels = raw.labels.iter();
    let labels = labels.map(|label| worker_rules::check_label(label));
    let labels: Vec<WorkerLabel> = labels.collect::<Result<_, _>>().map_err(wrong)?;
    if !labels.is_sorted_by(|one, other| one < other) {
        let help = "have each label once, in the order of their bytes";
        return Err(wrong(Problem::new("the labels are not in order", help)));
    }
    Ok(WorkerNeeds {
        cpu: raw.cpu,
        memory_bytes: check(
            "worker.memory_bytes",
            raw.memory_bytes,
            worker_rules::memory_in_bounds,
        )?,
        labels,
    })
}

fn read_access(raw: Vec<Object<RawRules>>) -> Result<Vec<WantedRules>, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "access",
        problem,
    };
    access_rules::check_number(raw.len()).map_err(wrong)?;
    let mut found: Vec<WantedRules> = Vec::new();
    for Object(RawRules { path, rules }) in raw {
        let rules = WantedRules::new(&path, &rules).map_err(wrong)?;
        if found.last().is_some_and(|last| last.path() >= rules.path()) {
            let help = "have each path once, in the order of their bytes";
            return Err(wrong(Problem::new("the paths are not in order", help)));
        }
        found.push(rules);
    }
    Ok(found)
}

fn write_rules(rules: &WantedRules) -> Object<RawRules> {
    Object(RawRules {
        path: rules.path().to_owned(),
        rules: rules.text().to_owned(),
    })
}

fn write_secret(secret: &WantedSecret) -> Object<RawSecret> {
    let sent = secret.sent.as_ref();
    Object(RawSecret {
        name: secret.name.to_string(),
        send_to: sent.map(|sent| sent.to.to_string()),
        header: sent.map(|sent| sent.header.clone()),
        format: sent.map(|sent| sent.format.clone()),
    })
}

fn read_http(raw: &RawHttp) -> Result<Http, ManifestError> {
    let wrong = |problem| ManifestError::Value {
        key: "http.allow",
        problem,
    };
    http_rules::check_number(raw.allow.len()).map_err(wrong)?;
    Ok(Http {
        allow: set_of("http.allow", &raw.allow, http_rules::check_origin)?,
        methods: set_of("http.methods", &raw.methods, http_rules::check_method)?,
    })
}

fn read_messages(raw: &RawMessages) -> Result<Messages, ManifestError> {
    let key = "messages.send";
    let wrong = |problem| ManifestError::Value { key, problem };
    message_rules::check_number(raw.send.len()).map_err(wrong)?;
    Ok(Messages {
        send: set_of(key, &raw.send, message_rules::check_target)?,
    })
}

fn set_of<T: PartialEq>(
    key: &'static str,
    texts: &[String],
    rule: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Vec<T>, ManifestError> {
    let wrong = |problem| ManifestError::Value { key, problem };
    let mut found = Vec::new();
    for text in texts {
        let checked = rule(text).map_err(wrong)?;
        if found.contains(&checked) {
            let name = key.rsplit('.').next().unwrap_or(key);
            return Err(wrong(http_rules::twice(name)));
        }
        found.push(checked);
    }
    Ok(found)
}

pub(super) fn write(manifest: &Manifest) -> Vec<u8> {
    let texts = |patterns: &[PathPattern]| patterns.iter().map(ToString::to_string).collect();
    let Manifest {
        name,
        version,
        sequence,
        description,
        author,
        args,
        env,
        files,
        http,
        messages,
        secrets,
        schedules,
        access,
        memory,
        worker,
        limits,
    } = manifest;
    let variable = |(name, value): (&VariableName, &String)| format!("{name}={value}");
    let raw = Raw {
        app: RawApp {
            name: name.as_ref().map(ToString::to_string),
            version: version.as_ref().map(ToString::to_string),
            sequence: *sequence,
            description: description.clone(),
            author: author.clone(),
            args: args.clone(),
            env: env.iter().map(variable).collect(),
        },
        files: RawFiles {
            read: texts(&files.read),
            write: texts(&files.write),
            on_behalf_of_sender: texts(&files.on_behalf_of_sender),
            own_folder: files.own_folder,
            immediate_writes: files.immediate_writes,
        },
        http: RawHttp {
            allow: http.allow.iter().map(HttpOrigin::to_string).collect(),
            methods: http.methods.iter().map(HttpMethod::to_string).collect(),
        },
        messages: RawMessages {
            send: texts(&messages.send),
        },
        secrets: secrets.iter().map(write_secret).collect(),
        schedules: schedules.iter().map(write_schedule).collect(),
        access: access.iter().map(write_rules).collect(),
        state: RawState {
            quota_bytes: limits.state_bytes,
            memory: memory.map(|memory| memory.as_str().to_owned()),
        },
        worker: RawWorker {
            cpu: worker.cpu,
            memory_bytes: worker.memory_bytes,
            labels: worker.labels.iter().map(ToString::to_string).collect(),
        },
        limits: RawLimits {
            time_ms: limits.time.map(|time| time.as_millis() as u64),
            memory_bytes: limits.memory_bytes,
            concurrency: limits.concurrency,
        },
    };
    serde_json::to_vec(&raw).expect("texts and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = concat!(
        r#"{"app":{"name":"leaderboard","version":"1.2.0","sequence":17,"description":"Ranks","#,
        r#""author":"alice@example.org"},"files":{"read":["*/public/scores.json"],"#,
        r#""write":["{app_data}/results/**"],"on-behalf-of-sender":["{datasite}/shared/**"]},"#,
        r#""http":{"allow":["https://api.example.com"],"methods":["GET"]},"#,
        r#""state":{"quota_bytes":1048576},"limits":{"time_ms":5000,"memory_bytes":134217728,"concurrency":8}}"#,
    );

    const SECRETS: &str = concat!(
        r#"{"http":{"allow":["https://a.example"]},"secrets":[{"name":"A"},"#,
        r#"{"name":"B","send-to":"https://a.example","header":"X-Key","format":"{}"}]}"#,
    );

    const ACCESS: &str = concat!(
        r#"{"access":[{"path":"a/syft.pub.yaml","rules":"rules: []\n"},"#,
        r#"{"path":"syft.pub.yaml","rules":"terminal: true"}]}"#,
    );

    #[test]
    fn what_is_written_is_read_again() {
        for json in [
            "{}",
            FULL,
            r#"{"app":{"author":"ü"}}"#,
            r#"{"files":{"write":["{app_data}/b","{app_data}/a"]}}"#,
            r#"{"app":{"args":["--a","b c"],"env":["A=","B=1=2"]}}"#,
            SECRETS,
            ACCESS,
            r#"{"messages":{"send":["*/app_data/pingpong/rpc/**","{app_data}/rpc/b"]}}"#,
            r#"{"worker":{"cpu":true,"memory_bytes":2147483648,"labels":["eu","gpu"]}}"#,
        ] {
            let manifest = read(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(write(&manifest), json.as_bytes());
        }
    }

    #[test]
    fn other_spellings_become_the_canonical_one() {
        let manifest = read(b" {\"limits\" : { \"concurrency\" : 8 }, \"app\" : {} } ");
        assert_eq!(
            manifest.map(|manifest| write(&manifest)),
            Ok(br#"{"limits":{"concurrency":8}}"#.to_vec())
        );
    }

    fn check_error(json: &[u8], expected: &str) {
        let error = read(json).expect_err("no manifest").to_string();
        let shown = String::from_utf8_lossy(json);
        assert!(error.contains(expected), "{shown:.100}: {error}");
        assert!(
            error.len() < 600 && !error.contains(char::is_control),
            "{error:?}"
        );
    }

    #[test]
    fn refuses_what_is_no_manifest() {
        for (json, expected) in [
            ("", "EOF"),
            ("[]", "expected an object"),
            ("null", "expected an object"),
            (r#"{"app":["leaderboard"]}"#, "expected an object"),
            ("{} {}", "trailing characters"),
            (r#"{"network":{}}"#, "unknown field `network`"),
            (
                r#"{"http":{"allow":["example.com"]}}"#,
                "`http.allow` is invalid",
            ),
            (
                r#"{"http":{"allow":["http://a.b","http://a.b:80"]}}"#,
                "twice",
            ),
            (
                r#"{"http":{"methods":["get"]}}"#,
                "`http.methods` is invalid",
            ),
            (
                r#"{"messages":{"send":["*/public/**"]}}"#,
                "`messages.send` is invalid",
            ),
            (r#"{"messages":{"send":["**","**"]}}"#, "twice"),
            (r#"{"messages":{"to":[]}}"#, "unknown field `to`"),
            (r#"{"secrets":{"A":{}}}"#, "invalid type: map"),
            (r#"{"secrets":[["A"]]}"#, "expected an object"),
            (
                r#"{"secrets":[{"name":"A","value":"x"}]}"#,
                "unknown field `value`",
            ),
            (r#"{"secrets":[{"name":"A"},{"name":"A"}]}"#, "twice"),
            (r#"{"secrets":[{"name":"a-b"}]}"#, "no name of a variable"),
            (
                r#"{"secrets":[{"name":"A","header":"X"}]}"#,
                "nothing says where to send it",
            ),
            (
                r#"{"secrets":[{"name":"A","send-to":"https://a.example"}]}"#,
                "the app asks for no requests to `https://a.example`",
            ),
            (
                r#"{"app":{"env":["A=1"]},"secrets":[{"name":"A"}]}"#,
                "`A` is in `env` too",
            ),
            (
                r#"{"access":[{"path":"b/syft.pub.yaml","rules":"{}"},{"path":"a/syft.pub.yaml","rules":"{}"}]}"#,
                "not in order",
            ),
            (
                r#"{"access":[{"path":"../syft.pub.yaml","rules":"{}"}]}"#,
                "leads out",
            ),
            (
                r#"{"access":[{"path":"syft.pub.yaml","rules":"rules: 1"}]}"#,
                "no access rules",
            ),
            (r#"{"access":{"syft.pub.yaml":""}}"#, "invalid type: map"),
            (r#"{"app":{"env":["B=1","A=1"]}}"#, "not in order"),
            (r#"{"app":{"env":["A=1","A=2"]}}"#, "not in order"),
            (r#"{"app":{"env":["A-B=1"]}}"#, "`app.env` is invalid"),
            (
                r#"{"app":{"args":["a\u001b[31m"]}}"#,
                "`app.args` is invalid",
            ),
            (r#"{"http":{"deny":[]}}"#, "unknown field `deny`"),
            (r#"{"worker":{"gpu":true}}"#, "unknown field `gpu`"),
            (r#"{"worker":{"memory_bytes":1}}"#, "from 1MiB to 1024GiB"),
            (r#"{"worker":{"labels":["b","a"]}}"#, "not in order"),
            (r#"{"worker":{"labels":["a","a"]}}"#, "not in order"),
            (r#"{"worker":{"labels":["a.b"]}}"#, "no label of a worker"),
            (
                r#"{"worker":{"labels":["a","b","c","d","e","f","g","h","i"]}}"#,
                "at most 8",
            ),
            (r#"{"state":{"bytes":1}}"#, "unknown field `bytes`"),
            (r#"{"state":{"quota_bytes":1}}"#, "from 1MiB to 16GiB"),
            (r#"{"app":{"nam":"x"}}"#, "unknown field `nam`"),
            (r#"{"files":{"on_behalf_of_sender":[]}}"#, "unknown field"),
            (r#"{"app":{"name":null}}"#, "invalid type: null"),
            (r#"{"app":{"name":7}}"#, "invalid type"),
            (r#"{"app":{},"app":{}}"#, "duplicate field"),
            (r#"{"app":{"name":"../x"}}"#, "`app.name` is invalid"),
            (r#"{"app":{"version":"1"}}"#, "`app.version` is invalid"),
            (r#"{"app":{"sequence":0}}"#, "`app.sequence` is invalid"),
            (r#"{"app":{"sequence":9007199254740992}}"#, "from 1 to"),
            (r#"{"app":{"sequence":-1}}"#, "invalid value"),
            (r#"{"app":{"author":"a\u001b[31m"}}"#, "control characters"),
            (r#"{"app":{"description":"a\u0000"}}"#, "control characters"),
            (r#"{"app":{"description":"a\u202e"}}"#, "control characters"),
            (
                r#"{"files":{"read":["/etc/passwd"]}}"#,
                "`files.read` is invalid",
            ),
            (r#"{"files":{"read":["a","a"]}}"#, "twice"),
            (
                r#"{"files":{"write":["{app_data}/rpc/x"]}}"#,
                "no app can have them",
            ),
            (r#"{"limits":{"time_ms":0}}"#, "from 1ms to 10m"),
            (
                r#"{"limits":{"time_ms":18446744073709551615}}"#,
                "from 1ms to 10m",
            ),
            (r#"{"limits":{"memory_bytes":1}}"#, "from 1MiB to 4GiB"),
            (r#"{"limits":{"concurrency":1001}}"#, "from 1 to 1000"),
            (r#"{"limits":{"concurrency":-1}}"#, "invalid value"),
            (r#"{"limits":{"concurrency":8.0}}"#, "invalid type"),
        ] {
            check_error(json.as_bytes(), expected);
        }
        check_error(b"{\"app\":{\"name\":\"\xff\"}}", "invalid unicode");
        check_error(b"\0", "expected value");
        check_error(&vec![b' '; section::MAX_BYTES + 1], "at most 65536");
        check_error(&[b'['; 60_000], "");
        check_error("{\"app\":".repeat(9_000).as_bytes(), "");
        check_error(
            format!("{{\"{}\":1}}", "x\\u001b".repeat(5_000)).as_bytes(),
            "unknown field",
        );
        let patterns: Vec<String> = (0..65).map(|n| format!("\"a/{n}\"")).collect();
        let many = format!("{{\"files\":{{\"read\":[{}]}}}}", patterns.join(","));
        check_error(many.as_bytes(), "at most 64");
    }
}
