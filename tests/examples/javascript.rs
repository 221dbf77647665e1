//! `javascript-hello`: an app without an SDK, in another language.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::folder_of;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Host, output};
use crate::support::not_run;
use crate::support::site::{OWNER, Site};

const FILES: [&str; 3] = ["app.js", "build.js", "package.json"];

/// Runs `npm` in a folder; `None` where there is none.
fn npm(folder: &Path, arguments: &[&str]) -> Option<()> {
    let mut command = Command::new("npm");
    command
        .args(arguments)
        .current_dir(folder)
        .env("SYFT_WIT", repository().join("wit"));
    let is_there = Command::new("npm").arg("--version").output().is_ok();
    is_there.then(|| {
        let output = output(&mut command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "npm {arguments:?}: {stderr}");
    })
}

/// Builds a copy of the example as its README says, so that nothing is installed into
/// the source tree.
fn build() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript-hello");
    fs::create_dir_all(&folder).unwrap();
    for file in FILES {
        fs::copy(folder_of("javascript-hello").join(file), folder.join(file)).unwrap();
    }
    let known = folder.join("node_modules/.package-lock.json");
    if !known.exists() {
        npm(
            &folder,
            &["install", "--no-audit", "--no-fund", "--no-package-lock"],
        )?;
    }
    npm(&folder, &["run", "build"])?;
    Some(folder.join("javascript-hello.wasm"))
}

#[test]
fn an_app_in_javascript_answers_and_keeps_state() {
    let Some(component) = build() else {
        return not_run("there is no npm");
    };
    let site = Site::new();
    let host = Host::start(&site, &component, &[]);
    for (endpoint, body, status, expected) in [
        (
            "hello",
            r#"{"name":"Ada"}"#,
            200,
            format!("Hello, Ada! This is {OWNER}."),
        ),
        ("hello", "", 200, format!("Hello, World! This is {OWNER}.")),
        (
            "hello",
            r#"{"name":5}"#,
            400,
            "Invalid request schema: name is no string".to_owned(),
        ),
        (
            "hello",
            "[]",
            400,
            "Invalid request schema: the body is no JSON object".to_owned(),
        ),
    ] {
        let answer = call(&host.rpc, endpoint, body);
        assert_eq!(
            (answer.status(), answer.text()),
            (status, expected),
            "{endpoint} {body}"
        );
    }
    for counter in 1..=3 {
        let counted: Value =
            serde_json::from_str(&call(&host.rpc, "increment", "{}").text()).unwrap();
        assert_eq!(counted, json!({ "counter": counter }));
    }
    host.wait_for_log("the guest's line", |line| line["message"] == "greeting Ada");
}
