//! The owner's end of a call that a worker runs.

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::capability::{AppAccess, AppIdentity};
use crate::memory::AppMemory;
use crate::sandbox::Outcome;
use crate::state::Session;
use crate::wire::{CallEnd, HandedCall, HostCall, HostReply, Work};

/// What begins when a worker claims a call.
#[derive(Debug)]
pub struct PreparedOwner {}

/// What the owner's host has for a call that a worker runs.
#[derive(Debug)]
pub struct OwnerSide {}

/// A worker broke a rule. Nothing that it says of the call counts any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the worker broke a rule: {0}")]
pub struct Broken(pub String);

impl PreparedOwner {
    /// Returns what is to begin for a piece of work with this state.
    pub fn new(
        identity: &AppIdentity,
        access: &Arc<AppAccess>,
        memory: &AppMemory,
        limits: &syft_manifest::Limits,
        takes_replies: bool,
        state: Session,
        work: Work,
        component: syft_manifest::Digest,
    ) -> Self {
        todo!()
    }

    /// Begins: the time of the call runs from now on. Returns also what the worker gets.
    pub fn begin(self) -> (HandedCall, OwnerSide) {
        todo!()
    }
}

impl OwnerSide {
    /// Answers what the worker asks. What has to happen in the order in which it was asked happens
    /// before this returns; the reply may take as long as the call, and others need not wait for it.
    pub fn host_call(&self, call: HostCall) -> impl Future<Output = HostReply> + Send + 'static {
        async { todo!() }
    }

    /// Returns the most bytes of one host call, and of the end, as they are written.
    pub fn most_bytes(&self) -> (usize, usize) {
        todo!()
    }

    /// Returns when the call has to have ended, with the time that words take on their way. After
    /// that nothing is answered; `time_out` ends it.
    pub fn deadline(&self) -> Instant {
        todo!()
    }

    /// Returns the rule that the worker has broken, if it has.
    pub fn broken(&self) -> Option<Broken> {
        todo!()
    }

    /// Judges the end. Returns the outcome and the state as the call left it, as
    /// `Program::call` does.
    ///
    /// # Errors
    /// The worker broke a rule: nothing of the call is kept. It may be given out again.
    pub async fn end(self, end: CallEnd) -> Result<(Outcome, Session), (Broken, PreparedOwner)> {
        todo!()
    }

    /// Ends it as one that took too long.
    pub async fn time_out(self) -> (Outcome, Session) {
        todo!()
    }

    /// Ends it without an outcome, since its worker was lost. It can be given out again.
    pub async fn give_back(self) -> PreparedOwner {
        todo!()
    }
}
