//! Names of several parts: where such apps are served, that they and the apps around them are
//! apart, and names that are none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::signing::run;
use crate::support::apps::{granted, ops};
use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::planted::seen;
use crate::support::site::{CALLER, OWNER, Site};
use crate::watching::site::{ALL, delivered_briefly, watcher};

fn probe(site: &Site, name: &str) -> Host {
    Host::start(site, &guest("probe"), &["--name", name])
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn is_served_and_called_where_its_name_leads() {
    let site = Site::new();
    let host = probe(&site, "llm/x");
    assert_eq!(host.ready["app"], "llm/x");
    assert_eq!(host.rpc, site.rpc("llm/x"));
    assert!(host.rpc.ends_with("app_data/llm/x/rpc"));
    let url = format!("syft://{OWNER}/app_data/llm/x/rpc/echo");
    let called = call_by_command(&site, &url).succeeded();
    assert_eq!(called.stdout, "hi\n");
}

fn call_by_command(site: &Site, url: &str) -> Ended {
    let mut command = syft_host(site);
    command.args(["call", url, "--body", "hi", "--as", CALLER]);
    command.args(["--email", OWNER, "--data-dir"]);
    Ended::of(&output(command.arg(site.data_dir())))
}

#[test]
fn apps_around_each_other_are_apart() {
    let site = Site::new();
    let names = ["llm", "llm/x", "llm/x/y", "llm-x"];
    let hosts = names.map(|name| probe(&site, name));
    for (host, name) in hosts.iter().zip(names) {
        let who = call(&host.rpc, "whoami", "{}");
        let who: Value = serde_json::from_str(&who.text()).unwrap();
        assert_eq!(who["app"], name);
    }
    // Whoever names another app in a request is answered by none.
    for host in &hosts {
        for other in names {
            let is_it = host.ready["app"] == other;
            let id = uuid::Uuid::new_v4();
            let mut message = request(id, CALLER, "echo", Some(b"x"));
            message["url"] = json!(format!("syft://{OWNER}/app_data/{other}/rpc/echo"));
            let folder = host.rpc.join("echo").join(CALLER);
            let status = Sent::write(&folder, id, message.to_string().as_bytes())
                .answer()
                .status();
            assert_eq!(status, if is_it { 200 } else { 400 }, "{other}");
        }
    }
    let private = site.path().join(".local/share/syft-host/apps").join(OWNER);
    let expected = ["llm", "llm+x", "llm+x+y", "llm-x"].map(str::to_owned);
    assert_eq!(names_in(&private), BTreeSet::from(expected));
}

/// An app cannot be had below the requests of another: what lies there is an endpoint.
#[test]
fn a_request_below_rpc_is_for_no_other_app() {
    let site = Site::new();
    let host = probe(&site, "llm");
    let sent = send(&host.rpc, "echo", Some(b"x"));
    assert_eq!(sent.answer().status(), 200);
    let url = format!("syft://{OWNER}/app_data/llm/rpc/x/rpc/echo");
    let mut command = syft_host(&site);
    command.args(["call", &url, "--timeout", "1s", "--no-check"]);
    command.args(["--json", "--email", OWNER]);
    let called = Ended::of(&output(command.arg("--data-dir").arg(site.data_dir())));
    assert_eq!(called.code, Some(3), "{called:?}");
    assert!(host.rpc.join("x/rpc/echo").is_dir());
    assert!(!site.rpc("llm/rpc/x").join("echo").join("rpc").exists());
}

#[test]
fn names_that_are_none_are_refused() {
    let site = Site::new();
    let app = guest("probe");
    for name in [
        "",
        "/",
        "llm/",
        "/llm",
        "llm//x",
        "llm/../x",
        "../x",
        "llm/./x",
        "llm/.x",
        "llm/rpc",
        "llm/RPC/x",
        "rpc/x",
        "llm/logs",
        "llm/x.tmp",
        "llm\\x",
        "llm+x",
        "llm/x\n",
        "llm/\u{1b}[2J",
        "a/b/c/d/e",
        "llm/é",
    ] {
        let ended = run(&site, &["run", app.to_str().unwrap(), "--name", name]);
        let said = ended.refused();
        assert!(said.contains("is no app name: "), "{name:?}: {said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    let private = site.path().join(".local/share/syft-host/apps");
    assert!(!private.exists(), "{private:?}");
}

/// The app `llm` asks for all that there is, and is granted all that it asks for.
#[test]
fn an_app_gets_nothing_of_another_in_its_folder() {
    let site = Site::new();
    let inner = probe(&site, "llm/x");
    let secret = site.write("app_data/llm/x/data/key.txt", "SECRET");
    site.write("app_data/llm/own/f.txt", "own");
    let component = granted(&site, &guest("files"), &["**"], &["**"], &[]);
    let outer = Host::start(
        &site,
        &component,
        &["--name", "llm", "--allow-all-requested"],
    );
    let at = |path: &str| seen(&format!("app_data/llm/{path}"));
    let shown = ops(
        &outer,
        &json!([{"list": at("")}, {"read": at("own/f.txt")}]),
    );
    assert_eq!(shown, json!([{"ok": [["own", "folder"]]}, {"ok": "own"}]));
    let attempts = json!([
        {"list": at("x")},
        {"list": at("x/data")},
        {"stat": at("x")},
        {"stat": at("x/data/key.txt")},
        {"read": at("x/data/key.txt")},
        {"read": at("own/../x/data/key.txt")},
        {"write": [at("x/data/key.txt"), "changed"]},
        {"write": [at("x/new.txt"), "new"]},
        {"mkdir": at("x/new")},
        {"unlink": at("x/data/key.txt")},
        {"rmdir": at("x")},
        {"rename": [at("x"), at("y")]},
        {"rename": [at("x/data/key.txt"), at("own/key.txt")]},
        {"rename": [at("own/f.txt"), at("x/data/key.txt")]},
        {"rename": [seen("app_data/llm"), seen("app_data/mine")]},
        {"list": at("x/rpc")},
        {"write": [at("x/rpc/echo/f"), "new"]},
        {"mkdir": at("own/rpc")},
        {"write": [at("own/rpc"), "none"]},
    ]);
    let outcomes = ops(&outer, &attempts);
    for (step, outcome) in attempts
        .as_array()
        .unwrap()
        .iter()
        .zip(outcomes.as_array().unwrap())
    {
        assert!(outcome["error"].is_string(), "{step}: {outcome}");
    }
    assert!(!outcomes.to_string().contains("SECRET"));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "SECRET");
    assert_eq!(call(&inner.rpc, "echo", "x").status(), 200);
}

/// The inner app begins while the outer one runs.
#[test]
fn events_in_the_folder_of_another_app_are_not_delivered() {
    let site = Site::new();
    let component = watcher(&site, ALL, &["**"], &[]);
    let options = [
        "--name",
        "llm",
        "--allow-all-requested",
        "--concurrency",
        "1",
    ];
    let outer = Host::start(&site, &component, &options);
    site.write("app_data/llm/own/f.txt", "own");
    let own = "created app_data/llm/own/f.txt".to_owned();
    assert_eq!(delivered_briefly(&site, &outer), [own]);
    let inner = probe(&site, "llm/x");
    site.write("app_data/llm/x/data/key.txt", "SECRET");
    site.write("app_data/llm/own/g.txt", "own");
    let own = "created app_data/llm/own/g.txt".to_owned();
    assert_eq!(delivered_briefly(&site, &outer), [own]);
    assert_eq!(call(&inner.rpc, "echo", "x").status(), 200);
}

#[test]
fn is_installed_served_listed_and_removed() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let hello = fs::read(guest("probe")).unwrap();
    for app in ["llm", "llm/x"] {
        installed.put(app, &hello);
    }
    let serving = Serving::start(&site, &[]);
    for app in ["llm", "llm/x"] {
        assert_eq!(call(&site.rpc(app), "echo", "x").text(), "x", "{app}");
    }
    let owner = ["--email", OWNER, "--data-dir"];
    let data_dir = site.data_dir();
    let command = |arguments: &[&str]| {
        let more = [&owner[..], &[data_dir.to_str().unwrap()]].concat();
        run(&site, &[arguments, &more].concat())
    };
    let listed = command(&["list"]).succeeded().stdout;
    assert!(listed.contains("llm/x 1.0.0 (release 1)"), "{listed}");
    let parked = command(&["parked", "llm/x"]).succeeded();
    assert!(
        parked.stdout.is_empty() || parked.stdout.contains("othing"),
        "{parked:?}"
    );
    command(&["remove", "llm", "--delete-data"]).succeeded();
    serving.wait_for_nth(1, "app-stopped", "llm");
    assert_eq!(call(&site.rpc("llm/x"), "echo", "y").text(), "y");
    assert!(installed.app_folder("llm+x").exists() && !installed.app_folder("llm").exists());
    command(&["remove", "llm/x"]).succeeded();
    serving.wait_for_nth(1, "app-stopped", "llm/x");
    serving.stop();
}
