//! What the kernel tells of folders, for all apps of the process.
//!
//! It is inotify itself: a folder is watched by the handle that was opened without
//! following links, a folder that was moved keeps its watch and gets its new path, and
//! what the host itself opens and reads makes no event. A user may have few instances of
//! it, so there is one, and one task that reads what it says.
//!
//! A folder is to be watched before it is read: then nothing falls between the two. Where
//! no more can be watched, the owner learns it once from the log, and it is tried again from time to time.
//!
//! Why: docs/decisions/04-inotify-without-a-library.md

mod table;

use std::collections::HashSet;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::time;

use super::{ChangeKind, ChangeObserver, WatchMask};
use crate::Dir;
use table::Table;

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// Watches folders for an observer until it is dropped.
#[derive(Debug)]
pub struct FolderWatcher {
    number: u32,
}

impl FolderWatcher {
    /// Returns a watcher of no folder yet.
    pub fn new(observer: Arc<dyn ChangeObserver>) -> Self {
        let number = table().open(observer);
        Self { number }
    }

    /// Watches a folder that is open under this path, if that can be; tells whether it is
    /// watched. It may take the place of another one, which is watched no more.
    pub fn cover(
        &self,
        folder: &Dir,
        path: &Arc<str>,
        interest: WatchMask,
        instead: Option<&str>,
    ) -> bool {
        let mut table = table();
        let has_room = match instead.and_then(|other| table.watch(self.number, other)) {
            Some(other) => {
                table.release(self.number, other);
                table.n_watched < table.most
            }
            None => false,
        };
        if !has_room && !table.knows(self.number, path) && !table.has_room() {
            return false;
        }
        let Some(inotify) = table.inotify() else {
            return false;
        };
        // Somebody else may want to know more of it.
        let flags = interest.flags() | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD;
        let handle = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
        match inotify::add_watch(&*inotify, handle, flags) {
            Ok(watch) => table.insert(self.number, watch, path),
            Err(Errno::NOSPC | Errno::NOMEM) => table.refused_more(),
            Err(error) => tracing::warn!(%path, "a folder is not watched, only scanned: {error}"),
        }
        table.knows(self.number, path)
    }

    /// Returns the paths of the folders that are watched.
    pub fn paths(&self) -> HashSet<Arc<str>> {
        let table = table();
        let looking = table.observers.get(&self.number);
        looking.map_or_else(HashSet::new, |observer| {
            observer.watches.keys().cloned().collect()
        })
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub fn forget(&self, path: &str) {
        let below = table().below(self.number, path);
        self.release(below);
    }

    /// Whoever reads has its turn in between: each end of a watch is an event.
    fn release(&self, watches: Vec<i32>) {
        for watch in watches {
            table().release(self.number, watch);
        }
    }
}

impl Drop for FolderWatcher {
    fn drop(&mut self) {
        let all = table().all(self.number);
        self.release(all);
        table().observers.remove(&self.number);
    }
}

impl WatchMask {
    fn flags(self) -> WatchFlags {
        let arrivals = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
        let folders = arrivals | WatchFlags::CREATE | WatchFlags::MOVED_FROM;
        match self {
            Self::Arrivals => arrivals,
            Self::ArrivalsAndFolders => folders,
            Self::Everything => {
                folders | WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::DELETE
            }
        }
    }
}

impl ChangeKind {
    fn of(flags: ReadFlags) -> Self {
        let all = [
            (ReadFlags::CLOSE_WRITE, Self::Written),
            (ReadFlags::MOVED_TO, Self::MovedIn),
            (ReadFlags::CREATE, Self::Made),
            (ReadFlags::MODIFY, Self::Changing),
            (ReadFlags::DELETE | ReadFlags::MOVED_FROM, Self::Gone),
        ];
        let found = all.into_iter().find(|(flag, _)| flags.intersects(*flag));
        found.map_or(Self::Touched, |(_, what)| what)
    }
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().expect("no holder of this lock panics")
}

/// Makes an instance, and has it read.
fn begin() -> Result<Arc<OwnedFd>, Errno> {
    let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
    let reading = Reading(Arc::clone(&inotify));
    match Handle::try_current() {
        // What it wakes runs next on the same thread, and no other one has to wake.
        Ok(runtime) => drop(runtime.spawn(reading.drain())),
        Err(_) => drop(reading),
    }
    Ok(inotify)
}

/// Reads the kernel's queue as long as this process runs: as a task of a runtime, and where that
/// has ended or there is none, in a thread.
struct Reading(Arc<OwnedFd>);

impl Reading {
    async fn drain(self) {
        if let Err(error) = self.read_on().await {
            tracing::debug!("from now on a thread reads what the kernel tells of folders: {error}");
        }
    }

    async fn read_on(&self) -> io::Result<()> {
        #[expect(
            deprecated,
            reason = "unsound where what is given may have another descriptor later, and a borrowed one has not"
        )]
        let queue = AsyncFd::with_interest(self.0.as_fd(), Interest::READABLE)?;
        let mut pace = Pace::new();
        loop {
            let mut ready = queue.readable().await?;
            read_all(&self.0, &mut pace)?;
            ready.clear_ready();
            if let Some(rest) = pace.rest() {
                time::sleep(rest).await;
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let inotify = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("inotify".to_owned());
        let drain = move || {
            let mut pace = Pace::new();
            loop {
                let mut queue = [PollFd::new(&*inotify, PollFlags::IN)];
                let read = match poll(&mut queue, None) {
                    Ok(_) | Err(Errno::INTR) => read_all(&inotify, &mut pace),
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = read {
                    return no_longer_watching(&error);
                }
                if let Some(rest) = pace.rest() {
                    thread::sleep(rest);
                }
            }
        };
        if let Err(error) = thread.spawn(drain) {
            no_longer_watching(&error);
        }
    }
}

fn no_longer_watching(error: &io::Error) {
    tracing::error!("no longer watching, only scanning: {error}");
}

/// Reads all that is in the kernel's queue.
fn read_all(inotify: &OwnedFd, pace: &mut Pace) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut reader = Reader::new(inotify, &mut buffer);
    loop {
        match reader.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => table().lost(),
            Ok(event) if event.events().contains(ReadFlags::IGNORED) => table().ended(event.wd()),
            Ok(event) => table().note(&event),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        pace.n_read += 1;
    }
}

/// How fast events come. Whoever waits for them is woken by each, which costs more than all
/// else about it: so in a flood, the host's own answers among it, nobody waits.
struct Pace {
    since: Instant,
    n_read: u32,
}

impl Pace {
    const WINDOW: Duration = Duration::from_millis(1);
    const FLOOD: u32 = 16;
    const REST: Duration = Duration::from_micros(500);

    fn new() -> Self {
        Self {
            since: Instant::now(),
            n_read: 0,
        }
    }

    /// Returns how long nobody is to look for events.
    fn rest(&mut self) -> Option<Duration> {
        let (is_over, is_flood) = (
            self.since.elapsed() >= Self::WINDOW,
            self.n_read >= Self::FLOOD,
        );
        if is_over || is_flood {
            *self = Self::new();
        }
        is_flood.then_some(Self::REST)
    }
}
