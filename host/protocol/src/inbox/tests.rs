use std::sync::Arc;

use super::*;
use crate::address::{Folder, RequestId};
use crate::message::{Headers, Method};
use crate::timestamp::Timestamp;
use crate::url::SyftUrl;

const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

/// An inbox with a clock of its own.
struct Bench {
    inbox: Inbox,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        Self::with_limits(InboxLimits::default())
    }

    fn with_limits(limits: InboxLimits) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: Timestamp::from_micros(1_000_000_000_000_000),
        };
        Self {
            inbox: Inbox::new(limits),
            now,
        }
    }

    fn seen(&mut self, address: &Address) {
        self.inbox.handle(self.now, Event::Seen(address.clone()));
    }

    fn loaded(&mut self, address: &Address, loaded: Loaded) {
        self.inbox
            .handle(self.now, Event::Loaded(address.clone(), loaded));
    }

    fn closed(&mut self, address: &Address, closed: Closed) {
        self.inbox
            .handle(self.now, Event::Closed(address.clone(), closed));
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall = self.now.wall.saturating_add(time);
    }

    /// Polls and describes all there is to do.
    fn poll(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.inbox.poll(self.now))
            .map(|action| match action {
                Action::Load(..) => "load".to_owned(),
                Action::Find(..) => "find".to_owned(),
                Action::Run(_, _, _, sender) => {
                    format!("run {} {}", sender.email, sender.proof.as_str())
                }
                Action::Refuse(_, _, refusal, _) => {
                    format!("refuse {} {}", refusal.status().code(), refusal.message())
                }
                Action::GiveAgain(..) => "give again".to_owned(),
            })
            .collect()
    }

    /// Brings a request to the point where its handler runs.
    fn run(&mut self, address: &Address, stamp: Stamp) {
        self.seen(address);
        assert_eq!(self.poll(), ["load"]);
        self.loaded(address, good(stamp));
        assert_eq!(self.poll(), ["run bob@x.org folder"]);
    }
}

fn address(path: &[&str]) -> Address {
    let id = RequestId::parse(ID).expect("an id");
    Address::new(Arc::new(Folder::parse(path).expect("a folder")), id)
}

fn stamp(bytes: u64) -> Stamp {
    Stamp {
        inode: 1,
        bytes,
        changed: 0,
    }
}

fn request(sender: &str, expires: i64) -> Box<Request> {
    Box::new(Request {
        id: None,
        sender: sender.to_owned(),
        url: SyftUrl::parse("syft://alice@x.org/app_data/a/rpc/echo").expect("a URL"),
        body: None,
        headers: Headers::default(),
        created: Timestamp::from_micros(0),
        expires: Timestamp::from_micros(expires),
        method: Method::Get,
    })
}

fn good(stamp: Stamp) -> Loaded {
    Loaded::File(Version::unread(stamp), Ok(request("bob@x.org", i64::MAX)))
}

fn half(stamp: Stamp) -> Loaded {
    let error = Request::from_json(b"{\"id\":", Timestamp::from_micros(0)).expect_err("half");
    Loaded::File(Version::unread(stamp), Err(error))
}

#[test]
fn a_request_is_loaded_run_and_answered_once() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, good(stamp(9)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
    bench.closed(&echo, Closed::Answered);
    assert!(bench.poll().is_empty());
    assert_eq!(bench.inbox.n_active(), 0);
}

/// A caller that is quick takes the answer, deletes both files and sends the same
/// id again before the host has noted that it answered.
#[test]
fn a_request_seen_while_it_runs_is_looked_at_again() {
    for closed in [Closed::Answered, Closed::Gone] {
        let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
        bench.run(&echo, stamp(9));
        bench.seen(&echo);
        assert!(bench.poll().is_empty(), "it runs already");
        bench.closed(&echo, closed);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(
            &echo,
            good(Stamp {
                inode: 2,
                ..stamp(9)
            }),
        );
        assert_eq!(bench.poll(), ["run bob@x.org folder"]);
    }
}

#[test]
fn a_request_seen_while_its_answer_is_looked_at_is_looked_at_again() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.seen(&echo);
    bench.loaded(&echo, Loaded::Answered(None));
    assert_eq!(bench.poll(), ["load"]);
}

#[test]
fn a_late_event_does_not_run_an_answered_request_again() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    bench.closed(&echo, Closed::Answered);
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    // The caller took the answer and has not yet deleted the request.
    bench.loaded(&echo, good(stamp(9)));
    assert!(bench.poll().is_empty());
    assert_eq!(bench.inbox.n_active(), 0);
}

/// Looks at an answered request, as each scan has it that finds no answer.
fn find_without_answer(bench: &mut Bench, address: &Address) -> Vec<String> {
    bench.seen(address);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(address, Loaded::AnswerGone);
    bench.poll()
}

#[test]
fn an_answer_that_was_lost_is_given_again_and_not_for_ever() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    bench.closed(&echo, Closed::Answered);
    let mut given_after = Vec::new();
    let mut since = bench.now.instant;
    for _ in 0..100 {
        if find_without_answer(&mut bench, &echo) == ["give again"] {
            given_after.push((bench.now.instant - since).as_secs());
            since = bench.now.instant;
            bench.closed(&echo, Closed::Answered);
            assert!(bench.poll().is_empty());
        }
        bench.pass(Duration::from_secs(5));
    }
    // The answer that was given again is seen to be gone at the next scan.
    assert_eq!(given_after, [15, 5 + 30, 5 + 60]);
    assert_eq!(bench.inbox.n_active(), 0);
}

#[test]
fn an_answer_is_not_given_again_to_who_only_takes_their_time() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    bench.closed(&echo, Closed::Answered);
    // The answer is back, and gone once more: that is a new beginning.
    for _ in 0..3 {
        for _ in 0..3 {
            assert!(find_without_answer(&mut bench, &echo).is_empty());
            bench.pass(Duration::from_secs(4));
        }
        bench.seen(&echo);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(&echo, Loaded::Answered(None));
        assert!(bench.poll().is_empty());
    }
    assert!(find_without_answer(&mut bench, &echo).is_empty());
    // The request goes one sync later, and another one comes under its id.
    bench.pass(Duration::from_secs(20));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, Loaded::Absent);
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, good(stamp(10)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"], "it is another one");
}

#[test]
fn another_request_that_comes_while_an_answer_is_missed_is_run() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    bench.closed(&echo, Closed::Answered);
    assert!(find_without_answer(&mut bench, &echo).is_empty());
    bench.pass(Duration::from_secs(15));
    // It comes while the answer is given again.
    assert_eq!(find_without_answer(&mut bench, &echo), ["give again"]);
    bench.seen(&echo);
    bench.closed(&echo, Closed::Gone);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, good(stamp(10)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
}

#[test]
fn what_the_host_finds_wrong_with_a_request_is_its_answer() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    let here = Refusal::MisdirectedTo("syft://alice@x.org/app_data/a/rpc/echo".to_owned());
    let request = request("bob@x.org", i64::MAX);
    bench.loaded(
        &echo,
        Loaded::Refused(Version::unread(stamp(9)), here, request),
    );
    assert_eq!(
        bench.poll(),
        [
            "refuse 400 Wrong address: the URL of the request names another app or datasite, and it lies at syft://alice@x.org/app_data/a/rpc/echo"
        ]
    );
}

/// Returns a request file that holds some text.
fn file(inode: u64, changed: i128, text: &[u8]) -> Version {
    Version {
        stamp: Stamp {
            inode,
            bytes: text.len() as u64,
            changed,
        },
        born: Some(inode.into()),
        content: Some(Content::of(text)),
    }
}

#[test]
fn a_request_that_is_touched_once_it_is_answered_does_not_run_again() {
    let asked = file(1, 1, b"{}");
    let touched = file(1, 2, b"{}");
    let replaced = file(2, 3, b"{}");
    let another = file(2, 3, b"[]");
    let beside = |version| Loaded::Answered(Some(version));
    for (name, seen, last, runs) in [
        ("moved away, and back", Loaded::Absent, touched, false),
        ("deleted, and sent anew", Loaded::Absent, replaced, true),
        ("touched beside its answer", beside(touched), touched, false),
        ("replaced by its like", beside(replaced), replaced, false),
        ("replaced by another", beside(another), another, true),
        ("replaced without a look", beside(touched), replaced, true),
    ] {
        let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
        let load = |bench: &mut Bench, loaded| {
            bench.seen(&echo);
            assert_eq!(bench.poll(), ["load"], "{name}");
            bench.loaded(&echo, loaded);
            bench.poll()
        };
        let found = |version| Loaded::File(version, Ok(request("bob@x.org", i64::MAX)));
        assert_eq!(load(&mut bench, found(asked)), ["run bob@x.org folder"]);
        bench.closed(&echo, Closed::Answered);
        assert!(load(&mut bench, seen).is_empty(), "{name}");
        // Its answer is gone now.
        assert_eq!(!load(&mut bench, found(last)).is_empty(), runs, "{name}");
    }
}

#[test]
fn the_same_id_sent_anew_is_run_anew() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    bench.closed(&echo, Closed::Answered);
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    let again = Stamp {
        changed: 7,
        ..stamp(9)
    };
    bench.loaded(&echo, good(again));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
}

#[test]
fn an_answered_or_vanished_request_is_left_alone() {
    for loaded in [Loaded::Answered(None), Loaded::Absent] {
        let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
        bench.seen(&echo);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(&echo, loaded);
        assert!(bench.poll().is_empty());
        assert_eq!(bench.inbox.n_active(), 0);
    }
}

#[test]
fn a_half_written_request_is_read_again_when_it_is_written() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, half(stamp(0)));
    assert!(bench.poll().is_empty(), "it may be in the making");
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, good(stamp(9)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
}

#[test]
fn an_event_while_a_half_written_request_is_read_is_not_lost() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    bench.seen(&echo);
    bench.loaded(&echo, half(stamp(0)));
    assert_eq!(bench.poll(), ["load"], "at once, without waiting");
}

#[test]
fn a_file_that_stays_no_request_is_refused_once_it_has_settled() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    let mut waited = Duration::ZERO;
    let refusal = loop {
        match bench.poll().as_slice() {
            [] => {
                let at = bench.inbox.wakes_at().expect("it waits");
                let pause = at - bench.now.instant;
                waited += pause;
                bench.pass(pause);
            }
            [load] if load == "load" => bench.loaded(&echo, half(stamp(6))),
            other => break other.to_vec(),
        }
    };
    assert_eq!(waited, InboxLimits::default().settle_incomplete);
    assert!(
        refusal[0].starts_with("refuse 400 Error loading request: "),
        "{refusal:?}"
    );
}

#[test]
fn a_file_that_grows_is_not_refused() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    for bytes in 0..100 {
        assert_eq!(bench.poll(), ["load"], "after {bytes} bytes");
        bench.loaded(&echo, half(stamp(bytes)));
        assert!(bench.poll().is_empty());
        bench.pass(InboxLimits::default().reread);
    }
}

#[test]
fn who_sent_it_is_known_by_the_folder_or_only_claimed() {
    for (path, sender, expected) in [
        (
            &["echo", "bob@x.org"][..],
            "bob@x.org",
            "run bob@x.org folder",
        ),
        (&["echo"], "bob@x.org", "run bob@x.org claimed"),
        (
            &["echo", "bob@x.org"],
            "eve@x.org",
            "refuse 403 Sender mismatch: the request lies in the folder of bob@x.org and names another sender",
        ),
    ] {
        let (mut bench, echo) = (Bench::new(), address(path));
        bench.seen(&echo);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(
            &echo,
            Loaded::File(Version::unread(stamp(9)), Ok(request(sender, i64::MAX))),
        );
        assert_eq!(bench.poll(), [expected]);
    }
}

#[test]
fn what_came_through_the_http_api_is_only_claimed_in_any_folder() {
    for header in ["x-syft-url", "x-syft-from", "X-Syft-From"] {
        for path in [&["echo", "bob@x.org"][..], &["echo"]] {
            let (mut bench, echo) = (Bench::new(), address(path));
            bench.seen(&echo);
            assert_eq!(bench.poll(), ["load"]);
            let mut request = request("bob@x.org", i64::MAX);
            request.headers = [(header.to_owned(), String::new())].into_iter().collect();
            bench.loaded(&echo, Loaded::File(Version::unread(stamp(9)), Ok(request)));
            assert_eq!(bench.poll(), ["run bob@x.org claimed"]);
        }
    }
}

#[test]
fn an_expired_request_is_answered_and_not_run() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["load"]);
    let expired = bench.now.wall.micros();
    bench.loaded(
        &echo,
        Loaded::File(Version::unread(stamp(9)), Ok(request("bob@x.org", expired))),
    );
    assert_eq!(bench.poll(), ["refuse 419 Request expired"]);
}

#[test]
fn an_answer_that_cannot_be_written_is_tried_again_ever_later() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    let mut delays = Vec::new();
    for _ in 0..8 {
        bench.closed(&echo, Closed::Failed);
        bench.seen(&echo);
        assert!(bench.poll().is_empty(), "a sighting is no reason to hurry");
        let at = bench.inbox.wakes_at().expect("it waits");
        delays.push((at - bench.now.instant).as_secs());
        bench.pass(at - bench.now.instant);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(&echo, good(stamp(9)));
        assert_eq!(bench.poll(), ["run bob@x.org folder"]);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn only_so_many_are_at_work() {
    let mut bench = Bench::with_limits(InboxLimits {
        active: 2,
        queued: 3,
        ..InboxLimits::default()
    });
    let all: Vec<Address> = ["a", "b", "c", "d"].map(|name| address(&[name])).into();
    for address in &all {
        bench.seen(address);
    }
    assert!(!bench.inbox.is_behind(), "the queue is full");
    assert_eq!(bench.poll(), ["load", "load"]);
    assert!(bench.inbox.is_behind(), "one was dropped");
    bench.inbox.catch_up();
    assert!(!bench.inbox.is_behind());
    bench.loaded(&all[0], Loaded::Absent);
    assert_eq!(bench.poll(), ["load"]);
    bench.seen(&all[3]);
    bench.loaded(&all[1], Loaded::Absent);
    assert_eq!(bench.poll(), ["load"], "a dropped one is found again");
}

fn found(sender: &str, numbers: std::ops::Range<u32>) -> Found {
    let folder = Folder::parse(&["echo", sender]).expect("a folder");
    let id = |n| RequestId::parse(&format!("00000000-0000-4000-8000-{n:012}")).expect("an id");
    Found {
        folder: Arc::new(folder),
        ids: numbers.map(id).collect(),
        is_first: true,
    }
}

/// Polls so often, and describes what is loaded by the sender and the end of the id. It is
/// gone each time.
fn loads(bench: &mut Bench, times: usize) -> String {
    let load = |bench: &mut Bench| {
        let Some(Action::Load(address, _)) = bench.inbox.poll(bench.now) else {
            return "-".to_owned();
        };
        bench.loaded(&address, Loaded::Absent);
        let sender = address.folder().sender().unwrap_or_default();
        format!("{}{}", &sender[..1], &address.id().stem()[34..])
    };
    let loads: Vec<String> = (0..times).map(|_| load(bench)).collect();
    loads.join(" ")
}

#[test]
fn of_what_a_scan_found_each_sender_has_one_in_line() {
    let mut bench = Bench::new();
    let all = vec![found("a@x.org", 0..90), found("b@x.org", 0..2)];
    bench.inbox.handle(bench.now, Event::Found(all));
    assert_eq!(bench.inbox.requests.len(), 2, "what is kept in mind");
    assert_eq!(loads(&mut bench, 6), "a00 b00 a01 b01 a02 a03");
    // A folder is beside what is known of others, and in the place of what was known of it.
    let more = vec![found("c@x.org", 0..1)];
    bench.inbox.handle(bench.now, Event::Found(more));
    assert_eq!(loads(&mut bench, 3), "a04 c00 a05");
    let all = vec![found("a@x.org", 6..8)];
    bench.inbox.handle(bench.now, Event::Found(all));
    // What stood in line is looked for once more.
    assert_eq!(loads(&mut bench, 4), "a06 a07 a06 -");
    assert_eq!(bench.inbox.requests.len(), 0);
}

#[test]
fn what_is_found_and_known_is_at_work_once() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.run(&echo, stamp(9));
    let mut all = found("bob@x.org", 0..1);
    all.ids.insert(0, *echo.id());
    bench.inbox.handle(bench.now, Event::Found(vec![all]));
    assert_eq!(bench.poll(), ["load"], "the other one");
    bench.closed(&echo, Closed::Answered);
    assert_eq!(bench.poll(), ["load"], "something may have come meanwhile");
    bench.loaded(&echo, Loaded::Answered(None));
    assert!(bench.poll().is_empty());
}

#[test]
fn only_so_many_wait_for_a_time() {
    let mut bench = Bench::with_limits(InboxLimits {
        waiting: 1,
        ..InboxLimits::default()
    });
    let all = [address(&["a"]), address(&["b"])];
    for address in &all {
        bench.seen(address);
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(address, half(stamp(3)));
    }
    assert!(!bench.inbox.is_behind(), "there is no room");
    assert_eq!(bench.inbox.requests.len(), 1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&all[0], Loaded::Absent);
    assert!(bench.inbox.is_behind(), "one was dropped");
}

#[test]
fn a_closed_inbox_finishes_what_it_began() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.seen(&echo);
    bench.seen(&address(&["other"]));
    assert_eq!(bench.poll(), ["load", "load"]);
    bench.inbox.close();
    bench.loaded(&echo, good(stamp(9)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
    bench.seen(&address(&["third"]));
    assert!(bench.poll().is_empty());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut bench = Bench::with_limits(InboxLimits {
        remembered: 10,
        ..InboxLimits::default()
    });
    for round in 0..1_000 {
        let name = format!("e{}", round % 50);
        let one = address(&[name.as_str()]);
        bench.seen(&one);
        assert_eq!(bench.poll(), ["load"]);
        let stamp = Stamp {
            changed: round,
            ..stamp(9)
        };
        bench.loaded(
            &one,
            Loaded::File(Version::unread(stamp), Ok(request("bob@x.org", i64::MAX))),
        );
        assert_eq!(bench.poll(), ["run bob@x.org claimed"]);
        bench.closed(&one, Closed::Answered);
    }
    assert_eq!(bench.inbox.requests.len(), 10);
    assert_eq!(bench.inbox.answered.len(), 10);
}

#[test]
fn a_request_that_crashes_the_host_is_given_up_in_the_end_and_can_be_tried_again() {
    let (mut bench, echo) = (Bench::new(), address(&["echo", "bob@x.org"]));
    bench.inbox.suspect(&echo, 1);
    bench.seen(&echo);
    for crashes in [3, 5, 7, 9] {
        assert_eq!(bench.poll(), ["load"]);
        match crashes {
            // While it is read, too.
            5 => bench.loaded(&echo, Loaded::Crashed),
            _ => {
                bench.loaded(&echo, good(stamp(9)));
                assert_eq!(bench.poll(), ["run bob@x.org folder"]);
                bench.closed(&echo, Closed::Crashed);
            }
        }
        assert_eq!(bench.inbox.crashes(&echo), crashes);
        bench.pass(Duration::from_secs(60));
    }
    assert_eq!(bench.poll(), ["find"]);
    bench.loaded(&echo, Loaded::Unread(stamp(9)));
    let refused = bench.poll();
    assert!(
        refused[0].starts_with("refuse 500 ") && refused[0].contains("crashed again and again"),
        "{refused:?}"
    );
    bench.closed(&echo, Closed::Answered);
    // Its file comes back, and its answer is gone.
    bench.seen(&echo);
    assert_eq!(bench.poll(), ["find"]);
    bench.loaded(&echo, Loaded::Answered(None));
    assert!(bench.poll().is_empty());

    bench.inbox.handle(bench.now, Event::Again(echo.clone()));
    assert_eq!(bench.poll(), ["load"]);
    bench.loaded(&echo, good(stamp(9)));
    assert_eq!(bench.poll(), ["run bob@x.org folder"]);
    bench.closed(&echo, Closed::Answered);
    assert_eq!(bench.inbox.crashes(&echo), 0);
    assert_eq!(bench.inbox.n_active(), 0);
}

#[test]
fn suspects_run_by_few_and_are_pardoned_when_they_are_answered() {
    let mut bench = Bench::new();
    let addresses = ["a@x.org", "b@x.org", "c@x.org"].map(|sender| address(&["echo", sender]));
    for (n, address) in addresses.iter().enumerate() {
        bench.inbox.suspect(address, [2, 3, 0][n]);
        bench.seen(address);
    }
    assert_eq!(bench.poll(), ["load", "load"]);
    bench.loaded(&addresses[0], Loaded::Absent);
    assert_eq!(bench.poll(), ["load"]);
    let crashes = addresses
        .each_ref()
        .map(|address| bench.inbox.crashes(address));
    assert_eq!(crashes, [0, 3, 0]);
}

/// Whatever the wall clock does, delays go by the other one, and each request ends once.
#[test]
fn a_wall_clock_that_jumps_changes_no_delay_and_runs_nothing_twice() {
    const DAYS: i64 = 20_000 * 86_400 * 1_000_000;
    let echo = address(&["echo", "bob@x.org"]);
    for jumps in [[DAYS, 0], [-DAYS, 0], [DAYS, -DAYS], [-DAYS, DAYS]] {
        let mut bench = Bench::new();
        let wall = bench.now.wall.micros();
        let jump = |bench: &mut Bench, by: i64| {
            bench.now.wall = Timestamp::from_micros(wall + by);
        };
        bench.seen(&echo);
        assert_eq!(bench.poll(), ["load"]);
        jump(&mut bench, jumps[0]);
        bench.loaded(&echo, half(stamp(3)));
        assert!(bench.poll().is_empty(), "it may be whole soon");
        jump(&mut bench, jumps[1]);
        bench.pass(Duration::from_millis(199));
        assert!(bench.poll().is_empty(), "it is not read again too soon");
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(&echo, good(stamp(9)));
        assert_eq!(bench.poll(), ["run bob@x.org folder"]);
        jump(&mut bench, jumps[0]);
        bench.closed(&echo, Closed::Failed);
        jump(&mut bench, jumps[1]);
        bench.pass(Duration::from_millis(999));
        assert!(bench.poll().is_empty(), "it is not tried again too soon");
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.poll(), ["load"]);
        bench.loaded(&echo, good(stamp(9)));
        assert_eq!(bench.poll(), ["run bob@x.org folder"]);
        bench.closed(&echo, Closed::Answered);
        for by in jumps {
            jump(&mut bench, by);
            bench.seen(&echo);
            assert_eq!(bench.poll(), ["load"]);
            bench.loaded(&echo, good(stamp(9)));
            assert!(bench.poll().is_empty(), "it was answered");
        }
        assert_eq!(bench.inbox.n_active(), 0);
    }
}
