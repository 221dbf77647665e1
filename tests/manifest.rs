//! Manifests as authors write them, each a file below `cases/manifest`.
//!
//! - `valid/NAME.toml`: `NAME.out` is what a component carries of it, with the
//!   warnings.
//! - `invalid/NAME.toml`: refused; `NAME.err` is what the author sees. The name
//!   states the fault.
//!
//! `BLESS=1` rewrites the `.out` and `.err` files; review the diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syft_host::settings::settings_schema;
use syft_manifest::{Diagnostic, Manifest, schema};

use crate::support::blessed;
use crate::support::guests::repository;

fn folder(kind: &str) -> PathBuf {
    repository().join("tests/cases/manifest").join(kind)
}

/// Returns the manifests of a folder. Another file than these and what is expected
/// of them fails the test.
fn cases(kind: &str, expected: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(kind)).unwrap();
    let all: BTreeSet<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let has =
        |path: &Path, extension: &str| path.extension().is_some_and(|found| found == extension);
    for path in &all {
        let is_expected = has(path, expected) && all.contains(&path.with_extension("toml"));
        let is_case = has(path, "toml");
        assert!(is_case || is_expected, "{} is forgotten", path.display());
    }
    all.into_iter().filter(|path| has(path, "toml")).collect()
}

fn parse(case: &Path) -> Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = fs::read_to_string(case).unwrap();
    Manifest::from_toml("syft-app.toml", &text)
}

fn show(diagnostics: &[Diagnostic]) -> String {
    let shown: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| format!("{diagnostic}\n"))
        .collect();
    shown.join("\n")
}

#[test]
fn of_thousands_of_errors_the_first_are_shown() {
    let text: String = (0..5_000).map(|n| format!("k{n}=1\n")).collect();
    let errors = Manifest::from_toml("syft-app.toml", &text).unwrap_err();
    assert_eq!(errors.len(), 100);
    assert!(errors[99].to_string().contains("k99=1"), "{}", errors[99]);
}

#[test]
fn valid_ones_are_read() {
    let cases = cases("valid", "out");
    assert!(!cases.is_empty());
    for case in cases {
        let (manifest, warnings) = parse(&case)
            .unwrap_or_else(|problems| panic!("{}:\n{}", case.display(), show(&problems)));
        assert!(warnings.iter().all(|warning| !warning.is_error()));
        assert_eq!(
            warnings.len(),
            manifest.warnings().len(),
            "{}",
            case.display()
        );
        let section = manifest.to_section();
        assert_eq!(Manifest::from_section(&section), Ok(manifest));
        let json = String::from_utf8(section).unwrap();
        let found = match warnings.as_slice() {
            [] => format!("{json}\n"),
            warnings => format!("{json}\n\n{}", show(warnings)),
        };
        blessed(&case.with_extension("out"), &found);
    }
}

#[test]
fn invalid_ones_are_refused_with_the_line() {
    let cases = cases("invalid", "err");
    assert!(!cases.is_empty());
    for case in cases {
        let problems = parse(&case).expect_err(&format!("{} is valid", case.display()));
        assert!(problems.iter().any(Diagnostic::is_error));
        blessed(&case.with_extension("err"), &show(&problems));
    }
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let path = repository().join("host/syft-app.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap();
    blessed(&path, &format!("{text}\n"));
}

#[test]
fn the_schema_of_settings_is_up_to_date() {
    let path = repository().join("host/config.schema.json");
    let text = serde_json::to_string_pretty(&settings_schema()).unwrap();
    blessed(&path, &format!("{text}\n"));
}

#[test]
fn nothing_else_lies_among_the_cases() {
    let entries = fs::read_dir(folder("")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["invalid", "valid"]);
}

/// What a text of a megabyte or of brackets alone does is to fail.
#[test]
fn hostile_texts_are_refused() {
    for text in [
        " ".repeat(1 << 20),
        "[".repeat(60_000),
        format!("a = {}", "[".repeat(60_000)),
        format!("a = {}", "{a=".repeat(20_000)),
        format!("{}a = 1", "a.".repeat(30_000)),
        format!("[{}a]", "a.".repeat(30_000)),
        "[app]\n".repeat(10_000),
        "[files]\nread = [".to_owned() + &"\"a\",".repeat(15_000) + "]",
    ] {
        let problems = Manifest::from_toml("x", &text).expect_err("no manifest");
        assert!(problems.len() < 20_000);
    }
}

#[test]
fn the_terminal_is_safe_from_its_texts() {
    let text = "[app]\n# \u{9b}31m \u{202e}\nauthor = \"a\u{9b}31m\u{202e}\" # \u{9b}\n";
    let problems = Manifest::from_toml("x", text).expect_err("control characters");
    let shown = show(&problems);
    let is_safe = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(shown.chars().all(is_safe), "{shown:?}");
}
