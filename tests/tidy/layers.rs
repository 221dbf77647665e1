//! Which module may know which: imports point one way.

use std::collections::{BTreeMap, BTreeSet};

use super::CRATES_OF_THE_HOST;
use super::source::{Module, imports, sources};
use crate::support::guests::repository;

/// A crate whose modules lie in layers.
struct Layered {
    src: &'static str,
    /// Each row may import from those before it, and from itself.
    layers: &'static [&'static [&'static str]],
}

const LAYERED: &[Layered] = &[
    Layered {
        src: "host/package/src",
        layers: &[&["package"], &["catalog", "oci", "trust"], &["source"]],
    },
    Layered {
        src: "host/runtime/src",
        layers: &[
            &[
                "durability",
                "failpoint",
                "memory",
                "scratch",
                "secrets",
                "wire",
                "wit",
            ],
            &["cache_bounds", "child", "machine", "meter", "recording"],
            &["state"],
            &["capability"],
            &["sandbox"],
            &["program_cache", "remote"],
        ],
    },
    Layered {
        src: "host/server/src",
        layers: &[
            &[
                "encryption",
                "journal",
                "private_folder",
                "published",
                "recordings",
                "router",
                "scanner_count",
                "shutdown",
                "subscriptions",
                "suspension",
            ],
            &["app", "parked", "tree"],
            &["client", "events", "local"],
            &["due_calls"],
            &["courier"],
            &["server"],
        ],
    },
    Layered {
        src: "host/workers/src",
        layers: &[
            &["frame", "names"],
            &["accounts", "exchanges", "ledger"],
            &["connect", "words"],
            &["owner", "worker"],
        ],
    },
    Layered {
        src: "host/src",
        layers: &[
            &[
                "activity",
                "asking",
                "error",
                "installed",
                "layout",
                "paint",
                "progress",
                "scaffold",
                "server_task",
                "source_watch",
                "typos",
            ],
            &["logging"],
            &["ui"],
            &["agreement", "approval", "config"],
            &["settings"],
            &["built_app", "rust_toolchain"],
            &["guest_crate", "python_app"],
            &["app_builder"],
            &[
                "caches",
                "open_files",
                "prepared_app",
                "traces",
                "workers_link",
            ],
            &["install"],
            &["replay", "supervisor", "waiting"],
            &["dashboard", "doctor"],
            &["commands"],
        ],
    },
];

type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn imports_of(src: &str) -> Imports {
    let sources = sources(&repository().join(src));
    let modules = sources.iter().map(|source| source.module.clone()).collect();
    let imports = sources
        .iter()
        .map(|source| (source.module.clone(), imports(source, &modules)));
    imports.collect()
}

/// Returns the first folder of a module: what has its own row.
fn top(module: &Module) -> &str {
    module.first().map_or("lib", String::as_str)
}

impl Layered {
    fn row(&self, module: &str) -> Option<usize> {
        self.layers.iter().position(|row| row.contains(&module))
    }

    fn may_import(&self, from: &str, to: &str) -> bool {
        matches!((self.row(from), self.row(to)), (Some(row), Some(other)) if other <= row)
    }
}

#[test]
fn modules_import_from_those_before_them() {
    let mut wrong = Vec::new();
    for layered in LAYERED {
        for (module, imported) in imports_of(layered.src) {
            let of_the_root = |module: &Module| module.is_empty();
            for to in imported.iter().filter(|to| !of_the_root(to)) {
                let is_within = of_the_root(&module) || top(&module) == top(to);
                if !is_within && !layered.may_import(top(&module), top(to)) {
                    wrong.push(format!("{} imports from {}", module.join("::"), top(to)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_has_its_row() {
    for Layered { src, layers } in LAYERED {
        let modules = imports_of(src);
        let named = modules.keys().filter(|module| !module.is_empty());
        let tops: BTreeSet<&str> = named.map(top).collect();
        let mut rows: Vec<&str> = layers.iter().copied().flatten().copied().collect();
        rows.sort_unstable();
        assert_eq!(rows, tops.into_iter().collect::<Vec<_>>(), "{src}");
    }
}

#[test]
fn modules_of_different_folders_form_no_circle() {
    let circles = (CRATES_OF_THE_HOST.iter().chain(&["guest-sdk/src"]))
        .flat_map(|src| circles(&imports_of(src)));
    let circles: BTreeMap<String, String> = circles.collect();
    assert_eq!(circles, BTreeMap::new());
}

/// Returns circles that go through more than one folder: their folders, and their modules.
fn circles(imports: &Imports) -> BTreeMap<String, String> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = imports
        .keys()
        .map(|module| (module, reach(imports, module)))
        .collect();
    let mut circles = BTreeMap::new();
    for (module, reached_from_it) in &reached {
        let circle = reached_from_it
            .iter()
            .filter(|other| reached[*other].contains(module));
        let circle: Vec<&Module> = circle.copied().collect();
        // The root of a crate lists its modules, and is in no folder.
        let folders: BTreeSet<&str> = circle.iter().map(|module| top(module)).collect();
        if folders.len() > 1 {
            let folders: Vec<&str> = folders.into_iter().collect();
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            circles.insert(folders.join(" "), names.join(" "));
        }
    }
    circles
}

/// Returns all that a module imports from, by way of others as well.
fn reach<'a>(imports: &'a Imports, from: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&Module> = imports[from].iter().collect();
    while let Some(module) = left.pop() {
        if !module.is_empty() && reached.insert(module) {
            left.extend(imports.get(module).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn a_wrong_import_and_a_circle_are_found() {
    let layered = Layered {
        src: "",
        layers: &[&["state"], &["sandbox"]],
    };
    assert!(layered.may_import("sandbox", "state"));
    assert!(!layered.may_import("state", "sandbox"), "a later row");
    assert!(!layered.may_import("sandbox", "nowhere"));
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let imports = |pairs: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry(module(to)).or_default();
            imports.entry(module(from)).or_default().insert(module(to));
        }
        imports
    };
    let within = [
        ("a", "a::b"),
        ("a::b", "a::c"),
        ("a::c", "a"),
        ("a::c", "d"),
    ];
    assert_eq!(circles(&imports(&within)), BTreeMap::new());
    let across = [("a::b", "c::d"), ("c::d", "e"), ("e", "a::b")];
    let found = BTreeMap::from([("a c e".to_owned(), "a::b c::d e".to_owned())]);
    assert_eq!(circles(&imports(&across)), found);
}
