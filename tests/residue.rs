//! Each call begins with the same clean image: nothing of one is left for the next, in
//! memory, files, state or handles, however it ended.

mod swap;
mod tables;

use std::fs;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::apps::granted;
use crate::support::client::{Answer, Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, run_after};
use crate::support::site::Site;
use crate::support::wait_for;

/// Whose requests leave marks, and who comes next.
const SPOILER: &str = "alice@example.com";
const NEXT: &str = "bob@example.com";

/// More than stays in memory from one call to the next.
const MEMORY: &str = "24MiB";
const N_PAGES: usize = 24 * 16;

/// How a call ends, and the word for it in the log.
const ENDS: &[(&str, &str)] = &[
    ("answer", "answered"),
    ("fail", "failed"),
    ("panic", "trapped"),
    ("exit", "trapped"),
    ("overflow", "trapped"),
    ("allocate", "out-of-memory"),
    ("print", "too-much-output"),
    ("loop", "timed-out"),
];

/// An app that may read a file.
struct App {
    host: Host,
    _site: Site,
}

impl App {
    fn start(options: &[&str]) -> Self {
        Self::start_after("", options)
    }

    /// Starts it after these words of a shell.
    fn start_after(words: &str, options: &[&str]) -> Self {
        let site = Site::new();
        site.write("public/open.txt", "a file of the owner");
        let component = granted(
            &site,
            &guest("residue"),
            &["{datasite}/public/**"],
            &[],
            &[],
        );
        let mut command = run_after(&site, &[], words, &component);
        command
            .args(["--memory", MEMORY, "--time", "5s"])
            .args(options);
        let host = Host::spawn(&site, command);
        Self { host, _site: site }
    }

    fn send(&self, sender: &str, endpoint: &str, body: &Value) -> Sent {
        let id = Uuid::new_v4();
        let request = request(id, sender, endpoint, Some(body.to_string().as_bytes()));
        let folder = self.host.rpc.join(endpoint).join(sender);
        Sent::write(&folder, id, request.to_string().as_bytes())
    }

    fn spoil(&self, mark: &str, end: &str) -> Sent {
        let body = json!({"mark": mark, "n_pages": N_PAGES, "end": end});
        self.send(SPOILER, "spoil", &body)
    }

    fn look(&self, mark: &str) -> Sent {
        let capitals = mark.to_ascii_uppercase();
        self.send(
            NEXT,
            "look",
            &json!({"capitals": capitals, "n_pages": N_PAGES}),
        )
    }

    /// Waits until a call has ended as the log says.
    fn wait_for_end(&self, sent: &Sent, end: &str) {
        let id = sent.id();
        self.host
            .wait_for_log(end, |line| line["message"] == end && line["id"] == id);
    }

    /// Counts the lines of the log with a mark. Each of them has to be about this call.
    fn count_in_log(&self, mark: &str, sent: &Sent) -> usize {
        let log = self.host.log();
        let lines = log.iter().filter(|line| line.to_string().contains(mark));
        let about_it = lines.inspect(|line| assert_eq!(line["request"], sent.id(), "{line}"));
        about_it.count()
    }

    fn n_open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.host.pid().as_raw_nonzero());
        fs::read_dir(folder).unwrap().count()
    }
}

/// Returns a mark that is nowhere else: letters, of which there are capitals.
fn new_mark() -> String {
    let digits = Uuid::new_v4().simple().to_string();
    let letter = |digit: char| char::from(b'a' + digit.to_digit(16).unwrap() as u8);
    digits.chars().map(letter).collect()
}

fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Takes out what is to be another one each time.
fn split_random(mut seen: Value) -> (Value, Value) {
    let random = seen["places"]["random"].take();
    (seen, random)
}

/// Checks after each of these ends that the next calls see what the very first one saw,
/// before which there was none.
fn check_nothing_is_left(app: &App, ends: &[(&str, &str)]) {
    let (first, mut random) = split_random(told(&app.look(&new_mark()).answer()));
    let n_files = app.n_open_files();
    for (end, logged) in ends {
        let mark = new_mark();
        let spoil = app.spoil(&mark, end);
        app.wait_for_end(&spoil, logged);
        for _ in 0..3 {
            let (seen, next) = split_random(told(&app.look(&mark).answer()));
            assert_eq!(seen, first, "after a call with the end {end}");
            assert_ne!(next, random, "after a call with the end {end}");
            random = next;
        }
        wait_for("the files to be closed", || {
            (app.n_open_files() <= n_files).then_some(())
        });
        // A call that writes too much has the end of it cut.
        let n_lines = usize::from(*end != "print");
        assert_eq!(app.count_in_log(&mark, &spoil), n_lines, "{end}");
    }
}

#[test]
fn nothing_is_left_of_the_last_request() {
    let app = App::start(&["--concurrency", "1"]);
    check_nothing_is_left(&app, ENDS);
}

#[test]
fn nothing_is_left_where_there_is_no_pool() {
    let app = App::start_after("ulimit -v 9000000;", &["--concurrency", "1"]);
    app.host.wait_for_log("the reason", |line| {
        line["message"].to_string().contains("no instance pool")
    });
    check_nothing_is_left(&app, ENDS);
}

#[test]
fn nothing_is_left_of_many_requests_at_a_time() {
    let app = App::start(&["--concurrency", "16"]);
    let (first, random) = split_random(told(&app.look(&new_mark()).answer()));
    let mark = new_mark();
    let (mut spoils, mut looks) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        for (end, logged) in ENDS {
            spoils.push((app.spoil(&mark, end), logged));
            looks.extend([app.look(&mark), app.look(&mark)]);
        }
    }
    let mut randoms = vec![random];
    for look in looks {
        let (seen, random) = split_random(told(&look.answer()));
        assert_eq!(seen, first);
        assert!(!randoms.contains(&random), "{random}");
        randoms.push(random);
    }
    for (spoil, logged) in spoils {
        app.wait_for_end(&spoil, logged);
    }
}

/// A call that guesses the number of what another one has open has nothing of it.
#[test]
fn handles_of_another_request_are_no_handles() {
    let app = App::start(&["--concurrency", "1"]);
    let held = told(&app.spoil(&new_mark(), "answer").answer());
    for kind in held["kinds"].as_array().unwrap() {
        assert_eq!(
            kind, "Ok(DescriptorType::RegularFile)",
            "the call itself has them"
        );
    }
    for number in held["numbers"].as_array().unwrap() {
        let borrowed = app.send(NEXT, "borrow", &json!({"handle": number}));
        assert_eq!(borrowed.answer().status(), 500, "{number}");
        app.wait_for_end(&borrowed, "trapped");
    }
}

/// What a call leaves is found where it is by that call itself.
#[test]
fn a_look_finds_what_is_there() {
    let app = App::start(&["--concurrency", "1"]);
    let mark = new_mark();
    let first = told(&app.look(&mark).answer());
    assert_eq!(first["memory"]["marks"], 0, "{first}");
    assert_eq!(first["memory"]["not_zero_in_new_pages"], 0, "{first}");
    let found = told(&app.spoil(&mark, "look").answer());
    let n_marks = found["memory"]["marks"].as_u64().unwrap() as usize;
    assert!(n_marks * mark.len() > N_PAGES * (60 << 10), "{n_marks}");
    for (part, what) in [
        ("memory", ["bytes", "pages_in_use"].as_slice()),
        (
            "places",
            &[
                "once",
                "filled",
                "local",
                "variables",
                "folder",
                "state",
                "random",
            ],
        ),
        ("handles", &["file", "pollable", "output", "bucket"]),
    ] {
        for it in what {
            assert_ne!(first[part][it], found[part][it], "{part}: {it}");
        }
    }
}
