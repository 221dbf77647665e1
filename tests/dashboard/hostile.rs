//! Texts of strangers in every place where one can stand: none of them is more than a text.

use std::fs;

use serde_json::json;
use syft_protocol::grant::PathPattern;
use uuid::Uuid;

use super::{Opened, READS, put_reader, reads};
use crate::support::apps::with_manifest;
use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::installed::Installation;
use crate::support::site::Site;
use crate::support::wait_for;

/// Ends an element and begins others, leaves an attribute, reorders, clears the line.
const HOSTILE: &str = "\"'></bdi></td><script>alert(1)</script><img src=x onerror=alert(2)> \
                       javascript:alert(3) \u{202e}txet\u{1b}[2J\u{0}&lt;b&gt; {{7*7}} --> ]]>";

const PAGES: &[&str] = &[
    "/",
    "/apps",
    "/app?name=bad",
    "/requests",
    "/access",
    "/waiting",
    "/waiting?did=approve&app=%3Cscript%3Ealert(1)%3C/script%3E",
    "/logs",
    "/decide?action=approve&app=bad&target=0000000000000000000000000000000000000000000000000000000000000000",
    "/decide?action=drop&app=bad&target=01234567-89ab-4cde-8f01-23456789abcd",
    "/decide?action=retry&app=bad&target=11234567-89ab-4cde-8f01-23456789abcd",
];

/// Everything that is on a page by the name of a tag or of an attribute.
fn check(path: &str, page: &str) {
    let scripts: Vec<&str> = page
        .match_indices("<script")
        .map(|(at, _)| &page[at..])
        .collect();
    for script in scripts {
        assert!(
            script.starts_with(r#"<script src="/assets/live.js" defer></script>"#),
            "{path}"
        );
    }
    for wrong in [
        "<img",
        "<b>",
        "onerror=alert(2)>",
        "\u{202e}",
        "\u{1b}",
        "\u{0}",
    ] {
        assert!(!page.contains(wrong), "{path} has {wrong:?}");
    }
    // No link of a stranger's, no style and no handler within a tag of ours.
    for tag in page
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
    {
        let names = tag.split('"').step_by(2).flat_map(str::split_whitespace);
        for name in names.filter(|name| name.ends_with('=')) {
            assert!(
                !name.starts_with("on") && name != "style=",
                "{path}: <{tag}>"
            );
        }
        assert!(!tag.contains("href=\"javascript:"), "{path}: <{tag}>");
    }
}

/// Installs an app whose record, parked work and files are as hostile as they can be.
fn plant(site: &Site) {
    let installation = Installation::new(site);
    let component = fs::read(with_manifest(site, &guest("files"), READS)).unwrap();
    installation.put_with("bad", &component, |installed| {
        installed.current.approved = reads();
        installed.source = HOSTILE.to_owned();
        installed.current.signer = HOSTILE.to_owned();
        let pattern = PathPattern::parse("*/<script>alert(1)<|script>/**").unwrap();
        installed.current.denied = vec![pattern];
        let mut waiting = installed.current.clone();
        waiting.version = semver::Version::new(2, 0, 0);
        waiting.sha256 = syft_manifest::Digest::parse(&"0".repeat(64)).unwrap();
        waiting.approved.files.read =
            vec![PathPattern::parse("*/<b>/\"onerror=alert(2)>").unwrap()];
        installed.waiting = Some(waiting);
    });
    let folder = installation.app_folder("bad");
    fs::create_dir_all(&folder).unwrap();
    let request = json!([{
        "id": "01234567-89ab-4cde-8f01-23456789abcd", "address": HOSTILE, "crashes": 8, "at": 0,
    }]);
    fs::write(folder.join("parked-requests.json"), request.to_string()).unwrap();
    let event = json!([{
        "id": "11234567-89ab-4cde-8f01-23456789abcd", "watch": [HOSTILE], "kind": HOSTILE,
        "path": HOSTILE, "moved_from": HOSTILE, "attempts": 10, "error": HOSTILE, "at": 0,
        "undone": [],
    }]);
    fs::write(folder.join("parked.json"), event.to_string()).unwrap();
    // One that cannot be served, whose author speaks in the error.
    installation.put("broken", HOSTILE.as_bytes());
}

#[test]
fn texts_of_strangers_are_texts_on_every_page() {
    let site = Site::new();
    plant(&site);
    let (_serving, dashboard) = Opened::start(&site);
    let rpc = site.rpc("bad");
    // Names of files, which are refused.
    let path = format!(
        "/datasites/x@example.org/{}",
        HOSTILE.replace('\u{0}', "").replace('/', "|")
    );
    let ops = json!([{"read": path}, {"raw": {"nonsense": HOSTILE}}]);
    call(&rpc, "ops", &ops.to_string());
    call(&rpc, "ops", &json!([{"read": path}]).to_string());
    // A sender and an id.
    let mut sent = request(Uuid::new_v4(), HOSTILE, "ops", None);
    sent["id"] = HOSTILE.into();
    Sent::write(
        &rpc.join("ops"),
        Uuid::new_v4(),
        sent.to_string().as_bytes(),
    )
    .answer();
    wait_for("what was refused", || {
        let page = dashboard.get("/app?name=bad").body;
        (page.contains("Show how") && page.contains("refused")).then_some(())
    });
    for path in PAGES {
        check(path, &dashboard.get(path).body);
    }
    let api = dashboard.get("/api/waiting").body;
    assert!(
        api.contains("<script>alert(1)") && !api.contains('\u{202e}'),
        "{api}"
    );
    assert_eq!(
        dashboard.get("/api/waiting").header("content-type"),
        "application/json"
    );
}

#[test]
fn a_page_says_what_was_used_and_what_would_allow_what_was_refused() {
    let site = Site::new();
    put_reader(&Installation::new(&site), &site, "files");
    let public = site.datasites().join("bob@example.org/public");
    fs::create_dir_all(&public).unwrap();
    fs::write(public.join("x.json"), "{}").unwrap();
    let (_serving, dashboard) = Opened::start(&site);
    let path = |name| format!("/datasites/bob@example.org/public/{name}");
    let reads = json!([{"read": path("x.json")}, {"read": path("x.csv")}]);
    let sent = send(
        &site.rpc("files"),
        "ops",
        Some(reads.to_string().as_bytes()),
    );
    assert_eq!(sent.answer().status(), 200);
    let of_call = format!("/call?app=files&id={}", sent.id());
    for page in ["/access", "/app?name=files", &of_call] {
        let page = wait_for(page, || {
            // Where a path goes on if a line is too short for it.
            let page = dashboard.get(page).body.replace("<wbr>", "");
            let has_both = page.contains("public/x.json") && page.contains("public/x.csv");
            has_both.then_some(page)
        });
        let line = "[files] read = [&quot;bob@example.org/public/x.csv&quot;]";
        assert!(page.contains(line), "{page}");
    }
}
