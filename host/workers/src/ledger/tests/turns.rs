//! Who gets the next worker.

use super::*;

/// Returns in which order a worker that runs so many calls at a time gets them. Of the events `a`
/// has a call of the sender a offered, `a!` one of the same sender to another app, `?` one of
/// whoever, `-` one of the app itself, and `.a` ends the oldest call that a has there.
fn order(concurrency: usize, events: &str) -> String {
    let (mut ledger, now) = (ledger(), Instant::now());
    let id = worker("one");
    let profile = Profile {
        concurrency,
        ..profile()
    };
    arrive(&mut ledger, now, &id, profile);
    let (mut n_wishes, mut names) = (100, BTreeMap::new());
    let (mut running, mut order) = (Vec::<(String, Claim)>::new(), Vec::new());
    for event in events.split(' ') {
        if let Some(name) = event.strip_prefix('.') {
            let place = running.iter().position(|(other, _)| other == name);
            let (_, claim) = running.remove(place.unwrap());
            ledger.end(now, &id, &claim).unwrap();
        } else {
            let call = ledger.offer(now, asked_by(event));
            names.insert(call, event.to_owned());
        }
        // It asks for one more whenever it has room.
        n_wishes += 1;
        ledger.wish(now, &id, n_wishes);
        for step in steps(&mut ledger) {
            if let LedgerStep::Give { call, claim, .. } = step {
                running.push((names[&call].clone(), claim));
                order.push(names[&call].clone());
            }
        }
    }
    order.join(" ")
}

fn asked_by(name: &str) -> Wants {
    let (name, app) = match name.strip_suffix('!') {
        Some(name) => (name, "other"),
        None => (name, "chat"),
    };
    let asker = match name {
        "-" => Asker::App,
        "?" => Asker::Sender(None),
        name => Asker::Sender(Some(name.to_owned())),
    };
    Wants {
        app: app.to_owned(),
        asker,
        ..wants()
    }
}

#[test]
fn the_next_worker_is_for_who_has_fewest_calls_there_and_equals_take_turns() {
    for (concurrency, events, expected) in [
        // One sender alone gets all.
        (3, "a a a", "a a a"),
        // A flood does not stand before the call of another, whether one runs at a time or more.
        (1, "a a a a b .a .a .b", "a a b a"),
        (2, "a a a a b .a .a", "a a b a"),
        // Equals take turns.
        (1, "a a a b b c .a .a .b .c .a", "a a b c a b"),
        // Who has long calls there leaves to others what becomes free.
        (3, "a a a a b b b .a .b .b", "a a a b b b"),
        (3, "a a b a a b b .b .b .b", "a a b b b a"),
        // Those whose names anybody could claim are one. Events, and other apps, are others.
        (1, "? ? ? b .? .? .b", "? ? b ?"),
        (1, "a a a - .a .a .-", "a a - a"),
        (1, "a a a a! .a .a .a!", "a a a! a"),
    ] {
        let order = order(concurrency, events);
        assert_eq!(order, expected, "{concurrency}: {events}");
    }
}

#[test]
fn a_call_that_no_free_worker_may_take_keeps_nobody_waiting() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let [plain, gpu] = [worker("plain"), worker("gpu")];
    let labels = BTreeSet::from(["gpu".to_owned()]);
    let special = Profile {
        labels,
        ..profile()
    };
    arrive(&mut ledger, now, &plain, profile());
    ledger.hello(now, &gpu, special);
    ledger.beat(now, &gpu, &facts(1, &[]));
    let needs = Wants {
        labels: vec!["gpu".to_owned()],
        ..asked_by("a")
    };
    let first = ledger.offer(now, needs);
    assert_eq!(steps(&mut ledger), [LedgerStep::Queue(first)]);
    let second = ledger.offer(now, asked_by("a"));
    assert_eq!(given(&mut ledger).0, second);
    ledger.wish(now, &gpu, 1);
    assert_eq!(given(&mut ledger).0, first);
}
