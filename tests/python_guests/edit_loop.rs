//! Programs that are served without being built: what one sees of it, and the same behaviours as
//! of programs that are built.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::libraries::compare_served_web_app;
use super::{app, check_at, compare_at};
use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output_of_build, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wheels::build_wheels;

/// The options of `edited`, which reads a file that lies beside it.
const INCLUDED: [&str; 2] = ["--include", "settings.json"];

/// Returns a copy of the program `edited`, if there is a Python to run it.
fn edited(site: &Site) -> Option<PathBuf> {
    venv::python()?;
    let (from, to) = (app("edited"), site.path().join("edited"));
    for folder in [&to, &to.join("words")] {
        fs::create_dir(folder).unwrap();
    }
    for file in [
        "app.py",
        "greeting.py",
        "settings.json",
        "words/__init__.py",
        "words/end.txt",
    ] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    Some(to)
}

fn edit(folder: &Path, file: &str, before: &str, after: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(before), "{text}");
    fs::write(path, text.replace(before, after)).unwrap();
}

/// Runs a program that does not start, and returns what is said of that.
fn said_of(site: &Site, program: &Path) -> String {
    let mut command = syft_host(site);
    command.arg("run").arg(program);
    command.args(["--email", OWNER, "--data-dir"]);
    Ended::of(&output_of_build(command.arg(site.data_dir()))).refused()
}

fn words_for_builds(site: &Site) -> usize {
    let log = fs::read_to_string(site.path().join("host.log")).unwrap();
    let is_of_build = |line: &&str| line.starts_with("building") || line.starts_with("compiling");
    log.lines().filter(is_of_build).count()
}

#[test]
fn a_changed_line_is_answered_without_a_build() {
    let site = Site::new();
    let Some(program) = edited(&site) else {
        return;
    };
    let hello = |host: &Host| call(&host.rpc, "hello", r#"{"name": "Ada"}"#).text();
    let first = Host::start_unbuilt(&site, &program, &INCLUDED);
    assert_eq!(hello(&first), "Hello, Ada! (1)");
    first.stop();
    let n_builds = words_for_builds(&site);
    for (file, before, after, answer) in [
        ("greeting.py", "Hello", "Good day", "Good day, Ada! (2)"),
        ("words/end.txt", "!", "?", "Good day, Ada? (3)"),
        ("app.py", "({box", "<{box", "Good day, Ada? <4)"),
    ] {
        edit(&program, file, before, after);
        let host = Host::start_unbuilt(&site, &program, &INCLUDED);
        // What it keeps is there.
        assert_eq!(hello(&host), answer);
        host.stop();
    }
    assert_eq!(words_for_builds(&site), n_builds);
}

#[test]
fn a_program_sees_its_files_and_changes_none() {
    let site = Site::new();
    let Some(program) = edited(&site) else {
        return;
    };
    fs::write(program.join("secret.txt"), "x").unwrap();
    fs::write(program.join("other.py"), "X = 1").unwrap();
    let host = Host::start_unbuilt(&site, &program, &INCLUDED);
    let seen: Value = serde_json::from_str(&call(&host.rpc, "seen", "").text()).unwrap();
    let files = [
        "about.json",
        "files/edited/app.py",
        "files/edited/greeting.py",
        "files/edited/settings.json",
        "files/edited/words/__init__.py",
        "files/edited/words/end.txt",
        "plan",
    ];
    let refused = json!(vec!["PermissionError"; files.len()]);
    let expected = json!({
        "files": files.map(|file| format!("/program/{file}")),
        "write": refused,
        "make": ["PermissionError", "PermissionError"],
        "delete": refused,
        "up": ["PermissionError", "PermissionError"],
        "settings": "{}\n",
        "beside": "FileNotFoundError",
        "own": ["app.py", "greeting.py", "settings.json", "words"],
        "file": format!("/datasites/{OWNER}/app_data/edited/app.py"),
    });
    assert_eq!(seen, expected);
}

/// As in a process that goes on, what is drawn at the start stays.
#[test]
fn its_start_is_the_same_in_each_call() {
    let site = Site::new();
    let Some(program) = edited(&site) else {
        return;
    };
    let tokens = |host: &Host| -> [String; 2] {
        serde_json::from_str(&call(&host.rpc, "token", "").text()).unwrap()
    };
    let host = Host::start_unbuilt(&site, &program, &INCLUDED);
    let ([kept, new], [kept_too, newer]) = (tokens(&host), tokens(&host));
    assert_eq!(kept, kept_too);
    assert_ne!(new, newer);
    assert_eq!(call(&host.rpc, "library", "").text(), "b http");
    host.stop();
    let host = Host::start_unbuilt(&site, &program, &INCLUDED);
    assert_ne!(tokens(&host)[0], kept, "of another start");
}

#[test]
fn its_errors_have_their_lines() {
    let site = Site::new();
    let Some(program) = edited(&site) else {
        return;
    };
    let options = [&INCLUDED[..], &["--debug"]].concat();
    let host = Host::start_unbuilt(&site, &program, &options);
    let said = call(&host.rpc, "fail", "").text();
    let line = r#"File \"greeting.py\", line 9, in fail\n    raise ValueError"#;
    assert!(said.contains(line), "{said}");
    host.stop();
    edit(
        &program,
        "greeting.py",
        "def of",
        "print(1 / 0)\n\n\ndef of",
    );
    let said = said_of(&site, &program);
    let error = "greeting.py:4: ZeroDivisionError: division by zero: print(1 / 0)";
    assert!(said.contains(error), "{said}");
    edit(&program, "greeting.py", "print(1 / 0)", "while True: pass");
    fs::write(program.join("words/__init__.py"), "import os; os._exit(3)").unwrap();
    edit(
        &program,
        "app.py",
        "import greeting",
        "from words import polite\nimport greeting",
    );
    let said = said_of(&site, &program);
    assert!(said.contains("does not start: the guest exited"), "{said}");
}

#[test]
fn what_it_names_is_not_followed_to_elsewhere() {
    let site = Site::new();
    let Some(program) = edited(&site) else {
        return;
    };
    fs::rename(program.join("greeting.py"), site.path().join("away.py")).unwrap();
    std::os::unix::fs::symlink("../away.py", program.join("greeting.py")).unwrap();
    let said = said_of(&site, &program);
    assert!(said.contains("greeting.py is a link"), "{said}");
}

#[test]
fn programs_as_people_write_them_answer_as_under_the_release() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    for (program, behaviour) in [
        ("as_written.py", "calls_leave_the_same_behind"),
        ("parts.py", "an_app_of_parts_is_as_under_the_release"),
    ] {
        let (site, program) = (Site::new(), app(program));
        let host = Host::start_unbuilt(&site, &program, &["--allow-all-requested"]);
        compare_at(python, &site, &host, &program, behaviour, &[]);
    }
}

/// Writes access rules that no app can ask for: when it starts, and in a call.
const RULES_ELSEWHERE: &str = "
from syft_core import Client
from syft_event import SyftEvents

box = SyftEvents('app')
mine = Client.load().my_datasite
(mine / 'public' / 'syft.pub.yaml').write_text('rules: []')


@box.on_request('/late')
def late() -> str:
    for _ in range(2):
        (mine / 'shared' / 'syft.pub.yaml').write_text('rules: []')
    return 'done'
";

#[test]
fn rules_that_no_app_can_ask_for_are_told_once() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let program = site.path().join("program");
    fs::create_dir(&program).unwrap();
    fs::write(program.join("app.py"), RULES_ELSEWHERE).unwrap();
    let host = Host::start_unbuilt(&site, &program, &["--allow-all-requested"]);
    let said = fs::read_to_string(site.path().join("host.log")).unwrap();
    let left_out = "left out: /datasites/{datasite}/public/syft.pub.yaml";
    assert_eq!(said.matches(left_out).count(), 1, "{said}");
    assert!(
        said.contains("who owns the datasite can put the file there"),
        "{said}"
    );

    assert_eq!(call(&host.rpc, "late", "").text(), "done");
    let words = "access rules are not written";
    let is_told = |line: &Value| line.to_string().contains(words);
    let line = host
        .wait_for_log("the rules of the call", is_told)
        .to_string();
    let path = format!("/datasites/{OWNER}/shared/syft.pub.yaml");
    assert!(line.contains(&path), "{line}");
    assert!(line.contains("the owner can put the file there"), "{line}");
    host.stop();
    let said = fs::read_to_string(site.path().join("host.log")).unwrap();
    assert_eq!(said.matches(words).count(), 1, "{said}");
    assert!(
        !site
            .datasites()
            .join(OWNER)
            .join("public/syft.pub.yaml")
            .exists()
    );
}

#[test]
fn models_are_those_of_the_release() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let program = app("models.py");
    let cases = repository().join("tests/cases/models");
    let cases: [&Path; 1] = [&cases];
    for (behaviour, arguments) in [
        ("answers_differ_only_where_they_should", &cases[..]),
        ("the_schema_is_that_of_the_release", &[]),
    ] {
        let site = Site::new();
        // Many are asked at once, and each starts the program.
        let host = Host::start_unbuilt(&site, &program, &["--time", "60s"]);
        compare_at(python, &site, &host, &program, behaviour, arguments);
    }
}

#[test]
fn python_and_files_work_in_the_sandbox() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    for (time, behaviour) in [
        ("20s", "files_are_those_that_were_granted"),
        ("20s", "state_is_a_dict_that_lasts"),
        ("5s", "python_works_in_the_sandbox"),
    ] {
        let site = Site::new();
        let options = [&super::SANDBOXED[..], &["--time", time]].concat();
        let host = Host::start_unbuilt(&site, &app("sandboxed"), &options);
        check_at(python, &site, &host, behaviour, &[]);
    }
}

#[test]
fn web_apps_are_answered() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let site = Site::new();
    let program = repository().join("examples-guest/python-fastapi");
    let host = Host::start_unbuilt(&site, &program, &["--time", "60s"]);
    compare_served_web_app(python, &site, &host, &program, "books.json");
}
