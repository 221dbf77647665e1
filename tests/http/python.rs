//! Clients that Python programs use, unmodified: what comes of their requests is what they
//! would get elsewhere.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{SERVER, ask, url, wait_for_line};
use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::web::WebServer;

const CLIENTS: [&str; 6] = [
    "urllib",
    "http.client",
    "requests",
    "session",
    "httpx",
    "httpx-async",
];

/// Returns the program, which asks for the server; `None` where there is no Python.
fn program(site: &Site) -> Option<PathBuf> {
    venv::python()?;
    let folder = site.path().join("web");
    fs::create_dir(&folder).unwrap();
    for name in ["app.py", "requirements.txt"] {
        let from = repository().join("tests/python_apps/web").join(name);
        fs::copy(from, folder.join(name)).unwrap();
    }
    let manifest = format!(
        "[http]\nallow = [\"{}\", \"https://127.0.0.1:{}\", \"http://127.0.0.1:1\"]\n",
        SERVER.origin(),
        SERVER.port
    );
    fs::write(folder.join("syft-app.toml"), manifest).unwrap();
    Some(folder)
}

const OPTIONS: [&str; 3] = ["--allow-all-requested", "--time", "20s"];

fn start(site: &Site) -> Option<Host> {
    Some(Host::start_unbuilt(site, &program(site)?, &OPTIONS))
}

fn send(host: &Host, client: &str, url: &str, body: &str) -> Value {
    ask(
        host,
        "send",
        &json!({"client": client, "url": url, "body": body}),
    )
}

#[test]
fn clients_work_unmodified() {
    let site = Site::new();
    let Some(host) = start(&site) else {
        return;
    };
    for client in CLIENTS {
        let got = send(&host, client, &url("/echo?a=b"), "");
        let (status, text) = (&got[0], got[1].as_str().unwrap_or_default());
        assert_eq!(*status, 200, "{client}: {got}");
        assert!(
            text.starts_with("GET /echo?a=b HTTP/1.1\n"),
            "{client}: {text}"
        );
        let posted = send(&host, client, &url("/echo"), "\u{fc} body");
        let text = posted[1].as_str().unwrap_or_default();
        assert!(
            text.starts_with("POST /echo HTTP/1.1\n"),
            "{client}: {posted}"
        );
        assert!(text.contains("\ncontent-length: 7\n"), "{client}: {text}");
        assert!(text.ends_with("\n\n\u{fc} body"), "{client}: {text}");
        let chunked = send(&host, client, &url("/chunked"), "");
        assert_eq!(chunked, json!([200, "one two"]), "{client}");
    }
    assert_eq!(
        send(&host, "requests", &url("/missing"), ""),
        json!([404, "nothing"])
    );
    let three = json!(["data: 1", "data: 2", "data: 3"]);
    let streamed = ask(&host, "stream", &json!({"url": url("/events")}));
    assert_eq!(streamed, json!([three, three]));
    let many = json!({"url": url("/echo"), "n": 12});
    assert_eq!(ask(&host, "together", &many), Value::from(vec![200; 12]));
    let read = ask(&host, "json", &json!({"url": url("/json")}));
    assert_eq!(read, json!(["Ada", "Ada", "Ada"]));
    let uploaded = json!({"url": url("/count"), "n_bytes": 300_000});
    let expected = json!(["300000", "300000", "300000", 200, "300000"]);
    assert_eq!(ask(&host, "upload", &uploaded), expected);
    let key = call(&host.rpc, "key", "{}").text();
    assert_eq!(key.len(), 36, "{key}");
}

#[test]
fn clients_are_told_what_went_wrong_as_they_know_it() {
    let other = WebServer::start();
    let site = Site::new();
    let Some(host) = start(&site) else {
        return;
    };
    let https = format!("https://127.0.0.1:{}/", SERVER.port);
    let redirect = url(&format!("/redirect?{}/inward", other.origin()));
    for (client, refused, broken) in [
        ("urllib", "urllib.error.URLError", "urllib.error.URLError"),
        (
            "http.client",
            "builtins.PermissionError",
            "builtins.ConnectionRefusedError",
        ),
        (
            "requests",
            "requests.exceptions.ConnectionError",
            "requests.exceptions.ConnectionError",
        ),
        ("httpx", "httpx.ReadError", "httpx.ReadError"),
        ("httpx-async", "httpx.ReadError", "httpx.ReadError"),
    ] {
        let got = send(&host, client, &format!("{}/refused", other.origin()), "");
        assert_eq!(got[0], refused, "{client}: {got}");
        let text = got[1].to_string();
        assert!(text.contains(&other.origin()), "{client}: {got}");
        assert!(text.contains("the host's log says how"), "{client}: {got}");
        let got = send(&host, client, "http://127.0.0.1:1/", "");
        assert_eq!(got[0], broken, "{client}: {got}");
        if client != "http.client" {
            let got = send(&host, client, &https, "");
            assert!(
                got[1].to_string().contains("no encrypted connection"),
                "{client}: {got}"
            );
        }
        let times = ask(
            &host,
            "timeout",
            &json!({"client": client, "url": url("/silent")}),
        );
        let is_timeout = times
            .as_array()
            .is_some_and(|times| times.contains(&json!(true)));
        assert!(is_timeout, "{client}: {times}");
    }
    for client in ["urllib", "requests"] {
        let got = send(&host, client, &redirect, "");
        assert!(
            got[1].to_string().contains("the host's log says how"),
            "{client}: {got}"
        );
    }
    wait_for_line(&host, "HTTP request refused");
    assert!(other.asked("").is_empty());
}
