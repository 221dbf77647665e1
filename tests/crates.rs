//! What goes to crates.io: all that a build of a crate reads, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::guests::repository;
use crate::support::host::output;

/// What a package holds beside the files of its folders, if it is there.
const FILES: &[&str] = &[
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "README.md",
    "build.rs",
    "syft-app.schema.json",
];

/// The folders that go with a package, if they are there.
const FOLDERS: &[&str] = &["python", "src", "templates", "wit"];

/// What people look for on crates.io.
const SAID: &[&str] = &[
    "categories",
    "description",
    "keywords",
    "license",
    "repository",
    "rust_version",
];

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(repository());
    let ended = output(&mut command);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {said}");
    ended.stdout
}

/// Returns the packages that are meant for crates.io.
fn packages() -> Vec<Value> {
    let metadata = cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let mut metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let Value::Array(mut packages) = metadata["packages"].take() else {
        panic!("cargo names no packages: {metadata}");
    };
    packages.retain(|package| package["publish"].is_null());
    assert!(packages.len() > 3, "{packages:?}");
    packages
}

/// Returns the files in some folders below one, by their names.
fn files_of(root: &Path, folders: &[&str]) -> BTreeSet<PathBuf> {
    let there = folders.iter().map(|folder| root.join(folder));
    there
        .filter(|folder| folder.is_dir())
        .flat_map(walkdir::WalkDir::new)
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_owned())
        .filter(|file| file.extension().is_none_or(|extension| extension != "pyc"))
        .collect()
}

#[test]
fn packages_hold_what_their_builds_read_and_nothing_else() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let list = [
            "package",
            "--list",
            "--allow-dirty",
            "--offline",
            "-p",
            name,
        ];
        let listed = String::from_utf8(cargo(&list)).unwrap();
        let (files, below): (BTreeSet<_>, BTreeSet<_>) = listed
            .lines()
            .map(PathBuf::from)
            .partition(|file| file.parent() == Some(Path::new("")));
        assert_eq!(
            below,
            files_of(manifest.parent().unwrap(), FOLDERS),
            "{name}"
        );
        let stray: Vec<_> = files
            .iter()
            .filter(|file| !FILES.iter().any(|known| file == &Path::new(known)))
            .collect();
        assert!(stray.is_empty(), "{name}: {stray:?}");
    }
}

#[test]
fn packages_say_what_they_are_and_need_nothing_unpublished() {
    for package in packages() {
        let name = &package["name"];
        for key in SAID {
            let value = &package[key];
            let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            assert!(!is_empty, "{name} says nothing of its {key}");
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_of_ours = dependency["path"].is_string();
            let is_of_tests = dependency["kind"] == "dev";
            assert!(
                !is_of_ours || is_of_tests || dependency["req"] != "*",
                "{name} needs a version of {}",
                dependency["name"]
            );
        }
    }
}

/// Cargo follows links to files when it packages, and leaves out links to folders.
#[test]
fn each_copy_of_the_wit_is_complete() {
    let ours = files_of(&repository(), &["wit"]);
    for folder in ["host/runtime", "guest-python"] {
        let root = repository().join(folder);
        let theirs = files_of(&root, &["wit"]);
        // Python programs are for WASI 0.2.
        let is_needed =
            |file: &&PathBuf| folder != "guest-python" || !file.starts_with("wit/async");
        let ours: BTreeSet<_> = ours.iter().filter(is_needed).cloned().collect();
        assert_eq!(theirs, ours, "{folder}");
        for file in &ours {
            let same = [root.join(file), repository().join(file)].map(std::fs::read);
            let [theirs, ours] = same.map(Result::unwrap);
            assert!(theirs == ours, "{folder}: {}", file.display());
        }
    }
}
