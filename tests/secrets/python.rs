//! Programs in Python, which find secrets where they look for them elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use uuid::Uuid;

use super::{SECRET, SERVER, ask, set, stderr};
use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};

/// Writes a program with its manifest.
fn program(site: &Site, text: &str, manifest: &str) -> PathBuf {
    let folder = site.path().join("program");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("app.py"), text).unwrap();
    fs::write(folder.join("syft-app.toml"), manifest).unwrap();
    folder
}

/// Starts to serve a program, built or not.
type Start = fn(&Site, &Path, &[&str]) -> Host;

#[test]
fn a_program_has_its_variables_arguments_and_secrets() {
    check_variables(Host::start);
}

#[test]
fn a_program_that_is_not_built_has_them_too() {
    check_variables(Host::start_unbuilt);
}

fn check_variables(start: Start) {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let origin = SERVER.origin();
    let manifest = format!(
        "[app]\nargs = ['--project', 'x y']\nenv = {{ MODE = 'quick' }}\n\
         [http]\nallow = ['{origin}']\n\
         [secrets.API_KEY]\nsend-to = '{origin}'\n[secrets.PASSWORD]\n"
    );
    let text = repository().join("tests/python_apps/secrets/app.py");
    let folder = program(&site, &fs::read_to_string(text).unwrap(), &manifest);
    let host = start(&site, &folder, &["--name", "app", "--allow-all-requested"]);
    let variables = |password: &[(&str, &str)]| {
        let mut all = vec![("CHANGED", "by the program"), ("MODE", "quick")];
        all.extend(password);
        all.sort_unstable();
        json!(all)
    };
    let seen = ask(&host, "seen", &json!({}));
    assert_eq!(seen["variables"], variables(&[]), "nothing is set yet");
    assert_eq!(seen["argv"], json!(["app.py", "--project", "x y"]));
    assert_eq!(seen["mode"], "quick");
    set(&site, "PASSWORD", "first\u{fc}");
    set(&site, "API_KEY", SECRET);
    let key = ("API_KEY", "added-by-the-host-API_KEY");
    let all = variables(&[key, ("PASSWORD", "first\u{fc}")]);
    assert_eq!(ask(&host, "seen", &json!({}))["variables"], all);
    set(&site, "PASSWORD", "second");
    assert_eq!(ask(&host, "seen", &json!({}))["password"], "second");
    let url = json!({"url": format!("{origin}/echo")});
    let sent = call(&host.rpc, "send", &url.to_string()).text();
    assert_eq!(
        sent.to_lowercase().matches("authorization: ").count(),
        1,
        "{sent}"
    );
    assert!(
        sent.contains(&format!("authorization: Bearer {SECRET}\n")),
        "{sent}"
    );
    host.stop();
    // What an owner says takes the place of what the manifest says, also where it is read early.
    let options = [
        "--name",
        "app",
        "--allow-all-requested",
        "--env",
        "MODE=slow",
    ];
    let host = start(&site, &folder, &options);
    assert_eq!(ask(&host, "seen", &json!({}))["mode"], "slow");
}

/// It is not there while the app is built, so the program starts in each call.
#[test]
fn a_program_that_reads_a_secret_at_its_start_has_it() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    // Another program in each run: what is said of one is said when it is tried out, which is kept.
    let text = format!(
        "# {}\nimport os\nfrom syft_event import SyftEvents\n\
         PASSWORD = os.environ['PASSWORD']\nbox = SyftEvents('app')\n\
         @box.on_request('/told')\ndef told() -> str:\n    return PASSWORD\n",
        Uuid::new_v4()
    );
    let folder = program(&site, &text, "[secrets.PASSWORD]\n");
    for start in [Host::start, Host::start_unbuilt] {
        set(&site, "PASSWORD", "first");
        let host = start(&site, &folder, &["--allow-all-requested"]);
        assert_eq!(call(&host.rpc, "told", "{}").text(), "first");
        set(&site, "PASSWORD", "second");
        assert_eq!(call(&host.rpc, "told", "{}").text(), "second");
        host.stop();
    }
    assert!(stderr(&site).contains("reads the secret PASSWORD"));
}

#[test]
fn a_variable_that_is_missing_is_named_with_what_to_do() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let line = "KEY = os.environ['MISSING_KEY']";
    let text = format!("import os\nfrom syft_event import SyftEvents\n{line}\n");
    let folder = program(&site, &text, "[secrets.PASSWORD]\n");
    let mut command = syft_host(&site);
    command.arg("build").arg(&folder).args(["--email", OWNER]);
    let refused = Ended::of(&output(command.current_dir(site.path()))).refused();
    let hint = "ask for it in a syft-app.toml beside the program: [secrets.MISSING_KEY]";
    for words in ["KeyError", line, hint] {
        assert!(refused.contains(words), "{refused}");
    }
}
