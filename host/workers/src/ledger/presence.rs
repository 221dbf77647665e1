//! Who is there: what workers say of themselves, and what is not heard any more.

use std::time::Instant;

use super::{BeatFacts, Call, CallId, Claim, Given, Ledger, Profile, WorkerId};

/// What is known of a worker, beside what it said of itself.
#[derive(Debug, Clone, Copy)]
pub struct WorkerFacts {
    /// How many calls it runs.
    pub n_running: usize,
    /// When it was last heard.
    pub last_heard: Instant,
    /// Calls that it has ended.
    pub finished: u64,
    /// Calls that were lost with it.
    pub lost: u64,
}

impl Ledger {
    /// Takes in that a worker is there.
    pub fn hello(&mut self, now: Instant, id: &WorkerId, profile: Profile) {
        self.workers.add(now, id, profile);
    }

    /// Takes in that a worker goes.
    pub fn bye(&mut self, now: Instant, id: &WorkerId) {
        self.drop_worker(now, id, "it has gone");
    }

    /// Drops all workers of a name, whose key does not count any more.
    pub fn revoke(&mut self, now: Instant, name: &str) {
        for id in self.workers.of_name(name) {
            self.drop_worker(now, &id, "its key was removed");
        }
    }

    /// Takes in what a worker says of itself. Returns what it has and is to end; nothing, where
    /// it is not known and has to say who it is.
    pub fn beat(&mut self, now: Instant, id: &WorkerId, facts: &BeatFacts) -> Option<Vec<Claim>> {
        let worker = self.workers.get(id)?;
        worker.heard(now);
        if !worker.is_newer(facts.number) {
            return Some(Vec::new());
        }
        if let Some(apps) = &facts.apps {
            self.workers.set_apps(id, apps);
        }
        let unlisted = self.unlisted(now, id, &facts.claims);
        for call in unlisted {
            self.lose(call, "it does not know of the call".to_owned());
        }
        let is_void = |claim: &&Claim| !self.has(id, claim);
        let to_end = facts.claims.iter().filter(is_void).copied().collect();
        self.match_up(now);
        Some(to_end)
    }

    /// Returns the calls that a worker was given a while ago, and does not name.
    fn unlisted(&self, now: Instant, id: &WorkerId, named: &[Claim]) -> Vec<CallId> {
        let late = self.times.unlisted_after;
        let is_unlisted = |given: &Given| {
            given.worker == *id && now > given.since + late && !named.contains(&given.claim)
        };
        let calls = self.calls.iter();
        let unlisted = calls.filter(|(_, call)| call.given.as_ref().is_some_and(is_unlisted));
        unlisted.map(|(call, _)| *call).collect()
    }

    /// Takes in that a worker waits for a call. Tells whether it is known.
    pub fn wish(&mut self, now: Instant, id: &WorkerId, wish: u64) -> bool {
        let Some(worker) = self.workers.get(id) else {
            return false;
        };
        worker.heard(now);
        worker.wish(wish);
        self.match_up(now);
        true
    }

    /// Forgets that a worker waits: it was told that there is nothing.
    pub fn drop_wish(&mut self, id: &WorkerId, wish: u64) {
        if let Some(worker) = self.workers.get(id) {
            worker.drop_wish(wish);
        }
    }

    /// Takes in that a worker takes no more calls. Returns its questions that were open.
    pub fn leave(&mut self, id: &WorkerId) -> Vec<u64> {
        self.workers.leave(id)
    }

    /// Tells whether a worker takes no more calls.
    pub fn is_leaving(&mut self, id: &WorkerId) -> bool {
        self.workers.get(id).is_some_and(|worker| worker.is_leaving)
    }

    /// Looks for what was lost.
    pub fn tick(&mut self, now: Instant) {
        let lost_after = self.times.lost_after;
        for id in self.workers.silent_since(now, lost_after) {
            self.drop_worker(now, &id, "nothing was heard of it any more");
        }
        self.match_up(now);
    }

    /// Takes in that nobody could be heard until now.
    pub fn resumed(&mut self, now: Instant) {
        self.workers.heard_all(now);
        for given in self
            .calls
            .values_mut()
            .filter_map(|call| call.given.as_mut())
        {
            given.since = now;
        }
    }

    /// Returns another number than before, if other workers could take other calls.
    pub fn availability(&self) -> u64 {
        self.workers.n_changes()
    }

    /// Calls a function with each worker: how many calls it runs, and what else is known of it.
    pub fn each_worker(&self, mut see: impl FnMut(&WorkerId, &Profile, WorkerFacts)) {
        for (id, worker) in self.workers.all() {
            let facts = WorkerFacts {
                n_running: worker.n_running,
                last_heard: worker.last_heard(),
                finished: worker.finished,
                lost: worker.lost,
            };
            see(id, &worker.profile, facts);
        }
    }

    fn drop_worker(&mut self, now: Instant, id: &WorkerId, why: &str) {
        self.workers.remove(id);
        let of_it = |call: &Call| call.given.as_ref().is_some_and(|given| given.worker == *id);
        let calls = self.calls.iter().filter(|(_, call)| of_it(call));
        let calls: Vec<CallId> = calls.map(|(call, _)| *call).collect();
        for call in calls {
            self.lose(call, why.to_owned());
        }
        self.match_up(now);
    }
}
