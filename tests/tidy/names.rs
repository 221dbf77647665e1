//! Names of types: one that leaves its module is the only one of its name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{public_types, sources};
use crate::support::guests::repository;

/// Crates whose types can meet in one file. The guest side speaks of requests and answers as
/// well, and never meets the host side.
const TOGETHER: &[&[&str]] = &[
    &["host/protocol/src", "host/manifest/src", "host/src"],
    &["guest-sdk/src", "guest-sdk/macros/src"],
];

/// Names that are used with their module before them.
const QUALIFIED: &[&str] = &["Error", "Event"];

/// Names that more than one module still has, each with what they are. Once one is mended this
/// fails as well, so that the list grows shorter.
const STILL_DOUBLED: &[(&str, &str)] = &[
    ("Answer", "the SDK's tests answer as its routes do"),
    ("Call", "the SDK's tests call as its routes are called"),
    ("Change", "file events and the change of an installed app"),
    ("Digest", "registries spell digests in their own way"),
    (
        "Found",
        "what was found of releases, requests, files and answers",
    ),
    ("Item", "caches' and the publish folder's"),
    ("Kind", "file events' and caches'"),
    ("Manifest", "the app's and a registry's"),
    ("Parameter", "the SDK's and its macros'"),
    ("Program", "a loaded component and a Python program"),
    ("Release", "the installed and the signed one"),
    ("Stamp", "a watched file's and a request's"),
    ("Version", "a request's and a registry's"),
];

#[test]
fn a_type_that_leaves_its_module_has_a_name_of_its_own() {
    let mut doubled = BTreeMap::new();
    for crates in TOGETHER {
        let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for src in *crates {
            let sources = sources(&repository().join(src));
            // What is generated has the names of the interface.
            let is_generated = |module: &[String]| module == ["bindings"];
            for source in (sources.iter()).filter(|source| !is_generated(&source.module)) {
                let place = format!("{src} {}", source.module.join("::"));
                // Two of one name in one file are for different targets.
                for name in public_types(source) {
                    places.entry(name).or_default().insert(place.clone());
                }
            }
        }
        places.retain(|name, places| places.len() > 1 && !QUALIFIED.contains(&name.as_str()));
        doubled.extend(places);
    }
    let known: BTreeMap<&str, &str> = STILL_DOUBLED.iter().copied().collect();
    let new: Vec<_> = doubled
        .iter()
        .filter(|(name, _)| !known.contains_key(name.as_str()))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
    let gone: Vec<_> = known
        .keys()
        .filter(|name| !doubled.contains_key(**name))
        .collect();
    assert!(gone.is_empty(), "doubled no more: {gone:?}");
}
