//! Requests that arrive while the host serves.

use std::collections::HashSet;
use std::fs;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use uuid::Uuid;

use crate::support::client::{self, Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

fn probe() -> (Site, Host) {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    (site, host)
}

#[test]
fn answers_a_request_written_in_place() {
    let (_site, host) = probe();
    let answer = call(&host.rpc, "echo", "hello");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
    assert_eq!(answer.json["sender"], OWNER);
}

#[test]
fn answers_a_request_that_arrives_by_rename() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    // As the sync client's full sync does it.
    let temporary = folder.join(format!("{id}.request.tmp.123456"));
    fs::write(
        &temporary,
        request(id, CALLER, "echo", Some(b"moved")).to_string(),
    )
    .unwrap();
    let path = folder.join(format!("{id}.request"));
    fs::rename(&temporary, &path).unwrap();
    assert_eq!(Sent { path }.answer().text(), "moved");
}

#[test]
fn answers_a_request_whose_folder_is_moved_in_with_it() {
    let (site, host) = probe();
    let outside = site.path().join("outside");
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "echo", Some(b"folder")).to_string();
    Sent::write(&outside, id, bytes.as_bytes());
    let folder = host.rpc.join("echo").join(CALLER);
    fs::rename(&outside, &folder).unwrap();
    let path = folder.join(format!("{id}.request"));
    assert_eq!(Sent { path }.answer().text(), "folder");
}

/// The kernel gives no event for what is put into a folder right after it was made.
#[test]
fn answers_requests_in_many_new_folders() {
    let (_site, host) = probe();
    let sent: Vec<(String, Sent)> = (0..200)
        .map(|n| {
            let (id, sender) = (Uuid::new_v4(), format!("user{n}@example.com"));
            let bytes = request(id, &sender, "echo", Some(sender.as_bytes())).to_string();
            let folder = host.rpc.join("echo").join(&sender);
            (sender, Sent::write(&folder, id, bytes.as_bytes()))
        })
        .collect();
    for (sender, sent) in sent {
        assert_eq!(sent.answer().text(), sender);
    }
}

#[test]
fn waits_for_a_request_that_is_written_slowly() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "echo", Some(b"slow")).to_string();
    let sent = Sent::write(&host.rpc.join("echo").join(CALLER), id, b"");
    // While others are answered, it is neither answered nor refused.
    for part in 1..=5 {
        fs::write(&sent.path, &bytes[..bytes.len() * part / 6]).unwrap();
        assert_eq!(call(&host.rpc, "echo", "between").status(), 200);
        assert!(sent.peek().is_none(), "part {part} is not the whole");
    }
    fs::write(&sent.path, &bytes).unwrap();
    assert_eq!(sent.answer().text(), "slow");
}

#[test]
fn refuses_a_file_that_stays_no_request() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let sent = Sent::write(&host.rpc.join("echo").join(CALLER), id, b"{bad");
    let answer = sent.answer();
    assert_eq!(answer.status(), 400);
    assert!(
        answer.text().starts_with("Error loading request: "),
        "{}",
        answer.text()
    );
    assert_eq!(answer.json["id"], id.to_string());
    let url = format!("syft://{OWNER}/app_data/app/rpc/echo");
    assert_eq!(answer.json["url"], url.as_str());
}

#[test]
fn answers_the_same_id_sent_again_after_its_answer_was_taken() {
    let (_site, host) = probe();
    let (folder, id) = (host.rpc.join("echo").join(CALLER), Uuid::new_v4());
    for round in 0..20 {
        let body = format!("round {round}");
        let bytes = request(id, CALLER, "echo", Some(body.as_bytes())).to_string();
        let sent = Sent::write(&folder, id, bytes.as_bytes());
        assert_eq!(sent.answer().text(), body);
        fs::remove_file(&sent.path).unwrap();
        fs::remove_file(sent.response_path()).unwrap();
    }
}

#[test]
fn says_how_far_the_sender_is_known() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "whoami", None).to_string();
    let claimed = Sent::write(&host.rpc.join("whoami"), id, bytes.as_bytes()).answer();
    let known = send(&host.rpc, "whoami", None).answer();
    for (answer, proof) in [(claimed, "claimed"), (known, "folder")] {
        let body: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(
            (&body["sender"], &body["proof"]),
            (&CALLER.into(), &proof.into())
        );
    }
}

#[test]
fn refuses_a_request_that_claims_another_sender_than_its_folder() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let bytes = request(id, "eve@example.com", "echo", None).to_string();
    let sent = Sent::write(&host.rpc.join("echo").join(CALLER), id, bytes.as_bytes());
    assert_eq!(sent.answer().status(), 403);
    host.wait_for_log("the refusal", |line| {
        line["refusal"] == "sender-disagrees" && line.to_string().contains("eve@example.com")
    });
}

#[test]
fn leaves_requests_for_endpoints_alone_that_nobody_serves() {
    let (_site, host) = probe();
    let unserved = ["nobody", "echo/below", ""].map(|endpoint| send(&host.rpc, endpoint, None));
    // Everything that was there before these has been looked at once they are
    // answered.
    for _ in 0..3 {
        assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
    }
    for sent in unserved {
        assert!(sent.peek().is_none(), "{}", sent.path.display());
        assert!(sent.path.exists());
    }
}

#[test]
fn never_takes_the_marks_of_sync_for_requests() {
    let (_site, host) = probe();
    let id = Uuid::new_v4();
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    let bytes = request(id, CALLER, "echo", None).to_string();
    let marks = [
        "rejected",
        "conflict",
        "syftrejected",
        "syftconflict",
        "rejected.20261124010203",
    ];
    for mark in marks {
        fs::write(folder.join(format!("{id}.{mark}.request")), &bytes).unwrap();
    }
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
    let responses = fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".response")
        })
        .count();
    assert_eq!(responses, 1, "of the request that asked");
}

/// SyftBox's fast path listens for write events, which a rename is not.
#[test]
fn an_answer_wakes_those_who_watch_for_writes() {
    let (_site, host) = probe();
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    let (sender, events) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        drop(sender.send(event));
    })
    .unwrap();
    notify::Watcher::watch(&mut watcher, &folder, notify::RecursiveMode::NonRecursive).unwrap();
    let sent = send(&host.rpc, "echo", None);
    let response = sent.response_path();
    wait_for("a write event of the response", || {
        let event = events.try_recv().ok()?.unwrap();
        let is_write = matches!(
            event.kind,
            notify::EventKind::Modify(notify::event::ModifyKind::Data(_))
        );
        (is_write && event.paths.contains(&response)).then_some(())
    });
    assert_eq!(sent.answer().status(), 200);
}

#[test]
fn a_request_that_vanishes_disturbs_nobody() {
    let (_site, host) = probe();
    for _ in 0..50 {
        let gone = send(&host.rpc, "echo", None);
        fs::remove_file(&gone.path).unwrap();
        let folder = host.rpc.join("echo").join("other@example.com");
        let id = Uuid::new_v4();
        let bytes = request(id, "other@example.com", "echo", None).to_string();
        Sent::write(&folder, id, bytes.as_bytes());
        // The host may be writing an answer there just then.
        while fs::remove_dir_all(&folder).is_err() {}
    }
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
}

#[test]
fn serves_on_when_its_folder_is_replaced() {
    let (site, host) = probe();
    fs::rename(&host.rpc, site.path().join("away")).unwrap();
    wait_for("a new folder", || {
        host.rpc.join("echo/.syftkeep").exists().then_some(())
    });
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
}

#[test]
fn calls_run_at_the_same_time() {
    let (_site, host) = probe();
    let slow: Vec<Sent> = (0..20)
        .map(|_| send(&host.rpc, "sleep", Some(br#"{"ms":2000}"#)))
        .collect();
    let start = std::time::Instant::now();
    for sent in slow {
        assert_eq!(sent.answer().status(), 200);
    }
    // One after another they would take forty seconds.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn every_call_starts_from_the_same_clean_instance() {
    let (_site, host) = probe();
    let first = call(&host.rpc, "calls", "{}").text();
    for _ in 0..10 {
        assert_eq!(call(&host.rpc, "calls", "{}").text(), first);
    }
}

/// An instance may be made before its call is known, but for a guest to which that would matter.
#[test]
fn what_a_guest_learns_in_its_start_is_of_its_own_call() {
    let site = Site::new();
    let host = Host::start(&site, &guest("starter"), &["--name", "app"]);
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let [at_start, now]: [String; 2] =
            serde_json::from_str(&call(&host.rpc, "calls", "").text()).unwrap();
        assert_eq!(at_start, now);
        assert!(seen.insert(now), "each call has its own key");
    }
}

#[test]
fn an_answer_that_sync_cannot_carry_is_an_error_that_says_so() {
    let (_site, host) = probe();
    let fits = call(&host.rpc, "big", r#"{"n":2000000}"#);
    assert_eq!(
        (fits.status(), fits.body().unwrap().len()),
        (200, 2_000_000)
    );
    for n in [2_360_000, 3_000_000, 30_000_000] {
        let answer = call(&host.rpc, "big", &format!(r#"{{"n":{n}}}"#));
        let text = answer.text();
        assert_eq!(answer.status(), 500, "{n}: {text}");
        assert!(
            text.contains("at most 3141632 can be synced"),
            "{n}: {text}"
        );
    }
}

#[test]
fn a_guest_that_was_granted_nothing_sees_nothing() {
    let (_site, host) = probe();
    for (endpoint, expected) in [
        ("env", r#"{"variables":[],"arguments":[]}"#),
        ("connect", "PermissionDenied"),
    ] {
        assert_eq!(
            call(&host.rpc, endpoint, "{}").text(),
            expected,
            "{endpoint}"
        );
    }
    let files: serde_json::Value =
        serde_json::from_str(&call(&host.rpc, "files", "{}").text()).unwrap();
    for what in ["root", "passwd", "written"] {
        assert!(files[what]["error"].is_string(), "{files}");
    }
}

#[test]
fn clocks_and_random_numbers_work_without_a_grant() {
    let (_site, host) = probe();
    let look = || -> serde_json::Value {
        serde_json::from_str(&call(&host.rpc, "now", "{}").text()).unwrap()
    };
    let (first, second) = (look(), look());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(
        first["seconds"].as_u64().unwrap().abs_diff(now) < 60,
        "{first}"
    );
    assert_ne!(first["random"], second["random"]);
}

#[test]
fn what_a_guest_says_reaches_the_log_with_its_app_and_request() {
    let (_site, host) = probe();
    let sent = send(&host.rpc, "log", Some(br#"{}"#));
    assert_eq!(sent.answer().status(), 200);
    let id = sent.path.file_stem().unwrap().to_str().unwrap().to_owned();
    for stream in ["log", "stdout", "stderr"] {
        let line = host.wait_for_log(stream, |line| line["stream"] == stream);
        assert_eq!(
            (line["app"].as_str(), line["request"].as_str()),
            (Some("app"), Some(&*id))
        );
    }
}

#[test]
fn an_app_shows_its_schema_and_permissions() {
    let (_site, host) = probe();
    let schema = fs::read_to_string(host.rpc.join("rpc.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["/text"]["args"].as_object().unwrap().len(), 1);
    let rules = fs::read_to_string(host.rpc.join("syft.pub.yaml")).unwrap();
    assert!(syft_protocol::permissions::is_unedited(rules.as_bytes()));
    assert!(
        rules.contains("'deep/er/{{.UserEmail}}/*.{request,response}'"),
        "{rules}"
    );
    assert!(client::Answer::read(&host.rpc.join("nothing.response")).is_none());
}

#[test]
fn another_request_with_the_same_id_gets_its_own_answer() {
    let (_site, host) = probe();
    let (folder, id) = (host.rpc.join("sleep-loudly").join(CALLER), Uuid::new_v4());
    let bytes = request(id, CALLER, "sleep-loudly", Some(br#"{"ms":1500}"#)).to_string();
    let first = Sent::write(&folder, id, bytes.as_bytes());
    host.wait_for_log("the call to begin", |line| {
        line.to_string().contains("sleeping")
    });
    fs::remove_file(&first.path).unwrap();
    let bytes = request(id, CALLER, "sleep-loudly", Some(br#"{"ms":"soon"}"#)).to_string();
    let second = Sent::write(&folder, id, bytes.as_bytes());
    let answer = second.answer();
    assert_eq!(answer.status(), 400, "{}", answer.text());
}

#[test]
fn serves_on_when_nobody_reads_its_log() {
    let site = Site::new();
    let mut command = crate::support::host::syft_host(&site);
    command
        .arg("run")
        .arg(guest("probe"))
        .args(["--name", "app", "--email", OWNER]);
    command.arg("--data-dir").arg(site.data_dir()).arg("--json");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    command.stdout(std::process::Stdio::piped()).stderr(full);
    let mut child = command.spawn().unwrap();
    let rpc = site.rpc("app");
    for endpoint in ["log", "fail", "echo"] {
        send(&rpc, endpoint, None).answer();
    }
    assert!(child.try_wait().unwrap().is_none(), "it runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn makes_its_folders_once_it_can() {
    let (site, host) = probe();
    let other = site.path().join("other");
    fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink("/nowhere", other.join("echo")).unwrap();
    // At once, or the host makes the folder first.
    renameat_with(CWD, &other, CWD, &host.rpc, RenameFlags::EXCHANGE).unwrap();
    host.wait_for_log("the failure", |line| {
        line.to_string().contains("endpoints' folders")
    });
    fs::remove_file(host.rpc.join("echo")).unwrap();
    wait_for("the folder", || {
        host.rpc.join("echo/.syftkeep").exists().then_some(())
    });
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
}
