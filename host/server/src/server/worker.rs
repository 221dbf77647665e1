//! Workers, which carry out what the inbox decides.
//!
//! A worker is a task that carries out one action after the other and fetches each from the
//! dispatcher itself: no request costs a message, a task or a wake-up. Files are read and written
//! right in it, since they are small and handing each to another thread costs more. Every action
//! ends with one note to the dispatcher, even if it panics, and has let go of the app by then.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use syft_protocol::address::Address;
use syft_protocol::inbox::{Action, Closed, Loaded, Stamp, Version};
use tokio::task;
use tracing::Instrument;

use super::dispatch::{Finished, HeldResources};
use super::job::RequestJob;
use super::load::{Opened, load, open};
use super::{ServerShared, now};
use crate::suspension::{self, CRASHES_BEFORE_ALONE};
use crate::tree::Tree;

/// Actions after which a worker lets others have their turn.
const IN_A_ROW: u32 = 8;

/// Starts as many workers as there is work for, up to their bound.
pub(super) fn start_workers(shared: &Arc<ServerShared>) {
    while let Some(action) = shared.dispatcher().start_worker(now()) {
        tokio::spawn(work(Arc::clone(shared), action).in_current_span());
    }
}

/// Carries out one action after the other, until there is none.
async fn work(shared: Arc<ServerShared>, first: Action) {
    let (mut next, mut n_done) = (Some(first), 0_u32);
    while let Some(action) = next {
        // The action is consumed by carrying it out, so what is noted if that panics is made
        // before.
        let (mut crashed, mut has_waited) = (Some(crashed(&action)), false);
        let mut action = pin!(perform(&shared, action));
        // Each poll is looked at by itself, for two reasons: a panic of one request must not
        // end the worker without a note, or the inbox would count the request as at work for
        // ever; and the first `Pending` is the moment from which this task keeps no processor
        // busy.
        let done = poll_fn(|context| {
            let poll = AssertUnwindSafe(|| action.as_mut().poll(context));
            let panicked = |_| Poll::Ready(crashed.take().expect("it ends once"));
            let poll = catch_unwind(poll).unwrap_or_else(panicked);
            if poll.is_pending() && !std::mem::replace(&mut has_waited, true) {
                // A waiting task does not count as a worker, so that as many are at work as
                // there are processors: another one takes its place.
                shared.dispatcher().park_worker();
                start_workers(&shared);
            }
            poll
        });
        let done = done.await;
        // One that has waited is a worker again only if the others leave room for it.
        next = shared.note(done, |dispatcher, now| {
            if has_waited {
                dispatcher.start_worker(now)
            } else {
                dispatcher.next(now)
            }
        });
        n_done += 1;
        // In a flood nothing here ever waits, and the tasks of the server would starve.
        if n_done.is_multiple_of(IN_A_ROW) {
            task::yield_now().await;
        }
    }
    // For what comes next, and not before all is done that has come.
    shared.app.make_ready().await;
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
        // It was answered before, so it is not to run again.
        Action::GiveAgain(address, _) => Finished::Closed(address.clone(), Closed::Answered),
    }
}

async fn perform(shared: &Arc<ServerShared>, action: Action) -> Finished {
    let tree = shared.dispatcher().tree();
    let job = |address: Address, version: Version| RequestJob {
        shared,
        tree: Arc::clone(&tree),
        address,
        version,
    };
    match action {
        Action::Load(address, known) => begin(shared, &tree, address, known).await,
        Action::Find(address, known) => {
            let loaded = match open(shared, &tree, &address, known) {
                Ok(Opened::Unanswered(file)) => Loaded::Unread(file.stamp()),
                Ok(Opened::BesideAnswer(_)) => Loaded::Answered(None),
                Err(loaded) => loaded,
            };
            Finished::Loaded(address, loaded, None)
        }
        Action::Run(address, version, request, sender) => {
            let job = job(address, version);
            let closed = job.run(*request, sender).await;
            Finished::Closed(job.address, closed)
        }
        Action::Refuse(address, version, refusal, request) => {
            let job = job(address, version);
            let closed = job.refuse(&refusal, request.as_deref()).await;
            Finished::Closed(job.address, closed)
        }
        Action::GiveAgain(address, version) => {
            let job = job(address, version);
            let closed = job.give_again().await;
            Finished::Closed(job.address, closed)
        }
    }
}

/// Reads a request whose turn it is. From now on the journal names it, in case the host crashes.
async fn begin(
    shared: &ServerShared,
    tree: &Tree,
    address: Address,
    known: Option<Stamp>,
) -> Finished {
    // Waiting to be alone comes before the entry: the journal names only what has its turn.
    let alone = match shared.journal.crashes(&address) {
        ..CRASHES_BEFORE_ALONE => None,
        _ => Some(suspension::alone().await),
    };
    let entry = shared.journal.request(&address);
    let (loaded, memory) = load(shared, tree, &address, known).await;
    let held = HeldResources {
        entry,
        _alone: alone,
        _memory: memory,
    };
    Finished::Loaded(address, loaded, Some(Box::new(held)))
}
