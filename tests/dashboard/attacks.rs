//! Others on the same machine and in the same browser: none of them is answered.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::Opened;
use crate::support::host::{Ended, output};
use crate::support::http_client::{ask, open};
use crate::support::installed::{Serving, serve};
use crate::support::site::{OWNER, Site};

/// All that a stranger may try to read.
const PATHS: &[&str] = &[
    "/",
    "/apps",
    "/app?name=x",
    "/requests",
    "/call?app=x&id=1",
    "/access",
    "/waiting",
    "/logs",
    "/decide?action=resume&app=x",
    "/assets/style.css",
    "/assets/live.js",
    "/api/openapi.json",
    "/api/host",
    "/api/apps",
    "/api/requests",
    "/api/logs",
    "/api/access",
    "/api/waiting",
    "/api/events",
    "/metrics",
    "/nowhere",
];

#[test]
fn nothing_is_shown_without_the_token() {
    let site = Site::new();
    let (_serving, dashboard) = Opened::start(&site);
    for path in PATHS {
        let request = format!("GET {path}");
        for headers in [
            &[][..],
            &["Authorization: Bearer "],
            &[
                "Authorization: Bearer 0000000000000000000000000000000000000000000000000000000000000000",
            ],
            &["Cookie: syft-host=1"],
        ] {
            let answer = dashboard.ask(&request, headers);
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert!(!answer.body.contains(OWNER), "{path}: {}", answer.body);
        }
    }
    let wrong = dashboard.ask("GET /?token=wrong", &[]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let elsewhere = dashboard.ask(&format!("GET /apps?token={}", dashboard.token), &[]);
    assert_eq!(elsewhere.status, 401);
}

#[test]
fn a_name_that_leads_here_is_not_taken_for_ours() {
    let site = Site::new();
    let (_serving, dashboard) = Opened::start(&site);
    let bearer = format!("Authorization: Bearer {}", dashboard.token);
    let cookie = dashboard.log_in();
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "",
    ] {
        for path in PATHS {
            let host = format!("Host: {host}");
            let headers = [host.as_str(), &bearer, &cookie];
            let answer = ask(dashboard.address, &format!("GET {path}"), &headers, "");
            assert_eq!(answer.status, 421, "{host} {path}");
        }
    }
    let two = ["Host: 127.0.0.1", "Host: evil.example", &bearer];
    let answer = ask(dashboard.address, "GET /", &two, "");
    assert!([400, 421].contains(&answer.status), "{answer:?}");
    // A tunnel of the owner has another port.
    let tunnel = ["Host: localhost:1234", &bearer];
    assert_eq!(ask(dashboard.address, "GET /", &tunnel, "").status, 200);
}

#[test]
fn pages_of_other_sites_neither_read_nor_press() {
    let site = Site::new();
    let (_serving, dashboard) = Opened::start(&site);
    let cookie = dashboard.log_in();
    for from in ["cross-site", "same-site"] {
        let from = format!("Sec-Fetch-Site: {from}");
        for path in PATHS {
            let answer = dashboard.ask(&format!("GET {path}"), &[&cookie, &from]);
            assert_eq!(answer.status, 403, "{from} {path}");
        }
        // Not even the link, so that nobody is logged in by a page of others.
        let link = format!("GET /?token={}", dashboard.token);
        assert_eq!(dashboard.ask(&link, &[&from]).status, 403);
    }
    for origin in ["http://evil.example", "http://127.0.0.1:1", "null"] {
        let origin = format!("Origin: {origin}");
        let answer = dashboard.ask("POST /decide", &[&cookie, &origin]);
        assert_eq!(answer.status, 403, "{origin}");
    }
    let other = dashboard.ask("OPTIONS /decide", &[&cookie, "Origin: http://evil.example"]);
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[test]
fn a_form_has_to_be_of_a_page_of_ours() {
    let site = Site::new();
    let (serving, dashboard) = Opened::start(&site);
    let cookie = dashboard.log_in();
    for form in [
        "action=resume&app=x&form=",
        "action=resume&app=x&form=guessed",
        &format!("action=resume&app=x&form={}", dashboard.token),
    ] {
        let answer = dashboard.send(&cookie, form);
        assert_eq!(answer.status, 403, "{form}: {}", answer.body);
    }
    assert_eq!(dashboard.send(&cookie, "action=resume&app=x").status, 422);
    let huge = format!("action=resume&app={}&form=x", "x".repeat(20_000));
    assert_eq!(dashboard.send(&cookie, &huge).status, 413);
    assert!(!serving.log().contains("decided on the dashboard"));
}

#[test]
fn the_link_becomes_a_cookie_and_leaves_no_trace() {
    let site = Site::new();
    let (serving, dashboard) = Opened::start(&site);
    let answer = dashboard.ask(&format!("GET /?token={}", dashboard.token), &[]);
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&dashboard.token));
    let cookie = dashboard.log_in();
    for path in PATHS.iter().filter(|path| **path != "/api/events") {
        let answer = dashboard.ask(&format!("GET {path}"), &[&cookie]);
        assert!(!answer.body.contains(&dashboard.token), "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let refused = dashboard.ask("GET /", &[]);
    assert!(!refused.header("content-security-policy").is_empty());
    assert!(!serving.log().contains(&dashboard.token));
}

#[test]
fn the_token_lies_where_the_owner_alone_reads_it_and_is_new_each_time() {
    let site = Site::new();
    let (serving, first) = Opened::start(&site);
    let event = serving.wait_for("the dashboard", |event| event["event"] == "dashboard");
    let file = event["token-file"].as_str().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), first.token);
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    serving.stop();
    assert!(!fs::exists(file).unwrap());
    let (_serving, second) = Opened::start(&site);
    assert_ne!(first.token, second.token);
}

#[test]
fn it_is_open_to_this_machine_alone() {
    let site = Site::new();
    for address in ["0.0.0.0:0", "192.0.2.1", "[::]:80"] {
        let option = format!("--dashboard={address}");
        let why = Ended::of(&output(&mut serve(&site, &[&option]))).refused();
        assert!(
            why.contains("not encrypted") && why.contains("ssh -L"),
            "{why}"
        );
    }
    let (_serving, dashboard) = Opened::start(&site);
    let other = Site::new();
    let option = format!("--dashboard={}", dashboard.address);
    let why = Ended::of(&output(&mut serve(&other, &[&option]))).refused();
    assert!(why.contains("cannot open the dashboard"), "{why}");
    assert!(why.contains("--dashboard=127.0.0.1:0"), "{why}");
}

#[test]
fn a_host_stops_while_pages_are_open() {
    let site = Site::new();
    let (serving, dashboard) = Opened::start(&site);
    let bearer = format!("Authorization: Bearer {}", dashboard.token);
    let host = dashboard.host();
    let mut events = open(dashboard.address, "GET /api/events", &[&host, &bearer], "");
    let mut first = [0; 12];
    events.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let idle = open(dashboard.address, "GET /", &[&host], "");
    serving.stop();
    drop(idle);
}

#[test]
fn without_the_option_nobody_listens() {
    let site = Site::new();
    let serving = Serving::start(&site, &[]);
    let told = serving.events();
    assert!(
        told.iter().all(|event| event["event"] != "dashboard"),
        "{told:?}"
    );
}
