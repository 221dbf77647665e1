//! Names of types: one that leaves its module is the only one of its name.

use std::collections::{BTreeMap, BTreeSet};

use super::CRATES_OF_THE_HOST;
use super::source::{public_types, sources};
use crate::support::guests::repository;

/// Crates whose types can meet in one file. The guest side speaks of requests and answers as
/// well, and never meets the host side.
const TOGETHER: &[&[&str]] = &[
    CRATES_OF_THE_HOST,
    &["guest-sdk/src", "guest-sdk/macros/src"],
];

/// Names that are used with their module before them.
const QUALIFIED: &[&str] = &["Error", "Event"];

#[test]
fn a_type_that_leaves_its_module_has_a_name_of_its_own() {
    let mut doubled = BTreeMap::new();
    for crates in TOGETHER {
        let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for src in *crates {
            let sources = sources(&repository().join(src));
            // What is generated has the names of the interface.
            let is_generated = |module: &[String]| module == ["bindings"];
            // One program has one of the implementations of what a system does.
            let is_other = |module: &[String]| {
                let name = module.last();
                *src == "host/system/src"
                    && name
                        .is_some_and(|name| name.ends_with("portable") || name.ends_with("windows"))
            };
            let is_left_out = |module: &[String]| is_generated(module) || is_other(module);
            for source in (sources.iter()).filter(|source| !is_left_out(&source.module)) {
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
    assert_eq!(doubled, BTreeMap::new());
}
