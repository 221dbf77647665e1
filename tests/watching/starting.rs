//! From one run of the host to the next, and what can be watched at all.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::site::{ALL, delivered_briefly, journal, start, watcher};
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{OWNER, Site};

const PUBLIC: &[&str] = &["{datasite}/public/**"];

#[test]
fn what_changes_while_the_app_is_not_served_is_delivered_at_its_next_start() {
    for signal in [Signal::TERM, Signal::KILL] {
        let site = Site::new();
        for name in ["stays", "changes", "goes", "moves"] {
            site.write(&format!("public/{name}"), name);
        }
        let host = start(&site, ALL, PUBLIC, &[]);
        assert_eq!(delivered_briefly(&site, &host), [""; 0], "they were there");
        host.signal(signal);
        host.wait();
        site.write("public/changes", "otherwise");
        site.write("public/folder/comes", "");
        fs::remove_file(site.own("public/goes")).unwrap();
        fs::rename(site.own("public/moves"), site.own("public/moved")).unwrap();
        let host = start(&site, ALL, PUBLIC, &[]);
        let mut events = delivered_briefly(&site, &host);
        events.sort();
        let expected = [
            "created public/folder/comes",
            "deleted public/goes",
            "modified public/changes",
            "moved public/moves public/moved",
        ];
        assert_eq!(events, expected);
        host.stop();
        let host = start(&site, ALL, PUBLIC, &[]);
        assert_eq!(delivered_briefly(&site, &host), [""; 0], "each once");
    }
}

#[test]
fn what_a_change_of_patterns_or_grants_newly_covers_is_silent() {
    let site = Site::new();
    let settings =
        |pattern: &str| format!("endpoints journal\ncreated modified deleted\t{pattern}\tfence*");
    for name in ["a.txt", "a.json", "sub/b.txt"] {
        site.write(&format!("public/{name}"), "");
    }
    start(&site, &settings("*.txt"), &["{datasite}/public/*"], &[]).stop();
    site.write("public/c.txt", "");
    site.write("public/c.json", "");
    fs::remove_file(site.own("public/a.txt")).unwrap();
    // Of old patterns what changed meanwhile, of the new ones nothing.
    let both = settings("*.{txt,json}");
    let host = start(&site, &both, PUBLIC, &[]);
    let mut events = delivered_briefly(&site, &host);
    events.sort();
    assert_eq!(events, ["created public/c.txt", "deleted public/a.txt"]);
    site.write("public/sub/b.txt", "otherwise");
    site.write("public/a.json", "otherwise");
    let mut events = delivered_briefly(&site, &host);
    events.sort();
    assert_eq!(
        events,
        ["modified public/a.json", "modified public/sub/b.txt"]
    );
    host.stop();
    // What is no longer covered is not delivered as deleted.
    let host = start(&site, &settings("*.md"), PUBLIC, &[]);
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
}

#[test]
fn an_app_may_do_nothing_but_watch() {
    let site = Site::new();
    let settings = "journal\ncreated\t{app_data}/in/*.txt";
    let host = start(&site, settings, &["{app_data}/in/*"], &["{app_data}/in/*"]);
    assert_eq!(host.ready["endpoints"], serde_json::json!([]));
    let path = site.write("app_data/app/in/rewrite.txt", "x");
    crate::support::wait_for("the app to act", || {
        (fs::read_to_string(&path).unwrap() == "rewritten").then_some(())
    });
}

#[test]
fn inspecting_an_app_shows_what_it_watches() {
    let site = Site::new();
    let settings = "journal\ncreated moved\t{datasite}/*.txt\t!a.txt";
    let component = watcher(&site, settings, &["**"], &[]);
    let inspect = |options: &[&str]| {
        let mut command = syft_host(&site);
        command.arg("inspect").arg(&component).args(options);
        let output = output(&mut command);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = inspect(&[]);
    let expected = "Watches:\n  │ {datasite}/*.txt, !a.txt (created, moved)\n";
    assert!(shown.contains(expected), "{shown}");
    let report: serde_json::Value = serde_json::from_str(&inspect(&["--json"])).unwrap();
    let expected = serde_json::json!([
        {"patterns": ["{datasite}/*.txt", "!a.txt"], "events": ["created", "moved"]}
    ]);
    assert_eq!(
        (&report["watches"], &report["runs"]),
        (&expected, &true.into())
    );
}

#[test]
fn says_what_cannot_be_watched() {
    let site = Site::new();
    let many = format!("endpoints{}", "\ncreated\ta".repeat(101));
    let braces = format!(
        "endpoints\ncreated{}",
        "\t{a,b,c,d}{a,b,c,d}{a,b,c,d}".repeat(16)
    );
    for (settings, expected) in [
        ("", "no endpoints and watches no files"),
        (
            "endpoints\ncreated\ta\ncreated\t[b",
            "watch 2 of the app: the pattern \"[b\"",
        ),
        (
            "endpoints\ncreated\t{home}/x",
            "`{datasite}`, `{email}` and `{app_data}`",
        ),
        ("endpoints\ncreated", "at least one pattern"),
        ("endpoints\n\ta", "no kind of event"),
        (&many, "101 watches"),
        (&braces, "more than 1000 patterns"),
    ] {
        let component = watcher(&site, settings, &["**"], &[]);
        let mut command = syft_host(&site);
        command
            .arg("run")
            .arg(component)
            .args(["--name", "app", "--allow-all-requested"])
            .args(["--email", OWNER, "--data-dir"])
            .arg(site.data_dir());
        let output = output(&mut command);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn warns_of_a_watch_that_means_no_file_the_app_may_read() {
    let site = Site::new();
    let settings = "endpoints journal\ncreated\t{datasite}/private/*.json\ncreated\t*.txt";
    let host = start(&site, settings, &["*/public/**"], &[]);
    let line = host.wait_for_log("a warning", |line| {
        line.to_string()
            .contains("may read none of the files it watches")
    });
    let text = line.to_string();
    assert!(text.contains("{datasite}/private/*.json"), "{text}");
    let hint = line["hint"].as_str().unwrap();
    let expected = "[files] read = [\"{datasite}/private/*.json\"]";
    assert!(hint.contains(expected), "{hint}");
    assert!(!text.contains("*.txt"), "{text}");
    drop(host);
    let host = start(&site, settings, &["**"], &[]);
    journal(&host);
    let warned = host
        .log()
        .iter()
        .filter(|line| line.to_string().contains("may read none"))
        .count();
    assert_eq!(warned, 1, "the log is that of both runs");
    drop(host);
    // What stands at any depth is among what is granted at one.
    let settings = "endpoints journal\ncreated\t*/public/notes/*";
    let host = start(&site, settings, &["*/public/**"], &[]);
    journal(&host);
    let warned = host
        .log()
        .iter()
        .filter(|line| line.to_string().contains("may read none"))
        .count();
    assert_eq!(warned, 1, "the log is that of all runs");
}

/// Newer clients of SyftBox sync of others what a file says, and nothing without it.
#[test]
fn warns_of_files_of_others_that_do_not_come_to_this_machine() {
    let site = Site::new();
    let settings = "endpoints journal\ncreated\t*/public/notes/*";
    let warnings = |host: &Host| {
        let is_warning = |line: &&Value| line.to_string().contains("does not sync files of others");
        let log = host.log();
        log.iter()
            .filter(is_warning)
            .map(|line| line["hint"].to_string())
            .collect::<Vec<_>>()
    };
    let host = start(&site, settings, &["*/public/**"], &[]);
    journal(&host);
    assert_eq!(warnings(&host), [""; 0], "an older client syncs all");
    drop(host);
    let data = site.data_dir().join(".data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("syft.sub.yaml"), "version: 1\nrules: []\n").unwrap();
    let host = start(&site, settings, &["*/public/**"], &[]);
    journal(&host);
    let [hint] = &warnings(&host)[..] else {
        panic!("{:?}", host.log());
    };
    assert!(
        hint.contains("syft.sub.yaml") && hint.contains("action: allow"),
        "{hint}"
    );
    drop(host);
    fs::write(
        data.join("syft.sub.yaml"),
        "rules: [{action: allow, datasite: '*', path: '**'}]",
    )
    .unwrap();
    let host = start(&site, settings, &["*/public/**"], &[]);
    journal(&host);
    assert_eq!(warnings(&host).len(), 1, "the log is that of all runs");
}
