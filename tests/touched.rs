//! Requests that somebody touches while they run: each runs once.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::SystemTime;

use rustix::fs::{XattrFlags, setxattr};
use rustix::io::Errno;
use uuid::Uuid;

use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

/// A way to touch a file.
type Touch = (&'static str, fn(&Path));

/// How a request is touched; each leaves it as it was.
const TOUCHES: [Touch; 10] = [
    ("truncated to its size", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len()).unwrap();
    }),
    ("another mode", |path| {
        fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    }),
    ("other times", |path| {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
    }),
    ("an attribute", |path| {
        match setxattr(path, "user.seen", b"1", XattrFlags::empty()) {
            // This file system has none, and nothing is touched.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => panic!("{error}"),
        }
    }),
    ("written again in place", |path| {
        fs::write(path, fs::read(path).unwrap()).unwrap();
    }),
    ("written again in two parts", |path| {
        let bytes = fs::read(path).unwrap();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let mut file = File::create(path).unwrap();
        file.write_all(first).unwrap();
        file.write_all(second).unwrap();
    }),
    ("replaced by its like", |path| {
        let aside = path.with_extension("aside");
        fs::copy(path, &aside).unwrap();
        fs::rename(aside, path).unwrap();
    }),
    ("a hard link made and removed", |path| {
        let aside = path.with_extension("aside");
        fs::hard_link(path, &aside).unwrap();
        fs::remove_file(aside).unwrap();
    }),
    ("moved away and back", |path| {
        let aside = path.with_extension("aside");
        fs::rename(path, &aside).unwrap();
        fs::rename(aside, path).unwrap();
    }),
    ("the end of the line", |path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"\n").unwrap();
    }),
];

/// Returns how often the handler has run for each request.
fn runs(host: &Host) -> HashMap<String, usize> {
    let mut runs = HashMap::new();
    for line in host.log() {
        if line.to_string().contains("sleeping") {
            let id = line["request"].as_str().unwrap().to_owned();
            *runs.entry(id).or_default() += 1;
        }
    }
    runs
}

fn start(site: &Site) -> Host {
    let options = ["--name", "app", "--concurrency", "48"];
    Host::start(site, &guest("probe"), &options)
}

fn send(host: &Host, ms: usize) -> Sent {
    let (id, endpoint) = (Uuid::new_v4(), "sleep-loudly");
    let body = format!(r#"{{"ms":{ms}}}"#);
    let request = request(id, CALLER, endpoint, Some(body.as_bytes()));
    let folder = host.rpc.join(endpoint).join(CALLER);
    Sent::write(&folder, id, request.to_string().as_bytes())
}

/// Touches requests while they run, so many at a time, until there were so many.
fn touch_while_they_run(n_requests: usize) {
    let site = Site::new();
    let host = start(&site);
    let mut all = Vec::new();
    while all.len() < n_requests {
        let sent: Vec<Sent> = (0..40).map(|_| send(&host, 800)).collect();
        all.extend(sent.iter().map(|sent| sent.id().to_owned()));
        wait_for("all of them to run", || {
            let runs = runs(&host);
            all.iter().all(|id| runs.contains_key(id)).then_some(())
        });
        for (sent, (_, touch)) in sent.iter().zip(TOUCHES.iter().cycle()) {
            touch(&sent.path);
        }
        for sent in &sent {
            assert_eq!(sent.answer().status(), 200);
        }
        // Once more, now that the answers lie there.
        for (sent, (_, touch)) in sent.iter().zip(TOUCHES.iter().cycle()) {
            touch(&sent.path);
        }
        // Who replaces a request and deletes its answer before it was looked at asks anew.
        send(&host, 0).answer();
        for sent in &sent {
            fs::remove_file(sent.response_path()).unwrap();
            fs::remove_file(&sent.path).unwrap();
        }
    }
    // What has come before this one was looked at.
    send(&host, 0).answer();
    let runs = runs(&host);
    let mut twice: Vec<&str> = all
        .iter()
        .zip(TOUCHES.iter().cycle())
        .filter(|(id, _)| runs[*id] != 1)
        .map(|(_, (name, _))| *name)
        .collect();
    let n_twice = twice.len();
    twice.sort_unstable();
    twice.dedup();
    assert_eq!(n_twice, 0, "of {} ran more than once: {twice:?}", all.len());
    host.stop();
}

/// Calls from the command line, and takes what the host itself writes for a request.
fn call_so_often(n_calls: usize) {
    let site = Site::new();
    let host = start(&site);
    let call = || -> Output {
        let mut command = syft_host(&site);
        command
            .args([
                "call",
                &format!("syft://{OWNER}/app_data/app/rpc/sleep-loudly"),
            ])
            .args(["--body", r#"{"ms":30}"#, "--email", CALLER, "--data-dir"])
            .arg(site.data_dir());
        output(&mut command)
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..n_calls / 4 {
                    let called = call();
                    assert!(called.status.success(), "{called:?}");
                }
            });
        }
    });
    send(&host, 0).answer();
    let runs = runs(&host);
    assert_eq!(runs.len(), n_calls + 1);
    let n_twice = runs.values().filter(|n_runs| **n_runs != 1).count();
    assert_eq!(n_twice, 0, "of {n_calls} ran more than once");
    host.stop();
}

#[test]
fn a_request_that_is_touched_while_it_runs_runs_once() {
    touch_while_they_run(120);
}

#[test]
fn a_call_from_the_command_line_runs_once() {
    call_so_often(24);
}

#[test]
#[ignore = "takes minutes: `just once`"]
fn a_thousand_touched_requests_and_a_thousand_calls_run_once() {
    touch_while_they_run(1_000);
    call_so_often(1_000);
}

/// A client that writes in parts may be seen at any of them.
#[test]
fn a_request_that_is_written_in_parts_runs_once() {
    let site = Site::new();
    let host = start(&site);
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "sleep-loudly", Some(br#"{"ms":900}"#)).to_string();
    let folder = host.rpc.join("sleep-loudly").join(CALLER);
    let sent = Sent::write(&folder, id, &bytes.as_bytes()[..50]);
    for part in [
        &bytes.as_bytes()[50..90],
        &bytes.as_bytes()[90..],
        b"\n",
        b"  ",
    ] {
        // Each part is an event of its own.
        thread::sleep(std::time::Duration::from_millis(100));
        let mut file = OpenOptions::new().append(true).open(&sent.path).unwrap();
        file.write_all(part).unwrap();
    }
    assert_eq!(sent.answer().status(), 200);
    assert_eq!(runs(&host), HashMap::from([(id.to_string(), 1)]));
    host.stop();
}
