//! Apps as `syft-host build` makes them and `syft-host inspect` shows them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_manifest::{Manifest, section};

use crate::support::blessed;
use crate::support::guests::{example, guest, repository};
use crate::support::host::{Ended, output_of_build, syft_host};
use crate::support::sections::{self, custom};
use crate::support::site::Site;

/// The author of these crates is trusted.
const ALLOWED: &str = "--allow-native-build";

fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    Ended::of(&output_of_build(
        command.args(arguments).current_dir(site.path()),
    ))
}

fn with_manifest() -> String {
    let folder = repository().join("tests/guests/with-manifest");
    folder.to_str().unwrap().to_owned()
}

/// Writes a component and returns its path.
fn write(site: &Site, component: &[u8]) -> String {
    let path = site.path().join("app.wasm");
    fs::write(&path, component).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn builds_the_same_bytes_each_time() {
    let site = Site::new();
    let first = run(&site, &["build", &with_manifest(), ALLOWED]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let again = run(
        &site,
        &[
            "build",
            &with_manifest(),
            ALLOWED,
            "-o",
            "again.wasm",
            "--json",
        ],
    );
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let bytes = fs::read(site.path().join("asks-for-files.wasm")).unwrap();
    assert_eq!(fs::read(site.path().join("again.wasm")).unwrap(), bytes);

    let built: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(built["name"], "asks-for-files");
    assert_eq!(built["version"], "0.3.0", "the crate's own");
    assert_eq!(built["path"], "again.wasm");
    assert_eq!(built["bytes"], bytes.len());
    assert_eq!(built["warnings"][0]["line"], 7);
    let sha256 = built["sha256"].as_str().unwrap();
    assert!(first.stdout.contains(sha256), "{}", first.stdout);
    let warning = "syft-app.toml:7:33";
    assert!(first.stderr.contains(warning), "{}", first.stderr);
    assert!(again.stderr.contains(warning), "{}", again.stderr);

    let name = b"syft:manifest";
    let n_names = bytes
        .windows(name.len())
        .filter(|window| window == name)
        .count();
    assert_eq!(n_names, 1);
    let manifest = Manifest::from_component(&bytes).unwrap().unwrap();
    let description = manifest.description.as_deref();
    assert_eq!(description, Some("Answers, and asks for files."));
    assert_eq!(section::read(&bytes), Ok(Some(manifest.to_section())));
}

/// So that another checkout on another machine gives the same bytes.
#[test]
fn nothing_of_where_it_was_built_is_in_it() {
    let site = Site::new();
    let built = run(
        &site,
        &["build", &with_manifest(), ALLOWED, "-o", "app.wasm"],
    );
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let bytes = fs::read(site.path().join("app.wasm")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let home = std::env::home_dir().unwrap();
    for place in [repository(), home] {
        let place = format!("{}/", place.display());
        assert!(!text.contains(&place), "{place} is in it");
    }
}

#[test]
fn a_wrong_manifest_ends_it_before_cargo_runs() {
    let site = Site::new();
    fs::write(site.path().join("syft-app.toml"), "[files]\nraed = []\n").unwrap();
    let built = run(&site, &["build"]);
    assert_eq!(built.code, Some(2));
    for expected in [
        "error: `raed` is not known here\n --> ./syft-app.toml:2:1",
        "= help: `[files]` has `read`, `write`, `on-behalf-of-sender`, `own-folder` and `immediate-writes`",
        "error: ./syft-app.toml is not a valid manifest\n",
    ] {
        assert!(built.stderr.contains(expected), "{}", built.stderr);
    }
    assert!(!built.stderr.contains("Cargo.toml"), "{}", built.stderr);
}

#[test]
fn build_says_what_is_no_guest_crate() {
    let site = Site::new();
    let crate_named = |name: &str| {
        let folder = site.path().join(name);
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/lib.rs"), "").unwrap();
        let toml = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        fs::write(folder.join("Cargo.toml"), toml).unwrap();
        folder
    };
    for (folder, expected) in [
        (
            site.data_dir(),
            "data: it has no app.py and no Cargo.toml\nhint: give a .wasm file, a Python program",
        ),
        (
            crate_named("logs"),
            "hint: give the app a name in syft-app.toml",
        ),
        (
            crate_named("no-library"),
            "hint: add to its Cargo.toml: [lib] crate-type",
        ),
        (
            repository().join("tests/guests"),
            "hint: give the folder of one crate of the workspace",
        ),
    ] {
        let built = run(&site, &["build", folder.to_str().unwrap(), ALLOWED]);
        assert_eq!(built.code, Some(2), "{}", folder.display());
        assert!(built.stderr.contains(expected), "{}", built.stderr);
    }
}

#[test]
fn inspect_shows_an_app_in_plain_words() {
    let site = Site::new();
    let built = run(&site, &["build", &with_manifest(), ALLOWED]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let built = site.path().join("asks-for-files.wasm");
    let cases = [
        ("hello", example("hello")),
        ("with_manifest", built),
        ("unknown_import", guest("wants-unknown-import")),
        ("not_an_app", guest("not-an-app")),
    ];
    for (name, app) in &cases {
        let shown = run(&site, &["inspect", app.to_str().unwrap()]);
        // One that cannot run is shown as well.
        let code = if shown.stdout.contains("Does not run:") {
            2
        } else {
            0
        };
        assert_eq!(shown.code, Some(code), "{}", shown.stderr);
        assert_eq!(
            shown.stderr.starts_with("hint: "),
            code == 2,
            "{}",
            shown.stderr
        );
        blessed(&case(name), &without_what_differs(&shown.stdout));
    }
    let mut expected = cases.map(|(name, _)| case(name));
    expected.sort();
    let entries = fs::read_dir(case("").parent().unwrap()).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert_eq!(found, expected, "no file is forgotten");
}

fn case(name: &str) -> PathBuf {
    let folder = repository().join("tests/cases/inspect");
    folder.join(format!("{name}.out"))
}

/// Leaves out what depends on the machine and the compiler.
fn without_what_differs(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let key = ["File ", "Size ", "SHA-256 "];
        let differs = key.iter().find(|key| line.starts_with(**key));
        differs.map_or_else(|| line.to_owned(), |key| format!("{key}…"))
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn inspect_tells_scripts_the_same() {
    let site = Site::new();
    let inspect = |path: &Path, code: i32| {
        let shown = run(&site, &["inspect", path.to_str().unwrap(), "--json"]);
        assert_eq!(shown.code, Some(code), "{}", shown.stderr);
        serde_json::from_str::<Value>(&shown.stdout).unwrap()
    };
    let plain = inspect(&example("hello"), 0);
    assert_eq!(plain["runs"], true);
    assert_eq!(plain["has_manifest"], false);
    assert_eq!(plain["endpoints"][0], "/hello");
    assert_eq!(plain["limits"]["memory_bytes"], 128 << 20);

    let json = br#"{"app":{"name":"x"},"files":{"read":["**"]},"limits":{"time_ms":1500}}"#;
    let component = section::embed(&fs::read(example("hello")).unwrap(), json).unwrap();
    let asking = inspect(write(&site, &component).as_ref(), 0);
    assert_eq!(asking["name"], "x");
    assert_eq!(asking["files"]["read"][0], "**");
    assert_eq!(asking["limits"]["time_ms"], 1500);
    assert_eq!(asking["warnings"].as_array().unwrap().len(), 1);

    let unknown = inspect(&guest("wants-unknown-import"), 2);
    assert_eq!(unknown["runs"], false);
    assert_eq!(unknown["unknown_imports"].as_array().unwrap().len(), 1);

    let sockets = inspect(&guest("wants-sockets-of-wasi-0-3"), 2);
    let unknown = &sockets["unknown_imports"];
    assert_eq!(unknown[0], "wasi:sockets/ip-name-lookup@0.3.0");
    assert_eq!(inspect(&example("wasi-0-3"), 0)["runs"], true);
}

fn manifest_section(content: &[u8]) -> Vec<u8> {
    custom(section::NAME, content)
}

#[test]
fn inspect_refuses_manifests_that_are_none() {
    let site = Site::new();
    let hello = fs::read(example("hello")).unwrap();
    let one = |content: &[u8]| [hello.clone(), manifest_section(content)].concat();
    for (component, expected) in [
        (
            [one(b"{}"), manifest_section(b"{}")].concat(),
            "the component has 2 sections `syft:manifest`; one is allowed",
        ),
        (
            one(&[b' '; (64 << 10) + 1]),
            "has 65537 bytes; at most 65536 are allowed",
        ),
        (one(b"name = 7"), "the manifest is not valid: expected"),
        (one(b""), "the manifest is not valid: EOF"),
        (one(b"\0"), "the manifest is not valid"),
        (
            one(b"{\"app\":{\"name\":\"a\0b\"}}"),
            "the manifest is not valid",
        ),
        (
            one(br#"{"app":{"name":"a\u0000b"}}"#),
            "the manifest's `app.name` is invalid",
        ),
        (
            one(br#"{"app":{"author":"\u001b[2J"}}"#),
            "the manifest's `app.author` is invalid",
        ),
        (one(br#"{"\u001b[2J":1}"#), "unknown field `\u{fffd}[2J`"),
        (one(br#"{"network":{}}"#), "unknown field `network`"),
        (one(&[b'['; 50_000]), "expected an object"),
        (
            one(br#"{"files":{"write":["{app_data}/rpc/**"]}}"#),
            "no app can have them\nhint: requests come to the app's handlers by themselves",
        ),
        (
            [hello.as_slice(), b"\0\xff\xff\xff\x7fx"].concat(),
            "not a valid component",
        ),
        (
            b"\0asm\x01\0\0\0".to_vec(),
            "a core WebAssembly module, not a component",
        ),
        (b"(component)".to_vec(), "not a WebAssembly component"),
        (Vec::new(), "not a WebAssembly component"),
    ] {
        let shown = run(&site, &["inspect", &write(&site, &component)]);
        assert_eq!((shown.code, &*shown.stdout), (Some(2), ""), "{expected}");
        assert!(
            shown.stderr.contains("error: cannot inspect "),
            "{}",
            shown.stderr
        );
        assert!(
            shown.stderr.contains(expected),
            "{expected}: {}",
            shown.stderr
        );
        let is_text = |c: char| c == '\n' || !c.is_control();
        assert!(shown.stderr.chars().all(is_text), "{:?}", shown.stderr);
    }
}

#[test]
fn inspect_does_not_look_into_inner_components() {
    let site = Site::new();
    let hello = fs::read(example("hello")).unwrap();
    let json = br#"{"app":{"name":"planted"}}"#;
    let inner = section::embed(b"\0asm\x0d\0\x01\0", json).unwrap();
    let outer = [hello, sections::section(4, &inner)].concat();
    let shown = run(&site, &["inspect", &write(&site, &outer)]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(!shown.stdout.contains("planted"), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("it carries no manifest"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("  │ /hello\n"), "{}", shown.stdout);
}

#[test]
fn inspect_shows_a_component_that_is_broken_inside() {
    let site = Site::new();
    let component = [
        &b"\0asm\x0d\0\x01\0"[..],
        &sections::section(7, b"\xff\xff"),
    ]
    .concat();
    let shown = run(&site, &["inspect", &write(&site, &component)]);
    assert_eq!(shown.code, Some(2), "{}", shown.stderr);
    let expected = "Does not run:\n  │ this is not a valid component";
    assert!(shown.stdout.contains(expected), "{}", shown.stdout);
}

#[test]
fn inspect_says_what_is_no_app_file() {
    let site = Site::new();
    let huge = site.path().join("huge.wasm");
    fs::File::create(&huge).unwrap().set_len(65 << 20).unwrap();
    for (path, expected) in [
        (site.data_dir(), "it is no file\nhint: give a .wasm file"),
        (site.path().join("absent.wasm"), "No such file"),
        (huge, "has 68157440 bytes; at most 67108864 are allowed"),
    ] {
        let shown = run(&site, &["inspect", path.to_str().unwrap()]);
        assert_eq!(shown.code, Some(2));
        assert!(shown.stderr.contains(expected), "{}", shown.stderr);
    }
}

fn guest_folder(name: &str) -> String {
    let folder = repository().join("tests/guests").join(name);
    folder.to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_run_is_not_built() {
    let site = Site::new();
    let folder = guest_folder("wants-unknown-import");
    let built = run(&site, &["build", &folder, ALLOWED]);
    assert_eq!(built.code, Some(2), "{}", built.stderr);
    for expected in [
        "was built and cannot run",
        "which no app can have\nhint: apps can import",
    ] {
        assert!(built.stderr.contains(expected), "{}", built.stderr);
    }
    assert!(!site.path().join("wants-unknown-import.wasm").exists());
}

#[test]
fn handlers_that_nothing_calls_are_named() {
    let site = Site::new();
    let built = run(&site, &["build", &guest_folder("forgetful"), ALLOWED]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let (_, said) = built
        .stderr
        .split_once("note: `app!` does not list these")
        .unwrap();
    let names = ["inner::on_json", "inner::public", "left_out"];
    for name in names {
        assert!(said.contains(&format!("  {name} (")), "{said}");
    }
    let hint = format!(
        "hint: add what is to be called: syft_guest::app!(…, {})\n",
        names.join(", ")
    );
    assert!(said.contains(&hint), "{said}");
    for listed in ["  listed (", "  routed ("] {
        assert!(!said.contains(listed), "{said}");
    }
}

#[test]
fn what_is_no_app_is_not_signed() {
    let site = Site::new();
    let json =
        br#"{"app":{"name":"x","version":"1.0.0","sequence":1,"author":"alice@example.org"}}"#;
    let key = crate::signing::signer::Signer::alice().jwks(&site);
    for (name, expected) in [
        ("not-an-app", "hint: list its handlers with"),
        ("wants-unknown-import", "hint: apps can import syft:app"),
    ] {
        let component = section::embed(&fs::read(guest(name)).unwrap(), json).unwrap();
        let app = write(&site, &component);
        let signed = run(&site, &["sign", &app, "--key", &key]);
        assert_eq!(signed.code, Some(2), "{}", signed.stderr);
        assert!(signed.stderr.contains(expected), "{}", signed.stderr);
        assert_eq!(fs::read(&app).unwrap(), component, "it is as it was");
    }
}
