mod accounting;
mod answers;
mod layer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

struct Site {
    store: Arc<Store>,
    limits: Limits,
    folder: tempfile::TempDir,
}

fn site_with(limits: Limits) -> Site {
    site_in(tempfile::tempdir().expect("a folder"), limits)
}

fn site_in(folder: tempfile::TempDir, limits: Limits) -> Site {
    let store =
        Arc::new(Store::open(folder.path(), &limits, &StoreOptions::default()).expect("a store"));
    Site {
        store,
        limits,
        folder,
    }
}

fn site() -> Site {
    site_with(Limits::default())
}

impl Site {
    /// Runs a call that ends well.
    async fn call<T>(&self, run: impl Fn(&mut Session) -> T) -> T {
        let run = |mut session: Session| std::future::ready((run(&mut session), session));
        let kept = self.store.transact(&self.limits, run, |_| true).await;
        kept.expect("a working store")
    }

    async fn set_a_and_b(&self) {
        let set = |session: &mut Session| {
            session.set("a", b"1".to_vec())?;
            session.set("b", b"1".to_vec())
        };
        self.call(set).await.expect("room");
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.call(|session| session.get(key).expect("a value"))
            .await
    }
}

fn reopened(site: Site) -> Site {
    let Site {
        store,
        limits,
        folder,
    } = site;
    drop(store);
    site_in(folder, limits)
}

fn add_one(session: &mut Session, key: &str) -> u64 {
    let old = session.get(key).expect("a value");
    let old = old.map_or(0, |text| {
        String::from_utf8(text)
            .expect("text")
            .parse()
            .expect("a number")
    });
    let new = (old + 1).to_string().into_bytes();
    session.set(key, new).expect("room");
    old + 1
}

#[tokio::test]
async fn keeps_what_a_call_wrote_and_only_if_it_ended_well() {
    let site = site();
    site.call(|session| session.set("a", b"1".to_vec()))
        .await
        .expect("room");
    let failing = |mut session: Session| async move {
        session.set("a", b"2".to_vec()).expect("room");
        session.delete("b").expect("a key");
        ((), session)
    };
    let ran = site.store.transact(&site.limits, failing, |()| false).await;
    assert_eq!(ran, Ok(()));
    assert_eq!(site.get("a").await, Some(b"1".to_vec()));

    let site = reopened(site);
    assert_eq!(site.get("a").await, Some(b"1".to_vec()));
}

#[tokio::test]
async fn a_call_sees_its_own_writes_and_one_moment_of_the_rest() {
    let site = site();
    site.set_a_and_b().await;
    let mut session = Session::new(Some(Arc::clone(&site.store)), &site.limits);
    assert_eq!(session.get("a"), Ok(Some(b"1".to_vec())));
    session.set("c", b"3".to_vec()).expect("room");
    session.delete("a").expect("a key");
    site.call(|session| session.set("b", b"2".to_vec()))
        .await
        .expect("room");
    assert_eq!(session.get("b"), Ok(Some(b"1".to_vec())));
    assert_eq!(session.get("a"), Ok(None));
    assert_eq!(session.get("c"), Ok(Some(b"3".to_vec())));
    let keys = ["b", "c"].map(str::to_owned).to_vec();
    assert_eq!(session.keys(None), Ok((keys, None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_calls_at_once_that_read_and_write_lose_nothing() {
    let site = Arc::new(site());
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                let run = |mut session: Session| async move {
                    let counted = add_one(&mut session, "counter");
                    tokio::task::yield_now().await;
                    (counted, session)
                };
                site.store
                    .transact(&site.limits, run, |_| true)
                    .await
                    .expect("a working store")
            })
        })
        .collect();
    let mut counts = Vec::new();
    for call in calls {
        counts.push(call.await.expect("no panic"));
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=1_000).collect::<Vec<u64>>());
}

/// A call and another one that comes between, with what the call must see in the end.
#[tokio::test]
async fn a_call_runs_again_where_what_it_read_has_changed() {
    type Step = fn(&mut Session) -> Result<(), SessionError>;
    let table: [(&str, Step, Step, u32); 8] = [
        (
            "the same value",
            |session| session.get("a").map(drop),
            |session| session.set("a", b"2".to_vec()),
            2,
        ),
        (
            "another value",
            |session| session.get("a").map(drop),
            |session| session.set("b", b"2".to_vec()),
            1,
        ),
        (
            "a value written only",
            |_| Ok(()),
            |session| session.set("x", b"2".to_vec()),
            1,
        ),
        (
            "an absent value",
            |session| session.get("n").map(drop),
            |session| session.set("n", b"2".to_vec()),
            2,
        ),
        (
            "a deleted value",
            |session| session.get("a").map(drop),
            |session| session.delete("a"),
            2,
        ),
        (
            "the list, a new key",
            |session| session.keys(None).map(drop),
            |session| session.set("n", vec![]),
            2,
        ),
        (
            "the list, a key gone",
            |session| session.keys(None).map(drop),
            |session| session.delete("b"),
            2,
        ),
        (
            "the list, a value",
            |session| session.keys(None).map(drop),
            |session| session.set("b", vec![1]),
            1,
        ),
    ];
    for (name, reads, comes_between, runs) in table {
        let site = site();
        site.set_a_and_b().await;
        let (site, n_runs) = (&site, &std::cell::Cell::new(0));
        let run = |mut session: Session| async move {
            n_runs.set(n_runs.get() + 1);
            let done = reads(&mut session).and_then(|()| session.set("x", b"1".to_vec()));
            if n_runs.get() == 1 {
                site.call(comes_between).await.expect("room");
            }
            (done, session)
        };
        let done = site.store.transact(&site.limits, run, Result::is_ok).await;
        assert_eq!((done, n_runs.get()), (Ok(Ok(())), runs), "{name}");
        assert_eq!(site.get("x").await, Some(b"1".to_vec()), "{name}");
    }
}

#[tokio::test]
async fn every_limit_has_its_error() {
    let site = site_with(Limits {
        state_bytes: 1_000,
        state_key_bytes: 10,
        state_value_bytes: 500,
        state_call_bytes: 2_000,
        ..Limits::default()
    });
    let set = |key: &'static str, bytes: usize| {
        site.call(move |session| session.set(key, vec![b'x'; bytes]))
    };
    assert_eq!(set("", 1).await, Ok(()));
    assert_eq!(set("12345678901", 1).await, Err(SessionError::Key(10)));
    assert_eq!(set("a", 501).await, Err(SessionError::Value(500)));
    site.call(|session| session.delete(""))
        .await
        .expect("a key");
    assert_eq!(set("a", 500).await, Ok(()));
    assert_eq!(set("b", 498).await, Ok(()));
    assert_eq!(set("c", 0).await, Err(SessionError::Quota(1_000)));
    assert_eq!(set("a", 500).await, Ok(()), "it takes no more than before");
    assert_eq!(set("b", 497).await, Ok(()));
    assert_eq!(set("c", 0).await, Ok(()));
    let many =
        |session: &mut Session| (0..100).try_for_each(|n| session.get(&n.to_string()).map(drop));
    assert_eq!(site.call(many).await, Err(SessionError::Call(2_000)));
    let again =
        |session: &mut Session| (0..100).try_for_each(|_| session.set("a", vec![b'x'; 500]));
    assert_eq!(site.call(again).await, Ok(()), "it holds one value");
}

/// Two calls that fit each by itself and not both: the second one learns of it where
/// it writes.
#[tokio::test]
async fn calls_at_once_keep_to_the_quota_together() {
    let site = site_with(Limits {
        state_bytes: 1_000,
        ..Limits::default()
    });
    let (site, is_first) = (&site, &std::cell::Cell::new(true));
    let run = |mut session: Session| async move {
        let set = session.set("a", vec![0; 600]);
        if is_first.replace(false) {
            site.call(|session| session.set("b", vec![0; 600]))
                .await
                .expect("room");
        }
        (set, session)
    };
    let set = site.store.transact(&site.limits, run, Result::is_ok).await;
    assert_eq!(set, Ok(Err(SessionError::Quota(1_000))));
}

#[tokio::test]
async fn lists_keys_page_by_page() {
    let site = site();
    let key = |n: usize| format!("key {n:04}");
    site.call(|session| (0..2_500).try_for_each(|n| session.set(&key(n), vec![])))
        .await
        .expect("room");
    let mut session = Session::new(Some(Arc::clone(&site.store)), &site.limits);
    session.delete(&key(3)).expect("a key");
    session.set("key 0999+", vec![]).expect("room");
    session.set("key 1000+", vec![]).expect("room");
    session.set("zzz", vec![]).expect("room");
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (keys, next) = session.keys(cursor.as_deref()).expect("keys");
        all.extend(keys);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let mut expected: Vec<String> = (0..2_500).filter(|n| *n != 3).map(key).collect();
    expected.extend(["key 0999+", "key 1000+", "zzz"].map(str::to_owned));
    expected.sort_unstable();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_second_host_is_refused_at_any_level() {
    let levels = [Durability::None, Durability::Batched, Durability::Strict];
    for (first, second) in levels.into_iter().zip(levels.into_iter().rev()) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |durability| {
            let options = StoreOptions {
                durability,
                ..StoreOptions::default()
            };
            Store::open(folder.path(), &Limits::default(), &options)
        };
        let _store = open(first).expect("a store");
        let error = open(second).err().expect("it is refused").to_string();
        assert!(
            error.contains("serves the app"),
            "{first:?}, {second:?}: {error}"
        );
    }
}

/// A host that is killed at any time while it makes a state leaves none or a whole one.
#[test]
fn a_state_has_its_name_only_when_it_is_whole() {
    let (folders, is_over) = (
        tempfile::tempdir().expect("a folder"),
        AtomicBool::new(false),
    );
    let folder = |n: usize| folders.path().join(n.to_string());
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut n_seen = 0;
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(bytes) = fs::read(folder(n_seen).join("state.redb")) {
                    assert!(bytes.starts_with(b"redb"), "state {n_seen} is half made");
                    n_seen += 1;
                }
            }
        });
        for n in 0..20 {
            let options = StoreOptions::default();
            Store::open(&folder(n), &Limits::default(), &options).expect("a store");
        }
        is_over.store(true, Ordering::Relaxed);
        looking.join().expect("only whole states are seen");
    });
}

/// Returns a folder with a state of many values, and its file as it is while a host has
/// it open and once it is closed.
async fn closed() -> (tempfile::TempDir, [Vec<u8>; 2]) {
    let site = site();
    let large = |session: &mut Session| {
        (0..100).try_for_each(|n| session.set(&n.to_string(), vec![b'x'; 2_000]))
    };
    site.call(large).await.expect("room");
    let path = site.folder.path().join("state.redb");
    let open = fs::read(&path).expect("a file");
    let folder = site.folder;
    drop(site.store);
    let closed = fs::read(&path).expect("a file");
    (folder, [open, closed])
}

fn check_damaged(folder: &Path, bytes: &[u8], durability: Durability, what: &str) {
    fs::write(folder.join("state.redb"), bytes).expect("room");
    let options = StoreOptions {
        durability,
        ..StoreOptions::default()
    };
    let error = Store::open(folder, &Limits::default(), &options)
        .err()
        .unwrap_or_else(|| panic!("{what}, {durability:?}: it was opened"));
    assert!(error.is::<Damaged>(), "{what}, {durability:?}: {error:#}");
    assert!(error.to_string().contains("state.redb"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_no_state_and_says_so() {
    let (folder, files) = closed().await;
    for whole in &files {
        let half = whole.len() / 2;
        let mut hole = whole.clone();
        hole[4_096..half].fill(0);
        let text = b"no database ".repeat(half);
        for (what, bytes) in [("cut", &whole[..half]), ("hole", &hole), ("text", &text)] {
            for durability in [Durability::None, Durability::Batched] {
                check_damaged(folder.path(), bytes, durability, what);
            }
        }
    }
}

/// A file that was closed is believed, if it was forced to the disk.
#[tokio::test]
async fn a_file_that_was_never_forced_is_looked_at_as_a_whole() {
    let (folder, [_, mut closed]) = closed().await;
    let of_values = closed.iter_mut().filter(|byte| **byte == b'x');
    of_values.for_each(|byte| *byte = b'y');
    check_damaged(folder.path(), &closed, Durability::None, "values");
}
