//! Programs in Python, which are apart from their component while they are written.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{assert_same, ends, replay, run, wait_for_kept};
use crate::python::venv;
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::site::Site;

const PROGRAM: &str = r#"
import secrets
import time
import uuid

from syft_event import SyftEvents

box = SyftEvents("app")
counts = {"calls": 0}


@box.on_request("/count")
def count(name: str) -> dict:
    counts["calls"] += 1
    box.state["last"] = name
    notes = box.app_dir / "notes.txt"
    before = notes.read_text() if notes.exists() else ""
    notes.write_text(before + name)
    print("counted", name)
    return {
        "calls": counts["calls"],
        "before": before,
        "at": time.time(),
        "id": str(uuid.uuid4()),
        "token": secrets.token_hex(8),
    }


@box.on_request("/fail")
def fail(name: str) -> str:
    raise ValueError(name)


if __name__ == "__main__":
    box.run_forever()
"#;

fn program(site: &Site, name: &str, text: &str) -> PathBuf {
    let folder = site.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("app.py"), text).unwrap();
    folder
}

#[test]
fn a_program_that_is_not_built_runs_again_if_it_is_named() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let folder = program(&site, "program", PROGRAM);
    let options = ["--name", "app", "--record", "--allow-all-requested"];
    let host = Host::start_unbuilt(&site, &folder, &options);
    let with = ["--with", folder.to_str().unwrap()];
    let mut files = Vec::new();
    for (n_kept, endpoint) in [(1, "count"), (2, "count"), (3, "fail")] {
        call(&host.rpc, endpoint, r#"{"name":"Ada"}"#);
        files.push(wait_for_kept(&site, n_kept));
    }
    host.stop();
    for file in &files {
        assert_same(&site, file, &with);
    }
    let second = files[1].to_str().unwrap();
    let error = run(&site, &["replay", second]).refused();
    assert!(error.contains("--with app.py"), "{error}");
    // A changed one parts where it was changed.
    let text = PROGRAM.replace(r#"state["last"]"#, r#"state["latest"]"#);
    let changed = program(
        &site,
        "changed",
        &text.replace("raise ValueError(name)", "return name"),
    );
    let with = ["--with", changed.to_str().unwrap()];
    let (code, report) = replay(&site, &files[1], &with);
    assert_eq!(code, Some(1), "{report:#}");
    let step = &report["parts"]["step"];
    assert_eq!(step["recorded"], json!(["state set `last`", r#""Ada""#]));
    assert_eq!(step["now"], json!(["state set `latest`", r#""Ada""#]));
    assert_eq!(ends(&report), ["state `last`", "state `latest`"]);
    let (code, report) = replay(&site, &files[2], &with);
    assert_eq!((code, &report["outcome"]), (Some(1), &json!("answered")));
    assert_eq!(report["parts"]["end"][1]["now"], json!(["Ada"]));
}
