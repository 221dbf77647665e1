//! Programs of libraries that people use, at their newest versions: the examples, and one that
//! does something with each of the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::{app, check_behaviour};
use crate::python::{released, run, venv};
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output_of_build, syft_host};
use crate::support::site::Site;
use crate::support::web::WebServer;
use crate::support::wheels::build_wheels;

static SERVER: LazyLock<WebServer> = LazyLock::new(WebServer::start);

fn example(name: &str) -> PathBuf {
    repository().join("examples-guest").join(name)
}

/// Returns a copy of a program which asks for the test's server.
fn asking_for_the_server(site: &Site, program: &Path) -> PathBuf {
    let folder = site.path().join(program.file_name().unwrap());
    let entries = walkdir::WalkDir::new(program).into_iter();
    for entry in entries.map(Result::unwrap) {
        let to = folder.join(entry.path().strip_prefix(program).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    let manifest = format!("[http]\nallow = [\"{}\"]\n", SERVER.origin());
    fs::write(folder.join("syft-app.toml"), manifest).unwrap();
    folder
}

/// Serves a program that is told of the server, and runs a behaviour beside it.
fn check_with_server(program: &Path, (included, more): (&[&str], &[&str]), behaviour: &str) {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let site = Site::new();
    let component = site.path().join("app.wasm");
    let mut command = syft_host(&site);
    command
        .arg("build")
        .arg(asking_for_the_server(&site, program));
    command.args(included).arg("-o").arg(&component);
    command
        .args(["--", "--server", &SERVER.origin()])
        .args(more);
    Ended::of(&output_of_build(&mut command)).succeeded();
    let options = ["--allow-all-requested", "--time", "20s"];
    let host = Host::start(&site, &component, &options);
    check_behaviour(python, &site, &host, "libraries.py", behaviour);
}

#[test]
fn each_library_does_something() {
    let included = ["--include", "templates/page.html"];
    let program = app("libraries");
    check_with_server(&program, (&included, &[]), "each_library_does_something");
}

#[test]
fn a_model_on_this_machine_is_chatted_with() {
    let program = example("python-chat");
    let model = ["--model", "small"];
    check_with_server(&program, (&[], &model), "chats_are_remembered");
}

#[test]
fn notes_are_kept() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let site = Site::new();
    let host = Host::start(&site, &example("python-crud"), &[]);
    check_behaviour(python, &site, &host, "libraries.py", "notes_are_kept");
}

/// Compares a program of FastAPI with itself under the released packages and uvicorn.
fn compare_web_app(python: &Path, site: &Site, program: &Path, cases: &str) {
    build_wheels();
    let host = Host::start(site, program, &[]);
    compare_served_web_app(python, site, &host, program, cases);
}

pub(super) fn compare_served_web_app(
    python: &Path,
    site: &Site,
    host: &Host,
    program: &Path,
    cases: &str,
) {
    let behaviour = "answers_are_those_of_the_release";
    let mut command = released(python, site, "web_apps.py", behaviour);
    let cases = repository().join("tests/cases/web_apps").join(cases);
    command.arg(program.join("app.py")).arg(cases);
    run(command.env("HOST_READY", host.ready.to_string()));
}

#[test]
fn an_app_of_fastapi_answers_as_under_the_release() {
    if let Some(python) = venv::python() {
        compare_web_app(
            python,
            &Site::new(),
            &example("python-fastapi"),
            "books.json",
        );
    }
}

/// The template that comes with the package, as it is: named by its folder.
#[test]
fn the_template_of_fastsyftbox_answers_as_under_the_release() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let folder = site.path().join("greeter");
    run(released(python, &site, "web_apps.py", "copy_the_template").arg(&folder));
    compare_web_app(python, &site, &folder, "template.json");
}
