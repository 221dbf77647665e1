//! What a call may send: the policy, who carries it, and the log of what was refused.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::courier::CourierHandle;
use super::policy::{MessagePolicy, SendDenied, hint};
use crate::capability::{CallLabel, CallSpan, SpanOf};
use crate::recording::Recorder;
use crate::wire::OwnerLink;

/// What of one call is logged. A guest that goes on is known by then.
const MAX_LOGGED: usize = 32;

/// The messages of one call.
pub(crate) struct MessageGuard {
    policy: Arc<MessagePolicy>,
    pub(super) courier: Option<CourierHandle>,
    pub(super) recorder: Option<Recorder>,
    /// Whose host decides and sends, where that is elsewhere.
    pub(super) owner: Option<OwnerLink>,
    /// The app has handlers that can be told what becomes of a message.
    pub(crate) takes_replies: bool,
    label: CallLabel,
    refused: Mutex<HashSet<String>>,
    /// Apart from these, so that what is allowed hides nothing that is not.
    granted: Mutex<HashSet<String>>,
}

impl MessageGuard {
    pub(super) fn new(
        policy: Arc<MessagePolicy>,
        courier: Option<CourierHandle>,
        label: &CallLabel,
        recorder: Option<&Recorder>,
    ) -> Self {
        Self {
            policy,
            courier,
            recorder: recorder.cloned(),
            owner: None,
            takes_replies: false,
            label: label.clone(),
            refused: Mutex::default(),
            granted: Mutex::default(),
        }
    }

    /// Has the host of the owner decide and send.
    pub(crate) fn through(self, owner: OwnerLink) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    /// Decides about a message by the path of its endpoint's folder. One that is refused is
    /// logged, and its text says what would allow it.
    pub(super) fn decide(&self, path: &str) -> Result<(), String> {
        match self.policy.decide(path) {
            Ok(()) => {
                self.log_granted(path);
                Ok(())
            }
            Err(denied) => Err(self.refused(path, denied)),
        }
    }

    fn refused(&self, path: &str, denied: SendDenied) -> String {
        let hint = hint(path, denied, self.label.advice);
        if is_first(&self.refused, path) {
            let (app, endpoint, request) = self.label.fields();
            tracing::warn!(
                name: "denied_message", app, endpoint, request, access = "send", path, hint,
                "message refused"
            );
        }
        format!("this app may not send to {path}: {hint}")
    }

    /// Says to where a message was allowed, for who looks at what apps do.
    fn log_granted(&self, path: &str) {
        if is_first(&self.granted, path) {
            let (app, _, request) = self.label.fields();
            tracing::debug!(
                name: "touched_message", target: "syft_runtime::touched", app, request,
                access = "send", path, "message allowed"
            );
        }
    }

    /// Says in the log that a message is not sent for a limit.
    pub(super) fn log_limit(&self, why: &str) {
        if is_first(&self.refused, why) {
            let (app, endpoint, request) = self.label.fields();
            tracing::warn!(
                name: "denied_message", app, endpoint, request, "message refused: {why}"
            );
        }
    }

    /// Begins a span.
    pub(super) fn span(&self, name: impl FnOnce() -> String) -> CallSpan {
        self.label.spans.begin(SpanOf::Message, name)
    }
}

/// Adds to what was logged, and tells whether it is to be.
fn is_first(logged: &Mutex<HashSet<String>>, what: &str) -> bool {
    let mut logged = logged.lock().expect("no holder of this lock panics");
    logged.len() < MAX_LOGGED && logged.insert(what.to_owned())
}
