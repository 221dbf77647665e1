//! Short lives of a host whose app sends messages: the real outbox, with a tree, a state and
//! receivers that are as simple as can be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use syft_protocol::now::Now;
use syft_protocol::outbox::{Ending, Event, Look, Outbox, OutboxAction, OutboxLimits, Stage, Way};
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::counts::Counts;
use super::random::Random;

/// Things that happen before the world comes to rest.
const STEPS: usize = 250;

type Id = u128;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    Expired,
    Rejected,
}

/// A message as it is kept on the disk.
#[derive(Clone, Copy, Debug)]
struct Kept {
    expires: Timestamp,
    wants_reply: bool,
    is_sent: bool,
    is_cleared: bool,
    outcome: Option<Outcome>,
    /// The app was told of the outcome.
    is_told: bool,
}

/// What lies in the tree of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Files {
    request: Option<Request>,
    answer: bool,
    /// Sync did not take the request.
    mark: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Half,
    Whole,
}

/// A task of the host, at the point to which it got.
#[derive(Clone, Copy, Debug)]
enum Task {
    Send(Id),
    /// Half of the request is written.
    Write(Id),
    Sent(Id, Way),
    Look(Id),
    End(Id, Outcome),
    Ended(Id),
    Clear(Id),
    Cleared(Id),
    /// Another app of this process has it.
    Local(Id),
    /// The app is called with what became of it.
    Reply(Id),
}

/// What has to happen in all lives together, or it is not tested.
pub(crate) const ALL: [&str; 18] = [
    "answered",
    "brought back",
    "committed",
    "crash",
    "ended twice",
    "expired",
    "failed",
    "found at the start",
    "gone",
    "half written again",
    "handled again",
    "handed over",
    "lost answer",
    "lost by a crash",
    "rejected",
    "returned",
    "told",
    "written",
];

pub(crate) struct World {
    seed: u64,
    random: Random,
    is_told: bool,
    now: Now,
    kept: BTreeMap<Id, Kept>,
    /// What is committed and not forced to the disk yet.
    pending: Vec<(Id, Kept)>,
    tree: BTreeMap<Id, Files>,
    /// How often receivers handled each message; they know it again.
    handled: BTreeMap<Id, u32>,
    /// Calls that are due, as they are kept.
    due: BTreeSet<Id>,
    n_told: BTreeMap<Id, u32>,
    /// Messages of which sync or others have deleted or marked the request.
    meddled_with: BTreeSet<Id>,
    /// Those of which the files came back after they were deleted.
    brought_back: BTreeSet<Id>,
    outbox: Outbox,
    tasks: Vec<Task>,
    to_note: (BTreeSet<Id>, BTreeSet<Id>),
    next_id: Id,
    counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64, is_told: bool) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            is_told,
            now: Now {
                instant: Instant::now(),
                wall: Timestamp::from_micros(1_000_000_000_000_000),
            },
            kept: BTreeMap::new(),
            pending: Vec::new(),
            tree: BTreeMap::new(),
            handled: BTreeMap::new(),
            due: BTreeSet::new(),
            n_told: BTreeMap::new(),
            meddled_with: BTreeSet::new(),
            brought_back: BTreeSet::new(),
            outbox: outbox(),
            tasks: Vec::new(),
            to_note: Default::default(),
            next_id: 0,
            counts: Counts::new(&ALL),
        }
    }

    /// Lets things happen, then lets the world come to rest, and checks that all is well.
    pub(crate) fn live(mut self) -> Counts {
        for _ in 0..STEPS {
            match self.below(100) {
                0..10 => self.send(),
                10..18 => self.force(),
                18..34 => self.receive(),
                34..36 => self.meddle(),
                36..38 => self.lose_answer(),
                38..40 => self.bring_back(),
                40..43 => self.crash(),
                43..48 => self.pass(),
                48..52 => self.note(),
                _ => self.work(),
            }
            self.poll();
        }
        self.rest();
        self.check();
        self.counts
    }

    // The app.

    /// A call ends well that sends a message.
    fn send(&mut self) {
        let id = self.next_id;
        self.next_id += 1;
        let timeout = match self.below(4) {
            0 => Duration::from_secs(10),
            _ => Duration::from_secs(100_000),
        };
        let kept = Kept {
            expires: self.now.wall.saturating_add(timeout),
            wants_reply: self.below(2) == 0,
            is_sent: false,
            is_cleared: false,
            outcome: None,
            is_told: false,
        };
        self.pending.push((id, kept));
    }

    /// What is committed is forced to the disk. Only then the outbox hears of it.
    fn force(&mut self) {
        for (id, kept) in std::mem::take(&mut self.pending) {
            self.count("committed");
            self.kept.insert(id, kept);
            self.tell(Event::Kept(uuid(id), Stage::New, kept.expires));
        }
    }

    // Receivers, and sync.

    /// A receiver finds a request, handles it unless it knows it, and answers beside it.
    fn receive(&mut self) {
        let is_open = |files: &Files| files.request == Some(Request::Whole) && !files.answer;
        if let Some(id) = self.any(is_open) {
            self.handle(id);
            self.files(id).answer = true;
            self.maybe_hint(id);
        }
    }

    fn handle(&mut self, id: Id) {
        match self.handled.get(&id) {
            // Its answer was kept.
            Some(_) => self.count("handled again"),
            None => drop(self.handled.insert(id, 1)),
        }
    }

    /// Sync refuses a request, or somebody deletes it.
    fn meddle(&mut self) {
        if let Some(id) = self.any(|files| files.request.is_some()) {
            self.meddled_with.insert(id);
            if self.below(2) == 0 {
                self.files(id).mark = true;
            } else {
                self.files(id).request = None;
            }
            self.maybe_hint(id);
        }
    }

    /// Sync loses an answer on the way. The receiver gives it again.
    fn lose_answer(&mut self) {
        if let Some(id) = self.any(|files| files.answer) {
            self.count("lost answer");
            self.files(id).answer = false;
        }
    }

    /// Sync brings a request back that was deleted.
    fn bring_back(&mut self) {
        if let Some(id) = self.any(|files| *files == Files::default()) {
            self.count("brought back");
            self.brought_back.insert(id);
            self.files(id).request = Some(Request::Whole);
        }
    }

    fn maybe_hint(&mut self, id: Id) {
        if self.below(3) > 0 {
            self.tell(Event::Hint(uuid(id)));
        }
    }

    fn pass(&mut self) {
        let time = Duration::from_millis(self.below(8_000));
        self.now.instant += time;
        self.now.wall = match self.below(20) {
            // Somebody sets the clock.
            0 => Timestamp::from_micros(self.now.wall.micros() - 60_000_000),
            _ => self.now.wall.saturating_add(time),
        };
    }

    // The host.

    fn poll(&mut self) {
        while let Some(action) = self.outbox.poll(self.now) {
            let id = action.id().as_u128();
            let task = match action {
                OutboxAction::Send(_) => Task::Send(id),
                OutboxAction::Look(_) => Task::Look(id),
                OutboxAction::End(_, Ending::Expired) => Task::End(id, Outcome::Expired),
                OutboxAction::End(_, Ending::Gone) => {
                    self.count("gone");
                    Task::End(id, Outcome::Rejected)
                }
                OutboxAction::Clear(_) => Task::Clear(id),
            };
            self.tasks.push(task);
        }
    }

    /// One of the tasks, any of them, comes one step further.
    fn work(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.below(self.tasks.len() as u64) as usize;
        let task = self.tasks.swap_remove(at);
        let next = match task {
            Task::Send(id) | Task::Look(id) | Task::Clear(id) if self.below(15) == 0 => {
                self.count("failed");
                self.tell(Event::Failed(uuid(id)));
                None
            }
            Task::Send(id) => self.begin_to_send(id),
            Task::Write(id) => {
                self.files(id).request = Some(Request::Whole);
                Some(Task::Sent(id, Way::Tree))
            }
            Task::Sent(id, way) => self.sent(id, way),
            Task::Look(id) => self.look(id),
            Task::End(id, outcome) => self.end(id, outcome),
            Task::Ended(id) => {
                self.tell(Event::Ended(uuid(id)));
                None
            }
            Task::Clear(id) => {
                self.tree.insert(id, Files::default());
                Some(Task::Cleared(id))
            }
            Task::Cleared(id) => {
                self.to_note.1.insert(id);
                self.tell(Event::Cleared(uuid(id)));
                None
            }
            Task::Local(id) => self.answer_locally(id),
            Task::Reply(id) => self.reply(id),
        };
        self.tasks.extend(next);
    }

    fn begin_to_send(&mut self, id: Id) -> Option<Task> {
        if self.kept[&id].outcome.is_some() {
            return Some(Task::Ended(id));
        }
        // An app may be served here now, and not the next time.
        if self.below(3) == 0 {
            return Some(Task::Sent(id, Way::Local));
        }
        match self.files(id).request {
            Some(Request::Whole) => return Some(Task::Sent(id, Way::Tree)),
            Some(Request::Half) => self.count("half written again"),
            None => self.count("written"),
        }
        self.files(id).request = Some(Request::Half);
        Some(Task::Write(id))
    }

    fn sent(&mut self, id: Id, way: Way) -> Option<Task> {
        self.tell(Event::Sent(uuid(id), way));
        match way {
            Way::Tree => {
                self.to_note.0.insert(id);
                None
            }
            Way::Local => Some(Task::Local(id)),
        }
    }

    /// An app of this process answers, or does not any more.
    fn answer_locally(&mut self, id: Id) -> Option<Task> {
        self.count("handed over");
        if self.below(4) == 0 {
            self.count("returned");
            self.tell(Event::Returned(uuid(id)));
            return None;
        }
        self.handle(id);
        Some(Task::End(id, Outcome::Answered))
    }

    fn look(&mut self, id: Id) -> Option<Task> {
        if self.kept[&id].outcome.is_some() {
            return Some(Task::Ended(id));
        }
        let Files {
            request,
            answer,
            mark,
        } = *self.files(id);
        let look = match request {
            _ if mark => return Some(Task::End(id, Outcome::Rejected)),
            _ if answer => return Some(Task::End(id, Outcome::Answered)),
            Some(_) => Look::Nothing,
            None => Look::Gone,
        };
        self.tell(Event::Looked(uuid(id), look));
        None
    }

    /// What became of a message is kept with the call that is due by it, all in one.
    fn end(&mut self, id: Id, outcome: Outcome) -> Option<Task> {
        let has_files = self.outbox.has_files(uuid(id));
        let kept = self.kept.get_mut(&id).expect("it is kept");
        if kept.outcome.is_some() {
            self.count("ended twice");
            return Some(Task::Ended(id));
        }
        kept.outcome = Some(outcome);
        kept.is_cleared = !has_files;
        if kept.wants_reply {
            self.due.insert(id);
            self.tasks.push(Task::Reply(id));
        }
        self.count(match outcome {
            Outcome::Answered => "answered",
            Outcome::Expired => "expired",
            Outcome::Rejected => "rejected",
        });
        Some(Task::Ended(id))
    }

    /// The app takes what became of a message; what is due goes with that.
    fn reply(&mut self, id: Id) -> Option<Task> {
        assert!(self.due.remove(&id), "seed {}: {id} is not due", self.seed);
        let kept = self.kept.get_mut(&id).expect("it is kept");
        assert!(
            kept.outcome.is_some() && !kept.is_told,
            "seed {}",
            self.seed
        );
        kept.is_told = true;
        *self.n_told.entry(id).or_default() += 1;
        self.count("told");
        None
    }

    fn note(&mut self) {
        let (sent, cleared) = std::mem::take(&mut self.to_note);
        for id in sent {
            self.kept.get_mut(&id).expect("it is kept").is_sent = true;
        }
        for id in cleared {
            self.kept.get_mut(&id).expect("it is kept").is_cleared = true;
        }
    }

    /// All that was not on the disk is gone.
    fn crash(&mut self) {
        self.count("crash");
        self.tasks.clear();
        self.to_note = Default::default();
        if !self.pending.is_empty() {
            self.count("lost by a crash");
            self.pending.clear();
        }
        self.outbox = outbox();
        let open: Vec<_> = self.kept.iter().map(|(id, kept)| (*id, *kept)).collect();
        for (id, kept) in open {
            let stage = match kept.outcome {
                Some(_) if kept.is_cleared => continue,
                Some(_) => Stage::Ended,
                None if kept.is_sent => Stage::Sent,
                None => Stage::Unsure,
            };
            self.count("found at the start");
            self.tell(Event::Kept(uuid(id), stage, kept.expires));
        }
        self.tasks
            .extend(self.due.iter().map(|id| Task::Reply(*id)));
    }

    /// Nothing more happens from outside but that receivers answer.
    fn rest(&mut self) {
        self.force();
        for _ in 0..200 {
            self.poll();
            while !self.tasks.is_empty() {
                self.work();
                self.poll();
            }
            self.receive();
            self.note();
            if self.outbox.is_empty() {
                return;
            }
            self.now.instant += Duration::from_secs(10);
            self.now.wall = self.now.wall.saturating_add(Duration::from_secs(10));
            while self.any_open().is_some() {
                self.receive();
            }
        }
        panic!("seed {}: it never comes to rest", self.seed);
    }

    fn any_open(&mut self) -> Option<Id> {
        self.any(|files| files.request == Some(Request::Whole) && !files.answer)
    }

    fn check(&self) {
        let seed = self.seed;
        for (id, kept) in &self.kept {
            let n_handled = self.handled.get(id).copied().unwrap_or(0);
            assert!(
                n_handled <= 1,
                "seed {seed}: {id} handled {n_handled} times"
            );
            match kept.outcome {
                Some(Outcome::Answered) => assert_eq!(n_handled, 1, "seed {seed}: {id}"),
                Some(Outcome::Expired) => {
                    assert!(kept.expires <= self.latest(), "seed {seed}: {id}");
                }
                Some(Outcome::Rejected) => {
                    assert!(self.meddled_with.contains(id), "seed {seed}: {id}");
                }
                None => panic!("seed {seed}: {id} never ended"),
            }
            let n_told = self.n_told.get(id).copied().unwrap_or(0);
            assert_eq!(n_told, u32::from(kept.wants_reply), "seed {seed}: {id}");
            assert!(kept.is_cleared, "seed {seed}: {id} is not cleared");
            let files = self.tree.get(id).copied().unwrap_or_default();
            let is_clean = files == Files::default() || self.brought_back.contains(id);
            assert!(is_clean, "seed {seed}: {files:?} is left of {id}");
        }
        // What was lost before it was forced was never sent.
        let is_known = |id: &Id| self.kept.contains_key(id);
        assert!(self.handled.keys().all(is_known), "seed {seed}");
    }

    /// Returns the latest moment that it may ever have been: somebody may have set the clock
    /// back since.
    fn latest(&self) -> Timestamp {
        self.now.wall.saturating_add(Duration::from_secs(60 * 60))
    }

    // Choices.

    fn tell(&mut self, event: Event) {
        self.outbox.handle(self.now, event);
    }

    fn files(&mut self, id: Id) -> &mut Files {
        self.tree.entry(id).or_default()
    }

    fn any(&mut self, is_it: impl Fn(&Files) -> bool) -> Option<Id> {
        let found = self.tree.iter().filter(|(_, files)| is_it(files));
        let ids: Vec<Id> = found.map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return None;
        }
        Some(ids[self.below(ids.len() as u64) as usize])
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn count(&mut self, name: &'static str) {
        self.counts.add_one(name);
        if self.is_told {
            println!("{name}: {:?}", self.tree);
        }
    }
}

fn outbox() -> Outbox {
    Outbox::new(OutboxLimits {
        active: 4,
        ..OutboxLimits::default()
    })
}

fn uuid(id: Id) -> Uuid {
    Uuid::from_u128(id)
}
