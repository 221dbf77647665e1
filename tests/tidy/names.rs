//! Names of types: one that leaves its module is the only one of its name.

use std::collections::BTreeMap;

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

/// Names that more than one module still has, each with who is to give it up.
const STILL_DOUBLED: &[(&str, &str)] = &[];

#[test]
fn a_type_that_leaves_its_module_has_a_name_of_its_own() {
    let mut doubled = BTreeMap::new();
    for crates in TOGETHER {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for src in *crates {
            for source in sources(&repository().join(src)) {
                for name in public_types(&source) {
                    let place = format!("{src} {}", source.module.join("::"));
                    places.entry(name).or_default().push(place);
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
