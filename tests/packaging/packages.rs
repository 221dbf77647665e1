//! The packages in `target/packages`, as `packaging/release` makes them: each is installed into a
//! place of its own, and the program runs there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::client;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output, output_of_build, shared_cache};
use crate::support::site::{OWNER, Site};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What each package has beside the program: where the archive and the wheel have it.
const SHARED: &[&str] = &[
    "share/bash-completion/completions/syft-host",
    "share/fish/vendor_completions.d/syft-host.fish",
    "share/man/man1/syft-host.1",
    "share/man/man1/syft-host-serve.1",
    "share/zsh/site-functions/_syft-host",
];

const IN_DEB: &[&str] = &[
    "usr/bin/syft-host",
    "usr/lib/systemd/user/syft-host.service",
    "usr/share/bash-completion/completions/syft-host",
    "usr/share/doc/syft-host/copyright",
    "usr/share/fish/vendor_completions.d/syft-host.fish",
    "usr/share/man/man1/syft-host.1.gz",
    "usr/share/man/man1/syft-host-serve.1.gz",
    "usr/share/zsh/vendor-completions/_syft-host",
];

fn folder() -> PathBuf {
    repository().join("target/packages")
}

/// Returns the one package with such a name.
fn package(beginning: &str, end: &str) -> PathBuf {
    let entries = fs::read_dir(folder()).expect("packaging/release makes them");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names
        .filter(|name| name.starts_with(beginning) && name.ends_with(end))
        .collect();
    let name = found.pop().expect("packaging/release makes it");
    assert!(found.is_empty(), "{found:?}");
    folder().join(name)
}

fn wheel() -> PathBuf {
    package("syft_host-", ".whl")
}

fn said(command: &mut Command) -> String {
    Ended::of(&output_of_build(command)).succeeded().stdout
}

/// Returns the program of a wheel that was installed as users do.
fn installed_wheel(site: &Site) -> PathBuf {
    let place = site.path().join("venv");
    said(Command::new("python3").args(["-m", "venv"]).arg(&place));
    let mut pip = Command::new(place.join("bin/pip"));
    let options = ["install", "--no-index", "--disable-pip-version-check"];
    said(pip.args(options).arg(wheel()));
    place.join("bin/syft-host")
}

fn unpacked_deb(site: &Site) -> PathBuf {
    let place = site.path().join("deb");
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("--extract").arg(package("syft-host_", ".deb"));
    said(dpkg.arg(&place));
    place
}

fn unpacked_archive(site: &Site) -> PathBuf {
    let mut tar = Command::new("tar");
    let archive = package("syft-host-", ".tar.xz");
    said(tar.arg("-xf").arg(&archive).arg("-C").arg(site.path()));
    let name = archive.file_name().unwrap().to_str().unwrap();
    site.path().join(name.strip_suffix(".tar.xz").unwrap())
}

/// Calls the program where there is nothing else: no Rust, no Python, no source tree.
fn shows_the_demo(site: &Site, program: &Path) {
    let home = site.path().join("home");
    fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", program.parent().unwrap())
        .env("HOME", &home)
        .current_dir(&home);
    let shown = Ended::of(&output(command.arg("demo"))).succeeded().stdout;
    assert!(shown.contains("Hello, Ada!"), "{shown}");
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn the_program_of_each_package_runs_by_itself() {
    let site = Site::new();
    let programs = [
        installed_wheel(&site),
        unpacked_deb(&site).join("usr/bin/syft-host"),
        unpacked_archive(&site).join("bin/syft-host"),
    ];
    let first = fs::read(&programs[0]).unwrap();
    for program in &programs {
        assert!(fs::read(program).unwrap() == first, "{}", program.display());
        shows_the_demo(&site, program);
    }
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn each_package_has_completions_and_manual_pages() {
    let site = Site::new();
    let of_wheel = installed_wheel(&site);
    let of_wheel = of_wheel.ancestors().nth(2).unwrap();
    for place in [of_wheel, &unpacked_archive(&site)] {
        for file in SHARED {
            let path = place.join(file);
            assert!(path.is_file(), "{}", path.display());
        }
    }
    let place = unpacked_deb(&site);
    for file in IN_DEB {
        assert!(place.join(file).is_file(), "{file}");
    }
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn a_wheel_serves_a_python_program_without_rust() {
    let site = Site::new();
    let program = installed_wheel(&site);
    let app = repository().join("examples-guest/python-quickstart/app.py");
    let mut command = Command::new(&program);
    command
        .env_clear()
        .env("PATH", program.parent().unwrap())
        .env("HOME", site.path())
        // The Python for the sandbox is there from other tests.
        .env("XDG_CACHE_HOME", shared_cache())
        .arg("run")
        .arg(app)
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    let host = Host::spawn(&site, command);
    let answer = client::call(&host.rpc, "hello", r#"{"name":"Ada"}"#);
    assert!(answer.text().contains("Ada"), "{}", answer.text());
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn the_deb_says_what_it_needs() {
    let fields = ["Package", "Version", "Depends", "Recommends"];
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("--field").arg(package("syft-host_", ".deb"));
    let said = said(dpkg.args(fields));
    for expected in [
        "Package: syft-host",
        &format!("Version: {VERSION}"),
        "libc6 (>= 2.",
        "python3 (>= 3.10)",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
}

/// Tells what stands in a list of all crates: names with versions.
fn crates_of_sbom() -> BTreeSet<String> {
    let sbom = fs::read(folder().join(format!("syft-host-{VERSION}.cdx.json"))).unwrap();
    let sbom: Value = serde_json::from_slice(&sbom).unwrap();
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    let components = sbom["components"].as_array().unwrap();
    let components = components.iter().chain([&sbom["metadata"]["component"]]);
    let name = |part: &Value| format!("{} v{}", text(&part["name"]), text(&part["version"]));
    components.map(name).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn the_sbom_names_each_crate_of_the_program() {
    let named = crates_of_sbom();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository()).args([
        "tree",
        "--locked",
        "--package",
        "syft-host",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let tree = said(&mut cargo);
    let crates: BTreeSet<String> = (tree.lines().filter(|line| !line.is_empty()))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').take(2).collect();
            words.join(" ")
        })
        .collect();
    assert!(crates.len() > 200, "{crates:?}");
    let missing: Vec<_> = crates.difference(&named).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn the_sums_are_those_of_all_files() {
    let mut check = Command::new("sha256sum");
    check.current_dir(folder());
    let checked = said(check.args(["--check", "--strict", "SHA256SUMS"]));
    let n_files = fs::read_dir(folder()).unwrap().count();
    assert_eq!(checked.lines().count(), n_files - 1, "{checked}");
}

#[test]
#[ignore = "looks at what packaging/release makes"]
fn binstall_finds_the_archive_and_the_program_in_it() {
    let manifest = fs::read_to_string(repository().join("host/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let archive = package("syft-host-", ".tar.xz");
    let archive = archive.file_name().unwrap().to_str().unwrap();
    let target = archive
        .strip_prefix(&format!("syft-host-{VERSION}-"))
        .and_then(|rest| rest.strip_suffix(".tar.xz"))
        .unwrap();
    let filled = |template: &toml::Value| {
        [
            ("repo", env!("CARGO_PKG_REPOSITORY")),
            ("name", "syft-host"),
            ("version", VERSION),
            ("target", target),
            ("bin", "syft-host"),
        ]
        .into_iter()
        .fold(
            template.as_str().unwrap().to_owned(),
            |text, (key, value)| text.replace(&format!("{{ {key} }}"), value),
        )
    };
    let url = filled(&binstall["pkg-url"]);
    assert!(url.ends_with(&format!("/v{VERSION}/{archive}")), "{url}");
    let site = Site::new();
    let place = unpacked_archive(&site);
    let program = place.parent().unwrap().join(filled(&binstall["bin-dir"]));
    assert!(program.is_file(), "{}", program.display());
}

/// Python for the sandbox is only taken by the program of the same release.
#[test]
fn the_extra_is_of_the_version_of_the_program() {
    let project = fs::read_to_string(repository().join("pyproject.toml")).unwrap();
    let project: toml::Table = project.parse().unwrap();
    let extra = &project["project"]["optional-dependencies"]["python"][0];
    assert_eq!(
        extra.as_str(),
        Some(&*format!("syft-host-python=={VERSION}"))
    );
}
