//! The case files below `cases/`, each a test: a new case is a new file.
//!
//! - `request/exact`, `response/exact`: as the released client writes them;
//!   read and written again they are the same bytes. `NAME.id` beside a
//!   request is the deterministic id that the released client gives it.
//! - `…/valid`: the released client reads it; `NAME.out` is what we make of it.
//! - `…/invalid`: refused; `NAME.err` is the message to the sender.
//! - `schema`: documents as the released SyftEvent writes them.
//!
//! `BLESS=1` rewrites the `.out` and `.err` files; review the diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_protocol::address::Endpoint;
use syft_protocol::message::{MessageError, Request, Response};
use syft_protocol::schema::{Parameter, Schema, SchemaEntry};
use syft_protocol::timestamp::Timestamp;

/// Reads a message and writes it again.
type Rewrite = fn(&[u8]) -> Result<Vec<u8>, MessageError>;

#[test]
fn requests() {
    check_messages("request", &["json", "id"], |bytes| {
        Ok(Request::from_json(bytes, now())?.to_json())
    });
}

#[test]
fn deterministic_ids() {
    for case in Cases::read("request/exact", &["json", "id"]).0 {
        let request =
            Request::from_json(&read(&case.with_extension("json")), now()).expect("a request");
        let expected =
            fs::read_to_string(case.with_extension("id")).expect("an id beside the request");
        assert_eq!(
            request.deterministic_id().to_string(),
            expected.trim_end(),
            "{}",
            case.display()
        );
    }
}

#[test]
fn responses() {
    check_messages("response", &["json"], |bytes| {
        Ok(Response::from_json(bytes, now())?.to_json())
    });
}

#[test]
fn schemas() {
    for case in Cases::read("schema", &["json"]).0 {
        let document = read(&case.with_extension("json"));
        let document = str::from_utf8(&document).expect("a schema in UTF-8");
        assert_eq!(
            Schema::to_json(&schema_entries(document)),
            document,
            "{}",
            case.display()
        );
    }
}

#[test]
fn nothing_else_lies_among_the_cases() {
    let found = |folder: &str| -> Vec<String> {
        let mut names: Vec<String> = entries(&root().join(folder))
            .iter()
            .map(|path| file_name(path))
            .collect();
        names.sort();
        names
    };
    let of_lib: Vec<String> = found("")
        .into_iter()
        .filter(|name| name != "inbox")
        .collect();
    assert_eq!(of_lib, ["acl", "request", "response", "schema", "yaml"]);
    assert_eq!(found("request"), ["exact", "invalid", "valid"]);
    assert_eq!(found("response"), ["exact", "invalid", "valid"]);
}

fn check_messages(message: &str, exact: &[&str], rewrite: Rewrite) {
    let mut faults = Vec::new();
    for case in Cases::read(&format!("{message}/exact"), exact).0 {
        let bytes = read(&case.with_extension("json"));
        compare(
            &case,
            rewrite(&bytes).map_err(|error| error.to_string()),
            Ok(bytes),
            &mut faults,
        );
    }
    for case in Cases::read(&format!("{message}/valid"), &["json", "out"]).0 {
        match rewrite(&read(&case.with_extension("json"))) {
            Ok(written) => expect_file(&case.with_extension("out"), &written, &mut faults),
            Err(error) => faults.push(format!("{}: {error}", case.display())),
        }
    }
    for case in Cases::read(&format!("{message}/invalid"), &["json", "err"]).0 {
        match rewrite(&read(&case.with_extension("json"))) {
            Ok(_) => faults.push(format!("{}: accepted", case.display())),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.chars().count() < 200 && !text.contains(char::is_control),
                    "{text:?}"
                );
                expect_file(
                    &case.with_extension("err"),
                    format!("{text}\n").as_bytes(),
                    &mut faults,
                );
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} cases differ:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn expect_file(path: &Path, actual: &[u8], faults: &mut Vec<String>) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, actual).expect("a writable case file");
    }
    let expected = fs::read(path).map_err(|error| error.to_string());
    compare(path, Ok(actual.to_owned()), expected, faults);
}

fn compare(
    case: &Path,
    actual: Result<Vec<u8>, String>,
    expected: Result<Vec<u8>, String>,
    faults: &mut Vec<String>,
) {
    if actual != expected {
        let show = |side: Result<Vec<u8>, String>| {
            side.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        faults.push(format!(
            "{}:\n  is       {:?}\n  expected {:?}",
            case.display(),
            show(actual),
            show(expected)
        ));
    }
}

/// Turns a document back into what it was made from.
fn schema_entries(document: &str) -> Vec<SchemaEntry> {
    let document: serde_json::Map<String, Value> =
        serde_json::from_str(document).expect("an object");
    document
        .iter()
        .map(|(key, entry)| schema_entry(key, entry))
        .collect()
}

fn schema_entry(key: &str, entry: &Value) -> SchemaEntry {
    let args = entry["args"].as_object().expect("args");
    SchemaEntry {
        endpoint: Endpoint::parse(if key == "/." { "" } else { key }).expect(key),
        description: entry["description"].as_str().map(str::to_owned),
        parameters: args
            .iter()
            .map(|(name, arg)| Parameter {
                name: name.clone(),
                type_json: arg["type"].clone(),
                schema: arg.get("schema").cloned(),
                required: arg["required"].as_bool().expect("required"),
            })
            .collect(),
        returns: entry["returns"].clone(),
        returns_schema: entry.get("returns_schema").cloned(),
    }
}

/// The cases in one folder, as paths without extension, in order.
struct Cases(BTreeSet<PathBuf>);

impl Cases {
    /// Reads a folder and fails on a file without a meaning: a wrong
    /// extension, or an expectation of nothing.
    fn read(folder: &str, extensions: &[&str]) -> Cases {
        let files = entries(&root().join(folder));
        for file in &files {
            let extension = file
                .extension()
                .and_then(|extension| extension.to_str())
                .unwrap_or_default();
            assert!(
                extensions.contains(&extension),
                "no such kind of case file: {}",
                file.display()
            );
            assert!(
                file.with_extension("json").is_file(),
                "nothing belongs to {}",
                file.display()
            );
        }
        assert!(!files.is_empty(), "no cases in {folder}");
        Cases(files.iter().map(|file| file.with_extension("")).collect())
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of cases");
    entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a readable case file")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T00:30:00Z").expect("a moment")
}
