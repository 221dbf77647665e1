//! `syft-host new`: what it makes builds, serves and passes its tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use syft_manifest::Manifest;

use super::author;
use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output, output_of_build, syft_host};
use crate::support::not_run;
use crate::support::site::Site;

const ALLOWED: &str = "--allow-native-build";

fn new(folder: &Path, arguments: &[&str]) -> Ended {
    let site = Site::new();
    let mut command = syft_host(&site);
    command.arg("new").args(arguments).current_dir(folder);
    Ended::of(&output(&mut command))
}

/// Returns a folder that is the same in each run, so that cargo need not build all anew.
fn workshop(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let app = folder.join("greeter");
    // The builds stay.
    for part in ["src", "vendor"] {
        fs::remove_dir_all(app.join(part)).ok();
    }
    for entry in fs::read_dir(&app).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    fs::rename(app.join("target"), folder.join("target")).ok();
    fs::remove_dir(&app).ok();
    folder
}

fn check_answers(host: &Host) {
    assert_eq!(host.ready["app"], "greeter");
    for _ in 0..2 {
        assert_eq!(
            call(&host.rpc, "hello", r#"{"name":"Ada"}"#).text(),
            "Hello, Ada!"
        );
    }
    let told = call(&host.rpc, "greeted", r#"{"name":"Ada"}"#).text();
    assert_eq!(told, r#"{"name":"Ada","times":2}"#);
    assert_eq!(call(&host.rpc, "hello", "").text(), "Hello, World!");
}

#[test]
fn a_new_app_in_python_is_served_and_passes_its_tests() {
    let site = Site::new();
    if venv::python().is_none() {
        return;
    }
    let said = new(site.path(), &["greeter"]).succeeded().stdout;
    assert!(said.contains("Made greeter/, an app in Python"), "{said}");
    for next in ["cd greeter", "syft-host run --watch", "syft-host test"] {
        assert!(said.contains(next), "{said}");
    }
    let app = site.path().join("greeter");
    let tested = author(&site, &app, &["test"]).succeeded().stdout;
    assert!(tested.contains("3 passed in "), "{tested}");
    let host = Host::start_unbuilt(&site, &app, &[]);
    check_answers(&host);
}

/// It has all that it takes: nothing of this repository is needed.
#[test]
fn a_new_app_in_rust_builds_and_passes_its_tests() {
    let site = Site::new();
    let folder = workshop("new-in-rust");
    let said = new(&folder, &["greeter", "--rust"]).succeeded().stdout;
    assert!(said.contains("Made greeter/, an app in Rust."), "{said}");
    let app = folder.join("greeter");
    fs::rename(folder.join("target"), app.join("target")).ok();
    let refused = author(&site, &app, &["test"]).refused();
    assert!(refused.contains(ALLOWED), "{refused}");
    let tested = author(&site, &app, &["test", ALLOWED]).succeeded().stdout;
    assert!(tested.contains("test result: ok. 3 passed"), "{tested}");
    let one = ["test", ALLOWED, "-k", "counts"];
    let tested = author(&site, &app, &one).succeeded().stdout;
    assert!(tested.contains("test result: ok. 1 passed"), "{tested}");
    let source = app.join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    author(&site, &app, &["build", ALLOWED]).succeeded();
    let host = Host::start(&site, &app.join("greeter.wasm"), &[]);
    check_answers(&host);
    host.stop();
    fs::write(&source, text.replace("Hello, {name}", "Bye, {name}")).unwrap();
    let failed = author(&site, &app, &["test", ALLOWED]);
    assert_eq!(failed.code, Some(1), "{}{}", failed.stdout, failed.stderr);
    assert!(
        failed.stdout.contains("test result: FAILED."),
        "{}",
        failed.stdout
    );
    fs::write(&source, "this is no Rust").unwrap();
    let refused = author(&site, &app, &["test", ALLOWED]).refused();
    assert!(refused.contains("does not build"), "{refused}");
}

/// Runs npm in a folder, where it finds the host.
fn npm(site: &Site, folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new("npm");
    let host = Path::new(env!("CARGO_BIN_EXE_syft-host")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [host.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    command.args(arguments).current_dir(folder);
    command.env("HOME", site.path());
    command.env("PATH", std::env::join_paths(path).unwrap());
    Ended::of(&output_of_build(&mut command))
}

#[test]
fn a_new_app_in_javascript_is_built_by_node_and_carries_its_manifest() {
    if Command::new("npm").arg("--version").output().is_err() {
        return not_run("there is no npm");
    }
    let site = Site::new();
    // What npm installs stays there.
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-in-javascript");
    fs::create_dir_all(&tools).unwrap();
    let said = new(site.path(), &["greeter", "--js"]).succeeded().stdout;
    assert!(said.contains("an app in JavaScript. Next:"), "{said}");
    let app = site.path().join("greeter");
    if !tools.join("node_modules/.package-lock.json").exists() {
        fs::copy(app.join("package.json"), tools.join("package.json")).unwrap();
        let install = ["install", "--no-audit", "--no-fund", "--no-package-lock"];
        npm(&site, &tools, &install).succeeded();
    }
    std::os::unix::fs::symlink(tools.join("node_modules"), app.join("node_modules")).unwrap();
    npm(&site, &app, &["test"]).succeeded();
    npm(&site, &app, &["run", "build"]).succeeded();
    let component = app.join("greeter.wasm");
    let manifest = Manifest::from_component(&fs::read(&component).unwrap()).unwrap();
    assert_eq!(manifest.unwrap().version.unwrap().to_string(), "0.1.0");
    let host = Host::start(&site, &component, &[]);
    check_answers(&host);
    let answer = call(&host.rpc, "hello", r#"{"name":5}"#);
    assert_eq!(answer.text(), "Invalid request schema: name is no text");
    assert_eq!(call(&host.rpc, "greeted", "").status(), 400);
    let said = author(&site, &app, &["test"]).refused();
    assert!(said.contains("hint: npm test"), "{said}");
}

#[test]
fn a_component_without_a_manifest_beside_it_is_not_built() {
    let site = Site::new();
    let component = site.path().join("x.wasm");
    fs::write(&component, "nothing").unwrap();
    let said = author(&site, site.path(), &["build", "x.wasm"]).refused();
    assert!(said.contains("no syft-app.toml lies beside it"), "{said}");
    fs::write(site.path().join("syft-app.toml"), "[app]\nname = \"x\"\n").unwrap();
    let said = author(&site, site.path(), &["build", "x.wasm"]).refused();
    assert!(said.contains("read x.wasm: "), "{said}");
    assert_eq!(fs::read_to_string(&component).unwrap(), "nothing");
}

#[test]
fn manifests_of_new_apps_are_valid() {
    let site = Site::new();
    for (name, option) in [
        ("one", "--python"),
        ("test", "--rust"),
        ("llm/Two.5", "--rust"),
        ("Three", "--js"),
    ] {
        new(site.path(), &[name, option]).succeeded();
        let folder = site.path().join(name.rsplit('/').next().unwrap());
        let text = fs::read_to_string(folder.join("syft-app.toml")).unwrap();
        assert!(text.starts_with("#:schema https://"), "{text}");
        let (manifest, warnings) = Manifest::from_toml("syft-app.toml", &text)
            .unwrap_or_else(|wrong| panic!("{}", wrong[0]));
        assert!(warnings.is_empty(), "{}", warnings[0]);
        assert_eq!(manifest.name.unwrap().as_str(), name);
        for file in ["README.md", ".gitignore"] {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            assert!(!text.contains("{{"), "{text}");
        }
    }
    let cargo = fs::read_to_string(site.path().join("Two.5/Cargo.toml")).unwrap();
    assert!(cargo.contains("name = \"Two-5\""), "{cargo}");
}

#[test]
fn nothing_is_overwritten() {
    let site = Site::new();
    let file = site.path().join("greeter/notes.txt");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    let said = new(site.path(), &["greeter"]).refused();
    assert!(
        said.contains("error: the folder greeter is not empty"),
        "{said}"
    );
    fs::remove_file(&file).unwrap();
    new(site.path(), &["greeter"]).succeeded();
    fs::write(site.path().join("taken"), "").unwrap();
    let said = new(site.path(), &["taken", "--rust"]).refused();
    assert!(said.contains("taken is there, and no folder"), "{said}");
}

#[test]
fn names_that_no_app_can_have_are_refused() {
    let site = Site::new();
    for name in ["", "../x", "/tmp/x", "a b", "logs", ".x", "~x", "a/rpc"] {
        let said = new(site.path(), &["--python", "--", name]).refused();
        assert!(said.contains("hint: "), "{said}");
    }
    let said = new(site.path(), &["x", "--rust", "--sdk", "."]).refused();
    assert!(
        said.contains("give the folder guest-sdk of a clone"),
        "{said}"
    );
    assert_eq!(
        fs::read_dir(site.path()).unwrap().count(),
        1,
        "the data alone"
    );
}

#[test]
fn an_app_may_use_a_clone_in_place_of_a_copy() {
    let site = Site::new();
    let sdk = repository().join("guest-sdk");
    let sdk = sdk.to_str().unwrap();
    new(site.path(), &["greeter", "--rust", "--sdk", sdk]).succeeded();
    let app = site.path().join("greeter");
    assert!(!app.join("vendor").exists());
    let cargo = fs::read_to_string(app.join("Cargo.toml")).unwrap();
    let line = format!("syft-guest = {{ path = {sdk:?} }}");
    assert!(cargo.contains(&line), "{cargo}");
    assert!(
        !fs::read_to_string(app.join("README.md"))
            .unwrap()
            .contains("vendor")
    );
}

fn sources(folder: &Path) -> BTreeMap<String, String> {
    let files = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let below = entry
                .path()
                .strip_prefix(folder)
                .unwrap()
                .display()
                .to_string();
            (below, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// Returns what a crate depends on, with what the workspace says of that.
fn needs(manifest: &str, workspace: Option<&toml::Table>) -> toml::Table {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut needs = manifest["dependencies"].as_table().unwrap().clone();
    for (name, need) in &mut needs {
        let Some(own) = need
            .as_table()
            .filter(|need| need.contains_key("workspace"))
        else {
            continue;
        };
        let mut own = own.clone();
        own.remove("workspace");
        let mut all = match &workspace.unwrap()[name] {
            toml::Value::Table(table) => table.clone(),
            version => toml::Table::from_iter([("version".to_owned(), version.clone())]),
        };
        all.extend(own);
        *need = toml::Value::Table(all);
    }
    needs.remove("syft-guest-macros");
    needs
}

#[test]
fn the_copy_of_the_sdk_is_the_sdk() {
    let site = Site::new();
    new(site.path(), &["greeter", "--rust"]).succeeded();
    let vendor = site.path().join("greeter/vendor");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let workspace: toml::Table = read(repository().join("Cargo.toml")).parse().unwrap();
    let known = workspace["workspace"]["dependencies"].as_table().unwrap();
    for (copy, ours) in [
        ("syft-guest", "guest-sdk"),
        ("syft-guest-macros", "guest-sdk/macros"),
    ] {
        let (copy, ours) = (vendor.join(copy), repository().join(ours));
        // A file that is missing has no link in host/templates/sdk, or no line in its list.
        assert!(
            sources(&copy.join("src")) == sources(&ours.join("src")),
            "{}",
            copy.display()
        );
        let [copied, own] = [&copy, &ours].map(|folder| read(folder.join("Cargo.toml")));
        assert_eq!(needs(&copied, None), needs(&own, Some(known)));
    }
}
