//! Requests that one app of this process hands to another, without a file in the tree.
//!
//! The app that is called answers them as all others: they wait in its inbox, take turns with
//! those of other senders, and have the same journal, kept answers, log and limits. Only where
//! they are read and where their answers go differs.
//!
//! Why: docs/decisions/82-messages-are-effects-of-a-transaction.md

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::address::{Address, AppName, Datasite, Endpoint};
use syft_protocol::outbox::Receiver;
use tokio::sync::{mpsc, oneshot};

use crate::app::App;

/// The apps of this process. Copies know the same.
#[derive(Clone, Default)]
pub struct LocalApps(Arc<Apps>);

#[derive(Default)]
struct Apps {
    doors: Mutex<HashMap<(Datasite, AppName), Door>>,
    last_number: AtomicU64,
}

/// The way to one app.
struct Door {
    number: u64,
    app: Arc<App>,
    requests: mpsc::UnboundedSender<LocalRequest>,
}

/// Returns a request as a file would hold it; nothing where it is over.
pub(crate) type ReadRequest = Box<dyn Fn() -> Option<Vec<u8>> + Send + Sync>;

/// A request that is handed over. What it says is read when its turn comes, so that it takes no
/// memory as long as it waits.
pub(crate) struct LocalRequest {
    pub(crate) address: Address,
    /// About the bytes of what is read.
    pub(crate) n_bytes: u64,
    pub(crate) read: ReadRequest,
    pub(crate) answer: oneshot::Sender<Arc<Vec<u8>>>,
}

/// An app that can be handed requests, until this is dropped.
pub(crate) struct OpenDoor {
    apps: LocalApps,
    name: (Datasite, AppName),
    number: u64,
    requests: mpsc::UnboundedReceiver<LocalRequest>,
}

impl LocalApps {
    /// Has requests to an app come here. A later release of it takes the place of an earlier.
    pub(crate) fn open(&self, app: &Arc<App>) -> OpenDoor {
        let number = self.0.last_number.fetch_add(1, Ordering::Relaxed);
        let name = (app.datasite().clone(), app.name().clone());
        let (sender, requests) = mpsc::unbounded_channel();
        let door = Door {
            number,
            app: Arc::clone(app),
            requests: sender,
        };
        self.doors().insert(name.clone(), door);
        OpenDoor {
            apps: self.clone(),
            name,
            number,
            requests,
        }
    }

    /// Hands a request over, if the endpoint is one of an app of this process.
    pub(crate) fn hand_over(&self, receiver: &Receiver, request: LocalRequest) -> bool {
        let name = (receiver.datasite.clone(), receiver.app.clone());
        let doors = self.doors();
        let door = doors.get(&name).filter(|door| door.has(&receiver.endpoint));
        door.is_some_and(|door| door.requests.send(request).is_ok())
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<(Datasite, AppName), Door>> {
        self.0.doors.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for LocalApps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalApps").finish_non_exhaustive()
    }
}

impl Door {
    fn has(&self, endpoint: &Endpoint) -> bool {
        self.app.router().route(endpoint).is_some()
    }
}

impl OpenDoor {
    /// Returns the next request that is handed over.
    pub(crate) async fn next(&mut self) -> Option<LocalRequest> {
        self.requests.recv().await
    }
}

impl Drop for OpenDoor {
    fn drop(&mut self) {
        let mut doors = self.apps.doors();
        if doors
            .get(&self.name)
            .is_some_and(|door| door.number == self.number)
        {
            doors.remove(&self.name);
        }
    }
}
