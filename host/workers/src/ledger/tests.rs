#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod turns;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn component() -> Digest {
    Digest::of(b"a component")
}

fn wants() -> Wants {
    Wants {
        app: "chat".to_owned(),
        asker: Asker::App,
        component: component(),
        memory_bytes: 100,
        labels: Vec::new(),
    }
}

fn profile() -> Profile {
    Profile {
        concurrency: 2,
        memory_bytes: 1_000,
        ..Profile::default()
    }
}

fn worker(name: &str) -> WorkerId {
    WorkerId {
        name: name.to_owned(),
        instance: 1,
    }
}

/// Returns a table whose claims are counted.
fn ledger() -> Ledger {
    let mut n_claims = 0_u128;
    Ledger::new(LedgerTimes::default(), move || {
        n_claims += 1;
        n_claims.to_be_bytes()
    })
}

fn facts(number: u64, claims: &[Claim]) -> BeatFacts {
    BeatFacts {
        number,
        claims: claims.to_vec(),
        apps: Some(vec![(component(), Readiness::Ready)]),
    }
}

/// Has a worker there that can run the component and waits for one call.
fn arrive(ledger: &mut Ledger, now: Instant, id: &WorkerId, profile: Profile) {
    ledger.hello(now, id, profile);
    assert_eq!(ledger.beat(now, id, &facts(1, &[])), Some(Vec::new()));
    assert!(ledger.wish(now, id, 7));
}

fn steps(ledger: &mut Ledger) -> Vec<LedgerStep> {
    std::iter::from_fn(|| ledger.poll()).collect()
}

/// Returns the claim of the one call that is given out.
fn given(ledger: &mut Ledger) -> (CallId, Claim) {
    match &steps(ledger)[..] {
        [.., LedgerStep::Give { call, claim, .. }] => (*call, *claim),
        steps => panic!("{steps:?}"),
    }
}

#[test]
fn a_call_goes_to_a_worker_that_waits_and_is_ended_by_its_claim_once() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, now, &a, profile());
    let call = ledger.offer(now, wants());
    let (given, claim) = given(&mut ledger);
    assert_eq!(given, call);
    assert_eq!(ledger.heard(now, &a, &claim), Some(call));
    assert_eq!(ledger.end(now, &worker("b"), &claim), None, "not its claim");
    assert_eq!(ledger.end(now, &a, &[9; 16]), None, "no claim");
    assert_eq!(ledger.end(now, &a, &claim), Some(call));
    assert_eq!(ledger.end(now, &a, &claim), None, "doubled");
    assert_eq!(ledger.counts().refused, 3);
}

#[test]
fn without_a_worker_that_is_ready_nobody_takes_it() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let call = ledger.offer(now, wants());
    assert_eq!(steps(&mut ledger), [LedgerStep::Nobody(call)]);
    ledger.hello(now, &worker("a"), profile());
    ledger.wish(now, &worker("a"), 1);
    let call = ledger.offer(now, wants());
    assert_eq!(
        steps(&mut ledger),
        [LedgerStep::Nobody(call)],
        "it has not said that it is ready"
    );
}

#[test]
fn labels_memory_and_apps_say_who_may_take_it() {
    let unfit = [
        Profile {
            memory_bytes: 99,
            ..profile()
        },
        Profile {
            apps: BTreeSet::from(["other".to_owned()]),
            ..profile()
        },
        Profile {
            labels: BTreeSet::from(["cpu".to_owned()]),
            ..profile()
        },
    ];
    for profile in unfit {
        let (mut ledger, now) = (ledger(), Instant::now());
        arrive(&mut ledger, now, &worker("a"), profile.clone());
        let needs_label = !profile.labels.is_empty();
        let labels = needs_label.then(|| "gpu".to_owned()).into_iter().collect();
        let call = ledger.offer(now, Wants { labels, ..wants() });
        assert_eq!(
            steps(&mut ledger),
            [LedgerStep::Nobody(call)],
            "{profile:?}"
        );
    }
}

#[test]
fn while_all_are_busy_calls_wait_in_order() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, now, &a, profile());
    ledger.offer(now, wants());
    let (_, claim) = given(&mut ledger);
    let [second, third] = [ledger.offer(now, wants()), ledger.offer(now, wants())];
    assert_eq!(
        steps(&mut ledger),
        [LedgerStep::Queue(second), LedgerStep::Queue(third)]
    );
    ledger.end(now, &a, &claim);
    assert_eq!(steps(&mut ledger), [], "it has not asked for another one");
    ledger.wish(now, &a, 8);
    assert_eq!(given(&mut ledger).0, second);
    assert!(!ledger.withdraw(now, third), "nobody has it");
    ledger.wish(now, &a, 9);
    assert_eq!(steps(&mut ledger), []);
}

#[test]
fn memory_bounds_what_runs_at_a_time() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    let small = Profile {
        memory_bytes: 150,
        ..profile()
    };
    arrive(&mut ledger, now, &a, small);
    ledger.wish(now, &a, 8);
    let first = ledger.offer(now, wants());
    let second = ledger.offer(now, wants());
    let [
        LedgerStep::Give { call, claim, .. },
        LedgerStep::Queue(queued),
    ] = &steps(&mut ledger)[..]
    else {
        panic!("the second one has to wait");
    };
    assert_eq!((*call, *queued), (first, second));
    ledger.end(now, &a, claim);
    assert_eq!(given(&mut ledger).0, second);
}

#[test]
fn a_silent_worker_is_lost_and_its_call_given_to_another_before_later_ones() {
    let (mut ledger, start) = (ledger(), Instant::now());
    let [a, b] = [worker("a"), worker("b")];
    arrive(&mut ledger, start, &a, profile());
    let call = ledger.offer(start, wants());
    let (_, claim) = given(&mut ledger);
    let late = start + Duration::from_secs(7);
    ledger.hello(late, &b, profile());
    ledger.beat(late, &b, &facts(1, &[]));
    let later = ledger.offer(late, wants());
    assert_eq!(steps(&mut ledger), [LedgerStep::Queue(later)]);
    ledger.tick(late);
    let lost = LedgerStep::Lost {
        call,
        claim,
        worker: a.clone(),
        why: "nothing was heard of it any more".to_owned(),
        is_last: false,
    };
    assert_eq!(steps(&mut ledger), [lost]);
    assert_eq!(ledger.end(late, &a, &claim), None, "too late");
    ledger.again(late, call);
    ledger.wish(late, &b, 1);
    let (given, claim) = given(&mut ledger);
    assert_eq!(given, call);
    assert_eq!(ledger.end(late, &b, &claim), Some(call));
}

#[test]
fn a_call_that_is_in_no_beat_is_lost() {
    let (mut ledger, start) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, start, &a, profile());
    let call = ledger.offer(start, wants());
    let (_, claim) = given(&mut ledger);
    let at = |seconds| start + Duration::from_secs(seconds);
    ledger.beat(at(1), &a, &facts(2, &[]));
    assert_eq!(steps(&mut ledger), [], "it may not have arrived yet");
    ledger.beat(at(5), &a, &facts(3, &[claim]));
    assert_eq!(steps(&mut ledger), []);
    ledger.beat(at(6), &a, &facts(2, &[]));
    assert_eq!(steps(&mut ledger), [], "an old one says nothing");
    ledger.beat(at(6), &a, &facts(4, &[]));
    let is_lost =
        |step: &LedgerStep| matches!(step, LedgerStep::Lost { call: lost, .. } if *lost == call);
    assert!(steps(&mut ledger).iter().all(is_lost));
    assert_eq!(ledger.counts().lost, 1);
}

#[test]
fn a_worker_is_told_which_calls_are_not_its_own() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, now, &a, profile());
    let call = ledger.offer(now, wants());
    let (_, claim) = given(&mut ledger);
    let others = [5; 16];
    let void = ledger.beat(now, &a, &facts(2, &[claim, others]));
    assert_eq!(void, Some(vec![others]));
    assert!(ledger.withdraw(now, call));
    assert_eq!(ledger.beat(now, &a, &facts(3, &[claim])), Some(vec![claim]));
    assert_eq!(
        ledger.beat(now, &worker("b"), &facts(1, &[])),
        None,
        "unknown"
    );
}

#[test]
fn a_call_is_given_out_three_times() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let call = {
        arrive(&mut ledger, now, &worker("1"), profile());
        ledger.offer(now, wants())
    };
    for (attempt, next) in ["2", "3", "4"].into_iter().enumerate() {
        let (_, _) = given(&mut ledger);
        arrive(&mut ledger, now, &worker(next), profile());
        ledger.bye(now, &worker(&(attempt + 1).to_string()));
        let lost = steps(&mut ledger);
        let [LedgerStep::Lost { is_last, .. }] = &lost[..] else {
            panic!("{lost:?}");
        };
        assert_eq!(*is_last, attempt == 2);
        ledger.again(now, call);
    }
    assert_eq!(steps(&mut ledger), [], "it is forgotten");
}

#[test]
fn who_refused_a_component_is_not_asked_again() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, now, &a, profile());
    let call = ledger.offer(now, wants());
    let (_, claim) = given(&mut ledger);
    ledger.refuse(now, &a, &claim, "its compiler fails");
    assert!(matches!(&steps(&mut ledger)[..], [LedgerStep::Lost { .. }]));
    ledger.wish(now, &a, 8);
    ledger.again(now, call);
    assert_eq!(steps(&mut ledger), [LedgerStep::Nobody(call)]);
}

#[test]
fn a_removed_key_ends_what_its_workers_run() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, now, &a, profile());
    ledger.offer(now, wants());
    let (_, claim) = given(&mut ledger);
    ledger.revoke(now, "a");
    assert!(matches!(&steps(&mut ledger)[..], [LedgerStep::Lost { .. }]));
    assert_eq!(ledger.heard(now, &a, &claim), None);
    assert!(!ledger.wish(now, &a, 9));
}

#[test]
fn what_could_not_be_heard_is_not_held_against_anybody() {
    let (mut ledger, start) = (ledger(), Instant::now());
    let a = worker("a");
    arrive(&mut ledger, start, &a, profile());
    ledger.offer(start, wants());
    let (call, claim) = given(&mut ledger);
    let late = start + Duration::from_secs(60);
    ledger.resumed(late);
    ledger.tick(late + Duration::from_secs(1));
    assert_eq!(steps(&mut ledger), []);
    assert_eq!(ledger.end(late, &a, &claim), Some(call));
}

/// Something that happens, of two workers with a process each, in any order.
#[derive(Debug, Clone)]
enum Event {
    Offer,
    Withdraw(usize),
    Hello(bool),
    Bye(bool),
    Beat {
        of: bool,
        lists: bool,
    },
    Wish(bool),
    /// By its own claim, or by one that somebody else had.
    End {
        of: bool,
        claim: usize,
    },
    Heard {
        of: bool,
        claim: usize,
    },
    Refuse {
        of: bool,
        claim: usize,
    },
    Tick,
    Later(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let index = 0..40_usize;
    prop_oneof![
        4 => Just(Event::Offer),
        1 => index.clone().prop_map(Event::Withdraw),
        2 => any::<bool>().prop_map(Event::Hello),
        1 => any::<bool>().prop_map(Event::Bye),
        4 => any::<(bool, bool)>().prop_map(|(of, lists)| Event::Beat { of, lists }),
        6 => any::<bool>().prop_map(Event::Wish),
        6 => (any::<bool>(), index.clone()).prop_map(|(of, claim)| Event::End { of, claim }),
        2 => (any::<bool>(), index.clone()).prop_map(|(of, claim)| Event::Heard { of, claim }),
        1 => (any::<bool>(), index).prop_map(|(of, claim)| Event::Refuse { of, claim }),
        2 => Just(Event::Tick),
        2 => (1..8_u8).prop_map(Event::Later),
    ]
}

/// What the steps said, beside the table.
#[derive(Default)]
struct Model {
    /// All claims that there ever were, with whose they were and of which call.
    claims: Vec<(Claim, WorkerId, CallId)>,
    current: BTreeMap<CallId, Claim>,
    open: BTreeSet<CallId>,
    offered: Vec<CallId>,
}

impl Model {
    fn follow(&mut self, ledger: &mut Ledger, now: Instant) {
        while let Some(step) = ledger.poll() {
            match step {
                LedgerStep::Queue(call) => assert!(self.open.contains(&call)),
                LedgerStep::Give {
                    call,
                    worker,
                    claim,
                    ..
                } => {
                    assert!(self.open.contains(&call));
                    assert_eq!(self.current.insert(call, claim), None, "given twice");
                    self.claims.push((claim, worker, call));
                }
                LedgerStep::Nobody(call) => assert!(self.open.remove(&call)),
                LedgerStep::Lost {
                    call,
                    claim,
                    is_last,
                    ..
                } => {
                    assert_eq!(self.current.remove(&call), Some(claim));
                    if is_last {
                        assert!(self.open.remove(&call));
                    } else {
                        ledger.again(now, call);
                    }
                }
            }
        }
        let mut running = BTreeMap::<String, usize>::new();
        for claim in self.current.values() {
            let (_, worker, _) = self.of(claim);
            *running.entry(worker.name.clone()).or_default() += 1;
        }
        ledger.each_worker(|id, profile, facts| {
            let expected = running.get(&id.name).copied().unwrap_or(0);
            assert_eq!(facts.n_running, expected);
            assert!(facts.n_running <= profile.concurrency);
        });
        let sizes = (self.open.len() - self.current.len(), self.current.len());
        assert_eq!(ledger.sizes(), sizes);
    }

    fn of(&self, claim: &Claim) -> &(Claim, WorkerId, CallId) {
        self.claims
            .iter()
            .find(|(other, ..)| other == claim)
            .unwrap()
    }

    /// Returns a claim that there was, and the call that it may end.
    fn pick(&self, index: usize, id: &WorkerId) -> (Claim, Option<CallId>) {
        if self.claims.is_empty() {
            return ([255; 16], None);
        }
        let (claim, whose, call) = &self.claims[index % self.claims.len()];
        let is_current = self.current.get(call) == Some(claim) && whose == id;
        (*claim, is_current.then_some(*call))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_any_order_a_call_ends_once_and_by_its_current_claim(
        events in proptest::collection::vec(event(), 1..120)
    ) {
        let (mut ledger, mut now) = (ledger(), Instant::now());
        let (mut model, mut n_beats, mut n_wishes) = (Model::default(), 0, 0);
        let ids = [worker("a"), worker("b")];
        let id = |of: bool| &ids[usize::from(of)];
        for event in events {
            match event {
                Event::Offer => {
                    let asker = Asker::Sender(Some((model.offered.len() % 3).to_string()));
                    let call = ledger.offer(now, Wants { asker, ..wants() });
                    model.open.insert(call);
                    model.offered.push(call);
                }
                Event::Withdraw(index) if !model.offered.is_empty() => {
                    let call = model.offered[index % model.offered.len()];
                    let was_given = model.current.remove(&call).is_some();
                    model.open.remove(&call);
                    prop_assert_eq!(ledger.withdraw(now, call), was_given);
                }
                Event::Withdraw(_) => {}
                Event::Hello(of) => ledger.hello(now, id(of), profile()),
                Event::Bye(of) => ledger.bye(now, id(of)),
                Event::Beat { of, lists } => {
                    n_beats += 1;
                    let own = |(claim, whose, call): &(Claim, WorkerId, CallId)| {
                        (lists && whose == id(of) && model.current.get(call) == Some(claim))
                            .then_some(*claim)
                    };
                    let claims: Vec<Claim> = model.claims.iter().filter_map(own).collect();
                    let void = ledger.beat(now, id(of), &facts(n_beats, &claims));
                    prop_assert!(void.is_none_or(|void| void.is_empty()));
                }
                Event::Wish(of) => {
                    n_wishes += 1;
                    ledger.wish(now, id(of), n_wishes);
                }
                Event::Heard { of, claim } => {
                    let (claim, expected) = model.pick(claim, id(of));
                    prop_assert_eq!(ledger.heard(now, id(of), &claim), expected);
                }
                Event::End { of, claim } => {
                    let (claim, expected) = model.pick(claim, id(of));
                    prop_assert_eq!(ledger.end(now, id(of), &claim), expected);
                    if let Some(call) = expected {
                        model.current.remove(&call);
                        prop_assert!(model.open.remove(&call));
                    }
                }
                Event::Refuse { of, claim } => {
                    let (claim, _) = model.pick(claim, id(of));
                    ledger.refuse(now, id(of), &claim, "it does not run here");
                }
                Event::Tick => ledger.tick(now),
                Event::Later(seconds) => now += Duration::from_secs(seconds.into()),
            }
            model.follow(&mut ledger, now);
        }
        // In the end nobody is there, and nothing is left open.
        for _ in 0..8 {
            ids.iter().for_each(|id| ledger.bye(now, id));
            model.follow(&mut ledger, now);
        }
        prop_assert_eq!(ledger.sizes(), (0, 0));
        prop_assert!(model.open.is_empty());
    }
}
