//! Short lives of a host that answers requests: the real inbox, with a tree, a state and
//! clients that are as simple as can be.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::address::{Address, Folder, RequestId};
use syft_protocol::inbox::{
    Action, Closed, Content, Event, Found, Inbox, InboxLimits, Loaded, Refusal, Stamp, Version,
};
use syft_protocol::message::{Headers, Method, Request};
use syft_protocol::now::Now;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;

use super::counts::Counts;
use super::random::Random;

/// Things that happen before the world comes to rest.
const STEPS: usize = 250;
const SENDERS: [&str; 3] = ["a@x.org", "b@x.org", "c@x.org"];

/// What a client wants, once. A client that sends the same again later, under the same
/// id, wants something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Message {
    id: usize,
    content: u32,
    created: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The counter after it, and whose it is.
    Counted(u64, Message),
    Refused(u16),
}

/// A request file, and the answer beside it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    request: Option<File>,
    answer: Option<Answer>,
}

impl Place {
    fn is_missed(&self) -> bool {
        self.request.is_some() && self.answer.is_none()
    }
}

#[derive(Clone, Copy, Debug)]
struct File {
    stamp: Stamp,
    message: Message,
    content: Content,
    /// It is written to the end.
    is_whole: bool,
}

impl File {
    /// Only one that is written to the end holds what others hold.
    fn version(&self) -> Version {
        Version {
            content: self.is_whole.then_some(self.content),
            ..Version::unread(self.stamp)
        }
    }
}

/// Tells whether an answer is for a file. One that was not read has no content.
fn is_for(file: &File, version: &Version) -> bool {
    let now = file.version();
    now.stamp == version.stamp || now.says_the_same(version)
}

/// What the host keeps: what is on its disk, and what is committed in memory and not forced to
/// the disk yet. A crash or a failure of the disk loses exactly that.
#[derive(Default)]
struct Store {
    counter: u64,
    answers: HashMap<usize, (Message, Answer)>,
    /// In the order in which it was committed.
    pending: VecDeque<Pending>,
    /// How often the disk has failed. Who began before that commits nothing.
    n_failed: u32,
}

struct Pending {
    address: Address,
    version: Version,
    message: Message,
    counter: u64,
}

/// What a call has read.
struct Read {
    counter: u64,
    n_failed: u32,
}

impl Store {
    /// Returns the counter with all that is committed.
    fn newest(&self) -> u64 {
        let last = self.pending.back();
        last.map_or(self.counter, |pending| pending.counter)
    }
}

/// A task of the host, at the point to which it got.
enum Task {
    Load(Address, Option<Stamp>),
    Find(Address, Option<Stamp>),
    Start(Address, Version, Message),
    /// It has read the counter.
    Commit(Address, Version, Message, Read),
    Publish(Address, Version, Answer),
    GiveAgain(Address, Version),
}

/// What has to happen in all lives together, or it is not tested.
pub(crate) const ALL: [&str; 21] = [
    "answered",
    "clash",
    "conflict",
    "crash",
    "disk failed",
    "echo",
    "expired",
    "forced together",
    "given again",
    "given up",
    "half",
    "half refused",
    "kept answer given",
    "lost by a crash",
    "pending value read",
    "refused after a failure",
    "sent anew",
    "sent in the middle",
    "touched",
    "taken",
    "write failed",
];

pub(crate) struct World {
    seed: u64,
    random: Random,
    is_told: bool,
    now: Now,
    tree: BTreeMap<usize, Place>,
    store: Store,
    /// How often each message was counted.
    counted: HashMap<Message, u32>,
    /// What each message was answered, once and for all.
    answers: HashMap<Message, Answer>,
    /// How often an answer was given again.
    given_again: HashMap<Message, u32>,
    /// Messages that clients took back before they were answered, or replaced.
    taken_back: HashSet<Message>,
    poison: HashSet<usize>,
    short: HashSet<usize>,
    /// What the journal holds: who is at work, and crashes from earlier.
    at_work: HashSet<usize>,
    suspects: HashMap<usize, u32>,
    n_crashes: HashMap<usize, u32>,
    inbox: Inbox,
    tasks: Vec<Task>,
    next_id: usize,
    next_inode: u64,
    created: u32,
    counts: Counts,
    url: SyftUrl,
}

impl World {
    pub(crate) fn new(seed: u64, is_told: bool) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: Timestamp::from_micros(1_000_000_000_000_000),
        };
        Self {
            seed,
            random: Random::new(seed),
            is_told,
            now,
            tree: BTreeMap::new(),
            store: Store::default(),
            counted: HashMap::new(),
            answers: HashMap::new(),
            given_again: HashMap::new(),
            taken_back: HashSet::new(),
            poison: HashSet::new(),
            short: HashSet::new(),
            at_work: HashSet::new(),
            suspects: HashMap::new(),
            n_crashes: HashMap::new(),
            inbox: inbox(),
            tasks: Vec::new(),
            next_id: 0,
            next_inode: 0,
            created: 0,
            counts: Counts::new(&ALL),
            url: SyftUrl::parse("syft://o@x.org/app_data/a/rpc/echo").expect("a URL"),
        }
    }

    /// Lets things happen, then lets the world come to rest, and checks that all is well.
    pub(crate) fn live(mut self) -> Counts {
        for _ in 0..STEPS {
            match self.below(100) {
                0..12 => self.send(),
                12..20 => self.finish_writing(),
                20..26 => self.take_answer(),
                26..29 => self.echo(),
                29..32 => self.send_anew(),
                32..34 => self.clash(),
                34..38 => self.scan(),
                38..43 => self.pass(),
                43..45 => self.crash(),
                45..46 => self.lose_answer(),
                46..49 => self.touch(),
                49..56 => self.force(),
                56..57 => self.fail_disk(),
                _ => self.work(),
            }
            self.poll();
        }
        self.rest();
        self.check();
        self.counts
    }

    // Clients.

    fn send(&mut self) {
        let id = self.next_id;
        self.next_id += 1;
        if self.below(40) == 0 {
            self.poison.insert(id);
        } else if self.below(10) == 0 {
            self.short.insert(id);
        }
        let message = self.message(id, 0);
        let is_whole = self.below(3) > 0;
        self.write(message, is_whole);
        self.maybe_see(id);
    }

    fn finish_writing(&mut self) {
        let half = |place: &Place| place.request.is_some_and(|file| !file.is_whole);
        if let Some(id) = self.any(half) {
            self.count("half");
            let file = self.tree.get_mut(&id).expect("a place").request.as_mut();
            let file = file.expect("a request");
            file.is_whole = true;
            file.stamp.bytes += 1;
            self.maybe_see(id);
        }
    }

    /// A client takes its answer and deletes both files, in one moment or in two.
    fn take_answer(&mut self) {
        if let Some(id) = self.any(|place| place.answer.is_some()) {
            self.count("taken");
            let only_answer = self.below(5) == 0;
            let place = self.tree.get_mut(&id).expect("a place");
            place.answer = None;
            if !only_answer {
                place.request = None;
            }
            self.maybe_see(id);
        }
    }

    /// Somebody changes the times or the mode of a request, or writes it as it was.
    fn touch(&mut self) {
        if let Some(id) = self.any(|place| place.request.is_some()) {
            self.count("touched");
            let place = self.tree.get_mut(&id).expect("a place");
            let file = place.request.as_mut().expect("a request");
            file.stamp.changed += 1;
            self.maybe_see(id);
        }
    }

    fn lose_answer(&mut self) {
        if let Some(id) = self.any(|place| place.answer.is_some()) {
            self.tree.get_mut(&id).expect("a place").answer = None;
        }
    }

    /// Sync brings a request back that was answered and deleted.
    fn echo(&mut self) {
        let gone = |place: &Place| place.request.is_none() && place.answer.is_none();
        if let Some(id) = self.any(gone)
            && let Some(message) = self.last_message(id)
        {
            self.count("echo");
            self.write(message, true);
            self.maybe_see(id);
        }
    }

    /// The same request under the same id, in the place of the old one or in the middle
    /// of its handling.
    fn send_anew(&mut self) {
        let Some(id) = self.any(|place| place.answer.is_none()) else {
            return;
        };
        if self.poison.contains(&id) {
            return;
        }
        let is_there = self.tree[&id].request.is_some();
        self.count(if is_there {
            "sent in the middle"
        } else {
            "sent anew"
        });
        let message = self.message(id, 0);
        self.write(message, true);
        self.maybe_see(id);
    }

    /// Another request under an id that was used.
    fn clash(&mut self) {
        let gone = |place: &Place| place.request.is_none() && place.answer.is_none();
        if let Some(id) = self.any(gone)
            && self.store.answers.contains_key(&id)
        {
            self.count("clash");
            let message = self.message(id, 1);
            self.write(message, true);
            self.maybe_see(id);
        }
    }

    fn message(&mut self, id: usize, content: u32) -> Message {
        self.created += 1;
        Message {
            id,
            content,
            created: self.created,
        }
    }

    fn write(&mut self, message: Message, is_whole: bool) {
        self.next_inode += 1;
        let stamp = Stamp {
            inode: self.next_inode,
            bytes: 10,
            changed: 0,
        };
        let text = format!("{message:?}");
        let file = File {
            stamp,
            message,
            content: Content::of(text.as_bytes()),
            is_whole,
        };
        let place = self.tree.entry(message.id).or_default();
        if let Some(old) = place.request.replace(file) {
            self.taken_back.insert(old.message);
        }
    }

    fn last_message(&self, id: usize) -> Option<Message> {
        let all = self.answers.keys().filter(|message| message.id == id);
        all.max().copied()
    }

    // What the host hears of it.

    fn maybe_see(&mut self, id: usize) {
        if self.below(3) > 0 {
            self.see(id);
        }
    }

    fn see(&mut self, id: usize) {
        self.inbox.handle(self.now, Event::Seen(address(id)));
    }

    fn scan(&mut self) {
        let unanswered = |(id, place): (&usize, &Place)| {
            (place.request.is_some() && place.answer.is_none()).then_some(*id)
        };
        let found = self.tree.iter().filter_map(unanswered).map(|id| {
            let address = address(id);
            Found {
                folder: Arc::clone(address.folder()),
                ids: vec![*address.id()],
                is_first: false,
            }
        });
        let found = Event::Found(found.collect());
        self.inbox.handle(self.now, found);
    }

    fn pass(&mut self) {
        let time = Duration::from_millis(self.below(3_000));
        self.now.instant += time;
        self.now.wall = match self.below(20) {
            // Somebody sets the clock.
            0 => Timestamp::from_micros(self.now.wall.micros() - 60_000_000),
            1 => Timestamp::from_micros(self.now.wall.micros() + 60_000_000),
            _ => self.now.wall.saturating_add(time),
        };
    }

    // The host.

    fn poll(&mut self) {
        while let Some(action) = self.inbox.poll(self.now) {
            let task = match action {
                Action::Load(address, known) => {
                    self.at_work.insert(id(&address));
                    Task::Load(address, known)
                }
                Action::Find(address, known) => Task::Find(address, known),
                Action::Run(address, version, request, sender) => {
                    assert_eq!(Some(sender.email.as_str()), address.folder().sender());
                    let message = read_message(&request, id(&address));
                    Task::Start(address, version, message)
                }
                Action::GiveAgain(address, version) => Task::GiveAgain(address, version),
                Action::Refuse(address, version, refusal, request) => {
                    let answer = self.refusal(&address, &refusal, request.as_deref());
                    Task::Publish(address, version, answer)
                }
            };
            self.tasks.push(task);
        }
    }

    /// A request that has run is not told that it expired before it could.
    fn refusal(
        &mut self,
        address: &Address,
        refusal: &Refusal,
        request: Option<&Request>,
    ) -> Answer {
        let id = id(address);
        if let (Refusal::Expired, Some(request)) = (refusal, request)
            && let Some((message, answer)) = self.store.answers.get(&id)
            && *message == read_message(request, id)
        {
            return *answer;
        }
        self.count(match refusal {
            Refusal::Expired => "expired",
            Refusal::Crashing => "given up",
            // Its client took its time, and is told so.
            Refusal::Malformed(_) => "half refused",
            other => panic!("seed {}: {other:?}", self.seed),
        });
        Answer::Refused(refusal.status().code())
    }

    /// One of the tasks, any of them, comes one step further.
    fn work(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.below(self.tasks.len() as u64) as usize;
        let task = self.tasks.swap_remove(at);
        match task {
            Task::Load(address, known) => {
                let loaded = self.load(id(&address), known);
                self.end(&address, Event::Loaded(address.clone(), loaded));
            }
            Task::Find(address, known) => {
                let loaded = match self.load(id(&address), known) {
                    Loaded::File(version, _) => Loaded::Unread(version.stamp),
                    other => other,
                };
                self.end(&address, Event::Loaded(address.clone(), loaded));
            }
            Task::Start(address, version, message) => self.start(address, version, message),
            Task::Commit(address, version, message, read) => {
                self.commit(address, version, message, read);
            }
            Task::Publish(address, version, answer) => self.publish(address, version, answer),
            Task::GiveAgain(address, version) => self.give_again(&address, version),
        }
    }

    fn load(&mut self, id: usize, known: Option<Stamp>) -> Loaded {
        let place = self.tree.get(&id).copied().unwrap_or_default();
        match place.request {
            None => Loaded::Absent,
            Some(file) if place.answer.is_some() => {
                let is_known = known.is_none_or(|known| known == file.stamp);
                Loaded::Answered((!is_known).then(|| file.version()))
            }
            Some(file) if Some(file.stamp) == known => Loaded::AnswerGone,
            Some(file) if !file.is_whole => {
                let error = Request::from_json(b"{\"id\":", self.now.wall);
                Loaded::File(file.version(), Err(error.expect_err("half")))
            }
            Some(file) => {
                let request = self.request(file.message);
                Loaded::File(file.version(), Ok(Box::new(request)))
            }
        }
    }

    fn start(&mut self, address: Address, version: Version, message: Message) {
        let id = message.id;
        let next = match self.store.answers.get(&id) {
            Some((before, answer)) if *before == message => {
                let answer = *answer;
                self.count("kept answer given");
                Task::Publish(address, version, answer)
            }
            Some((before, _)) if before.content != message.content => {
                Task::Publish(address, version, Answer::Refused(409))
            }
            _ if self.poison.contains(&id) => return self.crash(),
            _ => Task::Commit(address, version, message, self.read()),
        };
        self.tasks.push(next);
    }

    /// A call reads what is forced, or in its turn what is committed.
    fn read(&mut self) -> Read {
        let in_turn = self.below(2) == 0;
        if in_turn && !self.store.pending.is_empty() {
            self.count("pending value read");
        }
        Read {
            counter: if in_turn {
                self.store.newest()
            } else {
                self.store.counter
            },
            n_failed: self.store.n_failed,
        }
    }

    fn commit(&mut self, address: Address, version: Version, message: Message, read: Read) {
        if read.n_failed != self.store.n_failed {
            // What it has read may never have been, even if it looks like what is there now.
            self.count("refused after a failure");
            return self.end(&address, Event::Closed(address.clone(), Closed::Failed));
        }
        let newest = self.store.newest();
        if read.counter != newest {
            // It runs again, alone: nothing comes between.
            self.count("conflict");
        }
        let counted = self.counted.entry(message).or_default();
        *counted += 1;
        assert_eq!(*counted, 1, "seed {}: {message:?} counted twice", self.seed);
        self.store.pending.push_back(Pending {
            address,
            version,
            message,
            counter: newest + 1,
        });
    }

    /// Some of what is committed is forced to the disk, in its order. From then on it is answered.
    fn force(&mut self) {
        let n = self.store.pending.len() as u64;
        if n == 0 {
            return;
        }
        let n = 1 + self.below(n) as usize;
        if n > 1 {
            self.count("forced together");
        }
        for pending in self.store.pending.drain(..n) {
            let (message, counter) = (pending.message, pending.counter);
            let answer = Answer::Counted(counter, message);
            assert_eq!(counter, self.store.counter + 1, "seed {}", self.seed);
            self.store.counter = counter;
            self.store.answers.insert(message.id, (message, answer));
            let publish = Task::Publish(pending.address, pending.version, answer);
            self.tasks.push(publish);
        }
    }

    /// Nothing of what is committed gets to the disk, and all its calls run again later.
    fn fail_disk(&mut self) {
        self.count("disk failed");
        self.store.n_failed += 1;
        for pending in self.lose_pending() {
            let failed = Event::Closed(pending.address.clone(), Closed::Failed);
            self.end(&pending.address, failed);
        }
    }

    fn lose_pending(&mut self) -> VecDeque<Pending> {
        let lost = std::mem::take(&mut self.store.pending);
        for pending in &lost {
            self.counted.remove(&pending.message);
        }
        lost
    }

    fn publish(&mut self, address: Address, version: Version, answer: Answer) {
        if let Answer::Counted(counter, _) = answer {
            assert!(
                counter <= self.store.counter,
                "seed {}: not forced",
                self.seed
            );
        }
        let id = id(&address);
        let closed = match self.tree.get_mut(&id).and_then(|place| place.request) {
            Some(file) if is_for(&file, &version) => match self.below(20) {
                0 => Closed::Failed,
                _ => Closed::Answered,
            },
            _ => Closed::Gone,
        };
        match closed {
            Closed::Answered => {
                self.count("answered");
                let place = self.tree.get_mut(&id).expect("a place");
                place.answer = Some(answer);
                let message = place.request.expect("a request").message;
                self.answered(message, answer);
            }
            Closed::Failed => self.count("write failed"),
            _ => {}
        }
        self.end(&address, Event::Closed(address.clone(), closed));
    }

    fn give_again(&mut self, address: &Address, version: Version) {
        let place = self.tree.get_mut(&id(address)).expect("a place");
        let closed = match place.request {
            Some(file) if file.version().says_the_same(&version) => {
                place.answer = Some(self.answers[&file.message]);
                *self.given_again.entry(file.message).or_default() += 1;
                self.count("given again");
                Closed::Answered
            }
            _ => Closed::Gone,
        };
        self.end(address, Event::Closed(address.clone(), closed));
    }

    /// Whoever asks twice for the same thing gets the same answer. Only a refusal may have
    /// been for a reason that is over.
    fn answered(&mut self, message: Message, answer: Answer) {
        let seed = self.seed;
        if let Answer::Counted(_, whose) = answer {
            assert_eq!(whose, message, "seed {seed}: the answer of another");
        }
        if let Some(known) = self.answers.insert(message, answer) {
            let may_differ = matches!(known, Answer::Refused(_));
            assert!(
                known == answer || may_differ,
                "seed {seed}: {known:?}, then {answer:?}"
            );
        }
    }

    fn end(&mut self, address: &Address, event: Event) {
        self.inbox.handle(self.now, event);
        if !self.inbox.is_busy(address) {
            self.at_work.remove(&id(address));
        }
        match self.inbox.crashes(address) {
            0 => self.suspects.remove(&id(address)),
            crashes => self.suspects.insert(id(address), crashes),
        };
    }

    /// All that was not on the disk is gone.
    fn crash(&mut self) {
        self.count("crash");
        self.tasks.clear();
        if !self.lose_pending().is_empty() {
            self.count("lost by a crash");
        }
        for id in self.at_work.drain() {
            let place = self.tree.get(&id).copied().unwrap_or_default();
            if place.request.is_some() && place.answer.is_none() {
                *self.suspects.entry(id).or_default() += 1;
                *self.n_crashes.entry(id).or_default() += 1;
            }
        }
        self.inbox = inbox();
        for (id, crashes) in &self.suspects {
            self.inbox.suspect(&address(*id), *crashes);
        }
        self.scan();
    }

    /// Nothing more happens from outside.
    fn rest(&mut self) {
        let mut n_to_lose = 3;
        for _ in 0..40 {
            while self
                .any(|place| place.request.is_some_and(|file| !file.is_whole))
                .is_some()
            {
                self.finish_writing();
            }
            let before = self.counts.0.clone();
            self.scan();
            self.poll();
            while !(self.tasks.is_empty() && self.store.pending.is_empty()) {
                self.work();
                self.force();
                self.poll();
            }
            let is_still = before == self.counts.0 && self.inbox.wakes_at().is_none();
            if is_still && self.any(|place| place.is_missed()).is_none() {
                if n_to_lose == 0 {
                    return;
                }
                // Sync loses one after all was answered.
                n_to_lose -= 1;
                self.lose_answer();
            }
            self.now.instant += Duration::from_secs(60);
        }
        let is_lost = |place: &Place| place.is_missed() && !self.was_lost_often(place);
        let lost: Vec<&Place> = self.tree.values().filter(|place| is_lost(place)).collect();
        assert!(lost.is_empty(), "seed {}: {lost:?}", self.seed);
        assert!(
            self.inbox.wakes_at().is_none(),
            "seed {}: it never comes to rest",
            self.seed
        );
    }

    /// Tells whether sync lost the answer so often that it is not given any more.
    fn was_lost_often(&self, place: &Place) -> bool {
        let times = |file: File| self.given_again.get(&file.message).copied();
        place.request.and_then(times).unwrap_or(0) >= InboxLimits::default().times_again
    }

    fn check(&self) {
        let seed = self.seed;
        for (id, place) in &self.tree {
            let Some(file) = place.request else {
                continue;
            };
            let message = file.message;
            let counted = self.counted.contains_key(&message);
            // Who lost the answer too often sees it no more: the request was answered.
            let Some(answer) = place.answer.or(self.answers.get(&message).copied()) else {
                panic!("seed {seed}: {message:?} has no answer");
            };
            match answer {
                Answer::Counted(..) => assert!(counted, "seed {seed}: {message:?}"),
                Answer::Refused(419) => {
                    assert!(
                        !counted && self.short.contains(id),
                        "seed {seed}: {message:?}"
                    );
                }
                Answer::Refused(409) => {
                    assert!(!counted && message.content > 0, "seed {seed}: {message:?}");
                }
                Answer::Refused(400) => assert!(!counted, "seed {seed}: {message:?}"),
                Answer::Refused(status) => {
                    let crashes = self.n_crashes.get(id).copied().unwrap_or(0);
                    assert_eq!(status, 500, "seed {seed}: {message:?}");
                    assert!(
                        crashes >= 8,
                        "seed {seed}: {message:?} after {crashes} crashes"
                    );
                }
            }
        }
        let total: u32 = self.counted.values().sum();
        assert_eq!(u64::from(total), self.store.counter, "seed {seed}");
        assert_eq!(self.inbox.n_active(), 0, "seed {seed}");
    }

    // Choices.

    fn any(&mut self, is_it: impl Fn(&Place) -> bool) -> Option<usize> {
        let found = self.tree.iter().filter(|(_, place)| is_it(place));
        let ids: Vec<usize> = found.map(|(id, _)| *id).collect();
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

    fn request(&self, message: Message) -> Request {
        let end = if self.short.contains(&message.id) {
            1_000_000_000_000_000 + 20_000_000
        } else {
            i64::MAX / 2
        };
        Request {
            id: None,
            sender: SENDERS[message.id % SENDERS.len()].to_owned(),
            url: self.url.clone(),
            body: Some(message.content.to_be_bytes().to_vec()),
            headers: Headers::default(),
            created: Timestamp::from_micros(message.created.into()),
            expires: Timestamp::from_micros(end),
            method: Method::Post,
        }
    }
}

fn read_message(request: &Request, id: usize) -> Message {
    let body = request
        .body
        .as_deref()
        .and_then(|body| body.try_into().ok());
    Message {
        id,
        content: u32::from_be_bytes(body.expect("four bytes")),
        created: u32::try_from(request.created.micros()).expect("small"),
    }
}

fn inbox() -> Inbox {
    Inbox::new(InboxLimits {
        active: 4,
        active_per_sender: 3,
        queued: 20,
        remembered: 5,
        ..InboxLimits::default()
    })
}

fn address(id: usize) -> Address {
    let folder = Folder::parse(&["echo", SENDERS[id % SENDERS.len()]]);
    let id = RequestId::parse(&format!("00000000-0000-4000-8000-{id:012}"));
    Address::new(Arc::new(folder.expect("a folder")), id.expect("an id"))
}

fn id(address: &Address) -> usize {
    let text = address.id().to_string();
    text[24..].parse().expect("a number")
}
