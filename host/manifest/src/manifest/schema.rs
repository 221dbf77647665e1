//! The JSON Schema of `syft-app.toml`.

use serde_json::{Value, json};

use super::{
    ProgramMemory, access_rules, check, http, messages, patterns, schedules, secrets, worker,
};
use crate::origin::HttpMethod;
use syft_protocol::schedule::Missed;

/// What names of variables are.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";

/// Returns the JSON Schema of `syft-app.toml`, which editors find in the repository
/// as `host/syft-app.schema.json`.
pub fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "syft-app.toml",
        "description": "What a SyftBox app says of itself and asks for",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "app": section("What the app says of itself", json!({
                "name": {
                    "description": "Name of the app, which is its folder below `app_data`, such as \
                                    `leaderboard` or `llm/x`. Without it: the name of the crate",
                    "type": "string",
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,3}$",
                    "maxLength": 128,
                    "examples": ["leaderboard", "llm/x"],
                },
                "version": {
                    "description": "Version by semver.org. Without it: the version of the crate",
                    "type": "string",
                    "pattern": r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$",
                    "maxLength": check::MAX_VERSION,
                    "examples": ["1.2.0"],
                },
                "sequence": {
                    "description": "Number of the release, one more than that of the one before. \
                                    What is signed has one",
                    "type": "integer",
                    "minimum": check::SEQUENCE.start(),
                    "maximum": check::SEQUENCE.end(),
                    "examples": [17],
                },
                "description": {
                    "description": "What the app does, in one line. Without it: the description \
                                    of the crate",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": check::MAX_DESCRIPTION,
                    "examples": ["Ranks model scores"],
                },
                "author": {
                    "description": "Who wrote it, a name or an email. What is signed has the email of its author",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": check::MAX_AUTHOR,
                    "examples": ["alice@example.org"],
                },
                "args": {
                    "description": "Arguments of the program. A Python program has them in \
                                    `sys.argv` if it is built without others",
                    "type": "array",
                    "maxItems": check::MAX_ARGS,
                    "items": { "type": "string", "maxLength": check::MAX_ARG },
                    "examples": [["--mode", "fast"]],
                },
                "env": {
                    "description": "Environment variables of the program. Everybody who has the \
                                    app can read them: secrets have a section of their own",
                    "type": "object",
                    "maxProperties": check::MAX_ENV,
                    "propertyNames": { "pattern": VARIABLE },
                    "additionalProperties": { "type": "string", "maxLength": check::MAX_VALUE },
                    "examples": [{ "MODE": "fast" }],
                },
            })),
            "files": section(
                "The files the app asks for. Patterns are relative to the folder of all \
                 datasites. `*` and `?` stand for characters within a name, `**` for any number \
                 of names; `{datasite}` is the owner's folder, `{app_data}` the app's own folder \
                 in it",
                json!({
                    "read": list_of("To read", "*/public/scores.json"),
                    "write": list_of(
                        "To write, make, rename and delete. What an app may write it may also \
                         read",
                        "{app_data}/results/**",
                    ),
                    "own-folder": {
                        "description": "To write and read all of the app's own folder, which needs \
                                        no approval and holds 1 GiB at most. Programs in Python \
                                        always ask for it",
                        "type": "boolean",
                        "examples": [true],
                    },
                    "immediate-writes": {
                        "description": "Whether others see at once what a call writes to files. Else \
                                        they see it when the call has ended well, and nothing of \
                                        a call that fails",
                        "type": "boolean",
                        "examples": [true],
                    },
                    "on-behalf-of-sender": list_of(
                        "To read while the app answers a request, as far as `syft.pub.yaml` lets \
                         the sender of that request read",
                        "{datasite}/shared/**",
                    ),
                }),
            ),
            "http": section(
                "The HTTP requests the app asks to send. Addresses of this machine and its network \
                 are reached only where they are named, as an address or `localhost`",
                json!({
                    "allow": {
                        "description": "Where to: scheme, host and port. `*.` before a name stands \
                                        for all names below it",
                        "type": "array",
                        "maxItems": http::MAX_ORIGINS,
                        "uniqueItems": true,
                        "items": { "type": "string", "pattern": "^https?://[^/?#@]+$" },
                        "examples": [["https://api.example.com"]],
                    },
                    "methods": {
                        "description": "By which methods. Without it: by all of them",
                        "type": "array",
                        "minItems": 1,
                        "uniqueItems": true,
                        "items": { "enum": HttpMethod::all().map(HttpMethod::as_str).collect::<Vec<_>>() },
                        "examples": [["GET", "POST"]],
                    },
                }),
            ),
            "messages": section(
                "The requests to other apps that the app asks to send, in the name of its owner",
                json!({
                    "send": {
                        "description": "To which endpoints: patterns as in `[files]`",
                        "type": "array",
                        "maxItems": messages::MAX_PATTERNS,
                        "uniqueItems": true,
                        "items": { "type": "string", "minLength": 1, "maxLength": 1024 },
                        "examples": [["*/app_data/pingpong/rpc/**"]],
                    },
                }),
            ),
            "secrets": of_secrets(),
            "schedules": of_schedules(),
            "access": of_access(),
            "state": section("What the app keeps between calls", json!({
                "quota": {
                    "description": "All keys and values together, from 1MiB to 16GiB",
                    "type": "string",
                    "pattern": "^[0-9]+(KiB|MiB|GiB)$",
                    "examples": ["64MiB"],
                },
                "memory": {
                    "description": "Whether what a Python program changes in memory is kept between calls. \
                        Without it: kept where there is no syft-app.toml, else fresh",
                    "enum": [ProgramMemory::Kept.as_str(), ProgramMemory::Fresh.as_str()],
                    "examples": ["kept"],
                },
            })),
            "worker": section(
                "What the app needs of the machine that runs its calls, where the owner has several",
                json!({
                    "cpu": {
                        "description": "Its calls compute for long, so they are better off on \
                                        another machine",
                        "type": "boolean",
                        "examples": [true],
                    },
                    "memory": {
                        "description": "Memory that the machine has for calls, from 1MiB to \
                                        1024GiB. Without it: what a call may use",
                        "type": "string",
                        "pattern": "^[0-9]+(KiB|MiB|GiB)$",
                        "examples": ["2GiB"],
                    },
                    "labels": {
                        "description": "Labels that the owner gave the machine",
                        "type": "array",
                        "maxItems": worker::MAX_LABELS,
                        "uniqueItems": true,
                        "items": { "type": "string", "pattern": worker::LABEL },
                        "examples": [["gpu"]],
                    },
                }),
            ),
            "limits": section("What the app needs, where it differs from the host's limits", json!({
                "time": {
                    "description": "Time a call may take, from 1ms to 10m",
                    "type": "string",
                    "pattern": "^([0-9]+ms|([0-9]+[dhms])+)$",
                    "examples": ["5s", "500ms"],
                },
                "memory": {
                    "description": "Memory a call may use, from 1MiB to 4GiB",
                    "type": "string",
                    "pattern": "^[0-9]+(KiB|MiB|GiB)$",
                    "examples": ["128MiB"],
                },
                "concurrency": {
                    "description": "Calls that run at the same time",
                    "type": "integer",
                    "minimum": check::CONCURRENCY.start(),
                    "maximum": check::CONCURRENCY.end(),
                    "examples": [8],
                },
            })),
        },
    })
}

fn of_secrets() -> Value {
    json!({
        "description": "The secrets that the app asks the owner for, by the names of environment \
                        variables",
        "type": "object",
        "maxProperties": secrets::MAX_SECRETS,
        "propertyNames": { "pattern": VARIABLE },
        "properties": {},
        "additionalProperties": section(
            "A secret: one that the host adds to requests, or one that the app itself reads",
            json!({
                "send-to": {
                    "description": "Where the host adds it to requests, so that the app never has \
                                    it: an origin of `allow` in `[http]`. Without it the app reads \
                                    the secret as an environment variable",
                    "type": "string",
                    "pattern": "^https?://[^/?#@*]+$",
                    "examples": ["https://api.example.com"],
                },
                "header": {
                    "description": "In which header. Without it: `Authorization`",
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_-]{1,64}$",
                    "examples": ["X-Api-Key"],
                },
                "format": {
                    "description": "What the header says, with `{}` for the secret. Without it: \
                                    `Bearer {}` for `Authorization`, else `{}`",
                    "type": "string",
                    "pattern": "^[ -~]*\\{\\}[ -~]*$",
                    "maxLength": 200,
                    "examples": ["Bearer {}"],
                },
            }),
        ),
    })
}

fn of_schedules() -> Value {
    json!({
        "description": "When schedules of the app are due, by their names in the app. What is left \
                        out stays as the app says it",
        "type": "object",
        "maxProperties": schedules::MAX_SCHEDULES,
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,64}$" },
        "properties": {},
        "additionalProperties": section("A schedule: `cron` or `every`", json!({
            "cron": {
                "description": "Minute, hour, day of the month, month and day of the week",
                "type": "string",
                "pattern": "^[A-Za-z0-9*,/?#+@ -]{1,200}$",
                "examples": ["0 8 * * MON-FRI"],
            },
            "every": {
                "description": "Time from one call to the next, from 1s to 366d",
                "type": "string",
                "pattern": "^([0-9]+ms|([0-9]+[dhms])+)$",
                "examples": ["15m"],
            },
            "time-zone": {
                "description": "Of the clock that `cron` goes by; `local` is that of the owner's \
                                machine. Without it: UTC",
                "type": "string",
                "pattern": "^[A-Za-z0-9/_+-]{1,64}$",
                "examples": ["Europe/Berlin"],
            },
            "missed": {
                "description": "What becomes of calls that were missed. Without it: run-once",
                "enum": [Missed::RunOnce.as_str(), Missed::Drop.as_str()],
                "examples": ["drop"],
            },
        })),
    })
}

fn of_access() -> Value {
    json!({
        "description": "The access rules that the app asks the owner for, by the paths of their \
                        files in the app's own folder, such as `public/syft.pub.yaml`. The host \
                        writes those that the owner approves",
        "type": "object",
        "maxProperties": access_rules::MAX_FILES,
        "propertyNames": { "pattern": "^([^/.][^/]*/)*syft\\.pub\\.yaml$" },
        "properties": {},
        "additionalProperties": {
            "description": "The rules in YAML, as the SyftBox server reads them",
            "type": "string",
            "minLength": 1,
            "maxLength": access_rules::MAX_BYTES,
            "examples": ["rules:\n- pattern: '**'\n  access: {read: ['*']}\n"],
        },
    })
}

fn section(description: &str, properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn list_of(description: &str, example: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "maxItems": patterns::MAX_PATTERNS,
        "uniqueItems": true,
        "items": { "type": "string", "minLength": 1, "maxLength": 1024 },
        "examples": [[example]],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    /// Returns the sections with their keys and an example of each.
    fn keys(schema: &Value) -> Vec<(String, String, Value)> {
        let properties = |of: &Value| of["properties"].as_object().expect("properties").clone();
        let mut keys = Vec::new();
        for (section, of) in properties(schema) {
            for (key, of) in properties(&of) {
                keys.push((section.clone(), key, of["examples"][0].clone()));
            }
        }
        keys
    }

    #[test]
    fn every_key_of_the_schema_is_read() {
        for (section, key, example) in keys(&schema()) {
            // JSON's strings, numbers and lists of strings are TOML's too, and tables nearly.
            let example = example.to_string().replace("\":", "\" = ");
            let text = format!("[{section}]\n{key} = {example}\n");
            let (manifest, _) = Manifest::from_toml("x", &text)
                .unwrap_or_else(|problems| panic!("{text}{}", problems[0]));
            assert_ne!(manifest, Manifest::default(), "{text}");
        }
    }

    #[test]
    fn keys_of_secrets_are_those_of_the_schema() {
        let schema = schema();
        let secret = &schema["properties"]["secrets"]["additionalProperties"];
        let properties = secret["properties"].as_object().expect("properties");
        let mut text = "[http]\nallow = [\"https://api.example.com\"]\n[secrets.A]\n".to_owned();
        for (key, of) in properties {
            text += &format!("{key} = {}\n", of["examples"][0]);
        }
        let (manifest, _) = Manifest::from_toml("x", &text).expect("a manifest");
        let sent = manifest.secrets[0].sent.as_ref().expect("where to");
        assert_eq!((&*sent.header, &*sent.format), ("X-Api-Key", "Bearer {}"));
        let problems =
            Manifest::from_toml("x", "[secrets.A]\nx = 1\n").expect_err("an unknown key");
        let help = problems[0].problem().help.clone();
        for key in properties.keys() {
            assert!(help.contains(&format!("`{key}`")), "{help}");
        }
    }

    #[test]
    fn every_key_that_is_read_is_in_the_schema() {
        for section in [
            "app", "files", "http", "messages", "state", "worker", "limits",
        ] {
            let text = format!("[{section}]\nnothing = 1\n");
            let problems = Manifest::from_toml("x", &text).expect_err("an unknown key");
            let help = problems[0].problem().help.clone();
            let mut named: Vec<&str> = help.split('`').skip(3).step_by(2).collect();
            let of_schema = keys(&schema());
            let mut known: Vec<&str> = of_schema
                .iter()
                .filter(|(of, ..)| of == section)
                .map(|(_, key, _)| key.as_str())
                .collect();
            named.sort_unstable();
            known.sort_unstable();
            assert_eq!(named, known);
        }
    }
}
