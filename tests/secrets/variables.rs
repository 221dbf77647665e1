//! Arguments, variables, and secrets that an app reads itself.

use serde_json::json;

use super::{SECRET, SERVER, ask, set, stderr};
use crate::support::apps::with_manifest;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};

const MANIFEST: &str = "[app]\nargs = ['--fast', 'a b']\nenv = { MODE = 'quick', EMPTY = '' }\n\
                        [secrets.PASSWORD]\n";

fn start(site: &Site, options: &[&str]) -> Host {
    let app = with_manifest(site, &guest("web"), MANIFEST);
    Host::start(site, &app, &[&["--name", "app"], options].concat())
}

#[test]
fn an_app_has_what_its_manifest_says_and_what_its_owner_gives() {
    let site = Site::new();
    set(&site, "PASSWORD", "two\nlines\r\n");
    let host = start(
        &site,
        &[
            "--allow-secret",
            "PASSWORD",
            "--env",
            "MODE=slow=1",
            "--env",
            "B=",
        ],
    );
    let args = json!(["app", "--fast", "a b"]);
    let variables = json!([
        ["B", ""],
        ["EMPTY", ""],
        ["MODE", "slow=1"],
        ["PASSWORD", "two\nlines"]
    ]);
    assert_eq!(
        ask(&host, "variables", &json!({})),
        json!([args, variables])
    );
}

/// Not even one who says no gets less than what is no secret.
#[test]
fn who_may_not_have_a_secret_has_the_rest() {
    let site = Site::new();
    set(&site, "PASSWORD", SECRET);
    let host = start(&site, &["--allow-http", &SERVER.origin()]);
    let variables = json!([["EMPTY", ""], ["MODE", "quick"]]);
    assert_eq!(ask(&host, "variables", &json!({}))[1], variables);
    assert!(stderr(&site).contains("--allow-secret PASSWORD"));
}

#[test]
fn what_an_app_says_of_a_secret_is_hidden_from_logs_and_callers() {
    let site = Site::new();
    set(&site, "PASSWORD", SECRET);
    let host = start(
        &site,
        &["--allow-all-requested", "--debug", "--log", "trace"],
    );
    let answer = call(&host.rpc, "tell", r#"{"name":"PASSWORD"}"#);
    assert_eq!(answer.status(), 500);
    let text = answer.text();
    assert!(text.contains("it is [secret PASSWORD]"), "{text}");
    let told = |stream: &str| {
        host.wait_for_log(stream, |line| {
            line["stream"] == stream && line["message"].to_string().contains("[secret PASSWORD]")
        })
    };
    for stream in ["stdout", "stderr", "log"] {
        told(stream);
    }
    let log = stderr(&site);
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn nobody_runs_it_unasked_and_inspect_shows_what_it_wants() {
    let site = Site::new();
    set(&site, "PASSWORD", SECRET);
    let app = with_manifest(&site, &guest("web"), MANIFEST);
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(&app)
        .args(["--email", OWNER, "--data-dir"]);
    let refused = Ended::of(&output(command.arg(site.data_dir()))).refused();
    assert!(
        refused.contains("asks for secrets, and nobody said what it may have"),
        "{refused}"
    );
    assert!(
        refused.contains("allow a part of it: --allow-secret 'PASSWORD'"),
        "{refused}"
    );
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(&app)
        .args(["--env", "PASSWORD=x", "--allow-all-requested"]);
    command.args(["--email", OWNER, "--data-dir"]);
    let refused = Ended::of(&output(command.arg(site.data_dir()))).refused();
    assert!(
        refused.contains("PASSWORD is a secret of the app"),
        "{refused}"
    );
    let shown = Ended::of(&output(syft_host(&site).arg("inspect").arg(&app))).succeeded();
    for line in [
        "Uses secrets of its owner:\n  \u{2502} PASSWORD: it reads it\n",
        "Is called with the arguments:\n  \u{2502} --fast\n  \u{2502} a b\n",
        "Has the environment variables:\n  \u{2502} EMPTY=\n  \u{2502} MODE=quick\n",
        "the app itself gets the secret `PASSWORD`, and can pass it on",
    ] {
        assert!(shown.stdout.contains(line), "{}", shown.stdout);
    }
    assert!(!shown.stdout.contains(SECRET));
}
