//! HTTP requests of guests: they go where the owner allowed and nowhere else, and are bounded.

mod attacks;
mod granting;
mod python;

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::apps::requesting;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::web::WebServer;

/// One for all tests, so that the app that asks for it is compiled once.
static SERVER: LazyLock<WebServer> = LazyLock::new(WebServer::start);

/// Returns the guest that sends what it is told to. It asks for the server by several names.
fn app(site: &Site) -> PathBuf {
    let port = SERVER.port;
    let names = near_names();
    let names = names.iter().map(|name| format!("http://{name}:{port}"));
    let mut asked: Vec<String> = names.collect();
    asked.extend([
        SERVER.origin(),
        format!("http://localhost:{port}"),
        format!("https://localhost:{port}"),
        "http://no-such-host.invalid".to_owned(),
        "http://127.0.0.1:1".to_owned(),
    ]);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    requesting(site, &guest("web"), &asked, &["GET", "POST"])
}

/// Returns names by which this machine or its network is known here, other than `localhost`.
fn near_names() -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap());
    let is_near = |address: &str| {
        let address: Option<std::net::IpAddr> = address.parse().ok();
        let scope = address.map(syft_manifest::IpScope::of);
        scope.is_some_and(|scope| scope != syft_manifest::IpScope::Public)
    };
    let names = lines.flat_map(|line| {
        let mut words = line.split_whitespace();
        let is_near = words.next().is_some_and(is_near);
        words.filter(move |_| is_near)
    });
    let mut names: Vec<String> = names
        .filter(|name| *name != "localhost")
        .map(str::to_owned)
        .collect();
    names.retain(|name| syft_manifest::HttpOrigin::parse(&format!("http://{name}")).is_ok());
    names.sort();
    names.dedup();
    names.truncate(8);
    names
}

/// Starts it with all that it asks for allowed.
fn start(site: &Site, options: &[&str]) -> Host {
    start_with(site, &[&["--allow-all-requested"], options].concat())
}

fn start_with(site: &Site, options: &[&str]) -> Host {
    Host::start(site, &app(site), &[&["--name", "app"], options].concat())
}

/// Returns a URL of the server.
fn url(path: &str) -> String {
    format!("{}{path}", SERVER.origin())
}

/// Has the guest do something, and returns what came of it.
fn ask(host: &Host, endpoint: &str, body: &Value) -> Value {
    let answer = call(&host.rpc, endpoint, &body.to_string());
    assert_eq!(answer.status(), 200, "{endpoint} {body}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

fn send(host: &Host, url: &str) -> Value {
    ask(host, "send", &json!({"url": url}))
}

/// Waits for what the log says of a request.
fn wait_for_line(host: &Host, words: &str) -> Value {
    host.wait_for_log(words, |line| line.to_string().contains(words))
}

#[test]
fn requests_go_where_they_are_allowed() {
    let site = Site::new();
    let host = start(&site, &[]);
    let answer = send(&host, &url("/echo?a=1#fragment"));
    let text = answer["body"].as_str().unwrap();
    let port = SERVER.port;
    assert_eq!(answer["status"], 200);
    assert_eq!(
        text,
        format!("GET /echo?a=1 HTTP/1.1\nhost: 127.0.0.1:{port}\nconnection: close\n\n")
    );
    let posted = json!({"url": url("/echo"), "method": "POST", "body": "\u{fc}"});
    let answer = ask(&host, "send", &posted);
    let text = answer["body"].as_str().unwrap();
    assert!(text.starts_with("POST /echo HTTP/1.1\n"), "{text}");
    assert!(
        text.contains("\ncontent-length: 2\n") && text.ends_with("\n\n\u{fc}"),
        "{text}"
    );
    let answer = send(&host, &format!("http://LocalHost:{port}/json"));
    assert_eq!(answer["body"], r#"{"name":"Ada"}"#);
    let headers = answer["headers"].to_string();
    assert!(
        headers.contains(r#"["content-type","application/json"]"#),
        "{headers}"
    );
    assert_eq!(send(&host, &url("/missing"))["status"], 404);
    for path in ["", "?a=b", "#a"] {
        assert_eq!(send(&host, &url(path))["body"], "hello", "{path}");
    }
    assert_eq!(send(&host, &url("/chunked"))["body"], "one two");
}

#[test]
fn what_is_large_goes_and_comes_whole() {
    let site = Site::new();
    let host = start(&site, &[]);
    let uploaded = json!({"url": url("/count"), "bytes": 3_000_000});
    assert_eq!(ask(&host, "upload", &uploaded)["body"], "3000000");
}

/// A request that runs again, since another changed what it read, has the key that it had.
#[test]
fn the_key_of_a_request_stays_the_same() {
    let site = Site::new();
    let host = start(&site, &[]);
    let sent: Vec<_> = (0..8)
        .map(|_| crate::support::client::send(&host.rpc, "key", Some(br#"{"wait_ms":50}"#)))
        .collect();
    let answers: Vec<String> = sent.iter().map(|sent| sent.answer().text()).collect();
    let keys: std::collections::BTreeSet<&String> = answers.iter().collect();
    assert_eq!(keys.len(), answers.len(), "{answers:?}");
    // Each run has logged its key, and those that ran again have logged the same.
    let log = host.log();
    let of_log = log
        .iter()
        .filter_map(|line| line["message"].as_str()?.strip_prefix("web: key "));
    let of_log: Vec<&str> = of_log.collect();
    assert!(of_log.len() > answers.len(), "none ran again");
    assert!(
        of_log
            .iter()
            .all(|key| answers.iter().any(|answer| answer == key))
    );
}
