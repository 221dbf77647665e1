//! `file-share` hands out what the caller may read.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{BOB, CAROL, call_as, call_claiming, json_of, plant, send, start};
use crate::support::client::{Sent, request};
use crate::support::site::{CALLER, OWNER, Site};

/// A tree of shared files, with rules at many depths.
fn shared() -> Site {
    let site = Site::new();
    let file = |path: &str| {
        plant(
            &site,
            &format!("{OWNER}/{path}"),
            &format!("this is {path}"),
        )
    };
    let rules = |folder: &str, rules: &[(&str, &str)], is_terminal: bool| {
        let rules = rules.iter().map(|(pattern, readers)| {
            format!("- pattern: '{pattern}'\n  access: {{read: [{readers}]}}\n")
        });
        let text = format!(
            "terminal: {is_terminal}\nrules:\n{}",
            rules.collect::<String>()
        );
        plant(&site, &format!("{OWNER}/{folder}/syft.pub.yaml"), &text);
    };
    rules("", &[("**", "'*'")], false);
    rules(
        "shared",
        &[("**", "bob@example.com"), ("*.md", "'*'")],
        false,
    );
    rules("shared/inbox", &[("{{.UserEmail}}/**", "USER")], false);
    rules(
        "shared/team",
        &[("**", "bob@example.com, carol@example.com")],
        false,
    );
    rules("shared/team/boss", &[("**", "carol@example.com")], false);
    rules("shared/open", &[("**", "'*'")], true);
    rules("shared/open/deeper", &[("**", "")], false);
    rules("shared/sealed", &[("**", "")], true);
    rules("shared/sealed/deeper", &[("**", "'*'")], false);
    for path in [
        "private/secret.txt",
        "shared/plan.txt",
        "shared/README.md",
        "shared/inbox/bob@example.com/x.txt",
        "shared/inbox/carol@example.com/x.txt",
        "shared/team/a.csv",
        "shared/team/boss/b.csv",
        "shared/open/o.txt",
        "shared/open/deeper/p.txt",
        "shared/sealed/q.txt",
        "shared/sealed/deeper/r.txt",
    ] {
        file(path);
    }
    site
}

const NOTHING: &str = "nothing there that you may read";

#[test]
fn hands_out_what_the_caller_may_read() {
    let site = shared();
    let host = start(&site, "file-share");
    // Whether the owner, bob, carol and a stranger get it.
    for (path, expected) in [
        ("plan.txt", [true, true, false, false]),
        ("README.md", [true, true, true, true]),
        ("inbox/bob@example.com/x.txt", [true, true, false, false]),
        ("inbox/carol@example.com/x.txt", [true, false, true, false]),
        ("team/a.csv", [true, true, true, false]),
        ("team/boss/b.csv", [true, false, true, false]),
        ("team/../plan.txt", [true, true, false, false]),
        ("open/o.txt", [true, true, true, true]),
        ("open/deeper/p.txt", [true, true, true, true]),
        ("sealed/q.txt", [true, false, false, false]),
        ("sealed/deeper/r.txt", [true, false, false, false]),
        ("absent.txt", [false; 4]),
        ("team", [false; 4]),
    ] {
        for (sender, gets) in [OWNER, BOB, CAROL, CALLER].into_iter().zip(expected) {
            let answer = call_as(&host, sender, "get", &json!({"path": path}));
            let found = (answer.status(), answer.text());
            let plain = path.replace("team/../", "");
            let expected = if gets {
                (200, format!("this is shared/{plain}"))
            } else {
                (404, NOTHING.to_owned())
            };
            assert_eq!(found, expected, "{path} for {sender}");
        }
    }
}

#[test]
fn lists_what_the_caller_may_read() {
    let site = shared();
    let host = start(&site, "file-share");
    let rules = "syft.pub.yaml";
    let everybody = [
        ("open", json!([["deeper"], ["o.txt", rules]])),
        ("open/deeper", json!([[], ["p.txt", rules]])),
    ];
    for (sender, expected) in [
        (
            OWNER,
            vec![
                (
                    "",
                    json!([
                        ["inbox", "open", "sealed", "team"],
                        ["README.md", "plan.txt", rules]
                    ]),
                ),
                ("inbox", json!([[BOB, CAROL], [rules]])),
                ("sealed", json!([["deeper"], ["q.txt", rules]])),
                ("team", json!([["boss"], ["a.csv", rules]])),
            ],
        ),
        (
            BOB,
            vec![
                (
                    "",
                    json!([["open", "team"], ["README.md", "plan.txt", rules]]),
                ),
                ("inbox", Value::Null),
                ("inbox/bob@example.com", json!([[], ["x.txt"]])),
                ("inbox/carol@example.com", Value::Null),
                ("sealed", Value::Null),
                ("sealed/deeper", Value::Null),
                ("team", json!([[], ["a.csv", rules]])),
                ("team/boss", Value::Null),
            ],
        ),
        (
            CAROL,
            vec![
                ("", json!([["open", "team"], ["README.md"]])),
                ("inbox", Value::Null),
                ("inbox/carol@example.com", json!([[], ["x.txt"]])),
                ("team", json!([["boss"], ["a.csv", rules]])),
                ("team/boss", json!([[], ["b.csv", rules]])),
            ],
        ),
        (
            CALLER,
            vec![
                ("", json!([["open"], ["README.md"]])),
                ("inbox", Value::Null),
                ("team", Value::Null),
                ("sealed", Value::Null),
                ("plan.txt", Value::Null),
                ("absent", Value::Null),
                // The fixed way to what is shared, and no more of it.
                ("..", json!([["shared"], []])),
            ],
        ),
    ] {
        for (folder, expected) in expected.iter().chain(&everybody) {
            let answer = call_as(&host, sender, "list", &json!({"folder": folder}));
            if expected.is_null() {
                let found = (answer.status(), answer.text());
                assert_eq!(found, (404, NOTHING.to_owned()), "{folder} for {sender}");
                continue;
            }
            let listing = json_of(&answer);
            let files = listing["files"].as_array().unwrap();
            let names: Vec<_> = files.iter().map(|file| &file["name"]).collect();
            let found = json!([listing["folders"], names]);
            assert_eq!(&found, expected, "{folder} for {sender}");
        }
    }
    let whole = json_of(&call_as(&host, CALLER, "list", &json!({})));
    let readme = json!({"name": "README.md", "bytes": "this is shared/README.md".len()});
    assert_eq!(
        whole,
        json!({"folders": ["open"], "files": [readme], "is_cut": false})
    );
}

#[test]
fn gives_nothing_to_a_name_that_is_only_claimed() {
    let site = shared();
    let host = start(&site, "file-share");
    for sender in [OWNER, BOB, "*", ""] {
        for (endpoint, body) in [
            ("get", json!({"path": "plan.txt"})),
            ("get", json!({"path": "README.md"})),
            ("list", json!({})),
        ] {
            let answer = call_claiming(&host, sender, endpoint, &body);
            let text = answer.text();
            assert!(
                !text.contains("this is") && !text.contains("README"),
                "{text}"
            );
            if !sender.is_empty() {
                assert_eq!(answer.status(), 403, "{sender} {body}: {text}");
                assert!(text.contains("send it from your own folder"), "{text}");
            }
        }
    }
    // In a folder of somebody else nobody can claim another name.
    let folder = host.rpc.join("get").join(CALLER);
    let answer = send(&folder, BOB, "get", &json!({"path": "plan.txt"}));
    assert_eq!(answer.status(), 403);
    assert!(!answer.text().contains("this is"), "{}", answer.text());
}

/// The server writes such requests for whoever calls its HTTP API as a guest.
#[test]
fn gives_nothing_to_a_name_that_came_through_the_http_api() {
    let site = shared();
    let host = start(&site, "file-share");
    for sender in [OWNER, BOB] {
        for header in ["x-syft-url", "x-syft-from", "X-Syft-URL"] {
            let (id, folder) = (Uuid::new_v4(), host.rpc.join("get").join(sender));
            let body = json!({"path": "plan.txt"}).to_string();
            let mut forged = request(id, sender, "get", Some(body.as_bytes()));
            forged["headers"] = json!({"accept": "*/*", header: sender});
            let answer = Sent::write(&folder, id, forged.to_string().as_bytes()).answer();
            assert_eq!(answer.status(), 403, "{sender} {header}");
            assert!(!answer.text().contains("this is"), "{}", answer.text());
        }
    }
}

#[test]
fn gives_nothing_by_rules_that_are_damaged() {
    let site = shared();
    let host = start(&site, "file-share");
    let body = json!({"path": "open/o.txt"});
    assert_eq!(call_as(&host, BOB, "get", &body).status(), 200);
    let rules = site
        .datasites()
        .join(OWNER)
        .join("shared/open/syft.pub.yaml");
    let text = fs::read(&rules).unwrap();
    // Above, bob may read all; what closed this folder is what is damaged.
    let plan = json!({"path": "plan.txt"});
    let above = site
        .datasites()
        .join(OWNER)
        .join("shared/team/syft.pub.yaml");
    fs::write(&above, "").unwrap();
    for sender in [BOB, CAROL] {
        let answer = call_as(&host, sender, "get", &json!({"path": "team/a.csv"}));
        assert_eq!(answer.status(), 404, "{sender}");
    }
    fs::remove_file(&above).unwrap();
    symlink("../syft.pub.yaml", &above).unwrap();
    let answer = call_as(&host, BOB, "get", &json!({"path": "team/a.csv"}));
    assert_eq!(answer.status(), 404);
    for damaged in [
        &b""[..],
        b"%YAML 1.2\n---\nrules: []\n",
        b"\0\0\0\0",
        b"rules: [",
    ] {
        fs::write(&rules, damaged).unwrap();
        assert_eq!(
            call_as(&host, BOB, "get", &body).status(),
            404,
            "{damaged:?}"
        );
        assert_eq!(
            call_as(&host, OWNER, "get", &body).status(),
            200,
            "{damaged:?}"
        );
    }
    fs::write(&rules, text).unwrap();
    assert_eq!(call_as(&host, BOB, "get", &body).status(), 200);
    assert_eq!(call_as(&host, BOB, "get", &plan).status(), 200);
}

#[test]
fn cannot_be_talked_out_of_its_folder() {
    let site = shared();
    plant(&site, &format!("{BOB}/shared/x.txt"), "this is bob's");
    plant(
        &site,
        &format!("{BOB}/syft.pub.yaml"),
        "rules: [{pattern: '**', access: {read: ['*']}}]",
    );
    let outside = site.path().join("outside.txt");
    fs::write(&outside, "this is outside").unwrap();
    let shared = site.datasites().join(OWNER).join("shared");
    symlink("../private/secret.txt", shared.join("link.txt")).unwrap();
    symlink(&outside, shared.join("absolute.txt")).unwrap();
    symlink("../private", shared.join("folder")).unwrap();
    symlink("sealed/q.txt", shared.join("inside.txt")).unwrap();
    let host = start(&site, "file-share");
    let [private, bobs, schema] = [
        format!("/datasites/{OWNER}/private/secret.txt"),
        format!("/datasites/{BOB}/shared/x.txt"),
        format!("/datasites/{OWNER}/app_data/file-share/rpc/rpc.schema.json"),
    ];
    let long = "x/".repeat(5000);
    // The owner may read everything, and yet the app was granted no more.
    for sender in [OWNER, BOB] {
        for path in [
            "../private/secret.txt",
            "../syft.pub.yaml",
            "../../bob@example.com/shared/x.txt",
            "team/../../private/secret.txt",
            "../../../../../../etc/passwd",
            &private,
            &bobs,
            &schema,
            "/etc/passwd",
            "/proc/self/environ",
            outside.to_str().unwrap(),
            "link.txt",
            "absolute.txt",
            "folder/secret.txt",
            "inside.txt",
            "plan.txt/",
            "plan.txt/.",
            "plan.txt\0.md",
            "PLAN.TXT",
            "",
            ".",
            "..",
            "/",
            "~",
            "\u{202e}",
            &long,
        ] {
            let answer = call_as(&host, sender, "get", &json!({"path": path}));
            let found = (answer.status(), answer.text());
            assert_eq!(found, (404, NOTHING.to_owned()), "{path:?} for {sender}");
        }
        for folder in [
            "..",
            "../private",
            "../..",
            "/",
            "/datasites",
            "folder",
            "link.txt",
        ] {
            let answer = call_as(&host, sender, "list", &json!({"folder": folder}));
            assert!(
                !answer.text().contains("secret"),
                "{folder}: {}",
                answer.text()
            );
            assert!(
                !answer.text().contains("private"),
                "{folder}: {}",
                answer.text()
            );
        }
    }
    let listing = call_as(&host, OWNER, "list", &json!({})).text();
    for link in ["link.txt", "absolute.txt", "folder\"", "inside.txt"] {
        assert!(!listing.contains(link), "{listing}");
    }
}

#[test]
fn follows_a_change_of_the_rules_at_the_next_call() {
    let site = shared();
    let host = start(&site, "file-share");
    let status = |sender: &str| {
        let answer = call_as(&host, sender, "get", &json!({"path": "team/a.csv"}));
        answer.status()
    };
    let rules = format!("{OWNER}/shared/team/syft.pub.yaml");
    let read_by = |who: &str| format!("rules: [{{pattern: '**', access: {{read: [{who}]}}}}]");
    assert_eq!((status(BOB), status(CALLER)), (200, 404));
    plant(&site, &rules, &read_by(CALLER));
    assert_eq!((status(BOB), status(CALLER)), (404, 200));
    fs::remove_file(site.datasites().join(&rules)).unwrap();
    assert_eq!(
        (status(BOB), status(CALLER)),
        (200, 404),
        "those of the parent"
    );
    plant(&site, &rules, &read_by("'*'"));
    assert_eq!((status(BOB), status(CALLER)), (200, 200));
    let parent = format!("{OWNER}/shared/syft.pub.yaml");
    plant(&site, &parent, "terminal: true\nrules: []\n");
    assert_eq!((status(BOB), status(CALLER)), (404, 404));
}

/// What its author meant is not known, so nobody gets anything.
#[test]
fn takes_broken_rules_for_closed_ones() {
    let site = shared();
    let host = start(&site, "file-share");
    let huge = format!("rules: [] # {}", "x".repeat(300 << 10));
    for broken in [
        "rules: [",
        "rules: 7",
        "no rules",
        "\u{1b}[2J",
        "rules: [{pattern: '**', access: {read: ['*']}}]\nrules: []",
        "rules: [{access: {read: ['*']}}]",
        "rules: [~]",
        &huge,
    ] {
        plant(&site, &format!("{OWNER}/shared/team/syft.pub.yaml"), broken);
        for (sender, expected) in [(OWNER, 200), (BOB, 404), (CAROL, 404), (CALLER, 404)] {
            let answer = call_as(&host, sender, "get", &json!({"path": "team/a.csv"}));
            assert_eq!(answer.status(), expected, "{broken:.60} for {sender}");
        }
        let listing = call_as(&host, BOB, "list", &json!({})).text();
        assert!(!listing.contains("team"), "{broken:.60}: {listing}");
    }
}

#[test]
fn says_what_a_file_is_and_bounds_it() {
    let site = shared();
    let large = format!("{OWNER}/shared/large.bin");
    plant(&site, &large, &"\0".repeat(2 << 20));
    let host = start(&site, "file-share");
    let get = |path: &str| call_as(&host, BOB, "get", &json!({"path": path}));
    for (path, expected) in [
        ("plan.txt", "text/plain; charset=utf-8"),
        ("team/a.csv", "text/csv; charset=utf-8"),
        ("large.bin", "application/octet-stream"),
    ] {
        let answer = get(path);
        assert_eq!(answer.json["headers"]["Content-Type"], expected, "{path}");
    }
    assert_eq!(get("large.bin").body().unwrap(), vec![0; 2 << 20]);
    plant(&site, &large, &"\0".repeat((2 << 20) + 1));
    assert_eq!(get("large.bin").status(), 413);
    // To whom the file does not exist it has no size either.
    let answer = call_as(&host, CAROL, "get", &json!({"path": "large.bin"}));
    assert_eq!(answer.status(), 404);
}

/// A request that one caller made does not change what the next one gets.
#[test]
fn tells_callers_apart_at_the_same_time() {
    let site = shared();
    let host = start(&site, "file-share");
    std::thread::scope(|scope| {
        for n in 0..40 {
            let (sender, expected) = [(BOB, 200), (CAROL, 404)][n % 2];
            let host = &host;
            scope.spawn(move || {
                let answer = call_as(host, sender, "get", &json!({"path": "plan.txt"}));
                assert_eq!(answer.status(), expected, "{sender}");
            });
        }
    });
}
