//! `syft:app/messages`: requests to other apps, to where the owner allowed.
//!
//! Each message is decided by where it goes. Those that nobody waits for are handed to the
//! session of the call when it ends; the others go to the courier of the app at once.
//!
//! Why: docs/decisions/83-a-guest-sends-as-its-owner.md

mod courier;
mod elsewhere;
mod guard;
mod interface;
mod outgoing;
mod policy;
mod recorded;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use syft_manifest::{Grants, Limits};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::outbox::{OutgoingMessage, Receiver};
use uuid::Uuid;
use wasmtime::component::{HasData, Linker};

use super::{AppIdentity, CallLabel};
use crate::meter::{Charge, Meter, Part};
use crate::recording::Recorder;
use crate::state::Session;
use crate::wit::messages;
pub use courier::{CourierHandle, Receive, ReceiveError, Received, Until};
pub(crate) use guard::MessageGuard;
use policy::MessagePolicy;

/// To where an app may send messages, and who carries them: nowhere, as long as nothing was
/// granted, and nobody.
#[derive(Clone, Default)]
pub struct MessageAccess {
    policy: Arc<MessagePolicy>,
    courier: Arc<OnceLock<CourierHandle>>,
}

impl MessageAccess {
    /// Returns what grants allow.
    pub fn new(grants: &Grants, datasite: &Datasite, app: &AppName) -> Self {
        Self {
            policy: Arc::new(MessagePolicy::new(grants, datasite, app)),
            courier: Arc::default(),
        }
    }

    /// Has what calls wait for handed in here. The first one stays.
    pub fn connect(&self, courier: CourierHandle) {
        self.courier.get_or_init(|| courier);
    }

    /// Returns what one call may send.
    pub(super) fn for_call(&self, label: &CallLabel, recorder: Option<&Recorder>) -> MessageGuard {
        let (policy, courier) = (Arc::clone(&self.policy), self.courier.get().cloned());
        MessageGuard::new(policy, courier, label, recorder)
    }
}

/// What one call has of messages.
pub(crate) struct MessagesCtx {
    guard: MessageGuard,
    identity: AppIdentity,
    /// From which the ids of its messages follow.
    key: Arc<str>,
    deadline: Instant,
    limits: Limits,
    meter: Meter,
    n_sent: usize,
    /// How often it sent the same, by the id of the first of these.
    n_equal: HashMap<Uuid, u32>,
    /// What leaves when the call ends well.
    queue: Vec<Queued>,
    /// What is on its way to the guest. It may have arrived by now.
    passing: Charge,
}

/// A message that did not leave.
struct Queued {
    receiver: Receiver,
    message: OutgoingMessage,
    charge: Charge,
}

impl MessagesCtx {
    /// Returns what a call has that may send so much.
    pub(crate) fn new(
        guard: MessageGuard,
        identity: &AppIdentity,
        key: &Arc<str>,
        deadline: Instant,
        limits: &Limits,
        meter: &Meter,
    ) -> Self {
        Self {
            guard,
            identity: identity.clone(),
            key: Arc::clone(key),
            deadline,
            limits: limits.clone(),
            meter: meter.clone(),
            n_sent: 0,
            n_equal: HashMap::new(),
            queue: Vec::new(),
            passing: meter.nothing(Part::Held),
        }
    }

    /// Returns the messages that leave if the call has ended well.
    pub(crate) fn take_queued(&mut self) -> Vec<OutgoingMessage> {
        let queue = std::mem::take(&mut self.queue);
        queue.into_iter().map(|queued| queued.message).collect()
    }
}

/// All that the operations can reach.
pub(crate) struct MessagesView<'a> {
    pub(crate) ctx: &'a mut MessagesCtx,
    /// Which knows for how many messages there is room.
    pub(crate) session: &'a mut Session,
}

struct Messages;

impl HasData for Messages {
    type Data<'a> = MessagesView<'a>;
}

/// Links the operations, each of which gets this view of a call.
pub(crate) fn add_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> MessagesView<'_>,
) -> wasmtime::Result<()> {
    messages::add_to_linker::<T, Messages>(linker, view)
}
