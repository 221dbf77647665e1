//! Behind SyftBox's own client: what it removes, loses, cuts short and does not carry.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use uuid::Uuid;

use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

const ALICE: &str = "alice@example.com";

fn probe(site: &Site) -> Host {
    Host::start(site, &guest("probe"), &["--name", "app"])
}

/// As the client does once an answer was fetched: both files go, and the folders that are
/// empty then.
fn clean_up(sent: &Sent) {
    fs::remove_file(&sent.path).unwrap();
    fs::remove_file(sent.response_path()).unwrap();
    for folder in sent.path.ancestors().skip(1).take(4) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[test]
fn the_client_does_not_remove_the_folder_of_a_caller() {
    let site = Site::new();
    let host = probe(&site);
    let folder = host.rpc.join("echo").join(CALLER);
    for _ in 0..3 {
        let sent = send(&host.rpc, "echo", Some(b"x"));
        assert_eq!(sent.answer().status(), 200);
        clean_up(&sent);
        assert!(folder.is_dir(), "its client never sees a new one");
        assert_eq!(fs::read(folder.join(".syftkeep")).unwrap(), b"");
    }
    // Somebody may remove it all the same.
    fs::remove_dir_all(&folder).unwrap();
    let sent = send(&host.rpc, "echo", Some(b"x"));
    assert_eq!(sent.answer().status(), 200);
    assert!(folder.join(".syftkeep").is_file());
}

#[test]
fn what_has_the_name_of_the_kept_file_is_left_alone() {
    let site = Site::new();
    let host = probe(&site);
    let outside = site.path().join("outside");
    let make = |name: &str, path: &Path| match name {
        "link" => symlink(&outside, path).unwrap(),
        "folder" => fs::create_dir(path).unwrap(),
        "pipe" => mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        _ => fs::write(path, "mine").unwrap(),
    };
    for name in ["link", "folder", "pipe", "text"] {
        let sender = format!("{name}@example.com");
        let folder = host.rpc.join("echo").join(&sender);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(".syftkeep");
        make(name, &path);
        let before = fs::symlink_metadata(&path).unwrap();
        let id = Uuid::new_v4();
        let request = request(id, &sender, "echo", Some(b"x")).to_string();
        let sent = Sent::write(&folder, id, request.as_bytes());
        assert_eq!(sent.answer().status(), 200, "{name}");
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!(after.file_type(), before.file_type(), "{name}");
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    }
    assert!(!outside.exists());
}

/// The server drops what comes too fast, and the next full sync takes that for a deletion.
#[test]
fn an_answer_that_sync_has_lost_is_given_again() {
    let site = Site::new();
    let host = probe(&site);
    let [lost, taken] = [(); 2].map(|()| send(&host.rpc, "now", None));
    let answers = [&lost, &taken].map(Sent::answer);
    fs::remove_file(lost.response_path()).unwrap();
    // Its request goes one sync after its answer.
    fs::remove_file(taken.response_path()).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    fs::remove_file(&taken.path).unwrap();
    let again = lost.answer();
    assert_eq!(
        again.json, answers[0].json,
        "the handler would say another time"
    );
    assert!(taken.peek().is_none(), "nobody waits for it");
    host.wait_for_log("what was done", |line| {
        let text = line.to_string();
        text.contains("is given again") && text.contains(lost.id())
    });
}

#[test]
fn half_a_request_that_becomes_whole_after_it_was_refused_is_answered() {
    let site = Site::new();
    let host = probe(&site);
    let refused = |content: &[u8]| {
        let sent = Sent::write(&host.rpc.join("echo").join(CALLER), Uuid::new_v4(), content);
        assert_eq!(sent.answer().status(), 400);
        sent
    };
    let whole = |sent: &Sent| {
        let id = sent.id().parse().unwrap();
        request(id, CALLER, "echo", Some(b"whole")).to_string()
    };
    let is_answered = |sent: &Sent| {
        wait_for("the answer of its handler", || {
            let answer = sent.peek()?;
            (answer.status() == 200 && answer.text() == "whole").then_some(())
        });
    };
    let all = [refused(b"{bad"), refused(b"SYC2"), refused(b"{bad")];
    // In place, and by another file.
    fs::write(&all[0].path, whole(&all[0])).unwrap();
    let other = site.path().join("other");
    fs::write(&other, whole(&all[1])).unwrap();
    fs::rename(&other, &all[1].path).unwrap();
    is_answered(&all[0]);
    is_answered(&all[1]);
    // While the host is away.
    host.stop();
    fs::write(&all[2].path, whole(&all[2])).unwrap();
    let host = probe(&site);
    is_answered(&all[2]);
    // What was answered by a handler stays so.
    let before = fs::metadata(all[0].response_path()).unwrap();
    File::open(&all[0].path)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .ok();
    fs::write(&all[0].path, whole(&all[0])).unwrap();
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
    let after = fs::metadata(all[0].response_path()).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn a_request_for_another_app_or_datasite_is_refused() {
    let site = Site::new();
    let host = probe(&site);
    let ask = |url: &str, method: &str| {
        let id = Uuid::new_v4();
        let mut request = request(id, CALLER, "echo", Some(b"x"));
        request["url"] = json!(url);
        request["method"] = json!(method);
        let folder = host.rpc.join("echo").join(CALLER);
        let sent = Sent::write(&folder, id, request.to_string().as_bytes());
        let answer = sent.answer();
        assert_eq!(answer.json["url"], url);
        (answer.status(), answer.text())
    };
    for (url, method) in [
        (
            "syft://owner@example.com/app_data/app/rpc/echo/?a=1#b",
            "get",
        ),
        ("syft://Owner@Example.com//app_data//app/rpc/ec%68o", "Post"),
        (
            "syft://owner@example.com/app_data/app/rpc/echo/guest@example.com",
            "POST",
        ),
        ("syft://owner@example.com/app_data/app/rpc/text", "delete"),
        ("syft://owner@example.com", "GET"),
    ] {
        assert_eq!(ask(url, method), (200, "x".to_owned()), "{url} {method}");
    }
    for url in [
        "syft://owner@example.com/app_data/other/rpc/echo",
        "syft://owner@example.com/app_data/app/deeper/rpc/echo",
        "syft://guest@example.com/app_data/app/rpc/echo",
        "syft://owner@example.co/app_data/app/rpc/echo",
    ] {
        let (status, text) = ask(url, "GET");
        assert_eq!(status, 400, "{url}");
        let here = "it lies at syft://owner@example.com/app_data/app/rpc/echo";
        assert!(
            text.starts_with("Wrong address: ") && text.ends_with(here),
            "{text}"
        );
    }
}

#[test]
fn an_encrypted_request_is_refused_by_name() {
    let site = Site::new();
    let host = probe(&site);
    let sample = fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("protocol/cases/request/invalid/encrypted_syc2.json"),
    )
    .unwrap();
    for (content, kind) in [
        (&sample[..], "SYC2"),
        (&sample[..500], "SYC2"),
        (&sample[..4], "SYC2"),
        (b"SBC1-PREJ\0\x01\xff", "SBC1"),
        (b"SBC1{}", "SBC1"),
    ] {
        let id = Uuid::new_v4();
        let sent = Sent::write(&host.rpc.join("echo").join(CALLER), id, content);
        let answer = sent.answer();
        let expected = format!(
            "Error loading request: it is encrypted for the SyftBox SDK ({kind}), \
             which syft-host does not read yet: it has to be sent unencrypted"
        );
        assert_eq!((answer.status(), answer.text()), (400, expected));
    }
}

#[test]
fn a_burst_of_answers_is_woken_to_the_last() {
    let site = Site::new();
    let host = probe(&site);
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    let (sender, events) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        drop(sender.send(event));
    })
    .unwrap();
    notify::Watcher::watch(&mut watcher, &folder, notify::RecursiveMode::NonRecursive).unwrap();
    let all: Vec<Sent> = (0..40).map(|_| send(&host.rpc, "echo", None)).collect();
    let mut asleep: Vec<PathBuf> = all.iter().map(Sent::response_path).collect();
    wait_for("a write event of each answer", || {
        while let Ok(event) = events.try_recv() {
            let event = event.unwrap();
            let is_write = matches!(
                event.kind,
                notify::EventKind::Modify(notify::event::ModifyKind::Data(_))
            );
            asleep.retain(|path| !(is_write && event.paths.contains(path)));
        }
        asleep.is_empty().then_some(())
    });
}

/// Runs `syft-host` for Bob, who has a config file.
fn bob(site: &Site, arguments: &[&str]) -> Ended {
    let config = site.config("bob@example.com");
    let mut command = syft_host(site);
    Ended::of(&output(command.args(arguments).arg("--config").arg(config)))
}

#[test]
fn names_the_line_that_lets_the_client_sync_what_is_of_others() {
    let site = Site::new();
    let data = site.data_dir().join(".data");
    fs::create_dir_all(&data).unwrap();
    let file = data.join("syft.sub.yaml");
    let call = || {
        let url = format!("syft://{ALICE}/app_data/hello/rpc/hello");
        bob(&site, &["call", &url, "--timeout", "1s", "--no-check"])
    };
    let install = || {
        bob(
            &site,
            &["install", &format!("syft://{ALICE}/public/syft-apps/hello")],
        )
    };
    let line = |path: &str| {
        format!(
            "as the last of `rules:` in {} add `- {{action: allow, datasite: \"{ALICE}\", path: \"{path}\"}}`",
            file.display()
        )
    };
    // An older client has no such file.
    for ended in [call(), install()] {
        assert!(!ended.stderr.contains("does not sync"), "{}", ended.stderr);
    }
    fs::write(&file, "version: 1\ndefaults: {action: block}\nrules: []\n").unwrap();
    let ended = call();
    assert_eq!(ended.code, Some(3), "it is no more than a warning");
    assert!(
        ended.stderr.contains(&line("app_data/hello/rpc/**")),
        "{}",
        ended.stderr
    );
    let ended = install();
    assert!(
        ended.stderr.contains(&line("public/syft-apps/**")),
        "{}",
        ended.stderr
    );
    let rules = format!("rules:\n- {{action: allow, datasite: \"{ALICE}\", path: \"**\"}}\n");
    fs::write(&file, rules).unwrap();
    for ended in [call(), install()] {
        assert!(!ended.stderr.contains("does not sync"), "{}", ended.stderr);
    }
}

/// A newer client removes requests to those whom its owner does not subscribe to.
#[test]
fn a_call_whose_request_is_removed_ends_and_says_why() {
    let site = Site::new();
    let folder = site
        .datasites()
        .join(ALICE)
        .join("app_data/hello/rpc/hello/bob@example.com");
    let place = folder.clone();
    let client = std::thread::spawn(move || {
        let is_request = |path: &PathBuf| {
            path.extension()
                .is_some_and(|extension| extension == "request")
        };
        wait_for("the request", || {
            let entries = fs::read_dir(&place).ok()?;
            let path = entries
                .map(|entry| entry.unwrap().path())
                .find(is_request)?;
            fs::remove_file(path).ok()
        });
    });
    let url = format!("syft://{ALICE}/app_data/hello/rpc/hello");
    let ended = bob(&site, &["call", &url, "--timeout", "1h", "--no-check"]);
    client.join().unwrap();
    assert_eq!(ended.code, Some(3));
    for part in ["the request was removed", "syft.sub.yaml", "action: allow"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    assert!(
        folder.join(".syftkeep").is_file(),
        "its client goes on seeing the folder"
    );
}

#[test]
fn a_config_that_is_being_written_is_read_again() {
    let site = Site::new();
    let config = site.config(OWNER);
    let whole = fs::read_to_string(&config).unwrap();
    fs::write(&config, "").unwrap();
    let doctor = || {
        let mut command = syft_host(&site);
        command.args(["list", "--config"]).arg(&config);
        Ended::of(&output(&mut command))
    };
    let path = config.clone();
    let client = std::thread::spawn(move || {
        for part in [0, 10, whole.len()] {
            fs::write(&path, &whole[..part]).unwrap();
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    doctor().succeeded();
    client.join().unwrap();
    for (content, expected) in [
        ("", "is cut short"),
        ("{\"email\":", "is cut short"),
        ("x", "is no config"),
    ] {
        fs::write(&config, content).unwrap();
        let stderr = doctor().refused();
        assert!(stderr.contains(expected), "{stderr}");
        assert!(stderr.contains(config.to_str().unwrap()), "{stderr}");
        assert!(
            stderr.contains("hint: ") && stderr.contains("syftbox login"),
            "{stderr}"
        );
    }
}
