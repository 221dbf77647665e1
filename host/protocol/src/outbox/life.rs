//! The life of each message as a state machine: events in, actions out.
//!
//! ```text
//!         Kept              Sent                     Ended              Cleared
//! (app) -------> to send -----------> waiting <-> look -----> to clear ---------> (forgotten)
//!                   ^                    |  expired, or gone     ^
//!                   |  Returned          v                       |
//!                   +------------ (local only)  end -------------+
//! ```
//!
//! A message that is handed to an app of this process has no file to look at: its answer comes
//! by itself, or the message is `Returned` and sent another way.
//!
//! A message expires only after a look that found no answer, so that an answer which lies there
//! already counts, however late the host gets to it.
//!
//! Why: docs/decisions/54-decisions-are-made-without-io.md
//! Why: docs/decisions/82-messages-are-effects-of-a-transaction.md

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::now::Now;
use crate::timestamp::Timestamp;

/// The longest time without a look at the clock.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds and pauses of an [`Outbox`].
#[derive(Clone, Debug)]
pub struct OutboxLimits {
    /// Actions that are given out at the same time.
    pub active: usize,
    /// The first and the longest pause between two looks for an answer. What the kernel says
    /// of the folder is only a hint, so they go on; each pause is twice the one before.
    pub look_pauses: (Duration, Duration),
    /// The first and the longest pause after something failed.
    pub retry_pauses: (Duration, Duration),
    /// How long a request must be gone from its folder before there can be no answer any more.
    /// Sync may take the request away before it brings the answer.
    pub gone_for: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            active: 32,
            look_pauses: (Duration::from_millis(250), Duration::from_secs(8)),
            retry_pauses: (Duration::from_millis(500), Duration::from_secs(60)),
            gone_for: Duration::from_secs(5),
        }
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was just kept. Nobody has seen it.
    New,
    /// Found at the start: whether it was sent is not known.
    Unsure,
    /// It was sent through the tree.
    Sent,
    /// Its outcome is kept. Its files may still lie there.
    Ended,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file in the tree.
    Tree,
    /// Handed to an app of this process.
    Local,
}

/// What a look found that is no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// No answer yet.
    Nothing,
    /// No answer, and the request itself is not there.
    Gone,
    /// An answer that there is no room for at present.
    NoRoom,
}

/// Why a message ends without anybody's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its time is over.
    Expired,
    /// Somebody deleted the request.
    Gone,
}

/// What can happen to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is kept: a call sent it, or it was found at the start. With when it expires.
    Kept(Uuid, Stage, Timestamp),
    /// An [`OutboxAction::Send`] ended.
    Sent(Uuid, Way),
    /// Whoever it was handed to in this process does not answer it.
    Returned(Uuid),
    /// There may be an answer.
    Hint(Uuid),
    /// An [`OutboxAction::Look`] ended without an outcome.
    Looked(Uuid, Look),
    /// Its outcome is kept, whatever action led to it.
    Ended(Uuid),
    /// An [`OutboxAction::Clear`] ended.
    Cleared(Uuid),
    /// An action could not be carried out.
    Failed(Uuid),
}

/// What the host is to do. Each action is answered by one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxAction {
    /// Hand the message over or write its request, unless that lies there; then
    /// [`Event::Sent`]. Where it may not be sent, keep that as its outcome; then
    /// [`Event::Ended`].
    Send(Uuid),
    /// Look for an answer, and keep what it says as the outcome; then [`Event::Ended`], or
    /// [`Event::Looked`].
    Look(Uuid),
    /// Keep this as the outcome, unless there is one; then [`Event::Ended`].
    End(Uuid, Ending),
    /// Delete the request, its answer and its marks; then [`Event::Cleared`].
    Clear(Uuid),
}

impl OutboxAction {
    /// Returns the message that it is for.
    pub fn id(self) -> Uuid {
        match self {
            Self::Send(id) | Self::Look(id) | Self::End(id, _) | Self::Clear(id) => id,
        }
    }
}

/// The messages of one app, from when they are kept until their files are gone.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    messages: HashMap<Uuid, Entry>,
    ready: VecDeque<Uuid>,
    timers: BTreeMap<(Instant, u64), Uuid>,
    next_key: u64,
    active: usize,
}

#[derive(Debug)]
struct Entry {
    state: State,
    expires: Timestamp,
    /// There may be files of it in the tree.
    has_files: bool,
    /// It was surely sent through the tree.
    is_sent: bool,
    /// How often in sequence something failed.
    n_failed: u32,
    /// How often it was looked for in vain.
    n_looks: u32,
    gone_since: Option<Instant>,
    timer: Option<(Instant, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In `ready`, or until a timer in `timers`.
    Next(Step),
    /// Given out as an action; with whether there was a hint meanwhile.
    AtWork(Step, bool),
    /// It was sent, and is next looked at when its timer says so, or for a hint.
    Waiting,
    /// It was handed over, and its timer says when it expires.
    Handed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Send,
    Look,
    End(Ending),
    Clear,
}

impl Outbox {
    /// Returns an outbox that knows of no messages.
    pub fn new(limits: OutboxLimits) -> Self {
        Self {
            limits,
            messages: HashMap::new(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            next_key: 0,
            active: 0,
        }
    }

    /// Tells whether there is no message of which anything is to be done.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Tells whether files of a message may lie in the tree.
    pub fn has_files(&self, id: Uuid) -> bool {
        self.messages.get(&id).is_none_or(|entry| entry.has_files)
    }

    /// Takes note of an event. [`Outbox::poll`] says what follows from it.
    pub fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Kept(id, stage, expires) => self.kept(id, stage, expires),
            Event::Sent(id, way) => self.sent(now, id, way),
            Event::Returned(id) => self.returned(now, id),
            Event::Hint(id) => self.hint(id),
            Event::Looked(id, look) => self.looked(now, id, look),
            Event::Ended(id) => self.ended(id),
            Event::Cleared(id) => self.remove(id),
            Event::Failed(id) => self.failed(now, id),
        }
    }

    /// Returns the next thing to do, or `None` until the next event or
    /// [`Outbox::wakes_at`].
    pub fn poll(&mut self, now: Now) -> Option<OutboxAction> {
        self.wake(now);
        while self.active < self.limits.active {
            let id = self.ready.pop_front()?;
            let Some(entry) = self.messages.get_mut(&id) else {
                continue;
            };
            let State::Next(step) = entry.state else {
                continue;
            };
            let step = entry.in_time(step, now.wall);
            entry.state = State::AtWork(step, false);
            if let Some(timer) = entry.timer.take() {
                self.timers.remove(&timer);
            }
            self.active += 1;
            return Some(match step {
                Step::Send => OutboxAction::Send(id),
                Step::Look => OutboxAction::Look(id),
                Step::End(ending) => OutboxAction::End(id, ending),
                Step::Clear => OutboxAction::Clear(id),
            });
        }
        None
    }

    /// Returns when there is something to do next without any event.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    fn kept(&mut self, id: Uuid, stage: Stage, expires: Timestamp) {
        if self.messages.contains_key(&id) {
            return;
        }
        let step = match stage {
            Stage::New | Stage::Unsure => Step::Send,
            Stage::Sent => Step::Look,
            Stage::Ended => Step::Clear,
        };
        let entry = Entry {
            state: State::Next(step),
            expires,
            has_files: stage != Stage::New,
            is_sent: stage == Stage::Sent,
            n_failed: 0,
            n_looks: 0,
            gone_since: None,
            timer: None,
        };
        self.messages.insert(id, entry);
        self.ready.push_back(id);
    }

    fn sent(&mut self, now: Now, id: Uuid, way: Way) {
        let Some(was_hinted) = self.take_back(id, Step::Send) else {
            return;
        };
        let entry = self.messages.get_mut(&id).expect("it was at work");
        match way {
            Way::Local => {
                let left = entry.left(now);
                self.wait(now, id, State::Handed, left);
            }
            Way::Tree => {
                (entry.has_files, entry.is_sent) = (true, true);
                if was_hinted {
                    self.next(id, Step::Look);
                } else {
                    self.look_later(now, id);
                }
            }
        }
    }

    fn returned(&mut self, now: Now, id: Uuid) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        if entry.state != State::Handed {
            return;
        }
        entry.n_failed += 1;
        let pause = doubled(self.limits.retry_pauses, entry.n_failed);
        self.wait(now, id, State::Next(Step::Send), pause);
    }

    fn hint(&mut self, id: Uuid) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        match &mut entry.state {
            State::Waiting => self.next(id, Step::Look),
            State::AtWork(Step::Send | Step::Look, again) => *again = true,
            _ => {}
        }
    }

    fn looked(&mut self, now: Now, id: Uuid, look: Look) {
        let Some(was_hinted) = self.take_back(id, Step::Look) else {
            return;
        };
        let gone_for = self.limits.gone_for;
        let entry = self.messages.get_mut(&id).expect("it was at work");
        entry.n_failed = 0;
        let is_gone = look == Look::Gone;
        entry.gone_since = match entry.gone_since {
            Some(since) if is_gone => Some(since),
            _ => is_gone.then_some(now.instant),
        };
        let left_of_gone = entry
            .gone_since
            .map(|since| gone_for.saturating_sub(now.instant.saturating_duration_since(since)));
        match look {
            _ if was_hinted => self.next(id, Step::Look),
            Look::NoRoom => self.look_later(now, id),
            _ if entry.expires <= now.wall => self.next(id, Step::End(Ending::Expired)),
            // It was too late to send it, and somebody has set the clock back since.
            Look::Gone if !entry.is_sent => self.next(id, Step::Send),
            _ if left_of_gone == Some(Duration::ZERO) => self.next(id, Step::End(Ending::Gone)),
            _ => {
                if let Some(left) = left_of_gone {
                    self.wait(now, id, State::Waiting, left);
                } else {
                    self.look_later(now, id);
                }
            }
        }
    }

    fn ended(&mut self, id: Uuid) {
        let Some(entry) = self.messages.get(&id) else {
            return;
        };
        let has_files = entry.has_files;
        match entry.state {
            // The outcome was kept before, and this is the second to say so.
            State::Next(Step::Clear) | State::AtWork(Step::Clear, _) => {}
            _ if has_files => {
                self.free(id);
                self.next(id, Step::Clear);
            }
            _ => self.remove(id),
        }
    }

    fn failed(&mut self, now: Now, id: Uuid) {
        let Some(State::AtWork(step, _)) = self.messages.get(&id).map(|entry| entry.state) else {
            return;
        };
        self.free(id);
        let entry = self.messages.get_mut(&id).expect("it was at work");
        entry.n_failed += 1;
        let pause = doubled(self.limits.retry_pauses, entry.n_failed);
        // It may have failed in the middle.
        entry.has_files |= step == Step::Send;
        if step == Step::Look && entry.expires <= now.wall {
            return self.next(id, Step::End(Ending::Expired));
        }
        self.wait(now, id, State::Next(step), pause);
    }

    /// Takes an action back that was given out, if it was this one. Returns whether there was a
    /// hint meanwhile.
    fn take_back(&mut self, id: Uuid, step: Step) -> Option<bool> {
        match self.messages.get(&id)?.state {
            State::AtWork(at_work, was_hinted) if at_work == step => {
                self.active -= 1;
                Some(was_hinted)
            }
            _ => None,
        }
    }

    /// Counts an action as ended, if one was given out.
    fn free(&mut self, id: Uuid) {
        if let Some(State::AtWork(..)) = self.messages.get(&id).map(|entry| entry.state) {
            self.active -= 1;
        }
    }

    fn remove(&mut self, id: Uuid) {
        self.free(id);
        if let Some(entry) = self.messages.remove(&id)
            && let Some(timer) = entry.timer
        {
            self.timers.remove(&timer);
        }
    }

    fn next(&mut self, id: Uuid, step: Step) {
        let entry = self.messages.get_mut(&id).expect("a known message");
        if let Some(timer) = entry.timer.take() {
            self.timers.remove(&timer);
        }
        entry.state = State::Next(step);
        self.ready.push_back(id);
    }

    fn look_later(&mut self, now: Now, id: Uuid) {
        let entry = self.messages.get_mut(&id).expect("a known message");
        entry.n_looks += 1;
        let pause = doubled(self.limits.look_pauses, entry.n_looks);
        let left = entry.left(now);
        // Where it has expired and is looked at still, there is no room for its answer.
        let pause = if left.is_zero() {
            pause
        } else {
            pause.min(left)
        };
        self.wait(now, id, State::Waiting, pause);
    }

    /// Has a message wait in this state, at most for so long.
    fn wait(&mut self, now: Now, id: Uuid, state: State, pause: Duration) {
        let key = (now.instant + pause, self.next_key);
        self.next_key += 1;
        let entry = self.messages.get_mut(&id).expect("a known message");
        if let Some(timer) = entry.timer.replace(key) {
            self.timers.remove(&timer);
        }
        entry.state = state;
        self.timers.insert(key, id);
    }

    fn wake(&mut self, now: Now) {
        while let Some(first) = self.timers.first_entry()
            && first.key().0 <= now.instant
        {
            let id = first.remove();
            let entry = self.messages.get_mut(&id).expect("timers are of messages");
            entry.timer = None;
            let left = entry.left(now);
            let step = match entry.state {
                State::Next(step) => step,
                State::Waiting => Step::Look,
                State::Handed if left.is_zero() => Step::End(Ending::Expired),
                // Somebody set the clock.
                State::Handed => {
                    self.wait(now, id, State::Handed, left);
                    continue;
                }
                State::AtWork(..) => unreachable!("what is at work has no timer"),
            };
            entry.state = State::Next(step);
            self.ready.push_back(id);
        }
    }
}

impl Entry {
    /// Returns how long the message lasts, or the first day of that.
    fn left(&self, now: Now) -> Duration {
        self.expires
            .saturating_duration_since(now.wall)
            .min(LONGEST_PAUSE)
    }

    /// Returns what is to be done in the place of a step that comes too late.
    fn in_time(&self, step: Step, now: Timestamp) -> Step {
        match step {
            Step::Send if self.expires > now => Step::Send,
            // It may have been sent, and answered.
            Step::Send if self.has_files => Step::Look,
            Step::Send => Step::End(Ending::Expired),
            other => other,
        }
    }
}

/// Returns the pause before the try of this number, from 1 on.
fn doubled((first, longest): (Duration, Duration), number: u32) -> Duration {
    let factor = 1_u32
        .checked_shl(number.saturating_sub(1))
        .unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

#[cfg(test)]
mod tests;
