//! The order in which effects are done, and what becomes of them where that cannot be.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use syft_manifest::Limits;

use super::super::{Session, StoreOptions};
use super::*;
use crate::durability::Durability;

/// What became of the effects of a test, and what is to become of others.
#[derive(Default)]
struct World {
    done: Mutex<Vec<String>>,
    /// The threads by which they were done.
    threads: Mutex<Vec<ThreadId>>,
    left: Mutex<Vec<String>>,
    cannot: Mutex<BTreeSet<String>>,
    /// Those of which the first claim fails.
    stale: Mutex<BTreeSet<String>>,
}

impl World {
    fn done(&self) -> Vec<String> {
        self.done.lock().expect(UNPOISONED).clone()
    }

    fn left(&self) -> Vec<String> {
        self.left.lock().expect(UNPOISONED).clone()
    }

    fn cannot(&self, names: &[&str]) {
        *self.cannot.lock().expect(UNPOISONED) = names.iter().map(ToString::to_string).collect();
    }

    fn is_stale(&self, name: &str) {
        let mut stale = self.stale.lock().expect(UNPOISONED);
        stale.insert(name.to_owned());
    }

    fn effects(self: &Arc<Self>, name: &str) -> Box<dyn Effects> {
        Box::new(Named {
            name: name.to_owned(),
            world: Arc::clone(self),
        })
    }
}

struct Named {
    name: String,
    world: Arc<World>,
}

impl Effects for Named {
    fn record(&self) -> Vec<u8> {
        self.name.clone().into_bytes()
    }

    fn apply_first(&mut self) -> bool {
        self.name.starts_with("first") && self.claim() && self.apply()
    }

    fn force(&self) -> io::Result<()> {
        Ok(())
    }

    fn are_quick(&self) -> bool {
        true
    }

    fn claim(&mut self) -> bool {
        let mut stale = self.world.stale.lock().expect(UNPOISONED);
        !stale.remove(&self.name)
    }

    fn apply(&mut self) -> bool {
        let can = !self
            .world
            .cannot
            .lock()
            .expect(UNPOISONED)
            .contains(&self.name);
        if can {
            let mut done = self.world.done.lock().expect(UNPOISONED);
            done.push(self.name.clone());
            let mut threads = self.world.threads.lock().expect(UNPOISONED);
            threads.push(thread::current().id());
        }
        can
    }

    fn force_applied(&self, _: &mut HashSet<String>) {}

    fn leave(&mut self) {
        let mut left = self.world.left.lock().expect(UNPOISONED);
        left.push(self.name.clone());
    }
}

struct Site {
    store: Arc<Store>,
    world: Arc<World>,
    durability: Durability,
    folder: tempfile::TempDir,
}

/// With the first of them a thread commits, with the other who hands over, if it is the only one.
const LEVELS: [Durability; 2] = [Durability::Batched, Durability::None];

fn site(durability: Durability) -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    Site {
        store: open(&folder, durability),
        world: Arc::default(),
        durability,
        folder,
    }
}

fn open(folder: &tempfile::TempDir, durability: Durability) -> Arc<Store> {
    let options = StoreOptions {
        durability,
        ..StoreOptions::default()
    };
    let opened = Store::open(folder.path(), &Limits::default(), &options);
    Arc::new(opened.expect("a store"))
}

impl Site {
    /// Runs a call with these effects.
    async fn call(&self, name: &str, ends_well: bool) -> Result<(), StoreError> {
        let run = |mut session: Session| {
            session.also_do(self.world.effects(name));
            ready(((), session))
        };
        let limits = Limits::default();
        self.store.transact(&limits, run, |()| ends_well).await
    }

    /// Serves the app again. Returns the records that there are, whose effects are done.
    fn reopened(self) -> (Self, Vec<String>) {
        drop(self.store);
        let site = Self {
            store: open(&self.folder, self.durability),
            ..self
        };
        let mut names = Vec::new();
        let restore = |records: &[Vec<u8>]| {
            let texts = records.iter().cloned().map(String::from_utf8);
            names = texts.collect::<Result<_, _>>().expect("names");
            Ok(names.iter().map(|name| site.world.effects(name)).collect())
        };
        site.store.finish_effects(restore).expect("records");
        (site, names)
    }
}

#[tokio::test]
async fn effects_are_those_of_calls_that_end_well() {
    for durability in LEVELS {
        let site = site(durability);
        for (name, ends_well) in [("a", true), ("b", false), ("c", true)] {
            site.call(name, ends_well).await.expect("a working store");
        }
        assert_eq!(site.world.done(), ["a", "c"]);
        let (site, records) = site.reopened();
        assert!(records.is_empty(), "{records:?}");
        assert!(site.world.left().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_done_comes_before_what_came_after_it() {
    for durability in LEVELS {
        let site = site(durability);
        site.world.cannot(&["a"]);
        site.call("a", true).await.expect("it is kept");
        let refused = site.call("b", true).await.expect_err("it would come first");
        assert!(refused.to_string().contains("its place"), "{refused}");
        assert!(site.world.done().is_empty());
        site.world.cannot(&[]);
        site.call("c", true).await.expect("a working store");
        assert_eq!(site.world.done(), ["a", "c"]);
    }
}

#[tokio::test]
async fn what_could_not_be_done_is_done_after_a_restart() {
    for durability in LEVELS {
        let site = site(durability);
        site.call("before", true).await.expect("a working store");
        site.world.cannot(&["a"]);
        site.call("a", true).await.expect("it is kept");
        let (site, records) = site.reopened();
        assert_eq!(records, ["a"]);
        assert_eq!(site.world.left(), ["a"]);
        assert_eq!(site.world.done(), ["before"]);
        site.world.cannot(&[]);
        let (site, records) = site.reopened();
        assert_eq!(records, ["a"]);
        site.call("b", true).await.expect("a working store");
        assert_eq!(site.world.done(), ["before", "a", "b"]);
        let (site, records) = site.reopened();
        assert!(records.is_empty(), "{records:?}");
        assert_eq!(site.world.done().len(), 3);
    }
}

#[tokio::test]
async fn a_call_whose_claim_fails_runs_again() {
    for durability in LEVELS {
        let site = site(durability);
        site.world.is_stale("a");
        let n_runs = AtomicBool::new(false);
        let run = |mut session: Session| {
            let is_second = n_runs.swap(true, Ordering::Relaxed);
            session.also_do(site.world.effects("a"));
            ready((is_second, session))
        };
        let limits = Limits::default();
        let ran = site.store.transact(&limits, run, |_| true).await;
        assert_eq!(ran, Ok(true));
        assert_eq!(site.world.done(), ["a"]);
    }
}

/// The disk fails while a transaction is written: nobody knows whether it was kept.
#[tokio::test]
async fn a_look_into_the_file_decides_about_a_transaction_that_failed() {
    for is_kept in [false, true] {
        let site = site(Durability::Batched);
        let places = site.store.effects.places(1);
        let effects = site.world.effects("a");
        if is_kept {
            let database = site.store.file.database().expect("a file");
            let transaction = database.begin_write().expect("a transaction");
            let new = places.clone().zip([&*effects]);
            write(&transaction, &[], new).expect("written");
            transaction.commit().expect("kept");
        }
        site.store.effects.written(places, vec![effects], false);
        assert!(site.world.done().is_empty());
        site.call("b", true).await.expect("a working store");
        let expected: &[&str] = if is_kept { &["a", "b"] } else { &["b"] };
        assert_eq!(site.world.done(), expected);
        let (_, records) = site.reopened();
        assert!(records.is_empty(), "{records:?}");
    }
}

#[tokio::test]
async fn the_only_call_commits_itself_where_no_disk_is_waited_for() {
    let site = site(Durability::None);
    site.call("alone", true).await.expect("a working store");
    let beside = |mut session: Session| {
        let site = &site;
        async move {
            site.call("beside", true).await.expect("a working store");
            session.also_do(site.world.effects("last"));
            ((), session)
        }
    };
    let limits = Limits::default();
    let ran = site.store.transact(&limits, beside, |()| true).await;
    ran.expect("a working store");
    assert_eq!(site.world.done(), ["alone", "beside", "last"]);
    let threads = site.world.threads.lock().expect(UNPOISONED);
    let here = thread::current().id();
    // The thread may still be busy with the second one when the last one comes.
    let are_here = threads.iter().take(2).map(|thread| *thread == here);
    assert_eq!(are_here.collect::<Vec<_>>(), [true, false]);
}

/// What a call does first is done before there is anything to be kept, and has no record.
#[tokio::test]
async fn an_event_does_first_what_it_can_do_again() {
    for (name, is_event, has_state, expected) in [
        ("first", true, false, false),
        ("later", true, false, true),
        ("first", false, false, true),
        ("first", true, true, true),
    ] {
        let site = site(Durability::Batched);
        let run = |mut session: Session| {
            if is_event {
                session.also_record(Vec::new());
            }
            if has_state {
                session.get("key").expect("a working store");
            }
            session.also_do(site.world.effects(name));
            ready(((), session))
        };
        let limits = Limits::default();
        let ran = site.store.transact(&limits, run, |()| true).await;
        ran.expect("a working store");
        assert_eq!(site.world.done(), [name]);
        let has_record = site.store.effects.has_done();
        assert_eq!(has_record, expected, "{name} {is_event} {has_state}");
    }
}
