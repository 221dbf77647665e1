//! Which crate may depend on which, ours and others.
//!
//! Why: docs/decisions/53-crates-by-what-they-may-touch.md

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::guests::repository;

/// The crates of the workspace, each after all those that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("guest-sdk/macros", &[]),
    ("guest-sdk", &["syft-guest-macros"]),
    ("guest-python", &[]),
    ("host/protocol", &[]),
    ("host/system", &[]),
    ("host/manifest", &["syft-protocol"]),
    (
        "host/package",
        &["syft-manifest", "syft-protocol", "syft-system"],
    ),
    (
        "host/runtime",
        &["syft-manifest", "syft-protocol", "syft-system"],
    ),
    (
        "host/server",
        &[
            "syft-manifest",
            "syft-protocol",
            "syft-runtime",
            "syft-system",
        ],
    ),
    (
        "host/workers",
        &[
            "syft-manifest",
            "syft-package",
            "syft-protocol",
            "syft-runtime",
            "syft-system",
        ],
    ),
    (
        "host",
        &[
            "syft-guest-python",
            "syft-manifest",
            "syft-package",
            "syft-protocol",
            "syft-runtime",
            "syft-server",
            "syft-system",
            "syft-workers",
        ],
    ),
    (
        "fuzz",
        &[
            "syft-guest",
            "syft-host",
            "syft-manifest",
            "syft-package",
            "syft-protocol",
            "syft-runtime",
            "syft-workers",
        ],
    ),
];

/// What only some crates may depend on, since it can do so much or costs so much.
const ONLY: &[(&str, &[&str])] = &[
    ("wasmtime", &["host/runtime"]),
    ("wasmtime-wasi", &["host/runtime"]),
    ("wasmtime-wasi-io", &["host/runtime"]),
    ("wasmtime-wasi-http", &["host/runtime"]),
    ("hyper", &["host/runtime"]),
    ("rustls", &["host/runtime"]),
    ("redb", &["host/runtime"]),
    (
        "tokio",
        &[
            "host/system",
            "host/runtime",
            "host/server",
            "host/workers",
            "host",
        ],
    ),
    ("async-nats", &["host/workers"]),
    ("nkeys", &["host/workers"]),
    ("ureq", &["host/package", "host"]),
    ("opentelemetry", &["host"]),
    ("ed25519-dalek", &["host/package", "host/protocol"]),
    ("x25519-dalek", &["host/protocol"]),
    ("clap", &["host"]),
    ("clap_complete", &["host"]),
    ("clap_mangen", &["host"]),
    ("notify", &["host/system"]),
    ("sd-notify", &["host/system"]),
    ("rustix", &["host/system", "host/manifest", "host/server"]),
    ("axum", &["host"]),
    ("maud", &["host"]),
    ("tracing-subscriber", &["host"]),
];

/// Returns what a crate depends on, on some targets alone as well. Its tests may use more.
fn dependencies(manifest: &toml::Table) -> BTreeSet<&str> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(toml::Table::values);
    let tables = targets
        .filter_map(toml::Value::as_table)
        .chain([manifest])
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)));
    let tables = tables.flatten().filter_map(toml::Value::as_table);
    tables
        .flat_map(|table| table.keys().map(String::as_str))
        .collect()
}

fn read(folder: &str) -> toml::Table {
    let text = fs::read_to_string(repository().join(folder).join("Cargo.toml")).unwrap();
    text.parse().unwrap()
}

/// Returns what a manifest depends on that it may not.
fn wrong<'a>(folder: &str, may: &[&str], manifest: &'a toml::Table) -> Vec<&'a str> {
    let is_wrong = |name: &&str| {
        let is_ours = name.starts_with("syft-");
        let only = ONLY.iter().find(|(other, _)| other == name);
        is_ours && !may.contains(name) || only.is_some_and(|(_, those)| !those.contains(&folder))
    };
    dependencies(manifest)
        .into_iter()
        .filter(is_wrong)
        .collect()
}

#[test]
fn crates_depend_on_what_their_arrows_lead_to() {
    let wrong: BTreeMap<&str, Vec<String>> = (ARROWS.iter())
        .map(|(folder, may)| {
            let manifest = read(folder);
            let names = wrong(folder, may, &manifest);
            (*folder, names.into_iter().map(str::to_owned).collect())
        })
        .filter(|(_, names): &(_, Vec<String>)| !names.is_empty())
        .collect();
    assert_eq!(wrong, BTreeMap::new());
}

#[test]
fn each_crate_has_its_arrows_and_they_form_no_circle() {
    let workspace = read("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<&str> = members.iter().map(|name| name.as_str().unwrap()).collect();
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(members, listed);
    let mut known = BTreeSet::new();
    for (folder, may) in ARROWS {
        assert!(may.iter().all(|name| known.contains(*name)), "{folder}");
        known.insert(read(folder)["package"]["name"].as_str().unwrap().to_owned());
    }
}

#[test]
fn a_wrong_dependency_is_found() {
    let manifest: toml::Table = "[dependencies]\nsyft-package.workspace = true\nserde = \"1\"\n\
        [target.'cfg(unix)'.dependencies]\nwasmtime.workspace = true\n\
        [dev-dependencies]\nredb.workspace = true\n"
        .parse()
        .unwrap();
    let found = wrong("host/server", &["syft-runtime"], &manifest);
    assert_eq!(found, ["syft-package", "wasmtime"]);
}
