//! Nobody waits for somebody else's flood.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::client::{Answer, Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::wait_for;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

const FLOODER: &str = "eve@example.com";

fn flood(site: &Site, n_requests: usize) -> Vec<Sent> {
    let folder = site.rpc("app").join("sleep-loudly").join(FLOODER);
    (0..n_requests)
        .map(|_| {
            let id = Uuid::new_v4();
            let request = request(id, FLOODER, "sleep-loudly", Some(br#"{"ms":50}"#));
            Sent::write(&folder, id, request.to_string().as_bytes())
        })
        .collect()
}

fn n_answered(sent: &[Sent]) -> usize {
    sent.iter()
        .filter(|sent| sent.response_path().exists())
        .count()
}

#[test]
fn one_request_does_not_wait_for_the_flood_of_another_sender() {
    let site = Site::new();
    let flood = flood(&site, 1_000);
    let options = ["--name", "app", "--concurrency", "8", "--log", "warn"];
    let host = Host::start(&site, &guest("probe"), &options);
    wait_for("the flood to be at work", || {
        (n_answered(&flood) > 8).then_some(())
    });
    for _ in 0..3 {
        let before = n_answered(&flood);
        assert_eq!(call(&host.rpc, "echo", "quick").text(), "quick");
        let meanwhile = n_answered(&flood) - before;
        assert!(meanwhile < 100, "{meanwhile} of the flood came first");
    }
    assert!(
        n_answered(&flood) < 900,
        "the flood is over too soon to show anything"
    );
}

#[test]
fn a_small_request_does_not_wait_for_the_large_ones_of_another_sender() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app", "--time", "10m"]);
    let folder = host.rpc.join("sleep-loudly").join(FLOODER);
    let body = format!(r#"{{"ms":600000,"more":"{}"}}"#, "x".repeat(11 << 20));
    for _ in 0..8 {
        let id = Uuid::new_v4();
        let request = request(id, FLOODER, "sleep-loudly", Some(body.as_bytes()));
        Sent::write(&folder, id, request.to_string().as_bytes());
    }
    // As many as there is memory for; the others wait until these end.
    wait_for("some of them to be at work", || {
        let is_asleep = |line: &serde_json::Value| line.to_string().contains("sleeping");
        (host.log().iter().filter(|line| is_asleep(line)).count() >= 4).then_some(())
    });
    assert_eq!(call(&host.rpc, "echo", "quick").text(), "quick");
}

#[test]
fn a_sender_whose_calls_take_long_leaves_room_for_others() {
    let site = Site::new();
    let options = ["--name", "app", "--concurrency", "8", "--time", "10m"];
    let host = Host::start(&site, &guest("probe"), &options);
    let folder = host.rpc.join("sleep-loudly").join(FLOODER);
    for _ in 0..50 {
        let id = Uuid::new_v4();
        let request = request(id, FLOODER, "sleep-loudly", Some(br#"{"ms":600000}"#));
        Sent::write(&folder, id, request.to_string().as_bytes());
    }
    let is_asleep = |line: &serde_json::Value| line.to_string().contains("sleeping");
    wait_for("seven sleepers", || {
        (host.log().iter().filter(|line| is_asleep(line)).count() >= 7).then_some(())
    });
    let quick: Vec<Sent> = (0..20)
        .map(|_| send(&host.rpc, "echo", Some(b"quick")))
        .collect();
    for sent in quick {
        assert_eq!(sent.answer().text(), "quick");
    }
}

/// Moves so many requests of one sender into their place at once.
fn put_flood(site: &Site, name: &str, n_requests: usize, expires: &str) {
    let aside = site.data_dir().join(name);
    for _ in 0..n_requests {
        let id = Uuid::new_v4();
        let mut request = request(id, FLOODER, "echo", Some(b"flood"));
        request["expires"] = expires.into();
        Sent::write(&aside, id, request.to_string().as_bytes());
    }
    let folder = site.rpc("app").join("echo").join(FLOODER);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    if !folder.exists() {
        return fs::rename(aside, folder).unwrap();
    }
    for entry in fs::read_dir(&aside).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

/// Returns when each file with such an ending was written.
fn written(folder: &Path, ending: &str) -> Vec<SystemTime> {
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    files
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == ending)
        })
        .map(|file| file.metadata().unwrap().modified().unwrap())
        .collect()
}

fn written_at(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// Returns when an answer was made. Its file changes once more when SyftBox's client is woken.
fn answered_at(sent: &Sent) -> SystemTime {
    let answer = sent.answer();
    let created = Timestamp::parse(answer.json["created"].as_str().unwrap()).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_micros(created.micros().try_into().unwrap())
}

/// Sends requests of another sender, one at a time, and returns for each how many
/// answers the flood got before its own: half of them are in line then already.
fn answered_before_each(rpc: &Path, n_requests: usize) -> Vec<usize> {
    let sent: Vec<Sent> = (0..n_requests)
        .map(|_| {
            let sent = send(rpc, "echo", Some(b"quick"));
            assert_eq!(sent.answer().text(), "quick");
            sent
        })
        .collect();
    let flood = written(&rpc.join("echo").join(FLOODER), "response");
    let mut counts: Vec<usize> = sent
        .iter()
        .map(|sent| {
            let between = written_at(&sent.path)..answered_at(sent);
            flood.iter().filter(|at| between.contains(*at)).count()
        })
        .collect();
    counts.sort_unstable();
    counts
}

/// Of a flood no more stands before another sender's request than keeps the
/// processors busy.
fn assert_nobody_waits(rpc: &Path) {
    let n_processors = thread::available_parallelism().unwrap().get();
    let counts = answered_before_each(rpc, 31);
    assert!(counts[15] < 8 * n_processors + 24, "{counts:?}");
    let folder = rpc.join("echo").join(FLOODER);
    let is_over = written(&folder, "request").len() == written(&folder, "response").len();
    assert!(!is_over, "the flood is over too soon to show anything");
}

#[test]
fn a_flood_of_fifty_thousand_requests_delays_and_costs_little() {
    let site = Site::in_memory();
    put_flood(&site, "first", 50_000, "2999-01-01T00:00:00+00:00");
    let options = ["--name", "app", "--log", "warn"];
    let host = Host::start(&site, &guest("probe"), &options);
    thread::scope(|scope| {
        scope.spawn(|| put_flood(&site, "second", 10_000, "2999-01-01T00:00:00+00:00"));
        assert_nobody_waits(&host.rpc);
    });
    assert_nobody_waits(&host.rpc);
    assert!(host.peak_memory() < 150 << 20, "{}", host.peak_memory());
    host.stop();
    let folder = site.rpc("app").join("echo").join(FLOODER);
    assert_eq!(written(&folder, "request").len(), 60_000);
    let answers = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let answers = answers.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "response")
    });
    let texts: Vec<String> = answers
        .map(|path| Answer::read(&path).unwrap().text())
        .collect();
    assert!(texts.len() > 100 && texts.iter().all(|text| text == "flood"));
}

#[test]
fn a_flood_of_expired_requests_delays_nobody() {
    let site = Site::in_memory();
    put_flood(&site, "first", 20_000, "2020-01-01T00:00:00+00:00");
    let options = ["--name", "app", "--log", "error"];
    let host = Host::start(&site, &guest("probe"), &options);
    assert_nobody_waits(&host.rpc);
}
