//! A number of bytes that apps share: who holds least is served first, and nobody gets so
//! much that nothing is left for the others.
//!
//! Why: docs/decisions/19-one-meter-for-all-a-call-takes.md

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

/// An app may hold this many times what is left for all others: the rule by which switches
/// share their buffers (dynamic thresholds). One app alone gets eight ninths, and there is
/// always something for one that holds nothing yet.
const THRESHOLD: usize = 8;

/// The bytes of all apps.
#[derive(Clone)]
pub struct MemoryPool(Arc<Inner>);

struct Inner {
    total: usize,
    n_apps: AtomicU64,
    books: Mutex<Books>,
    /// Tells those who hold some that they can do without.
    wanted: Notify,
}

struct Books {
    total: usize,
    used: usize,
    /// What each app holds that holds something.
    held: HashMap<u64, usize>,
    /// Those who wait, in the order in which they came.
    line: Vec<Waiting>,
}

struct Waiting {
    share: Share,
    bytes: usize,
    ready: oneshot::Sender<Room>,
}

/// The part of one app, which has no size of its own.
#[derive(Clone, Debug)]
pub struct Share {
    pool: MemoryPool,
    app: u64,
}

/// Bytes that were set aside, until this is dropped.
pub struct Room {
    share: Share,
    bytes: usize,
}

impl fmt::Debug for MemoryPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("MemoryPool");
        shown.field("total", &self.0.total).finish_non_exhaustive()
    }
}

impl MemoryPool {
    pub(crate) fn new(total: usize) -> Self {
        let books = Books {
            total,
            used: 0,
            held: HashMap::new(),
            line: Vec::new(),
        };
        Self(Arc::new(Inner {
            total,
            n_apps: AtomicU64::new(0),
            books: Mutex::new(books),
            wanted: Notify::new(),
        }))
    }

    pub(crate) fn total(&self) -> usize {
        self.0.total
    }

    /// Returns the part of another app.
    pub(crate) fn share(&self) -> Share {
        Share {
            pool: self.clone(),
            app: self.0.n_apps.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        (self.0.books.lock()).expect("no holder of this lock panics")
    }

    /// Gives those who wait what there is for them.
    fn serve(&self) {
        let served = self.books().serve();
        for (ready, room) in served {
            // Who waits no more gives it back by dropping it.
            drop(ready.send(room));
        }
    }
}

impl Share {
    /// Waits until so many bytes can be set aside. More than there are is all there is.
    pub async fn reserve(&self, bytes: usize) -> Room {
        let bytes = bytes.min(self.pool.total());
        let ready = {
            let mut books = self.pool.books();
            if books.line.is_empty() && books.take(self.app, bytes) {
                return self.room(bytes);
            }
            if books.line.is_empty() {
                tracing::debug!("the memory of all apps together is used up: calls wait");
            }
            let (ready, room) = oneshot::channel();
            books.line.push(Waiting {
                share: self.clone(),
                bytes,
                ready,
            });
            room
        };
        self.pool.0.wanted.notify_waiters();
        // It may be the one to whom what is left belongs.
        self.pool.serve();
        ready.await.expect("nobody leaves the line unserved")
    }

    /// Sets bytes aside, if they can be had at once and nobody waits.
    #[cfg(test)]
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Room> {
        let mut books = self.pool.books();
        let is_taken = books.line.is_empty() && books.take(self.app, bytes);
        drop(books);
        is_taken.then(|| self.room(bytes))
    }

    /// Sets nothing aside yet.
    pub(crate) fn nothing(&self) -> Room {
        self.room(0)
    }

    /// Waits until somebody gets less than was asked for.
    pub(crate) async fn wanted(&self) {
        self.pool.0.wanted.notified().await;
    }

    fn room(&self, bytes: usize) -> Room {
        Room {
            share: self.clone(),
            bytes,
        }
    }
}

impl Room {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets more aside, if that can be had at once.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let has_grown = self.share.pool.books().take(self.share.app, bytes);
        if has_grown {
            self.bytes += bytes;
        } else {
            self.share.pool.0.wanted.notify_waiters();
        }
        has_grown
    }

    /// Gives back all but so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        if surplus > 0 {
            self.bytes -= surplus;
            self.give_back(surplus);
        }
    }

    fn give_back(&self, bytes: usize) {
        let mut books = self.share.pool.books();
        books.give_back(self.share.app, bytes);
        if books.line.is_empty() {
            return;
        }
        drop(books);
        self.share.pool.serve();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

impl Books {
    fn held(&self, app: u64) -> usize {
        self.held.get(&app).copied().unwrap_or(0)
    }

    /// Takes bytes for an app, if it may have them; else it changes nothing.
    fn take(&mut self, app: u64, bytes: usize) -> bool {
        let free = self.total - self.used;
        let Some(left) = free.checked_sub(bytes) else {
            return false;
        };
        let held = self.held(app);
        // What fits is enough for who has nothing.
        if held > 0 && held + bytes > left.saturating_mul(THRESHOLD) {
            return false;
        }
        self.used += bytes;
        if bytes > 0 {
            self.held.insert(app, held + bytes);
        }
        true
    }

    fn give_back(&mut self, app: u64, bytes: usize) {
        let left = self.held(app) - bytes;
        self.used -= bytes;
        match left {
            0 => self.held.remove(&app),
            left => self.held.insert(app, left),
        };
    }

    /// Takes those out of the line whose turn it is, with what they wait for. Who holds
    /// least is next. Nobody goes before the next one, so that what is given back adds up
    /// to what it waits for, however much that is.
    fn serve(&mut self) -> Vec<(oneshot::Sender<Room>, Room)> {
        self.line.retain(|waiting| !waiting.ready.is_closed());
        let mut served = Vec::new();
        loop {
            let places = self.line.iter().enumerate();
            let next = places.min_by_key(|(place, waiting)| (self.held(waiting.share.app), *place));
            let Some((place, next)) = next else {
                return served;
            };
            let (app, bytes) = (next.share.app, next.bytes);
            if !self.take(app, bytes) {
                return served;
            }
            let Waiting { share, ready, .. } = self.line.remove(place);
            served.push((ready, share.room(bytes)));
        }
    }
}

#[cfg(test)]
mod tests;
