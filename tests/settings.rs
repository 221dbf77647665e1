//! `config.toml` of the host: what it says, what is wrong with it, and what a host makes of it.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};
use syft_manifest::Manifest;

use crate::support::client::call;
use crate::support::guests::{example, guest};
use crate::support::host::{Ended, as_owner, output, syft_host};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::Site;
use crate::support::wait_for;

fn file(site: &Site) -> PathBuf {
    site.path().join(".config/syft-host/config.toml")
}

fn write(site: &Site, text: &str) {
    fs::create_dir_all(file(site).parent().unwrap()).unwrap();
    fs::write(file(site), text).unwrap();
}

fn config(site: &Site, arguments: &[&str]) -> Ended {
    Ended::of(&output(syft_host(site).arg("config").args(arguments)))
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let site = Site::new();
    let shown = config(&site, &[]).succeeded().stdout;
    assert!(shown.contains("config.toml (not there)"), "{shown}");
    write(
        &site,
        "[serve]\nupdate-every = '6h'\nquiet = '22:00-07:00'\n[apps.'llm/x'.limits]\nmemory = '1GiB'\n",
    );
    let shown = config(&site, &["show"]).succeeded().stdout;
    for expected in [
        "update-every     6h  (config.toml, line 2)",
        "quiet            22:00-07:00  (config.toml, line 3)",
        "loaded           32  (default)",
        "apps.llm/x.limits.memory 1 GiB  (config.toml, line 5)",
    ] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
    let json = config(&site, &["--json"]).succeeded().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let quiet = json["settings"].as_array().unwrap();
    let quiet = quiet.iter().find(|row| row["key"] == "serve.quiet");
    assert_eq!(quiet.unwrap()["value"], "22:00-07:00");
}

#[test]
fn a_file_is_written_once_and_says_nothing() {
    let site = Site::new();
    config(&site, &["init"]).succeeded();
    let text = fs::read_to_string(file(&site)).unwrap();
    assert!(text.starts_with("#:schema https://"), "{text}");
    config(&site, &["check"]).succeeded();
    let again = config(&site, &["init"]).refused();
    assert!(again.contains("is already there"), "{again}");
    let path = config(&site, &["path"]).succeeded().stdout;
    assert_eq!(path.trim_end(), file(&site).display().to_string());
}

#[test]
fn what_is_wrong_is_shown_by_check_and_keeps_a_host_from_starting() {
    let site = Site::new();
    write(&site, "[serve]\nupdate_every = '6h'\nquiet = 'at night'\n");
    let checked = config(&site, &["check"]).refused();
    let started = Ended::of(&output(&mut serve(&site, &[]))).refused();
    for why in [checked, started] {
        for part in [
            "config.toml:2:1",
            "did you mean `update-every`?",
            "config.toml:3:9",
            "as in `22:00-07:00`",
        ] {
            assert!(why.contains(part), "{part} is not in\n{why}");
        }
    }
}

#[test]
fn a_host_takes_what_can_change_while_it_serves() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let component = fs::read(example("hello")).unwrap();
    for app in ["one", "two"] {
        installed.put(app, &component);
    }
    write(&site, "[serve]\nloaded = 3\n");
    let serving = Serving::start(&site, &[]);
    write(
        &site,
        "[serve]\nloaded = 4\n[apps.one.limits]\nmemory = '64MiB'\n",
    );
    serving.signal(Signal::HUP);
    serving.wait_for_nth(1, "app-replaced", "one");
    let told = "serve.loaded was changed, which counts when the host is started again";
    wait_for("what waits for a restart", || {
        serving.log().contains(told).then_some(())
    });

    // What is wrong changes nothing.
    write(&site, "[apps.one.limits]\nmemory = 64\n");
    serving.signal(Signal::HUP);
    let told = "the settings stay as they were";
    wait_for("what is wrong", || {
        serving.log().contains(told).then_some(())
    });
    write(&site, "");
    serving.signal(Signal::HUP);
    serving.wait_for_nth(2, "app-replaced", "one");
    let of_two = serving
        .events()
        .into_iter()
        .filter(|event| event["app"] == "two");
    let of_two: Vec<Value> = of_two.map(|event| event["event"].clone()).collect();
    assert_eq!(of_two, ["app-started"], "it has other rules");
    serving.stop();
}

#[test]
fn an_option_counts_before_the_file() {
    let site = Site::new();
    write(
        &site,
        "[serve]\nheed-every = '10m'\nmemory-total = '300MiB'\n",
    );
    let serving = Serving::start(&site, &["--memory-total", "400MiB", "--log", "debug"]);
    let log = serving.log();
    assert!(log.contains("400 MiB") && !log.contains("300 MiB"), "{log}");
    serving.stop();
}

#[test]
fn what_the_file_leaves_of_what_was_approved_is_shown() {
    let site = Site::new();
    let reads = "[files]\nread = ['*/public/**']\n[limits]\nmemory = '256MiB'";
    let (approved, _) = Manifest::from_toml("syft-app.toml", reads).unwrap();
    Installation::new(&site).put_with("app", &fs::read(example("hello")).unwrap(), |installed| {
        installed.current.approved = approved;
    });
    let left = [
        "config.toml denies it",
        "files */public/secret/**",
        "requests to *.example.com",
        "config.toml sets its limits",
        "time of a call: 5 s, not 10 s",
        "memory of a call: 64 MiB, not 256 MiB",
    ];
    for command in ["status", "inspect"] {
        let shown = as_owner(&site, &[command, "app"]).succeeded().stdout;
        assert!(!shown.contains("config.toml"), "{shown}");
    }
    write(
        &site,
        "[deny]\nfiles = ['*/public/secret/**']\nhosts = ['*.example.com']\n[limits]\nmemory = \
         '64MiB'\n[apps.app.limits]\ntime = '5s'\n",
    );
    for command in ["status", "inspect"] {
        let shown = as_owner(&site, &[command, "app"]).succeeded().stdout;
        for part in left {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }
    let status = as_owner(&site, &["--json", "status", "app"])
        .succeeded()
        .stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    let settings = &status["settings"];
    assert_eq!(settings["denied"]["hosts"], json!(["*.example.com"]));
    assert_eq!(settings["limits"]["memory_bytes"], 64 << 20);
    // What is wrong with the file hides nothing else.
    write(&site, "[deny]\nfile = ['*']\n");
    let shown = as_owner(&site, &["status", "app"]).succeeded();
    assert!(shown.stdout.contains("read */public/**"), "{shown:?}");
    assert!(shown.stderr.contains("is not known here"), "{shown:?}");
}

/// No author can change what the owner has set.
#[test]
fn who_is_limited_by_the_file_is_told_to_change_the_file() {
    let site = Site::new();
    Installation::new(&site).put("app", &fs::read(guest("hostile")).unwrap());
    write(&site, "[limits]\nmemory = '16MiB'\ntime = '2s'\n");
    let serving = Serving::start(&site, &[]);
    for (endpoint, expected) in [
        ("allocate", "[apps.app.limits] memory = \"32MiB\""),
        ("loop", "[apps.app.limits] time = \"4s\""),
    ] {
        assert_eq!(call(&site.rpc("app"), endpoint, "").status(), 500);
        wait_for(expected, || {
            let log = serving.log().replace('\\', "");
            log.contains(expected).then_some(())
        });
    }
    assert!(!serving.log().contains("author"), "{}", serving.log());
    // As it is said.
    write(
        &site,
        "[limits]\nmemory = '16MiB'\n[apps.app.limits]\ntime = \"4s\"\n",
    );
    config(&site, &["check"]).succeeded();
    serving.stop();
}
