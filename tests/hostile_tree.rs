//! Trees that strangers wrote into.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use uuid::Uuid;

use crate::support::client::{Answer, Sent, call, request};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{CALLER, Site};

/// Puts one hostile thing into a folder. The number chooses which.
fn plant(site: &Site, folder: &Path, n: usize) {
    let id = Uuid::new_v4();
    let path = folder.join(format!("{id}.request"));
    let good = || request(id, CALLER, "echo", Some(b"x"));
    let with = |key: &str, value: serde_json::Value| {
        let mut request = good();
        request[key] = value;
        request.to_string().into_bytes()
    };
    let bytes = match n % 20 {
        0 => Vec::new(),
        1 => good().to_string().into_bytes()[..80].to_vec(),
        2 => vec![b'x'; 50 << 20],
        3 => with("id", "not-a-uuid".into()),
        4 => return symlink("/etc/passwd", path).unwrap(),
        5 => return mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
        6 => return fs::create_dir(path).unwrap(),
        7 => with("sender", "eve@example.com".into()),
        8 => with("id", "../../../../escaped".into()),
        9 => with("url", "syft://owner@example.com/../../../escaped".into()),
        10 => with("sender", "../../../escaped".into()),
        11 => with("expires", "2999-01-01T00:00:00".into()),
        12 => format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
        13 => vec![0xff, 0xfe, 0x00, 0x80],
        14 => with("headers", serde_json::Value::Null),
        15 => {
            let name = folder.join("../../escaped.request");
            return fs::write(name, good().to_string()).unwrap();
        }
        16 => return fs::write(folder.join("no-uuid.request"), good().to_string()).unwrap(),
        17 => return symlink(site.path(), folder.join(format!("{id}.response"))).unwrap(),
        18 => with("body", format!("{}!", "A".repeat(1_000_000)).into()),
        _ => return symlink(folder.join("dangling"), path).unwrap(),
    };
    // Whole at once: the host must not meet the large one while it is small.
    let part = path.with_extension("part");
    fs::write(&part, bytes).unwrap();
    fs::rename(part, path).unwrap();
}

/// Returns all that lies outside the app's folder, with sizes.
fn outside(site: &Site) -> Vec<(PathBuf, u64)> {
    let rpc = site.rpc("app");
    let own = site.path().join(".local");
    let mut found: Vec<_> = walkdir::WalkDir::new(site.path())
        .into_iter()
        .map(Result::unwrap)
        // What the host keeps for itself lies in the home of the site.
        .filter(|entry| !entry.path().starts_with(&rpc) && !entry.path().starts_with(&own))
        .filter(|entry| entry.file_type().is_file() && !entry.path().ends_with("host.log"))
        .map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().len()))
        .collect();
    found.sort();
    found
}

/// One file in twenty is hostile; 4,750 are good.
#[test]
fn answers_every_good_request_among_hostile_ones() {
    let site = Site::new();
    let echo = site.rpc("app").join("echo");
    let folders: Vec<PathBuf> = (0..10)
        .map(|n| echo.join(format!("user{n}@example.com")))
        .collect();
    for folder in folders.iter().chain([&echo.join(CALLER)]) {
        fs::create_dir_all(folder).unwrap();
    }
    let mut good = Vec::new();
    for n in 0..5_000 {
        if n % 20 == 7 {
            plant(&site, &echo.join(CALLER), n / 20);
            continue;
        }
        let (id, body) = (Uuid::new_v4(), format!("body {n}"));
        let sender = format!("user{}@example.com", n % 10);
        let bytes = request(id, &sender, "echo", Some(body.as_bytes())).to_string();
        good.push((body, Sent::write(&folders[n % 10], id, bytes.as_bytes())));
    }
    let before = outside(&site);
    let mut host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    for (body, sent) in good {
        let answer = sent.answer();
        assert_eq!((answer.status(), answer.text()), (200, body));
    }
    assert_eq!(call(&host.rpc, "echo", "still there").text(), "still there");
    assert!(host.is_running());
    assert_eq!(outside(&site), before, "nothing is written elsewhere");
    assert!(
        host.peak_memory() < 512 << 20,
        "{} bytes",
        host.peak_memory()
    );
}

#[test]
fn tells_the_sender_of_a_bad_request_what_is_wrong_with_it() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    for (n, status, expected) in [
        (2, 413, "it has 52428800 bytes; at most 16777216 are read"),
        (3, 400, "id: "),
        (7, 403, "Sender mismatch"),
        (8, 400, "id: "),
        (12, 400, "invalid JSON"),
        (14, 400, "headers: "),
        (18, 400, "body: "),
    ] {
        plant(&site, &folder, n);
        let answer = only_answer(&folder);
        assert_eq!(answer.status(), status, "case {n}: {}", answer.text());
        assert!(
            answer.text().contains(expected),
            "case {n}: {}",
            answer.text()
        );
        assert!(answer.text().len() < 500, "case {n}: {}", answer.text());
    }
}

/// Waits for the one answer in a folder, and empties it.
fn only_answer(folder: &Path) -> Answer {
    let path = crate::support::wait_for("an answer", || {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "response")
            })
    });
    let answer = Answer::read(&path).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    answer
}

#[test]
fn answers_beside_the_request_whatever_it_claims() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let before = outside(&site);
    for (key, value) in [
        ("url", "syft://owner@example.com/../../../outside"),
        ("url", "syft://owner@example.com/public/app_data/other"),
        ("id", "11111111-1111-4111-8111-111111111111"),
        ("sender", "../../../../../../outside"),
        ("sender", "/outside"),
    ] {
        let id = Uuid::new_v4();
        let mut request = request(id, CALLER, "echo", Some(b"here"));
        request[key] = value.into();
        // In the older layout nothing but the message says who sent it.
        let bytes = request.to_string();
        let sent = Sent::write(&host.rpc.join("echo"), id, bytes.as_bytes());
        let answer = sent.answer();
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "here"),
            "{key} {value}"
        );
        assert_eq!(answer.json["id"], id.to_string());
    }
    assert_eq!(outside(&site), before);
}

#[test]
fn follows_no_link_in_the_place_of_a_sender_folder() {
    let site = Site::new();
    let outside = site.path().join("elsewhere");
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "echo", None).to_string();
    let sent = Sent::write(&outside, id, bytes.as_bytes());
    let echo = site.rpc("app").join("echo");
    fs::create_dir_all(&echo).unwrap();
    symlink(&outside, echo.join(CALLER)).unwrap();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    host.wait_for_log("the count of it", |line| line["linked_folders"] == 1);
    assert!(sent.peek().is_none());
}

#[test]
fn replaces_what_was_planted_in_the_place_of_an_answer() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let victim = site.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    for name in ["response", "response.tmp"] {
        let id = Uuid::new_v4();
        let folder = host.rpc.join("echo").join(CALLER);
        fs::create_dir_all(&folder).unwrap();
        symlink(&victim, folder.join(format!("{id}.{name}"))).unwrap();
        let bytes = request(id, CALLER, "echo", Some(b"x")).to_string();
        let path = folder.join(format!("{id}.request"));
        fs::write(&path, bytes).unwrap();
        crate::support::wait_for("a real answer", || {
            let response = path.with_extension("response");
            fs::symlink_metadata(response)
                .is_ok_and(|metadata| metadata.is_file())
                .then_some(())
        });
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "untouched");
}

#[test]
fn a_fifo_stops_nobody() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let folder = host.rpc.join("echo").join(CALLER);
    fs::create_dir_all(&folder).unwrap();
    for _ in 0..200 {
        plant(&site, &folder, 5);
    }
    for _ in 0..20 {
        assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
    }
    host.wait_for_log("the count of them", |line| line["not_files"] == 200);
}

/// Deleting them one in another would overflow the stack.
#[test]
fn a_deep_folder_in_the_place_of_a_temporary_file_is_left_alone() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let (id, folder) = (Uuid::new_v4(), host.rpc.join("echo").join(CALLER));
    fs::create_dir_all(&folder).unwrap();
    let planted = folder.join(format!("{id}.response.tmp"));
    fs::create_dir(&planted).unwrap();
    let mut deep = fs::File::open(&planted).unwrap();
    for _ in 0..20_000 {
        rustix::fs::mkdirat(&deep, "d", Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        deep = rustix::fs::openat(&deep, "d", flags, Mode::empty())
            .unwrap()
            .into();
    }
    let bytes = request(id, CALLER, "echo", Some(b"x")).to_string();
    let sent = Sent::write(&folder, id, bytes.as_bytes());
    assert_eq!(sent.answer().text(), "x");
    assert!(planted.is_dir());
    host.stop();
    // The standard library would recurse, too.
    let removed = std::process::Command::new("rm")
        .arg("-rf")
        .arg(&planted)
        .status();
    assert!(removed.unwrap().success());
}

#[test]
fn large_requests_of_one_sender_leave_room_for_others() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    let slow: Vec<Sent> = (0..8)
        .map(|_| {
            let id = Uuid::new_v4();
            let mut bytes = request(id, CALLER, "sleep", Some(br#"{"ms":9000}"#)).to_string();
            bytes.push_str(&" ".repeat(15 << 20));
            Sent::write(&host.rpc.join("sleep").join(CALLER), id, bytes.as_bytes())
        })
        .collect();
    let id = Uuid::new_v4();
    let bytes = request(id, "other@example.com", "echo", Some(b"x")).to_string();
    let folder = host.rpc.join("echo/other@example.com");
    assert_eq!(
        Sent::write(&folder, id, bytes.as_bytes()).answer().text(),
        "x"
    );
    assert!(slow.iter().any(|sent| sent.peek().is_none()), "before them");
}

#[test]
fn a_fifo_in_the_place_of_the_schema_is_replaced() {
    let site = Site::new();
    let rpc = site.rpc("app");
    fs::create_dir_all(&rpc).unwrap();
    let schema = rpc.join("rpc.schema.json");
    mknodat(CWD, &schema, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    assert!(fs::symlink_metadata(&schema).unwrap().is_file());
    assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
}
