//! Carries out what the inbox decided.
//!
//! Workers do, one action after the other, and each takes the next one by itself. One that
//! has to wait for something is a worker no more until that is over, and another is hired.
//! Files are read and written right in it: they are small, and handing each to another
//! thread costs more than it. Every action ends with one note to the dispatcher, even where it
//! panics, and has let go of the app by then.

use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use syft_protocol::address::{Address, Sender};
use syft_protocol::inbox::{Action, Closed, Loaded, Refusal, Stamp, Version};
use syft_protocol::message::Request;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task;
use tracing::Instrument;

use super::dispatch::{Finished, HeldResources};
use super::{Shared, now};
use crate::app::{Called, Ran};
use crate::durability::Durability;
use crate::failpoint::{self, Step};
use crate::memory::Room;
use crate::reply::{Conclusion, Heading};
use crate::suspension::{self, CRASHES_BEFORE_ALONE};
use crate::tree::{Opened, RequestFile, Tree, Written};

/// Requests that take no permit for their memory.
const SMALL_BYTES: u64 = 64 << 10;

/// Actions after which a worker lets others have their turn.
const IN_A_ROW: u32 = 8;

/// Has workers see to what is to be done, as far as they do not already.
pub(super) fn start_workers(shared: &Arc<Shared>) {
    while let Some(action) = shared.dispatcher().start_worker(now()) {
        tokio::spawn(work(Arc::clone(shared), action).in_current_span());
    }
}

/// Carries out one action after the other, until there is none.
async fn work(shared: Arc<Shared>, first: Action) {
    let (mut next, mut n_done) = (Some(first), 0_u32);
    while let Some(action) = next {
        let (mut crashed, mut has_waited) = (Some(crashed(&action)), false);
        let mut action = pin!(perform(&shared, action));
        let done = poll_fn(|context| {
            let poll = AssertUnwindSafe(|| action.as_mut().poll(context));
            let panicked = |_| Poll::Ready(crashed.take().expect("it ends once"));
            let poll = catch_unwind(poll).unwrap_or_else(panicked);
            if poll.is_pending() && !std::mem::replace(&mut has_waited, true) {
                shared.dispatcher().park_worker();
                start_workers(&shared);
            }
            poll
        });
        let done = done.await;
        next = shared.note(done, |dispatcher, now| match has_waited {
            true => dispatcher.start_worker(now),
            false => dispatcher.next(now),
        });
        n_done += 1;
        if n_done.is_multiple_of(IN_A_ROW) {
            task::yield_now().await;
        }
    }
}

/// Returns what is noted of an action that panics.
fn crashed(action: &Action) -> Finished {
    match action {
        Action::Load(address, _) | Action::Find(address, _) => {
            Finished::Loaded(address.clone(), Loaded::Crashed, None)
        }
        Action::Run(address, ..) | Action::Refuse(address, ..) => {
            Finished::Closed(address.clone(), Closed::Crashed)
        }
        // It was answered, whatever comes of this.
        Action::GiveAgain(address, _) => Finished::Closed(address.clone(), Closed::Answered),
    }
}

async fn perform(shared: &Arc<Shared>, action: Action) -> Finished {
    let tree = shared.dispatcher().tree();
    match action {
        Action::Load(address, known) => {
            // At work are those only that have their turn.
            let alone = match shared.journal.crashes(&address) {
                ..CRASHES_BEFORE_ALONE => None,
                _ => Some(suspension::alone().await),
            };
            let entry = shared.journal.request(&address);
            let (loaded, memory) = load(shared, &tree, &address, known).await;
            let held = HeldResources {
                entry,
                _alone: alone,
                _memory: memory,
            };
            Finished::Loaded(address, loaded, Some(Box::new(held)))
        }
        Action::Find(address, known) => {
            let loaded = match open(&tree, &address, known) {
                Ok(file) => Loaded::Unread(file.stamp()),
                Err(loaded) => loaded,
            };
            Finished::Loaded(address, loaded, None)
        }
        Action::Run(address, version, request, sender) => {
            let closed = run(shared, &tree, &address, version, *request, sender).await;
            Finished::Closed(address, closed)
        }
        Action::Refuse(address, version, refusal, request) => {
            let request = request.as_deref();
            let closed = refuse(shared, &tree, &address, version, &refusal, request).await;
            Finished::Closed(address, closed)
        }
        Action::GiveAgain(address, version) => {
            let closed = give_again(shared, &tree, &address, version).await;
            Finished::Closed(address, closed)
        }
    }
}

async fn load(
    shared: &Shared,
    tree: &Tree,
    address: &Address,
    known: Option<Stamp>,
) -> (Loaded, Option<(OwnedSemaphorePermit, Room)>) {
    let file = match open(tree, address, known) {
        Ok(file) => file,
        Err(loaded) => return (loaded, None),
    };
    let (stamp, limit) = (file.stamp(), shared.app.limits().request_bytes);
    let bytes = stamp.bytes;
    if bytes > limit {
        let too_large = Loaded::TooLarge {
            stamp,
            bytes,
            limit,
        };
        return (too_large, None);
    }
    let mut permit = Arc::clone(&shared.loaded)
        .acquire_many_owned(permits(bytes))
        .await
        .expect("the semaphore is never closed");
    // The file and what is made of it are in memory together for a moment.
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
    let memory = shared.app.request_memory();
    let mut room = memory.reserve(wanted.saturating_mul(2)).await;
    let loaded = read(shared, address, file);
    // Most of a file may be nothing that is kept, such as spaces.
    let kept = kept_bytes(&loaded);
    let surplus = permit.num_permits().saturating_sub(permits(kept) as usize);
    drop(permit.split(surplus));
    room.shrink_to(usize::try_from(kept).unwrap_or(usize::MAX));
    (loaded, Some((permit, room)))
}

/// Opens a request that is to be handled, or returns why there is none.
#[expect(
    clippy::result_large_err,
    reason = "it is handed on at once, and boxed by nobody"
)]
fn open(tree: &Tree, address: &Address, known: Option<Stamp>) -> Result<RequestFile, Loaded> {
    match tree.open_unserved(address, known) {
        Ok(Opened::Absent) => Err(Loaded::Absent),
        Ok(Opened::Answered) => Err(Loaded::Answered),
        Ok(Opened::File(file)) if Some(file.stamp()) == known => Err(Loaded::AnswerGone),
        Ok(Opened::File(file)) => Ok(file),
        Err(error) => {
            tracing::warn!(%address, "cannot open a request: {error}");
            Err(Loaded::Unreadable)
        }
    }
}

/// Returns one permit for each KiB of a request that is no small one. So many small ones
/// as may be at work are no burden, and wait for nobody's large ones.
fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.saturating_sub(SMALL_BYTES) >> 10).unwrap_or(u32::MAX)
}

fn kept_bytes(loaded: &Loaded) -> u64 {
    match loaded {
        Loaded::File(_, Ok(request)) | Loaded::Refused(_, _, request) => {
            let headers: usize = request
                .headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            let body = request.body.as_ref().map_or(0, Vec::len);
            (body + headers + request.url.as_str().len() + request.sender.len()) as u64
        }
        _ => 0,
    }
}

fn read(shared: &Shared, address: &Address, file: RequestFile) -> Loaded {
    match file.read() {
        Ok(bytes) => {
            failpoint::reach(Step::AfterRead, address.id().stem());
            let request = Request::from_json(&bytes, now().wall).map(Box::new);
            let version = file.version(&bytes);
            match request {
                Ok(request) if shared.app.is_misdirected(&request) => {
                    let here = shared.replier.url(address.endpoint()).as_str().to_owned();
                    Loaded::Refused(version, Refusal::MisdirectedTo(here), request)
                }
                request => Loaded::File(version, request),
            }
        }
        Err(error) => {
            tracing::warn!(%address, "cannot read a request: {error}");
            Loaded::Unreadable
        }
    }
}

async fn run(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    request: Request,
    sender: Sender,
) -> Closed {
    // Events have some of the slots; they are taken in the order of asking.
    let _slot = shared.slots.acquire().await;
    let unclaimed = shared.unclaimed().take(address, &version);
    if let Some(answer) = unclaimed {
        tracing::info!(%address, "it has run already: its answer is given now");
        return publish(shared, tree, address, version, answer).await;
    }
    let start = Instant::now();
    let heading = shared.replier.heading(address, Some(&request), now().wall);
    let email = sender.email.clone();
    let proof = sender.proof.as_str();
    let conclude = |outcome| (shared.replier).conclude(address, &heading, outcome, now().wall);
    let called = shared
        .app
        .call(address, version, sender, request, conclude)
        .await;
    let ran = match called {
        Ok(Called::Concluded(ran)) => ran,
        Ok(Called::Before(answer)) => {
            tracing::info!(%address, "it has run already: its answer is given now");
            return publish(shared, tree, address, version, Arc::new(answer)).await;
        }
        Ok(Called::Reused) => {
            let refusal = Refusal::Reused;
            return refuse_as(shared, tree, address, version, &refusal, &heading).await;
        }
        Err(error) => return try_later(address, &error),
    };
    let Ran {
        conclusion,
        _memory,
        ..
    } = ran;
    let Conclusion {
        name,
        detail,
        reply,
        ..
    } = conclusion;
    let status = reply.status.code();
    let closed = publish(shared, tree, address, version, Arc::new(reply.json)).await;
    let (endpoint, id) = (address.endpoint(), address.id());
    let ms = start.elapsed().as_secs_f64() * 1e3;
    match detail {
        None => tracing::info!(%endpoint, %id, sender = email, proof, status, ms, "{name}"),
        // The caller's mistake, and the caller was told.
        Some(detail) if status < 500 => {
            tracing::info!(%endpoint, %id, sender = email, proof, status, ms, detail, "{name}");
        }
        Some(detail) => {
            tracing::warn!(%endpoint, %id, sender = email, proof, status, ms, detail, "{name}");
        }
    }
    closed
}

fn try_later(address: &Address, error: &impl Display) -> Closed {
    tracing::error!(%address, "trying again later: {error}");
    Closed::Failed
}

/// Writes the answer of a call, which may have been kept until then. One that finds no
/// request is kept for it: it may only have been moved away, or be about to be written
/// again.
async fn publish(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    answer: Arc<Vec<u8>>,
) -> Closed {
    let closed = write(shared, tree, address, version, Arc::clone(&answer)).await;
    if closed != Closed::Failed {
        shared.app.published(address);
    }
    if closed == Closed::Gone {
        shared.unclaimed().keep(address, version, answer);
    }
    closed
}

async fn refuse(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    refusal: &Refusal,
    request: Option<&Request>,
) -> Closed {
    // One that has run has not expired before it could.
    if let (Refusal::Expired, Some(request)) = (refusal, request) {
        let unclaimed = shared.unclaimed().take(address, &version);
        if let Some(answer) = unclaimed {
            return publish(shared, tree, address, version, answer).await;
        }
        match shared.app.answer_before(address, version, request).await {
            Ok(Some(answer)) => {
                return publish(shared, tree, address, version, Arc::new(answer)).await;
            }
            Ok(None) => {}
            Err(error) => return try_later(address, &error),
        }
    }
    let heading = shared.replier.heading(address, request, now().wall);
    refuse_as(shared, tree, address, version, refusal, &heading).await
}

async fn refuse_as(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    refusal: &Refusal,
    heading: &Heading,
) -> Closed {
    let reply = shared
        .replier
        .refusal(address, heading, refusal, now().wall);
    let (endpoint, id, status) = (address.endpoint(), address.id(), reply.status.code());
    let closed = write(shared, tree, address, version, Arc::new(reply.json)).await;
    tracing::warn!(%endpoint, %id, status, ?refusal, "refused");
    closed
}

/// Writes an answer once more that is gone from beside its request, if it was kept and
/// somebody may still wait for it.
async fn give_again(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
) -> Closed {
    let Some(answer) = answer_before(shared, tree, address, version).await else {
        tracing::debug!(%address, "its answer is gone, and was not kept");
        return Closed::Answered;
    };
    match write(shared, tree, address, version, answer).await {
        Closed::Gone => Closed::Gone,
        closed => {
            if closed == Closed::Answered {
                tracing::info!(%address, "its answer was gone, and is given again");
            }
            // It was answered before, and is not to run again.
            Closed::Answered
        }
    }
}

/// Returns the answer that a request got, if it was kept and the request has not expired.
async fn answer_before(
    shared: &Shared,
    tree: &Tree,
    address: &Address,
    version: Version,
) -> Option<Arc<Vec<u8>>> {
    let Ok(Opened::File(file)) = tree.open_any_request(address) else {
        return None;
    };
    if file.stamp() != version.stamp {
        return None;
    }
    if let Ok(request) = Request::from_json(&file.read().ok()?, now().wall) {
        if request.expires <= now().wall {
            return None;
        }
        match shared.app.answer_before(address, version, &request).await {
            Ok(Some(answer)) => return Some(Arc::new(answer)),
            Ok(None) => {}
            Err(error) => tracing::warn!(%address, "cannot look for its answer: {error}"),
        }
    }
    shared.given().get(address)
}

async fn write(
    shared: &Shared,
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    answer: Arc<Vec<u8>>,
) -> Closed {
    let written = match shared.durability {
        Durability::Strict => write_forced(tree, address, version, Arc::clone(&answer)).await,
        Durability::None | Durability::Batched => tree.answer(address, &version, &answer, false),
    };
    match written {
        Ok(Written::Beside) => {
            shared.given().keep(Instant::now(), address, answer);
            Closed::Answered
        }
        Ok(Written::Gone) => {
            tracing::debug!(%address, "the request is gone, its answer is dropped");
            Closed::Gone
        }
        Err(error) => {
            tracing::error!(%address, "cannot write an answer, trying again later: {error}");
            Closed::Failed
        }
    }
}

/// Writes an answer where waiting for the disk keeps nobody waiting.
async fn write_forced(
    tree: &Arc<Tree>,
    address: &Address,
    version: Version,
    answer: Arc<Vec<u8>>,
) -> io::Result<Written> {
    let (tree, address) = (Arc::clone(tree), address.clone());
    let write = move || tree.answer(&address, &version, &answer, true);
    let written = tokio::task::spawn_blocking(write).await;
    written.unwrap_or_else(|error| Err(io::Error::other(error)))
}
