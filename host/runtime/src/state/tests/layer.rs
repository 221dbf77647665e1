//! What is handed over and not forced yet.

use std::io;
use std::sync::mpsc;

use redb::WriteTransaction;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::state::writer::Extra;

/// The thread that commits, in the middle of a transaction.
struct HeldUp {
    goes_on: mpsc::Sender<bool>,
    transaction: JoinHandle<Result<(), StoreError>>,
}

impl HeldUp {
    /// Lets it force what it has, or fail.
    async fn go_on(self, is_well: bool) {
        self.goes_on.send(is_well).expect("it waits");
        let done = self.transaction.await.expect("no panic");
        assert_eq!(done.is_ok(), is_well, "{done:?}");
    }
}

fn the_disk_fails() -> redb::Error {
    io::Error::other("the disk fails").into()
}

impl Site {
    async fn hold_up(&self) -> HeldUp {
        let (begun, has_begun) = oneshot::channel();
        let (goes_on, waits) = mpsc::channel();
        let extra: Extra = Box::new(move |_: &WriteTransaction| {
            begun.send(()).expect("somebody waits");
            match waits.recv() {
                Ok(true) => Ok(()),
                _ => Err(the_disk_fails()),
            }
        });
        let store = Arc::clone(&self.store);
        let transaction = tokio::spawn(async move { store.write(extra).await });
        has_begun.await.expect("it begins");
        HeldUp {
            goes_on,
            transaction,
        }
    }

    fn n_handed_over(&self) -> u64 {
        let state = self.store.file.state().expect("a file");
        let pending = state.layer.lock().expect("it is not lost");
        pending.look().1.commits
    }

    async fn handed_over(&self, n: u64) {
        while self.n_handed_over() < n {
            yield_now().await;
        }
    }

    /// Begins a call that ends well, and returns once it has handed over what it wrote.
    async fn begin<T: Send + 'static>(
        &self,
        run: impl Fn(&mut Session) -> T + Send + Sync + 'static,
    ) -> JoinHandle<Result<T, StoreError>> {
        let n = self.n_handed_over();
        let call = self.spawn(run);
        self.handed_over(n + 1).await;
        call
    }

    fn spawn<T: Send + 'static>(
        &self,
        run: impl Fn(&mut Session) -> T + Send + Sync + 'static,
    ) -> JoinHandle<Result<T, StoreError>> {
        let (store, limits) = (Arc::clone(&self.store), self.limits.clone());
        tokio::spawn(async move {
            let run = |mut session: Session| std::future::ready((run(&mut session), session));
            store.transact(&limits, run, |_| true).await
        })
    }

    /// Begins a call that waits for its turn on a key before it reads it.
    fn spawn_in_turn<T: Send + 'static>(
        &self,
        key: &'static str,
        run: impl Fn(&mut Session) -> T + Send + Sync + 'static,
    ) -> JoinHandle<Result<T, StoreError>> {
        self.store.turns.met_conflict(key);
        let (store, limits, run) = (Arc::clone(&self.store), self.limits.clone(), Arc::new(run));
        tokio::spawn(async move {
            let run = |mut session: Session| {
                let run = Arc::clone(&run);
                async move {
                    session.wait_for_turn(key).await.expect("a working store");
                    (run(&mut session), session)
                }
            };
            store.transact(&limits, run, |_| true).await
        })
    }

    fn newest(&self) -> Session {
        Session::alone(Arc::clone(&self.store), &self.limits)
    }
}

#[tokio::test]
async fn a_call_ends_once_it_is_forced_and_not_before() {
    let site = site();
    let held_up = site.hold_up().await;
    let call = site.begin(|session| session.set("a", b"1".to_vec())).await;
    assert_eq!(site.newest().get("a"), Ok(Some(b"1".to_vec())));
    let mut other = Session::new(Some(Arc::clone(&site.store)), &site.limits);
    assert_eq!(other.get("a"), Ok(None), "others see what is forced");
    drop(other);
    // Whatever can be done without the disk is done by now.
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(!call.is_finished());
    held_up.go_on(true).await;
    assert_eq!(call.await.expect("no panic"), Ok(Ok(())));
    assert_eq!(reopened(site).get("a").await, Some(b"1".to_vec()));
}

/// Calls on one key need not wait for the disk between each other, and share a transaction.
#[tokio::test]
async fn calls_in_turn_run_once_and_share_the_wait_for_the_disk() {
    let site = site();
    let held_up = site.hold_up().await;
    let n_runs = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let n_runs = Arc::clone(&n_runs);
            site.spawn_in_turn("n", move |session| {
                n_runs.fetch_add(1, Ordering::Relaxed);
                add_one(session, "n")
            })
        })
        .collect();
    site.handed_over(20).await;
    held_up.go_on(true).await;
    for (n, call) in (1..).zip(calls) {
        assert_eq!(
            call.await.expect("no panic"),
            Ok(n),
            "in the order in which they came"
        );
    }
    assert_eq!(n_runs.load(Ordering::Relaxed), 20);
    assert_eq!(reopened(site).get("n").await, Some(b"20".to_vec()));
}

#[tokio::test]
async fn the_latest_of_a_key_is_what_is_kept() {
    let site = site();
    let held_up = site.hold_up().await;
    let mut calls = Vec::new();
    for value in [Some("1"), None, Some("3"), None, Some("5")] {
        let write = move |session: &mut Session| match value {
            Some(value) => session.set("a", value.into()),
            None => session.delete("a"),
        };
        calls.push(site.begin(write).await);
        assert_eq!(site.newest().get("a"), Ok(value.map(Into::into)));
    }
    held_up.go_on(true).await;
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(Ok(())));
    }
    let site = reopened(site);
    assert_eq!(site.get("a").await, Some(b"5".to_vec()));
    // The numbers go on: who has read a value sees that it was changed.
    assert_eq!(site.n_handed_over(), 5);
}

#[tokio::test]
async fn what_fails_takes_all_that_stands_on_it() {
    let panics: fn() -> Extra = || Box::new(|_| panic!("redb panics at some damages"));
    let fails: fn() -> Extra = || Box::new(|_| Err(the_disk_fails()));
    for fails_later in [None, Some(fails), Some(panics)] {
        let site = site();
        site.set_a_and_b().await;
        let held_up = site.hold_up().await;
        let first = site.begin(|session| add_one(session, "a")).await;
        let on_it = site.spawn_in_turn("a", |session| add_one(session, "a"));
        site.handed_over(3).await;
        let beside_it = site.begin(|session| add_one(session, "b")).await;
        let (has_read, is_read) = mpsc::channel();
        let reads = site.spawn_in_turn("a", move |session| {
            has_read.send(session.get("a")).expect("somebody waits");
        });
        let read = loop {
            match is_read.try_recv() {
                Ok(read) => break read,
                Err(_) => yield_now().await,
            }
        };
        assert_eq!(read, Ok(Some(b"3".to_vec())));
        // Calls that see the newest, or what is forced, and end after it has failed.
        let mut late = site.newest();
        assert_eq!(late.get("a"), Ok(Some(b"3".to_vec())));
        late.set("c", b"3".to_vec()).expect("room");
        let mut late_reader = site.newest();
        assert_eq!(late_reader.get("a"), Ok(Some(b"3".to_vec())));
        let mut before = Session::new(Some(Arc::clone(&site.store)), &site.limits);
        add_one(&mut before, "c");
        match fails_later {
            None => held_up.go_on(false).await,
            Some(extra) => {
                let failing = site.store.write(extra());
                let (failed, ()) = tokio::join!(failing, held_up.go_on(true));
                assert!(failed.is_err());
            }
        }
        for call in [first, on_it, beside_it] {
            assert!(call.await.expect("no panic").is_err());
        }
        let read = reads.await.expect("no panic");
        assert!(read.is_err(), "an answer about what never was");
        let late = [(late, true), (late_reader, true), (before, true)];
        for (session, is_kept) in late {
            let changes = session.into_changes(is_kept).expect("it waits at least");
            assert!(
                site.store
                    .writer
                    .hand_over(changes, writer::Committer::Thread)
                    .is_err()
            );
        }
        // What was opened anew has only what was forced, and goes on.
        assert_eq!(site.get("a").await, Some(b"1".to_vec()));
        assert_eq!(site.get("c").await, None);
        assert_eq!(site.call(|session| add_one(session, "a")).await, 2);
        assert_eq!(reopened(site).get("a").await, Some(b"2".to_vec()));
    }
}

/// Whatever it makes of that, also a failure: what it says is about a value that may be lost.
#[tokio::test]
async fn who_only_reads_what_is_not_forced_waits_for_it() {
    for ends_well in [true, false] {
        let site = site();
        let held_up = site.hold_up().await;
        let write = site.begin(|session| session.set("a", b"1".to_vec())).await;
        site.store.turns.met_conflict("a");
        let (store, limits) = (Arc::clone(&site.store), site.limits.clone());
        let (has_read, is_read) = mpsc::channel();
        let read = tokio::spawn(async move {
            let run = |mut session: Session| {
                let has_read = has_read.clone();
                async move {
                    session.wait_for_turn("a").await.expect("a working store");
                    let value = session.get("a");
                    has_read.send(()).expect("somebody waits");
                    (value, session)
                }
            };
            store.transact(&limits, run, |_| ends_well).await
        });
        while is_read.try_recv().is_err() {
            yield_now().await;
        }
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!read.is_finished());
        held_up.go_on(true).await;
        assert_eq!(read.await.expect("no panic"), Ok(Ok(Some(b"1".to_vec()))));
        assert_eq!(write.await.expect("no panic"), Ok(Ok(())));
        // Where all is forced, nobody waits for the disk.
        let held_up = site.hold_up().await;
        let read = site.spawn_in_turn("a", |session| session.get("a"));
        assert_eq!(read.await.expect("no panic"), Ok(Ok(Some(b"1".to_vec()))));
        held_up.go_on(true).await;
    }
}

#[tokio::test]
async fn lists_what_is_handed_over_among_what_is_forced() {
    let site = site();
    let key = |n: usize| format!("key {n:04}");
    let set = move |session: &mut Session, numbers: &[usize]| {
        let mut numbers = numbers.iter();
        numbers.try_for_each(|n| session.set(&key(*n), vec![]))
    };
    let even: Vec<usize> = (0..2_500).filter(|n| n % 2 == 0).collect();
    site.call(|session| set(session, &even))
        .await
        .expect("room");
    let held_up = site.hold_up().await;
    let odd: Vec<usize> = (0..2_500).filter(|n| n % 2 == 1).collect();
    let made = site.begin(move |session| set(session, &odd)).await;
    let deleted = site.begin(move |session| session.delete(&key(1_000))).await;
    let mut session = site.newest();
    session.delete(&key(3)).expect("a key");
    session.set("key 0999+", vec![]).expect("room");
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (keys, next) = session.keys(cursor.as_deref()).expect("keys");
        assert!(keys.len() <= 1_001, "a page, and what the call itself made");
        all.extend(keys);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let mut expected: Vec<String> = (0..2_500)
        .filter(|n| ![3, 1_000].contains(n))
        .map(key)
        .collect();
    expected.insert(999, "key 0999+".to_owned());
    expected.sort_unstable();
    assert_eq!(all, expected);
    held_up.go_on(true).await;
    for call in [made, deleted] {
        assert_eq!(call.await.expect("no panic"), Ok(Ok(())));
    }
    assert_eq!(site.get(&key(1_000)).await, None);
}

/// A key that is made or deleted in the layer is seen by who has listed keys before.
#[tokio::test]
async fn who_has_listed_keys_runs_again_where_one_was_made() {
    let site = site();
    site.set_a_and_b().await;
    let held_up = site.hold_up().await;
    let (is_first, others) = (AtomicBool::new(true), Arc::clone(&site.store));
    let limits = site.limits.clone();
    let lists = site.spawn(move |session| {
        let (keys, _) = session.keys(None).expect("keys");
        if is_first.swap(false, Ordering::Relaxed) {
            let mut other = Session::new(Some(Arc::clone(&others)), &limits);
            other.set("c", vec![]).expect("room");
            let changes = other.into_changes(true).expect("changes");
            let handed_over = others
                .writer
                .hand_over(changes, writer::Committer::Thread)
                .expect("a working store");
            assert!(matches!(handed_over, HandedOver::Taken(_)));
        }
        session
            .set("n", keys.len().to_string().into())
            .expect("room");
        keys.len()
    });
    site.handed_over(3).await;
    held_up.go_on(true).await;
    assert_eq!(lists.await.expect("no panic"), Ok(3));
}

#[tokio::test]
async fn what_is_handed_over_counts_for_the_quota() {
    let site = site_with(Limits {
        state_bytes: 1_000,
        ..Limits::default()
    });
    let held_up = site.hold_up().await;
    let first = site.begin(|session| session.set("a", vec![0; 600])).await;
    let set = |session: &mut Session| session.set("b", vec![0; 600]);
    assert_eq!(set(&mut site.newest()), Err(SessionError::Quota(1_000)));
    // It sees only what is forced, fits into that, and learns of it in its second run.
    let second = site.spawn(set);
    let third = site.begin(|session| session.set("a", vec![0; 100])).await;
    let fourth = site.begin(|session| session.set("c", vec![0; 800])).await;
    held_up.go_on(true).await;
    assert_eq!(first.await.expect("no panic"), Ok(Ok(())));
    let refused = Ok(Err(SessionError::Quota(1_000)));
    assert_eq!(second.await.expect("no panic"), refused);
    for call in [third, fourth] {
        assert_eq!(call.await.expect("no panic"), Ok(Ok(())));
    }
    let site = reopened(site);
    let too_much = |session: &mut Session| session.set("d", vec![0; 98]);
    assert_eq!(site.call(too_much).await, Err(SessionError::Quota(1_000)));
    let all = |session: &mut Session| session.set("d", vec![0; 97]);
    assert_eq!(site.call(all).await, Ok(()));
}

/// A call that began long ago is compared with the file.
#[tokio::test]
async fn a_call_that_takes_long_is_in_conflict_only_where_something_was_changed() {
    for (changed, runs) in [("a", 2), ("b", 1)] {
        let site = site();
        site.set_a_and_b().await;
        let (site, n_runs) = (&site, &std::cell::Cell::new(0));
        let run = |mut session: Session| async move {
            n_runs.set(n_runs.get() + 1);
            let counted = add_one(&mut session, "a");
            session.set("size", vec![0; 10]).expect("room");
            if n_runs.get() == 1 {
                for _ in 0..3 {
                    site.call(|session| add_one(session, changed)).await;
                    let set = |session: &mut Session| session.set("size", vec![0; 20]);
                    site.call(set).await.expect("room");
                }
            }
            (counted, session)
        };
        let counted = site.store.transact(&site.limits, run, |_| true).await;
        let expected = if changed == "a" { 5 } else { 2 };
        assert_eq!((counted, n_runs.get()), (Ok(expected), runs), "{changed}");
        let newest = Snapshot::newest(&site.store.file).expect("a file");
        assert_eq!(newest.numbers.used_bytes, 2 + 2 + 4 + 10, "{changed}");
    }
}

/// What is seen of the layer stays in memory with the call, so it must not be much.
#[tokio::test]
async fn a_call_in_turn_waits_for_the_disk_where_much_is_handed_over() {
    let site = site();
    let held_up = site.hold_up().await;
    let large = site
        .begin(|session| session.set("a", vec![b'1'; 300_000]))
        .await;
    let in_turn = site.spawn_in_turn("a", |session| session.get("a"));
    let beside_it = site.spawn(|session| session.get("b"));
    assert_eq!(beside_it.await.expect("no panic"), Ok(Ok(None)));
    assert!(!in_turn.is_finished());
    held_up.go_on(true).await;
    let value = in_turn.await.expect("no panic").expect("a working store");
    assert_eq!(value, Ok(Some(vec![b'1'; 300_000])));
    assert_eq!(large.await.expect("no panic"), Ok(Ok(())));
}

/// A call reads another key before that for which it has to wait.
#[tokio::test]
async fn a_call_that_waited_still_sees_one_moment() {
    for (changed, runs) in [("first", 2), ("other", 1)] {
        let site = site();
        let held_up = site.hold_up().await;
        site.store.turns.met_conflict("n");
        let (store, limits) = (Arc::clone(&site.store), site.limits.clone());
        let (begun, has_begun) = mpsc::channel();
        let turn = site.store.turns.wait("n").await.expect("its turn");
        let call = tokio::spawn(async move {
            let n_runs = AtomicU64::new(0);
            let run = |mut session: Session| {
                n_runs.fetch_add(1, Ordering::Relaxed);
                let begun = begun.clone();
                async move {
                    let first = session.get("first").expect("a value");
                    begun.send(()).expect("somebody waits");
                    session.wait_for_turn("n").await.expect("a working store");
                    add_one(&mut session, "n");
                    (first, session)
                }
            };
            let first = store.transact(&limits, run, |_| true).await;
            (first, n_runs.into_inner())
        });
        while has_begun.try_recv().is_err() {
            yield_now().await;
        }
        let others = site
            .begin(move |session| session.set(changed, b"1".to_vec()))
            .await;
        let before = site.begin(|session| session.set("n", b"5".to_vec())).await;
        drop(turn);
        site.handed_over(3).await;
        held_up.go_on(true).await;
        let expected = (changed == "first").then(|| b"1".to_vec());
        assert_eq!(
            call.await.expect("no panic"),
            (Ok(expected), runs),
            "{changed}"
        );
        for call in [others, before] {
            assert_eq!(call.await.expect("no panic"), Ok(Ok(())));
        }
        assert_eq!(site.get("n").await, Some(b"6".to_vec()));
    }
}

/// Each has the turn on one key, and then reads that of the other. None waits for the other.
#[tokio::test]
async fn calls_that_want_the_keys_of_each_other_both_end() {
    let site = site();
    let begin = |mine: &'static str, other: &'static str| {
        site.store.turns.met_conflict(mine);
        let (store, limits) = (Arc::clone(&site.store), site.limits.clone());
        tokio::spawn(async move {
            let run = |mut session: Session| async move {
                for key in [mine, other] {
                    session.wait_for_turn(key).await.expect("a working store");
                    add_one(&mut session, key);
                    yield_now().await;
                }
                ((), session)
            };
            store.transact(&limits, run, |()| true).await
        })
    };
    for call in [begin("a", "b"), begin("b", "a")] {
        assert_eq!(call.await.expect("no panic"), Ok(()));
    }
    for key in ["a", "b"] {
        assert_eq!(site.get(key).await, Some(b"2".to_vec()));
    }
}
