//! What an owner allows, sees and is told.

use serde_json::json;

use super::{SERVER, app, ask, send, start, start_with, url, wait_for_line};
use crate::support::apps::requesting;
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::not_run;
use crate::support::site::{OWNER, Site};
use crate::support::tools::certificate;
use crate::support::web::{WebServer, start_encrypted};

#[test]
fn what_was_not_asked_for_is_refused_with_the_line_that_would_allow_it() {
    let other = WebServer::start();
    let site = Site::new();
    let host = start(&site, &[]);
    let url = format!("{}/secret-path?secret-query", other.origin());
    let answer = send(&host, &url);
    assert_eq!(answer["error"], "NotAllowed");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains(&other.origin()), "{message}");
    assert!(message.contains("the host's log says how"), "{message}");
    // Nobody runs an app that is installed by a command with options.
    assert!(!message.contains("--allow"), "{message}");
    let line = wait_for_line(&host, "HTTP request refused");
    assert_eq!(line["origin"], other.origin());
    assert_eq!(line["method"], "GET");
    let hint = format!(
        "to allow it, add to the app's syft-app.toml: [http] allow = [\"{}\"]",
        other.origin()
    );
    assert_eq!(line["hint"], hint);
    assert!(!line.to_string().contains("secret"), "{line}");
    assert!(other.asked("").is_empty());
}

#[test]
fn what_the_owner_did_not_approve_is_refused() {
    let site = Site::new();
    let localhost = format!("http://localhost:{}", SERVER.port);
    let host = start_with(&site, &["--allow-http", &localhost]);
    assert_eq!(send(&host, &format!("{localhost}/a"))["status"], 200);
    assert_eq!(send(&host, &url("/not-approved"))["error"], "NotAllowed");
    let line = wait_for_line(&host, "HTTP request refused");
    let hint = format!(
        "to allow it, run the app with: --allow-http \"{}\"",
        SERVER.origin()
    );
    assert_eq!(line["hint"], hint);
    assert!(SERVER.asked("/not-approved").is_empty());
}

#[test]
fn a_host_that_the_owner_denies_all_apps_is_refused() {
    let site = Site::new();
    let settings = site.path().join(".config/syft-host");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(
        settings.join("config.toml"),
        "[deny]\nhosts = ['127.0.0.1']\n",
    )
    .unwrap();
    let host = start(&site, &[]);
    assert_eq!(send(&host, &url("/denied-to-all"))["error"], "NotAllowed");
    let line = wait_for_line(&host, "HTTP request refused");
    let hint = "the owner denies the host: see `deny` in `syft-host config`";
    assert_eq!(line["hint"], hint);
    assert!(SERVER.asked("/denied-to-all").is_empty());
}

#[test]
fn methods_are_those_that_were_asked_for() {
    let site = Site::new();
    let host = start(&site, &[]);
    for (method, error) in [
        ("DELETE", "NotAllowed"),
        ("BREW", "Malformed"),
        ("CONNECT", "Malformed"),
    ] {
        let answer = ask(
            &host,
            "send",
            &json!({"url": url("/by-method"), "method": method}),
        );
        assert_eq!(answer["error"], error, "{method}");
    }
    wait_for_line(
        &host,
        "[http] methods = [\\\"DELETE\\\"], beside those there",
    );
    assert!(SERVER.asked("/by-method").is_empty());
}

/// One that carries no manifest may import what it likes of this, and sends nothing.
#[test]
fn nothing_is_sent_by_who_was_granted_nothing() {
    let site = Site::new();
    let host = Host::start(&site, &guest("web"), &["--name", "app"]);
    assert_eq!(send(&host, &url("/granted-nothing"))["error"], "NotAllowed");
    assert!(SERVER.asked("/granted-nothing").is_empty());
}

#[test]
fn nobody_runs_it_unasked() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(app(&site))
        .args(["--email", OWNER, "--data-dir"]);
    let refused = Ended::of(&output(command.arg(site.data_dir()))).refused();
    assert!(
        refused.contains("asks for HTTP requests, and nobody said what it may have"),
        "{refused}"
    );
    let hint = format!("allow a part of it: --allow-http '{}'", SERVER.origin());
    assert!(refused.contains(&hint), "{refused}");
    let shown = Ended::of(&output(syft_host(&site).arg("inspect").arg(app(&site)))).succeeded();
    let origin = SERVER.origin();
    assert!(
        shown.stdout.contains("Sends HTTP requests (GET, POST) to:"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains(&format!("\u{2502} {origin}\n")),
        "{}",
        shown.stdout
    );
    let careful = format!("`{origin}` leads to this machine");
    assert!(shown.stdout.contains(&careful), "{}", shown.stdout);
}

/// Which certificates are good is for the owner's machine to say, and the variable says it here.
#[test]
fn a_server_has_to_have_a_certificate_that_the_machine_trusts() {
    let site = Site::new();
    let Some((certificate, key)) = certificate(&site) else {
        return not_run("there is no openssl");
    };
    let port = start_encrypted(&certificate, &key);
    let origin = format!("https://127.0.0.1:{port}");
    let component = requesting(&site, &guest("web"), &[&origin], &[]);
    let start = |trusted: bool| {
        let mut command = syft_host(&site);
        command.arg("run").arg(&component).args(["--name", "app"]);
        command.args(["--allow-all-requested", "--email", OWNER, "--data-dir"]);
        command.arg(site.data_dir());
        if trusted {
            command.env("SSL_CERT_FILE", &certificate);
        }
        Host::spawn(&site, command)
    };
    let host = start(false);
    let answer = send(&host, &origin);
    assert_eq!(answer["error"], "Unanswered", "{answer}");
    wait_for_line(&host, "no encrypted connection: ");
    host.stop();
    let answer = send(&start(true), &origin);
    assert_eq!(answer["body"], "hello", "{answer}");
}
