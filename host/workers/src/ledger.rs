//! Which call is at which worker: the table by which calls are given out.
//!
//! ```text
//!  offer            a free worker          end
//! ------> waiting -----------------> given ------> (ended)
//!          ^   |                       |
//!          |   | nobody could take it  | no beat, not in a beat, refused, bye
//!          |   v                       v
//!          |  (nobody)               lost: `LedgerStep::Lost`
//!          +---------------------------+---> (given up, at the third time)
//!            `again`, with what begins anew
//! ```
//!
//! A claim is a random number that only the worker knows that has it. What names another one, or
//! comes from another worker, changes nothing; so of a call only one claim ever ends it, whatever
//! is doubled, delayed or told in another order on the way.
//!
//! It does no IO and asks no clock: `now` and random numbers are arguments.
//!
//! Why: docs/decisions/90-workers-are-accounts-of-nats.md

mod workers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use syft_manifest::Digest;

use workers::Workers;
pub use workers::{BeatFacts, Profile, Readiness, WorkerId};

/// A call in the table, for as long as the host runs.
pub type CallId = u64;

/// By what a worker shows that a call was given to it.
pub type Claim = [u8; 16];

/// The times by which a worker counts as lost.
#[derive(Debug, Clone)]
pub struct LedgerTimes {
    /// Nothing was heard of it for so long.
    pub lost_after: Duration,
    /// A call that it was given is in none of its beats, so long after.
    pub unlisted_after: Duration,
    /// How often a call is given out at most.
    pub attempts: u32,
}

impl Default for LedgerTimes {
    fn default() -> Self {
        Self {
            lost_after: Duration::from_secs(6),
            unlisted_after: Duration::from_secs(4),
            attempts: 3,
        }
    }
}

/// What a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// The name of the app.
    pub app: String,
    /// The component that runs.
    pub component: Digest,
    /// The memory that it may take in all, in bytes.
    pub memory_bytes: u64,
    /// A worker has all of these.
    pub labels: Vec<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerStep {
    /// It waits for a worker that is free.
    Queue(CallId),
    /// It is given to a worker that waits.
    Give {
        /// The call.
        call: CallId,
        /// Who gets it.
        worker: WorkerId,
        /// The question of the worker that this answers.
        wish: u64,
        /// What it is to name.
        claim: Claim,
    },
    /// No worker that is there could take it. It is forgotten.
    Nobody(CallId),
    /// Its worker was lost: what began for it ends. It waits for `again`, or is forgotten.
    Lost {
        /// The call.
        call: CallId,
        /// What it had.
        claim: Claim,
        /// Whose.
        worker: WorkerId,
        /// Why, in words.
        why: String,
        /// It was given out as often as may be, and is forgotten.
        is_last: bool,
    },
}

/// What the table counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that a worker has ended.
    pub finished: u64,
    /// How often one was given out again.
    pub redelivered: u64,
    /// How often a worker was lost that had one.
    pub lost: u64,
    /// How often something that a worker sent was refused.
    pub refused: u64,
}

/// The table.
pub struct Ledger {
    times: LedgerTimes,
    /// Makes random numbers.
    new_claim: Box<dyn FnMut() -> Claim + Send>,
    calls: BTreeMap<CallId, Call>,
    /// Calls without a worker, those that came first in front.
    waiting: VecDeque<CallId>,
    claims: HashMap<Claim, CallId>,
    workers: Workers,
    steps: VecDeque<LedgerStep>,
    last_call: CallId,
    counts: Counts,
}

struct Call {
    wants: Wants,
    attempts: u32,
    is_queued: bool,
    given: Option<Given>,
}

struct Given {
    worker: WorkerId,
    claim: Claim,
    since: Instant,
}

impl Ledger {
    /// Returns an empty table.
    pub fn new(times: LedgerTimes, new_claim: impl FnMut() -> Claim + Send + 'static) -> Self {
        Self {
            times,
            new_claim: Box::new(new_claim),
            calls: BTreeMap::new(),
            waiting: VecDeque::new(),
            claims: HashMap::new(),
            workers: Workers::default(),
            steps: VecDeque::new(),
            last_call: 0,
            counts: Counts::default(),
        }
    }

    /// Returns what is to be done next.
    pub fn poll(&mut self) -> Option<LedgerStep> {
        self.steps.pop_front()
    }

    /// Takes a call in.
    pub fn offer(&mut self, now: Instant, wants: Wants) -> CallId {
        self.last_call += 1;
        let call = Call {
            wants,
            attempts: 0,
            is_queued: false,
            given: None,
        };
        self.calls.insert(self.last_call, call);
        self.wait(now, self.last_call);
        self.last_call
    }

    /// Gives a call out again that was lost, before those that came after it.
    pub fn again(&mut self, now: Instant, call: CallId) {
        if self.calls.contains_key(&call) {
            self.counts.redelivered += 1;
            self.wait(now, call);
        }
    }

    /// Forgets a call that nobody waits for any more. Returns whether a worker has it.
    pub fn withdraw(&mut self, now: Instant, call: CallId) -> bool {
        let given = self.forget(call).and_then(|call| call.given);
        self.match_up(now);
        given.is_some()
    }

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

    /// Returns the call of a claim, if that worker has it.
    pub fn heard(&mut self, now: Instant, id: &WorkerId, claim: &Claim) -> Option<CallId> {
        if let Some(worker) = self.workers.get(id) {
            worker.heard(now);
        }
        let call = self.claims.get(claim).copied();
        let call = call.filter(|_| self.has(id, claim));
        if call.is_none() {
            self.counts.refused += 1;
        }
        call
    }

    /// Takes in the end of a call. Returns which, if that worker has it.
    pub fn end(&mut self, now: Instant, id: &WorkerId, claim: &Claim) -> Option<CallId> {
        let call = self.heard(now, id, claim)?;
        self.forget(call);
        self.match_up(now);
        Some(call)
    }

    /// Counts a call that a worker has ended well.
    pub fn note_finished(&mut self, id: &WorkerId) {
        self.counts.finished += 1;
        if let Some(worker) = self.workers.get(id) {
            worker.finished += 1;
        }
    }

    /// Takes in that who has a claim broke a rule.
    pub fn refuse_claim(&mut self, now: Instant, claim: &Claim, why: &str) {
        let call = self.claims.get(claim).and_then(|call| self.calls.get(call));
        let worker = call.and_then(|call| call.given.as_ref());
        if let Some(worker) = worker.map(|given| given.worker.clone()) {
            self.counts.refused += 1;
            self.refuse(now, &worker, claim, why);
        }
    }

    /// Takes in that a worker does not run a call, or that what it did of it does not count. It
    /// gets no call of that component any more.
    pub fn refuse(&mut self, now: Instant, id: &WorkerId, claim: &Claim, why: &str) {
        let Some(call) = self.heard(now, id, claim) else {
            return;
        };
        let component = self.calls[&call].wants.component.clone();
        self.workers.refuse(id, component);
        self.lose(call, why.to_owned());
        self.match_up(now);
    }

    /// Gives a worker no call of a component any more: what it sent of one did not hold.
    pub fn distrust(&mut self, now: Instant, id: &WorkerId, component: &Digest) {
        self.counts.refused += 1;
        self.workers.refuse(id, component.clone());
        self.match_up(now);
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

    /// Counts something that was refused elsewhere.
    pub fn note_refused(&mut self) {
        self.counts.refused += 1;
    }

    /// Returns what was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns another number than before, if other workers could take other calls.
    pub fn availability(&self) -> u64 {
        self.workers.n_changes()
    }

    /// Returns how many calls wait, and how many are at workers.
    pub fn sizes(&self) -> (usize, usize) {
        (self.waiting.len(), self.claims.len())
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

    fn has(&self, id: &WorkerId, claim: &Claim) -> bool {
        let call = self.claims.get(claim).and_then(|call| self.calls.get(call));
        let given = call.and_then(|call| call.given.as_ref());
        given.is_some_and(|given| given.worker == *id)
    }

    /// Puts a call where its number belongs: none waits behind one that came later.
    fn wait(&mut self, now: Instant, call: CallId) {
        let place = self.waiting.partition_point(|other| *other < call);
        self.waiting.insert(place, call);
        self.match_up(now);
    }

    fn forget(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        self.waiting.retain(|other| *other != id);
        if let Some(given) = &call.given {
            self.take_back(given.claim, &given.worker.clone(), &call.wants);
        }
        Some(call)
    }

    fn take_back(&mut self, claim: Claim, worker: &WorkerId, wants: &Wants) {
        self.claims.remove(&claim);
        if let Some(worker) = self.workers.get(worker) {
            worker.take_back(wants);
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

    fn lose(&mut self, id: CallId, why: String) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(Given { worker, claim, .. }) = call.given.take() else {
            return;
        };
        let is_last = call.attempts >= self.times.attempts;
        let wants = call.wants.clone();
        self.take_back(claim, &worker, &wants);
        if let Some(worker) = self.workers.get(&worker) {
            worker.lost += 1;
        }
        self.counts.lost += 1;
        if is_last {
            self.forget(id);
        }
        self.steps.push_back(LedgerStep::Lost {
            call: id,
            claim,
            worker,
            why,
            is_last,
        });
    }

    /// Gives out what can be given out, and gives up what nobody could take.
    fn match_up(&mut self, now: Instant) {
        let have_changed = self.workers.take_changed();
        let waiting: Vec<CallId> = self.waiting.iter().copied().collect();
        for id in waiting {
            let call = self.calls.get_mut(&id).expect("what waits is in the table");
            if call.is_queued && !have_changed && !self.workers.any_idle() {
                continue;
            }
            if let Some((worker, wish)) = self.workers.take_free(&call.wants) {
                let claim = (self.new_claim)();
                call.attempts += 1;
                call.is_queued = false;
                call.given = Some(Given {
                    worker: worker.clone(),
                    claim,
                    since: now,
                });
                self.claims.insert(claim, id);
                self.waiting.retain(|other| *other != id);
                self.steps.push_back(LedgerStep::Give {
                    call: id,
                    worker,
                    wish,
                    claim,
                });
            } else if !self.workers.any_could_take(&call.wants) {
                self.calls.remove(&id);
                self.waiting.retain(|other| *other != id);
                self.steps.push_back(LedgerStep::Nobody(id));
            } else if !call.is_queued {
                call.is_queued = true;
                self.steps.push_back(LedgerStep::Queue(id));
            }
        }
    }
}

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

#[cfg(test)]
mod tests;
