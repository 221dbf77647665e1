//! Tells SyftBox's client of answers, no faster than it can send them on.
//!
//! The client sends a file at once that it sees being written, and a rename is no write to
//! it. What wakes it is that the file is cut to its own size. It passes on what it sent
//! without waiting for a receipt, and the server drops what comes faster than it can take:
//! of 100 at once some are lost, of 8 in 100 ms none. Those that are not woken at once have
//! their turn later, and leave with the next full sync if that comes before.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use syft_protocol::address::Address;
use syft_protocol::inbox::Stamp;
use syft_system::{Dir, Open, Stat};

use super::path_of;
use super::read::{look_at, stamp};

/// Answers that are woken within a time. All apps of the process share one client.
const TOGETHER: usize = 8;
const WITHIN: Duration = Duration::from_millis(100);

/// Answers that wait for their turn. More would wait longer than until the next full sync.
const MOST_WAITING: usize = 400;

/// An answer that lies in the tree.
struct Answer {
    rpc: Arc<Dir>,
    address: Address,
    stamp: Stamp,
}

/// Wakes the client for an answer that was just written, now or in its turn.
pub(super) fn wake(file: &File, folder: &Dir, rpc: &Arc<Dir>, address: &Address) -> io::Result<()> {
    let answer = Answer {
        rpc: Arc::clone(rpc),
        address: address.clone(),
        stamp: stamp(&Stat::of(file)?),
    };
    if waker().may_go(Instant::now()) {
        return answer.wake_in(folder);
    }
    let mut waker = waker();
    waker.line.push(answer);
    if !waker.has_thread {
        let thread = thread::Builder::new().name("wake".to_owned());
        waker.has_thread = thread.spawn(wake_all).is_ok();
    }
    Ok(())
}

impl Answer {
    fn wake(&self) -> io::Result<()> {
        let folder = path_of(self.address.folder().segments());
        self.wake_in(&self.rpc.open_folder_below(&folder)?)
    }

    /// Writes to the answer without changing what it holds, unless it was taken or replaced
    /// meanwhile. The client hears of it under the name by which it is opened.
    fn wake_in(&self, folder: &Dir) -> io::Result<()> {
        let name = self.address.id().response_name();
        let is_ours = |found: Stat| found.is_file() && stamp(&found) == self.stamp;
        if !look_at(folder, &name)?.is_some_and(is_ours) {
            return Ok(());
        }
        let opened = folder.open_file(&name, Open::WRITE)?;
        if is_ours(opened.found) {
            opened.file.set_len(self.stamp.bytes)
        } else {
            Ok(())
        }
    }
}

#[derive(Default)]
struct Waker {
    pace: Pace,
    line: Line,
    has_thread: bool,
}

impl Waker {
    /// Tells whether one may be woken that has just come.
    fn may_go(&mut self, now: Instant) -> bool {
        self.line.is_empty() && self.pace.take(now).is_ok()
    }
}

fn waker() -> MutexGuard<'static, Waker> {
    static WAKER: LazyLock<Mutex<Waker>> = LazyLock::new(Mutex::default);
    WAKER.lock().expect("no holder of this lock panics")
}

/// Wakes those that wait, one after the other, until there is none.
fn wake_all() {
    loop {
        let mut waker = waker();
        if waker.line.is_empty() {
            waker.has_thread = false;
            return;
        }
        let now = Instant::now();
        let next = match waker.pace.take(now) {
            Ok(()) => Ok(waker.line.pop()),
            Err(at) => Err(at),
        };
        drop(waker);
        match next {
            Err(at) => thread::sleep(at - now),
            Ok(None) => {}
            Ok(Some(answer)) => {
                if let Err(error) = answer.wake() {
                    tracing::debug!(address = %answer.address, "an answer is not woken: {error}");
                }
            }
        }
    }
}

/// When the last ones were woken, the oldest first.
#[derive(Default)]
struct Pace(VecDeque<Instant>);

impl Pace {
    /// Takes note that one is woken, or returns when the next one may be.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if self.0.len() >= TOGETHER {
            let free_at = self.0[0] + WITHIN;
            if now < free_at {
                return Err(free_at);
            }
            self.0.pop_front();
        }
        self.0.push_back(now);
        Ok(())
    }
}

/// Those that wait. Senders take turns, so that a flood of one delays nobody else for long.
#[derive(Default)]
struct Line {
    senders: HashMap<Option<Arc<str>>, VecDeque<Answer>>,
    turns: VecDeque<Option<Arc<str>>>,
    n_waiting: usize,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.n_waiting == 0
    }

    /// Where there are too many, the last one of whoever has most is left to the full sync.
    fn push(&mut self, answer: Answer) {
        let sender = answer.address.folder().sender_name().cloned();
        if self.n_waiting >= MOST_WAITING {
            if self.senders.contains_key(&sender) {
                return;
            }
            self.drop_one();
        }
        let own = self.senders.entry(sender.clone()).or_default();
        if own.is_empty() {
            self.turns.push_back(sender);
        }
        own.push_back(answer);
        self.n_waiting += 1;
    }

    fn drop_one(&mut self) {
        let longest = self.senders.iter().max_by_key(|(_, own)| own.len());
        if let Some(sender) = longest.map(|(sender, _)| sender.clone())
            && let Some(own) = self.senders.get_mut(&sender)
        {
            own.pop_back();
            self.n_waiting -= 1;
            if own.is_empty() {
                self.senders.remove(&sender);
                self.turns.retain(|other| *other != sender);
            }
        }
    }

    fn pop(&mut self) -> Option<Answer> {
        let sender = self.turns.pop_front()?;
        let own = self.senders.get_mut(&sender)?;
        let answer = own.pop_front();
        self.n_waiting -= usize::from(answer.is_some());
        if own.is_empty() {
            self.senders.remove(&sender);
        } else {
            self.turns.push_back(sender);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    use super::*;

    const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

    fn address(sender: &str) -> Address {
        Address::parse(&format!("/echo/{sender}/{ID}")).expect("an address")
    }

    #[test]
    fn a_few_go_at_once_and_many_in_turn() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut now = start;
        let mut times = Vec::new();
        while times.len() < 100 {
            match pace.take(now) {
                Ok(()) => times.push(now - start),
                Err(at) => now = at,
            }
        }
        assert_eq!(times[TOGETHER - 1], Duration::ZERO);
        for window in times.windows(TOGETHER + 1) {
            assert!(window[TOGETHER] - window[0] >= WITHIN, "{window:?}");
        }
        assert_eq!(*times.last().expect("100"), WITHIN * 12);
        // After a pause one goes at once.
        assert_eq!(pace.take(now + WITHIN), Ok(()));
    }

    #[test]
    fn senders_take_turns_and_many_of_one_are_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let rpc = open(folder.path());
        let waiting = |sender: &str| Answer {
            rpc: Arc::clone(&rpc),
            address: address(sender),
            stamp: Stamp {
                inode: 1,
                bytes: 1,
                changed: 1,
            },
        };
        let mut line = Line::default();
        for _ in 0..MOST_WAITING + 50 {
            line.push(waiting("flood@x.org"));
        }
        assert_eq!(line.n_waiting, MOST_WAITING);
        line.push(waiting("bob@x.org"));
        line.push(waiting("carol@x.org"));
        assert_eq!(line.n_waiting, MOST_WAITING);
        let next = |line: &mut Line| {
            let answer = line.pop().expect("one that waits");
            answer.address.folder().sender().expect("one").to_owned()
        };
        let first: Vec<String> = (0..4).map(|_| next(&mut line)).collect();
        assert_eq!(
            first,
            ["flood@x.org", "bob@x.org", "carol@x.org", "flood@x.org"]
        );
        while line.pop().is_some() {}
        assert!(line.is_empty() && line.senders.is_empty() && line.turns.is_empty());
    }

    fn open(path: &Path) -> Arc<Dir> {
        Arc::new(Dir::open_ambient(path).expect("a folder"))
    }

    #[test]
    fn only_the_answer_itself_is_touched() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = site.path().join("echo/bob@x.org");
        fs::create_dir_all(&folder).expect("folders");
        let path = folder.join(format!("{ID}.response"));
        let outside = site.path().join("outside");
        let write = |path: &Path| fs::write(path, "answer").expect("it can be written");
        let times = |path: &Path| {
            let found = fs::symlink_metadata(path).expect("it is there");
            (found.mtime(), found.mtime_nsec(), found.ctime_nsec())
        };
        write(&path);
        write(&outside);
        let answer = Answer {
            rpc: open(site.path()),
            address: address("bob@x.org"),
            stamp: stamp(&Stat::at(&path).expect("it is there")),
        };
        // File systems count time in steps.
        let before = times(&path);
        thread::sleep(Duration::from_millis(20));
        answer.wake().expect("it is there");
        assert_ne!(times(&path), before, "the client sees it being written");
        assert_eq!(fs::read(&path).expect("it is there"), b"answer");
        // It is another file now, a link, or gone.
        let others: [&dyn Fn(); 3] = [
            &|| write(&path),
            &|| {
                fs::hard_link(&outside, &path).expect("a link");
            },
            &|| symlink(&outside, &path).expect("a link"),
        ];
        for other in others {
            fs::remove_file(&path).expect("it is there");
            other();
            let before = (times(&path), times(&outside));
            thread::sleep(Duration::from_millis(20));
            answer.wake().expect("it is left alone");
            assert_eq!((times(&path), times(&outside)), before);
        }
        fs::remove_file(&path).expect("it is there");
        answer.wake().expect("it is gone");
        assert!(!path.exists());
    }
}
