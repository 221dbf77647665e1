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

mod lines;
mod presence;
mod workers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use syft_manifest::Digest;
use syft_runtime::remote::Asker;

use lines::{Lines, Who};
pub use presence::WorkerFacts;
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
    /// Who asks for it.
    pub asker: Asker,
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
    /// Calls without a worker.
    lines: Lines,
    /// Of these, those of which nothing was said yet.
    fresh: Vec<CallId>,
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
            lines: Lines::default(),
            fresh: Vec::new(),
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

    /// Counts something that was refused elsewhere.
    pub fn note_refused(&mut self) {
        self.counts.refused += 1;
    }

    /// Returns what was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns how many calls wait, and how many are at workers.
    pub fn sizes(&self) -> (usize, usize) {
        (self.lines.n_waiting(), self.claims.len())
    }

    fn has(&self, id: &WorkerId, claim: &Claim) -> bool {
        let call = self.claims.get(claim).and_then(|call| self.calls.get(call));
        let given = call.and_then(|call| call.given.as_ref());
        given.is_some_and(|given| given.worker == *id)
    }

    fn wait(&mut self, now: Instant, id: CallId) {
        let who = Who::of(&self.calls[&id].wants);
        self.lines.push(&who, id);
        self.fresh.push(id);
        self.match_up(now);
    }

    fn forget(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        self.lines.remove(&Who::of(&call.wants), id);
        if let Some(given) = &call.given {
            self.take_back(given.claim, &given.worker, &call.wants);
        }
        Some(call)
    }

    fn take_back(&mut self, claim: Claim, worker: &WorkerId, wants: &Wants) {
        self.claims.remove(&claim);
        self.lines.take_back(&Who::of(wants));
        if let Some(worker) = self.workers.get(worker) {
            worker.take_back(wants);
        }
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
        self.give_out(now);
        let fresh = std::mem::take(&mut self.fresh);
        let in_doubt = if have_changed {
            self.lines.waiting()
        } else {
            fresh
        };
        for id in in_doubt {
            self.judge(id);
        }
    }

    fn give_out(&mut self, now: Instant) {
        while self.workers.any_idle() {
            let (calls, workers) = (&self.calls, &mut self.workers);
            let next = self.lines.give(|id| workers.take_free(&calls[&id].wants));
            let Some((id, (worker, wish))) = next else {
                return;
            };
            let claim = (self.new_claim)();
            let call = self.calls.get_mut(&id).expect("what waits is in the table");
            call.attempts += 1;
            call.is_queued = false;
            call.given = Some(Given {
                worker: worker.clone(),
                claim,
                since: now,
            });
            self.claims.insert(claim, id);
            self.steps.push_back(LedgerStep::Give {
                call: id,
                worker,
                wish,
                claim,
            });
        }
    }

    /// Says of a call that was not given out whether it waits.
    fn judge(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.given.is_none()) else {
            return;
        };
        if !self.workers.any_could_take(&call.wants) {
            self.forget(id);
            self.steps.push_back(LedgerStep::Nobody(id));
        } else if !std::mem::replace(&mut call.is_queued, true) {
            self.steps.push_back(LedgerStep::Queue(id));
        }
    }
}

#[cfg(test)]
mod tests;
