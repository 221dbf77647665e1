//! The workers that are there, and which of them is free for a call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use syft_manifest::Digest;

use super::{Claim, Wants};

/// Questions for a call that one worker has open. It has one for each call that it could run.
const MOST_WISHES: usize = 1_024;

/// One process of a worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// The name of its account.
    pub name: String,
    /// The process, of which an account may have several.
    pub instance: u64,
}

/// What a worker says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What it has.
    pub labels: BTreeSet<String>,
    /// How many calls it runs at a time.
    pub concurrency: usize,
    /// The memory that a call can have there, and all together, in bytes.
    pub memory_bytes: u64,
    /// The apps that it runs; all, where it names none.
    pub apps: BTreeSet<String>,
}

/// What a worker says from time to time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BeatFacts {
    /// Higher than those before.
    pub number: u64,
    /// What it has.
    pub claims: Vec<Claim>,
    /// How far it is with components, if that is new.
    pub apps: Option<Vec<(Digest, Readiness)>>,
}

/// How far a worker is with a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It can run it.
    Ready,
    /// It does not.
    Refused,
}

pub(super) struct Worker {
    pub(super) profile: Profile,
    pub(super) n_running: usize,
    pub(super) finished: u64,
    pub(super) lost: u64,
    pub(super) is_leaving: bool,
    memory_taken: u64,
    last_heard: Instant,
    last_beat: u64,
    ready: BTreeSet<Digest>,
    refused: BTreeSet<Digest>,
    wishes: VecDeque<u64>,
}

#[derive(Default)]
pub(super) struct Workers {
    all: BTreeMap<WorkerId, Worker>,
    /// Counts changes of who could take what.
    n_changes: u64,
    /// How many of them somebody has looked at.
    n_seen: u64,
}

impl Workers {
    pub(super) fn add(&mut self, now: Instant, id: &WorkerId, profile: Profile) {
        self.n_changes += 1;
        if let Some(known) = self.all.get_mut(id) {
            // It was asked again, or says it again.
            known.heard(now);
            known.profile = profile;
            return;
        }
        let worker = Worker {
            profile,
            n_running: 0,
            finished: 0,
            lost: 0,
            is_leaving: false,
            memory_taken: 0,
            last_heard: now,
            last_beat: 0,
            ready: BTreeSet::new(),
            refused: BTreeSet::new(),
            wishes: VecDeque::new(),
        };
        self.all.insert(id.clone(), worker);
    }

    pub(super) fn get(&mut self, id: &WorkerId) -> Option<&mut Worker> {
        self.all.get_mut(id)
    }

    pub(super) fn remove(&mut self, id: &WorkerId) {
        self.n_changes += 1;
        self.all.remove(id);
    }

    /// Takes in how far a worker is with components.
    pub(super) fn set_apps(&mut self, id: &WorkerId, apps: &[(Digest, Readiness)]) {
        self.n_changes += 1;
        if let Some(worker) = self.all.get_mut(id) {
            worker.set_apps(apps);
        }
    }

    /// Gives a worker no call of a component any more.
    pub(super) fn refuse(&mut self, id: &WorkerId, component: Digest) {
        self.n_changes += 1;
        if let Some(worker) = self.all.get_mut(id) {
            worker.refused.insert(component);
        }
    }

    /// Gives a worker no more calls. Returns its questions that were open.
    pub(super) fn leave(&mut self, id: &WorkerId) -> Vec<u64> {
        self.n_changes += 1;
        let Some(worker) = self.all.get_mut(id) else {
            return Vec::new();
        };
        worker.is_leaving = true;
        worker.wishes.drain(..).collect()
    }

    /// Tells whether who could take what has changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.n_seen, self.n_changes) != self.n_changes
    }

    /// Returns how often that has changed.
    pub(super) fn n_changes(&self) -> u64 {
        self.n_changes
    }

    /// Tells whether one of them waits for a call and has room for one.
    pub(super) fn any_idle(&self) -> bool {
        let mut all = self.all.values();
        all.any(|worker| !worker.wishes.is_empty() && worker.room() > 0)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&WorkerId, &Worker)> {
        self.all.iter()
    }

    pub(super) fn of_name(&self, name: &str) -> Vec<WorkerId> {
        let of_name = self.all.keys().filter(|id| id.name == name);
        of_name.cloned().collect()
    }

    pub(super) fn silent_since(&self, now: Instant, time: Duration) -> Vec<WorkerId> {
        let silent = self.all.iter();
        let silent = silent.filter(|(_, worker)| now > worker.last_heard + time);
        silent.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn heard_all(&mut self, now: Instant) {
        self.all.values_mut().for_each(|worker| worker.heard(now));
    }

    /// Tells whether one of them could take a call, were it free.
    pub(super) fn any_could_take(&self, wants: &Wants) -> bool {
        self.all.values().any(|worker| worker.could_take(wants))
    }

    /// Finds a worker that is free for a call: the one with the most room. Returns its question.
    pub(super) fn take_free(&mut self, wants: &Wants) -> Option<(WorkerId, u64)> {
        let free = self
            .all
            .iter_mut()
            .filter(|(_, worker)| worker.is_free(wants));
        let (id, worker) = free.max_by_key(|(_, worker)| worker.room())?;
        let wish = worker.wishes.pop_front()?;
        worker.n_running += 1;
        worker.memory_taken += wants.memory_bytes;
        Some((id.clone(), wish))
    }
}

impl Worker {
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = self.last_heard.max(now);
    }

    pub(super) fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Tells whether a beat came after all before it.
    pub(super) fn is_newer(&mut self, beat: u64) -> bool {
        let is_newer = beat > self.last_beat;
        self.last_beat = self.last_beat.max(beat);
        is_newer
    }

    fn set_apps(&mut self, apps: &[(Digest, Readiness)]) {
        self.ready.clear();
        for (component, readiness) in apps {
            match readiness {
                Readiness::Ready => self.ready.insert(component.clone()),
                Readiness::Refused => self.refused.insert(component.clone()),
            };
        }
    }

    pub(super) fn wish(&mut self, wish: u64) {
        if !self.wishes.contains(&wish) && self.wishes.len() < MOST_WISHES {
            self.wishes.push_back(wish);
        }
    }

    pub(super) fn drop_wish(&mut self, wish: u64) {
        self.wishes.retain(|other| *other != wish);
    }

    pub(super) fn take_back(&mut self, wants: &Wants) {
        self.n_running -= 1;
        self.memory_taken -= wants.memory_bytes;
    }

    fn could_take(&self, wants: &Wants) -> bool {
        let Profile {
            labels,
            memory_bytes,
            apps,
            concurrency,
        } = &self.profile;
        *concurrency > 0
            && !self.is_leaving
            && self.ready.contains(&wants.component)
            && !self.refused.contains(&wants.component)
            && wants.labels.iter().all(|label| labels.contains(label))
            && wants.memory_bytes <= *memory_bytes
            && (apps.is_empty() || apps.contains(&wants.app))
    }

    fn is_free(&self, wants: &Wants) -> bool {
        let memory = self.memory_taken + wants.memory_bytes;
        self.could_take(wants)
            && !self.wishes.is_empty()
            && self.room() > 0
            && memory <= self.profile.memory_bytes
    }

    fn room(&self) -> usize {
        self.profile.concurrency.saturating_sub(self.n_running)
    }
}
