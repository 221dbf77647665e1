use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const QUOTA: u64 = 60;
const KEYS: u8 = 4;

#[derive(Debug, Clone)]
enum Step {
    /// A call begins, and sees what is handed over or only what is forced.
    Begin(bool),
    Read(usize, u8),
    List(usize),
    Write(usize, u8, Option<usize>),
    End(usize),
    /// So many of those that were handed over are forced.
    Force(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (call, key) = (|| 0..3_usize, || 0..KEYS);
    let step = prop_oneof![
        2 => any::<bool>().prop_map(Step::Begin),
        3 => (call(), key()).prop_map(|(call, key)| Step::Read(call, key)),
        1 => call().prop_map(Step::List),
        3 => (call(), key(), prop::option::of(0..30_usize))
            .prop_map(|(call, key, bytes)| Step::Write(call, key, bytes)),
        3 => call().prop_map(Step::End),
        1 => (1..4_usize).prop_map(Step::Force),
    ];
    vec(step, 0..120)
}

/// All values with their versions, as they are after a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values(BTreeMap<String, (Version, usize)>);

impl Values {
    fn version(&self, key: &str) -> Version {
        self.0.get(key).map_or(ABSENT, |(version, _)| *version)
    }

    fn size(&self, key: &str) -> Option<usize> {
        self.0.get(key).map(|(_, bytes)| *bytes)
    }

    fn apply(&mut self, commit: u64, touched: &Touched) {
        for (key, write) in &touched.writes {
            match &write.value {
                Some(value) => self.0.insert(key.clone(), (commit, value.len())),
                None => self.0.remove(key),
            };
        }
    }

    fn used_bytes(&self) -> u64 {
        let used = self.0.iter().map(|(key, (_, bytes))| key.len() + bytes);
        used.sum::<usize>() as u64
    }

    fn keys(&self) -> Vec<&String> {
        self.0.keys().collect()
    }

    /// Returns the values with those of a layer above them.
    fn below(&self, pending: &PendingValues) -> Self {
        let mut all = self.clone();
        for (key, value) in pending {
            match value.size() {
                Some(bytes) => all.0.insert(key.to_string(), (value.version(), bytes)),
                None => all.0.remove(&**key),
            };
        }
        all
    }
}

/// A call, and what it sees.
struct Call {
    seen: Values,
    numbers: Numbers,
    touched: Touched,
}

/// A layer above a file, and what both must be together.
struct Model {
    pending: Pending,
    file: Values,
    file_numbers: Numbers,
    queue: VecDeque<(Numbers, Touched)>,
    now: Values,
    calls: Vec<Call>,
}

impl Model {
    fn new() -> Self {
        Self {
            pending: Pending::new(Numbers::default()),
            file: Values::default(),
            file_numbers: Numbers::default(),
            queue: VecDeque::new(),
            now: Values::default(),
            calls: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let n_calls = self.calls.len();
        let at = |call: usize| (n_calls > 0).then(|| call % n_calls.max(1));
        match step {
            Step::Begin(sees_all) => self.begin(sees_all),
            Step::Read(call, key) => {
                if let Some(call) = at(call).map(|at| &mut self.calls[at]) {
                    let version = call.seen.version(&name(key));
                    call.touched.reads.entry(name(key)).or_insert(version);
                }
            }
            Step::List(call) => {
                if let Some(call) = at(call).map(|at| &mut self.calls[at]) {
                    call.touched.keys_changed = Some(call.numbers.keys_changed);
                }
            }
            Step::Write(call, key, bytes) => {
                if let Some(call) = at(call).map(|at| &mut self.calls[at]) {
                    let write = ValueWrite {
                        before: call.seen.size(&name(key)),
                        value: bytes.map(|bytes| Arc::new(vec![0; bytes])),
                    };
                    call.touched.writes.insert(name(key), write);
                }
            }
            Step::End(call) => {
                if let Some(at) = at(call) {
                    let call = self.calls.swap_remove(at);
                    self.end(call);
                }
            }
            Step::Force(n) => self.force(n),
        }
    }

    fn begin(&mut self, sees_all: bool) {
        let (pending, numbers, _) = self.pending.look();
        let (seen, numbers) = if sees_all {
            (self.file.below(&pending), numbers)
        } else {
            (self.file.clone(), self.file_numbers)
        };
        let touched = Touched {
            at: numbers.commits,
            ..Touched::default()
        };
        self.calls.push(Call {
            seen,
            numbers,
            touched,
        });
    }

    fn end(&mut self, mut call: Call) {
        let mut taken = self.pending.take(&call.touched, QUOTA);
        if taken == Err(NotTaken::Stale) {
            if !self.renew(&mut call) {
                return;
            }
            taken = self.pending.take(&call.touched, QUOTA);
        }
        let is_same = self.is_same(&call.touched) && self.has_same_keys(&call);
        match taken {
            Ok(_) if call.touched.writes.is_empty() => {}
            Ok(numbers) => {
                assert!(is_same, "it has read what was changed");
                self.now.apply(numbers.commits, &call.touched);
                assert_eq!(numbers.used_bytes, self.now.used_bytes());
                self.queue.push_back((numbers, call.touched));
            }
            Err(NotTaken::Conflict(Conflict(Some(key)))) => {
                assert_ne!(call.touched.reads[&key], self.now.version(&key));
            }
            Err(NotTaken::Conflict(Conflict(None))) => {
                let mut then = self.now.clone();
                then.apply(0, &call.touched);
                let is_over = then.used_bytes() > QUOTA.max(self.now.used_bytes());
                assert!(is_over || call.touched.keys_changed.is_some());
            }
            Err(NotTaken::Stale) => panic!("nothing was forced since it was renewed"),
        }
    }

    fn is_same(&self, touched: &Touched) -> bool {
        let mut reads = touched.reads.iter();
        reads.all(|(key, seen)| self.now.version(key) == *seen)
    }

    /// If no key was made or deleted, the keys are those that a call has listed.
    fn has_same_keys(&self, call: &Call) -> bool {
        call.touched.keys_changed.is_none() || self.now.keys() == call.seen.keys()
    }

    /// As the state does it, with a look at the file and the layer.
    fn renew(&self, call: &mut Call) -> bool {
        let (_, numbers, _) = self.pending.look();
        let listed = call.touched.keys_changed;
        let has_changed = listed.is_some_and(|seen| seen != numbers.keys_changed);
        if has_changed || !self.is_same(&call.touched) {
            return false;
        }
        for (key, write) in &mut call.touched.writes {
            write.before = self.now.size(key);
        }
        call.touched.at = numbers.commits;
        true
    }

    fn force(&mut self, n: usize) {
        for (numbers, touched) in self.queue.drain(..n.min(self.queue.len())) {
            self.file.apply(numbers.commits, &touched);
            self.file_numbers = numbers;
        }
        self.pending.forced(self.file_numbers.commits);
    }

    fn check(&self) {
        let (pending, numbers, _) = self.pending.look();
        assert_eq!(self.file.below(&pending), self.now);
        assert_eq!(numbers.used_bytes, self.now.used_bytes());
        assert_eq!(pending.is_empty(), self.queue.is_empty());
        let bytes = pending.iter().map(|(key, value)| value.cost(key));
        assert_eq!(self.pending.bytes, bytes.sum::<usize>());
    }
}

fn name(key: u8) -> String {
    char::from(b'a' + key).to_string()
}

proptest! {
    /// Whatever calls do at once and whenever it is forced: each that is taken has read what is
    /// there, what is above the file is what was not forced, and all is within the quota.
    #[test]
    fn calls_are_as_if_one_after_another(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
            model.check();
        }
    }
}

fn touched(at: u64, reads: &[(&str, Version)], writes: &[&str]) -> Touched {
    let write = |key: &&str| {
        let write = ValueWrite {
            before: None,
            value: Some(Arc::default()),
        };
        ((*key).to_owned(), write)
    };
    Touched {
        at,
        reads: reads
            .iter()
            .map(|(key, version)| ((*key).to_owned(), *version))
            .collect(),
        keys_changed: None,
        writes: writes.iter().map(write).collect(),
    }
}

#[test]
fn a_conflict_names_the_key() {
    let mut pending = Pending::new(Numbers::default());
    let first = pending.take(&touched(0, &[], &["a"]), QUOTA);
    assert_eq!(first.expect("room").commits, 1);
    let conflict = |key: Option<&str>| Err(Conflict(key.map(str::to_owned)).into());
    let second = pending.take(&touched(0, &[("a", ABSENT)], &["b"]), QUOTA);
    assert_eq!(second, conflict(Some("a")));
    let listed = Touched {
        keys_changed: Some(0),
        ..touched(0, &[], &["b"])
    };
    assert_eq!(pending.take(&listed, QUOTA), conflict(None));
    assert_eq!(pending.take(&touched(0, &[], &["b"]), 1), conflict(None));
}

/// What was forced is forgotten here. Who began before that cannot be judged by what is left.
#[test]
fn who_began_before_something_was_forced_is_stale() {
    let mut pending = Pending::new(Numbers::default());
    pending.take(&touched(0, &[], &["a"]), QUOTA).expect("room");
    pending.forced(1);
    let late = touched(0, &[("a", ABSENT)], &["b"]);
    assert_eq!(pending.take(&late, QUOTA), Err(NotTaken::Stale));
    let reads_only = touched(0, &[("a", ABSENT)], &[]);
    assert!(pending.take(&reads_only, QUOTA).is_ok());
}

#[test]
fn a_layer_that_is_lost_takes_nothing() {
    let layer = Layer::new(Numbers::default());
    assert!(layer.lock().is_ok());
    layer.lose();
    assert!(layer.lock().is_err());
}
