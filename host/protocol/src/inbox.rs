//! The life of each request as a state machine: events in, actions out.
//!
//! ```text
//!            Seen                  Loaded: a request         Closed: answered
//! (unknown) ------> queued -> loading ------> running ------------> answered
//!                      ^        | Loaded: not whole                    |
//!                      |        v                                      | Seen
//!                      +---- waiting (until it is whole, or settled)   |
//!                      +-----------------------------------------------+
//! ```
//!
//! An answer that vanishes while its request still lies there is given once more after a
//! while: sync may have lost it. The handler does not run for it.
//!
//! A request during which the host has crashed runs with few of its like, and in the end
//! no more: it is refused without being read.
//!
//! It does no IO and asks no clock, so duplicate events, a scan that races the
//! watcher, half-written files and failed writes are replayed in tests.
//!
//! Why: docs/decisions/07-half-written-requests-wait.md
//! Why: docs/decisions/54-decisions-are-made-without-io.md

mod backlog;
mod queue;
mod refusal;
mod version;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backlog::Backlog;
pub use backlog::Found;
use queue::Queue;
pub use refusal::Refusal;
pub use version::{Content, Stamp, Version};

use crate::address::{Address, Proof, Sender};
use crate::message::{MessageError, Request};
use crate::now::Now;

/// Bounds of an [`Inbox`].
#[derive(Clone, Debug)]
pub struct InboxLimits {
    /// Requests that are read or run at the same time.
    pub active: usize,
    /// Of these, those of one sender: the others find a place at any time.
    pub active_per_sender: usize,
    /// Addresses that wait for their turn. Where there are more, the last ones of
    /// whoever has most are dropped, and found again by a later scan.
    pub queued: usize,
    /// Those that wait for a time. Where there are more, they are dropped as well.
    pub waiting: usize,
    /// How long a file that is whole and no request must stay unchanged before
    /// it is answered as malformed.
    pub settle: Duration,
    /// How long an empty or half file must stay unchanged before. Released
    /// clients write in place, so an early look sees such a file.
    pub settle_incomplete: Duration,
    /// How often a file that is no request is read again within that time.
    pub reread: Duration,
    /// Delay before a request is tried again whose answer could not be
    /// written. It doubles with each try, up to a minute.
    pub retry: Duration,
    /// How long an answer must be gone whose request still lies there before it is given
    /// again. Callers delete both, and sync may carry that over one by one: the SyftBox
    /// client takes 5 seconds from one full sync to the next. It doubles each time.
    pub give_again: Duration,
    /// How often an answer is given again.
    pub times_again: u32,
    /// Answered requests that are remembered, so that a late event does not
    /// run them again.
    pub remembered: usize,
    /// Crashes of the host during a request after which it is refused. A panic, of which
    /// there is no doubt whose it is, counts twice. Whoever is killed from outside looks
    /// like one who has crashed, so that a few crashes prove nothing.
    pub crashes: u32,
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self {
            active: 64,
            active_per_sender: 56,
            queued: 16_384,
            waiting: 65_536,
            settle: Duration::from_secs(1),
            settle_incomplete: Duration::from_secs(5),
            reread: Duration::from_millis(200),
            retry: Duration::from_secs(1),
            give_again: Duration::from_secs(15),
            times_again: 3,
            remembered: 16_384,
            crashes: 8,
        }
    }
}

/// What loading a request found.
#[derive(Debug)]
pub enum Loaded {
    /// There is no regular file of that name.
    Absent,
    /// An answer lies beside the request; with what the request is now, if that is not the
    /// file that was answered before.
    Answered(Option<Version>),
    /// The file is the one that was answered before, and its answer is gone.
    AnswerGone,
    /// The file is larger than `limit`.
    TooLarge {
        /// The file.
        stamp: Stamp,
        /// Size of the file.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The file could not be read; it may be readable later.
    Unreadable,
    /// The host crashed, as far as that was within its own bounds: a panic.
    Crashed,
    /// The file, which was not to be read.
    Unread(Stamp),
    /// The file, and what it holds.
    File(Version, Result<Box<Request>, MessageError>),
    /// The file and its request, which is not to be run for this reason.
    Refused(Version, Refusal, Box<Request>),
}

/// How work on a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The answer lies beside the request.
    Answered,
    /// The request is gone, or another has taken its place: nobody waits for this
    /// answer.
    Gone,
    /// The answer could not be written, or the host failed.
    Failed,
    /// The host crashed, as far as that was within its own bounds: a panic.
    Crashed,
}

/// What can happen to a request.
#[derive(Debug)]
pub enum Event {
    /// A request file may be at this address.
    Seen(Address),
    /// A scan found these without an answer.
    Found(Vec<Found>),
    /// An [`Action::Load`] or [`Action::Find`] ended.
    Loaded(Address, Loaded),
    /// An [`Action::Run`], [`Action::Refuse`] or [`Action::GiveAgain`] ended.
    Closed(Address, Closed),
    /// Somebody wants a request to be tried again that was given up, or answered.
    Again(Address),
}

/// What the host is to do. Each action is answered by one event.
#[derive(Debug)]
pub enum Action {
    /// Read the request file, unless it is the one that was answered before; then
    /// [`Event::Loaded`].
    Load(Address, Option<Stamp>),
    /// The same for a file that is not to be read.
    Find(Address, Option<Stamp>),
    /// Run the handler and write its answer beside that very file; then
    /// [`Event::Closed`].
    Run(Address, Version, Box<Request>, Sender),
    /// Write an answer without a handler beside that very file; then
    /// [`Event::Closed`]. The request is there where it could be read.
    Refuse(Address, Version, Refusal, Option<Box<Request>>),
    /// Write the answer once more that this very file got, if it was kept, and without
    /// running the handler; then [`Event::Closed`].
    GiveAgain(Address, Version),
}

#[derive(Debug)]
enum State {
    /// In `queue`.
    Queued {
        answered: Option<Answered>,
        trouble: Option<Trouble>,
    },
    Loading {
        answered: Option<Answered>,
        trouble: Option<Trouble>,
        /// Seen again while loading: what is read may be out of date.
        again: bool,
    },
    /// In `waiting` under this key.
    Waiting {
        key: (Instant, u64),
        trouble: Trouble,
    },
    Running {
        version: Version,
        tries: u32,
        /// How often its answer was given again.
        times_again: u32,
        /// Seen again meanwhile: another request may have taken its place.
        again: bool,
    },
    Answered(Answered),
}

/// The file that was answered last.
#[derive(Clone, Copy, Debug)]
struct Answered {
    version: Version,
    /// Its place among those that are remembered.
    key: u64,
    /// When its answer was first seen to be gone, and how often it was given again.
    gone_since: Option<Instant>,
    times_again: u32,
}

/// What stands in the way of a request.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Not a request yet; unchanged since then.
    Unsettled { stamp: Stamp, since: Instant },
    /// So many tries to answer have failed.
    Failing { tries: u32 },
}

/// The requests of one app, from the first sight to the answer.
#[derive(Debug)]
pub struct Inbox {
    limits: InboxLimits,
    requests: HashMap<Address, State>,
    queue: Queue,
    backlog: Backlog,
    /// What has been decided and not been polled yet.
    decided: VecDeque<Action>,
    waiting: BTreeMap<(Instant, u64), Address>,
    next_key: u64,
    /// Answered requests in the order of their answers; the oldest are
    /// forgotten first.
    answered: VecDeque<(Address, u64)>,
    /// Actions given out and not yet closed.
    active: usize,
    /// Some were dropped, and no scan was begun since.
    has_dropped: bool,
    closing: bool,
}

impl Inbox {
    /// Returns an inbox that has seen nothing.
    pub fn new(limits: InboxLimits) -> Self {
        Self {
            queue: Queue::new(limits.crashes),
            limits,
            requests: HashMap::new(),
            backlog: Backlog::default(),
            decided: VecDeque::new(),
            waiting: BTreeMap::new(),
            next_key: 0,
            answered: VecDeque::new(),
            active: 0,
            has_dropped: false,
            closing: false,
        }
    }

    /// Takes note of an event. [`Inbox::poll`] says what follows from it.
    pub fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Seen(address) => self.seen(address),
            Event::Found(found) => self.found(found),
            Event::Loaded(address, loaded) => self.loaded(now, address, loaded),
            Event::Closed(address, closed) => self.closed(now, address, closed),
            Event::Again(address) => self.again(address),
        }
    }

    /// Takes note of how often the host has crashed during a request in earlier runs, or
    /// by 0 that it is not to count. Such requests run by few at a time, and not again
    /// where that was too often. Those at work or in line stay as they are.
    pub fn suspect(&mut self, address: &Address, crashes: u32) {
        if let None | Some(State::Answered(_) | State::Waiting { .. }) = self.requests.get(address)
        {
            self.queue.set_crashes(address, crashes);
        }
    }

    /// Tells whether the host has crashed so often during a request that it is refused.
    pub fn is_given_up(&self, address: &Address) -> bool {
        self.crashes(address) >= self.limits.crashes
    }

    /// Returns how often the host has crashed during a request.
    pub fn crashes(&self, address: &Address) -> u32 {
        self.queue.crashes(address)
    }

    /// Returns the next thing to do, or `None` until the next event or
    /// [`Inbox::wakes_at`].
    pub fn poll(&mut self, now: Now) -> Option<Action> {
        if let Some(action) = self.decided.pop_front() {
            return Some(action);
        }
        if self.closing {
            return None;
        }
        self.wake(now.instant);
        if self.active >= self.limits.active {
            return None;
        }
        let address = self.queue.pop(self.limits.active_per_sender)?;
        let Some(State::Queued { answered, trouble }) = self.requests.remove(&address) else {
            unreachable!("an address in the queue is queued");
        };
        let loading = State::Loading {
            answered,
            trouble,
            again: false,
        };
        self.requests.insert(address.clone(), loading);
        self.active += 1;
        self.call_up(&address.folder().sender_name().cloned());
        let answered = answered.map(|answered| answered.version.stamp);
        Some(if self.is_given_up(&address) {
            Action::Find(address, answered)
        } else {
            Action::Load(address, answered)
        })
    }

    /// Returns when [`Inbox::poll`] has something to do without an event.
    pub fn wakes_at(&self) -> Option<Instant> {
        if self.closing {
            None
        } else {
            self.waiting.keys().next().map(|(at, _)| *at)
        }
    }

    /// Starts nothing new from here on; what is decided or runs is finished.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Tells whether nothing new is started any more.
    pub fn is_closed(&self) -> bool {
        self.closing
    }

    /// Returns the number of actions that were given out and not closed.
    pub fn n_active(&self) -> usize {
        self.active
    }

    /// Returns how many requests are known whose turn has not come.
    pub fn n_waiting(&self) -> usize {
        self.queue.len() + self.waiting.len() + self.backlog.len()
    }

    /// Tells whether some were dropped and there is room for them now: a scan would find
    /// them.
    pub fn is_behind(&self) -> bool {
        self.has_dropped
            && self.queue.len() <= self.limits.queued / 2
            && self.waiting.len() <= self.limits.waiting / 2
    }

    /// Takes note that a scan will find those that were dropped.
    pub fn catch_up(&mut self) {
        self.has_dropped = false;
    }

    /// Tells whether the request is being read, run or answered.
    pub fn is_busy(&self, address: &Address) -> bool {
        matches!(
            self.requests.get(address),
            Some(State::Loading { .. } | State::Running { .. })
        )
    }

    fn seen(&mut self, address: Address) {
        match self.requests.get_mut(&address) {
            Some(State::Queued { .. }) => {}
            Some(State::Loading { again, .. } | State::Running { again, .. }) => *again = true,
            Some(State::Waiting {
                trouble: Trouble::Failing { .. },
                ..
            }) => {}
            Some(State::Waiting { key, trouble }) => {
                let (key, trouble) = (*key, *trouble);
                self.waiting.remove(&key);
                self.enqueue(address, None, Some(trouble));
            }
            Some(State::Answered(answered)) => {
                let answered = *answered;
                self.enqueue(address, Some(answered), None);
            }
            None => self.enqueue(address, None, None),
        }
    }

    fn found(&mut self, found: Vec<Found>) {
        for found in found {
            let sender = found.folder.sender_name().cloned();
            self.backlog.add(found);
            self.call_up(&sender);
        }
    }

    /// Puts the next request of a sender in line that has none there.
    fn call_up(&mut self, sender: &Option<Arc<str>>) {
        while !self.queue.has_in_line(sender)
            && let Some(address) = self.backlog.next(sender)
        {
            self.seen(address);
        }
        self.has_dropped |= self.backlog.has_run_short(sender);
    }

    fn again(&mut self, address: Address) {
        match self.requests.get(&address) {
            None | Some(State::Answered(_)) => {
                self.queue.set_crashes(&address, 0);
                self.enqueue(address, None, None);
            }
            Some(_) => {}
        }
    }

    fn enqueue(&mut self, address: Address, answered: Option<Answered>, trouble: Option<Trouble>) {
        let queued = State::Queued { answered, trouble };
        self.requests.insert(address.clone(), queued);
        if let Some(dropped) = self.queue.push(address, self.limits.queued) {
            self.has_dropped = true;
            self.requests.remove(&dropped);
        }
    }

    fn loaded(&mut self, now: Now, address: Address, loaded: Loaded) {
        let Some(State::Loading {
            answered,
            trouble,
            again,
        }) = self.requests.get(&address)
        else {
            return;
        };
        let (answered, trouble, again) = (*answered, *trouble, *again);
        self.requests.remove(&address);
        let tries = match trouble {
            Some(Trouble::Failing { tries }) => tries,
            _ => 0,
        };
        match loaded {
            // It may only have been moved away.
            Loaded::Absent => match answered {
                Some(answered) => self.known(address, answered, again),
                None => self.released(address, again),
            },
            Loaded::Answered(beside) => match answered {
                Some(answered) => {
                    // Whoever replaces a request by its like while its answer lies there asks
                    // for nothing new.
                    let version = beside
                        .filter(|beside| beside.says_the_same(&answered.version))
                        .unwrap_or(answered.version);
                    let answered = Answered {
                        version,
                        gone_since: None,
                        ..answered
                    };
                    self.known(address, answered, again);
                }
                None => self.released(address, again),
            },
            Loaded::AnswerGone => match answered {
                Some(answered) => self.answer_gone(now, address, answered, again),
                None => self.released(address, again),
            },
            Loaded::Unreadable => self.failed(now, address, tries),
            Loaded::Crashed => self.crashed(now, address, tries),
            Loaded::File(version, _) | Loaded::Refused(version, ..)
                if answered.is_some_and(|answered| answered.version.is_same_file(&version)) =>
            {
                let answered = answered.expect("it was answered");
                self.known(
                    address,
                    Answered {
                        version,
                        ..answered
                    },
                    again,
                );
            }
            Loaded::TooLarge { stamp, .. } | Loaded::Unread(stamp)
                if answered.is_some_and(|answered| answered.version.stamp == stamp) =>
            {
                self.known(address, answered.expect("it was answered"), again);
            }
            Loaded::TooLarge {
                stamp,
                bytes,
                limit,
            } => {
                let refusal = Refusal::TooLarge { bytes, limit };
                self.refuse(address, Version::unread(stamp), tries, refusal, None);
            }
            Loaded::Unread(stamp) => {
                let version = Version::unread(stamp);
                self.refuse(address, version, tries, Refusal::Crashing, None);
            }
            Loaded::File(version, Err(error)) => {
                self.unsettled(now, address, version, trouble, error, again);
            }
            Loaded::File(version, Ok(request)) => {
                self.decide(now, address, version, tries, request);
            }
            Loaded::Refused(version, refusal, request) => {
                self.refuse(address, version, tries, refusal, Some(request));
            }
        }
    }

    /// The caller has taken the answer and not yet deleted the request, or sync has lost
    /// it: time tells.
    fn answer_gone(&mut self, now: Now, address: Address, answered: Answered, again: bool) {
        let since = answered.gone_since.unwrap_or(now.instant);
        let times_again = answered.times_again;
        let pause = self
            .limits
            .give_again
            .saturating_mul(1 << times_again.min(16));
        let is_due = now.instant >= since + pause && times_again < self.limits.times_again;
        if again || !is_due {
            let answered = Answered {
                gone_since: Some(since),
                ..answered
            };
            return self.known(address, answered, again);
        }
        let version = answered.version;
        let running = State::Running {
            version,
            tries: 0,
            times_again: times_again + 1,
            again: false,
        };
        self.requests.insert(address.clone(), running);
        self.decided.push_back(Action::GiveAgain(address, version));
    }

    fn decide(
        &mut self,
        now: Now,
        address: Address,
        version: Version,
        tries: u32,
        request: Box<Request>,
    ) {
        let sender = match address.folder().sender() {
            Some(folder) if folder != request.sender => {
                let refusal = Refusal::SenderDisagrees {
                    folder: folder.to_owned(),
                    claimed: request.sender.clone(),
                };
                return self.refuse(address, version, tries, refusal, Some(request));
            }
            Some(folder) => Sender {
                email: folder.to_owned(),
                proof: if request.headers.are_of_http_api() {
                    Proof::Claimed
                } else {
                    Proof::Folder
                },
            },
            None => Sender {
                email: request.sender.clone(),
                proof: Proof::Claimed,
            },
        };
        if request.expires <= now.wall {
            return self.refuse(address, version, tries, Refusal::Expired, Some(request));
        }
        self.begin(&address, version, tries);
        self.decided
            .push_back(Action::Run(address, version, request, sender));
    }

    fn refuse(
        &mut self,
        address: Address,
        version: Version,
        tries: u32,
        refusal: Refusal,
        request: Option<Box<Request>>,
    ) {
        self.begin(&address, version, tries);
        self.decided
            .push_back(Action::Refuse(address, version, refusal, request));
    }

    fn begin(&mut self, address: &Address, version: Version, tries: u32) {
        let running = State::Running {
            version,
            tries,
            times_again: 0,
            again: false,
        };
        self.requests.insert(address.clone(), running);
    }

    /// A file that is no request may be one in the making. It is refused only
    /// when it has not changed for the time to settle.
    fn unsettled(
        &mut self,
        now: Now,
        address: Address,
        version: Version,
        trouble: Option<Trouble>,
        error: MessageError,
        again: bool,
    ) {
        let stamp = version.stamp;
        let since = match trouble {
            Some(Trouble::Unsettled {
                stamp: before,
                since,
            }) if before == stamp => since,
            _ => now.instant,
        };
        let settle = match error {
            MessageError::Incomplete(_) => self.limits.settle_incomplete,
            _ => self.limits.settle,
        };
        let settles_at = since + settle;
        let trouble = Trouble::Unsettled { stamp, since };
        if settles_at <= now.instant {
            let refusal = Refusal::Malformed(error.to_string());
            return self.refuse(address, version, 0, refusal, None);
        }
        self.ended(&address);
        if again {
            self.enqueue(address, None, Some(trouble))
        } else {
            let at = settles_at.min(now.instant + self.limits.reread);
            self.wait(address, at, trouble);
        }
    }

    fn closed(&mut self, now: Now, address: Address, closed: Closed) {
        let Some(State::Running {
            version,
            tries,
            times_again,
            again,
        }) = self.requests.get(&address)
        else {
            return;
        };
        let (version, tries, times_again, again) = (*version, *tries, *times_again, *again);
        self.requests.remove(&address);
        match closed {
            Closed::Answered => {
                let key = self.take_key();
                self.answered.push_back((address.clone(), key));
                let answered = Answered {
                    version,
                    key,
                    gone_since: None,
                    times_again,
                };
                self.known(address, answered, again);
                self.forget_oldest();
            }
            Closed::Gone => self.released(address, again),
            Closed::Failed => self.failed(now, address, tries),
            Closed::Crashed => self.crashed(now, address, tries),
        }
    }

    fn crashed(&mut self, now: Now, address: Address, tries: u32) {
        let crashes = self.queue.crashes(&address) + 2;
        self.failed(now, address.clone(), tries);
        self.queue.set_crashes(&address, crashes);
    }

    fn failed(&mut self, now: Now, address: Address, tries: u32) {
        self.ended(&address);
        let delay = self.limits.retry.saturating_mul(1 << tries.min(16));
        let at = now.instant + delay.min(Duration::from_secs(60));
        self.wait(address, at, Trouble::Failing { tries: tries + 1 });
    }

    fn ended(&mut self, address: &Address) {
        self.active -= 1;
        self.queue.end(address);
    }

    /// Nothing is held any more against a request that has come to its end, unless it
    /// was given up.
    fn pardon(&mut self, address: &Address) {
        if !self.is_given_up(address) {
            self.queue.set_crashes(address, 0);
        }
    }

    fn released(&mut self, address: Address, again: bool) {
        self.ended(&address);
        self.pardon(&address);
        if again {
            self.enqueue(address, None, None);
        }
    }

    /// Keeps in mind which file was answered.
    fn known(&mut self, address: Address, answered: Answered, again: bool) {
        self.ended(&address);
        self.pardon(&address);
        if again {
            self.enqueue(address, Some(answered), None)
        } else {
            // One that was forgotten meanwhile is not to be remembered for ever.
            let oldest = self.answered.front();
            if oldest.is_some_and(|(_, oldest)| *oldest <= answered.key) {
                self.requests.insert(address, State::Answered(answered));
            }
        }
    }

    fn forget_oldest(&mut self) {
        while self.answered.len() > self.limits.remembered {
            let (oldest, key) = self.answered.pop_front().expect("it is not empty");
            // The same request may have been answered anew since, or be at work.
            if matches!(self.requests.get(&oldest), Some(State::Answered(it)) if it.key == key) {
                self.requests.remove(&oldest);
            }
        }
    }

    fn take_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    fn wait(&mut self, address: Address, at: Instant, trouble: Trouble) {
        if self.waiting.len() >= self.limits.waiting {
            self.has_dropped = true;
            return;
        }
        let key = (at, self.take_key());
        self.waiting.insert(key, address.clone());
        self.requests
            .insert(address, State::Waiting { key, trouble });
    }

    fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let address = entry.remove();
            let Some(State::Waiting { trouble, .. }) = self.requests.remove(&address) else {
                unreachable!("an address in `waiting` waits");
            };
            self.enqueue(address, None, Some(trouble));
        }
    }
}

#[cfg(test)]
mod tests;
