//! Which module and which crate may know which: dependencies point one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::source::{Module, imports, sources};
use crate::support::guests::repository;

/// A part of `host/src` that is to be a crate of its own.
struct Part {
    name: &'static str,
    /// The parts that it may import from.
    knows: &'static [&'static str],
    /// Its modules. Each row may import from those before it, and from itself.
    layers: &'static [&'static [&'static str]],
}

const PARTS: &[Part] = &[
    Part {
        name: "runtime",
        knows: &[],
        layers: &[
            &["durability", "failpoint", "memory", "scratch", "wit"],
            &["cache_bounds", "child", "machine", "meter"],
            &["state"],
            &["capability"],
            &["sandbox"],
            &["program_cache"],
        ],
    },
    Part {
        name: "server",
        knows: &["runtime"],
        layers: &[
            &[
                "inotify",
                "journal",
                "private_folder",
                "router",
                "scanner_count",
                "shutdown",
                "subscriptions",
                "suspension",
            ],
            &["app", "parked", "tree"],
            &["client", "events"],
            &["server"],
        ],
    },
    Part {
        name: "host",
        knows: &["runtime", "server"],
        layers: &[
            &["asking", "error", "installed", "layout", "logging"],
            &["ui"],
            &["agreement", "approval", "config"],
            &["built_app", "guest_crate", "python_app"],
            &["caches", "open_files", "prepared_app"],
            &["install"],
            &["supervisor"],
            &["commands"],
        ],
    },
];

/// Imports that stand against the parts and are still to be mended, each with the reason. Once
/// one is mended this fails as well, so that the list grows shorter.
const STILL_WRONG: &[(&str, &str, &str)] = &[];

/// Circles that are still to be mended, by their folders.
const STILL_CIRCLES: &[&str] = &[
    // What builds is chosen where it is said what was built.
    "built_app guest_crate python_app",
    // The native tests of the SDK keep their own state.
    "state test",
];

/// Crates of the workspace, each row after all that it may depend on.
const CRATES: &[&[&str]] = &[
    &["host/protocol", "guest-sdk/macros"],
    &["host/manifest", "guest-sdk", "guest-python"],
    &["host/package"],
    &["host"],
    &["fuzz"],
];

/// Folders of crates in which modules of different folders may not form a circle.
const WITHOUT_CIRCLES: &[&str] = &[
    "host/protocol/src",
    "host/manifest/src",
    "host/package/src",
    "host/src",
    "guest-sdk/src",
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

/// Returns the part of a module, and the number of its row.
fn place(module: &str) -> Option<(&'static Part, usize)> {
    PARTS.iter().find_map(|part| {
        let row = part.layers.iter().position(|row| row.contains(&module));
        row.map(|row| (part, row))
    })
}

fn may_import(from: &str, to: &str) -> bool {
    let (Some((part, row)), Some((of, other))) = (place(from), place(to)) else {
        return false;
    };
    if part.name == of.name {
        other <= row
    } else {
        part.knows.contains(&of.name)
    }
}

#[test]
fn modules_import_from_those_before_them() {
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::new());
    for (module, imported) in imports_of("host/src") {
        for to in imported
            .iter()
            .filter(|to| !to.is_empty() && !module.is_empty())
        {
            let (from, to) = (top(&module), top(to));
            if from == to || may_import(from, to) {
                continue;
            }
            match STILL_WRONG
                .iter()
                .find(|(of, what, _)| (*of, *what) == (from, to))
            {
                Some(entry) => {
                    known.insert(entry);
                }
                None => wrong.push(format!("{} imports from {to}", module.join("::"))),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mended = STILL_WRONG.iter().filter(|entry| !known.contains(entry));
    assert_eq!(mended.count(), 0, "what is mended is wrong no more");
}

#[test]
fn every_module_has_its_row() {
    let modules = imports_of("host/src");
    let tops: BTreeSet<&str> = modules
        .keys()
        .filter(|module| !module.is_empty())
        .map(top)
        .collect();
    let rows = PARTS.iter().flat_map(|part| part.layers).copied().flatten();
    let mut rows: Vec<&str> = rows.copied().collect();
    rows.sort_unstable();
    assert_eq!(rows, tops.into_iter().collect::<Vec<_>>());
}

#[test]
fn modules_of_different_folders_form_no_circle() {
    let circles = WITHOUT_CIRCLES
        .iter()
        .flat_map(|src| circles(&imports_of(src)));
    let circles: BTreeMap<String, String> = circles.collect();
    let folders: Vec<&str> = circles.keys().map(String::as_str).collect();
    assert_eq!(folders, STILL_CIRCLES, "{circles:#?}");
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
fn crates_depend_on_those_before_them() {
    let crates: Vec<(usize, &str)> = (CRATES.iter().enumerate())
        .flat_map(|(row, crates)| crates.iter().map(move |folder| (row, *folder)))
        .collect();
    let manifests: Vec<(usize, toml::Table)> = (crates.iter())
        .map(|(row, folder)| {
            let text = fs::read_to_string(repository().join(folder).join("Cargo.toml")).unwrap();
            (*row, text.parse().unwrap())
        })
        .collect();
    let name = |manifest: &toml::Table| manifest["package"]["name"].as_str().unwrap().to_owned();
    let rows: BTreeMap<String, usize> = manifests
        .iter()
        .map(|(row, manifest)| (name(manifest), *row))
        .collect();
    for (row, manifest) in &manifests {
        for kind in ["dependencies", "build-dependencies"] {
            let depends = manifest.get(kind).and_then(toml::Value::as_table);
            for on in depends.into_iter().flat_map(toml::Table::keys) {
                let is_before = rows.get(on).is_none_or(|other| other < row);
                assert!(is_before, "{} depends on {on}", name(manifest));
            }
        }
    }
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let mut members: Vec<&str> = members
        .iter()
        .map(|member| member.as_str().unwrap())
        .collect();
    let mut listed: Vec<&str> = crates.iter().map(|(_, folder)| *folder).collect();
    members.sort_unstable();
    listed.sort_unstable();
    assert_eq!(members, listed, "each crate has its row");
}

#[test]
fn a_wrong_import_and_a_circle_are_found() {
    assert!(may_import("sandbox", "state") && may_import("server", "sandbox"));
    assert!(!may_import("state", "sandbox"), "a later row");
    assert!(
        !may_import("package", "sandbox"),
        "parts that do not know each other"
    );
    assert!(!may_import("sandbox", "nowhere"));
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
