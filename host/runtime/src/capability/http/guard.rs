//! What a call may still send: the policy, the budgets, and the log of what was refused or
//! failed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::header::HeaderMap;
use syft_manifest::{HttpMethod, HttpOrigin, Limits};

use super::super::environment::CallEnvironment;
use super::lease::{Lease, Places, Turn};
use super::policy::{AllowedOrigin, HttpDenied, HttpPolicy, hint};
use crate::capability::{CallLabel, CallSpan, SpanOf};
use crate::meter::{Charge, MemoryRefused};
use crate::recording::Recorder;
use crate::wire::OwnerLink;

/// What of one call is logged. A guest that goes on is known by then.
const MAX_LOGGED: usize = 32;

/// The part of the time that is left, and the most of it, that a request leaves to its call:
/// the guest is to learn that nothing came, and to say so.
const SPARED_PART: u32 = 10;
const MOST_SPARED: Duration = Duration::from_millis(500);

/// The requests of one call.
#[derive(Clone)]
pub(crate) struct HttpGuard {
    inner: Arc<Inner>,
    recorder: Option<Recorder>,
    /// Whose host decides and sends, where that is elsewhere.
    owner: Option<OwnerLink>,
}

struct Inner {
    policy: Arc<HttpPolicy>,
    environment: Arc<CallEnvironment>,
    places: Places,
    deadline: Instant,
    sent: Budget,
    received: Budget,
    log: RequestLog,
}

/// Bytes that a call may pass on, all its requests together.
pub(super) struct Budget {
    limit: u64,
    spent: AtomicU64,
}

/// The log of what became of a call's requests, each thing once. It has the origins and nothing
/// else of a request: what is behind it, and headers, may be secret.
pub(super) struct RequestLog {
    label: CallLabel,
    logged: Mutex<HashSet<String>>,
    /// Apart from these, so that what is allowed hides nothing that is not.
    granted: Mutex<HashSet<String>>,
}

impl RequestLog {
    pub(super) fn new(label: &CallLabel) -> Self {
        Self {
            label: label.clone(),
            logged: Mutex::default(),
            granted: Mutex::default(),
        }
    }

    fn is_new(&self, what: String) -> bool {
        is_first(&self.logged, what)
    }
}

/// Adds to what was logged, and tells whether it is to be.
fn is_first(logged: &Mutex<HashSet<String>>, what: String) -> bool {
    let mut logged = logged.lock().expect("no holder of this lock panics");
    logged.len() < MAX_LOGGED && logged.insert(what)
}

impl Budget {
    fn new(limit: u64) -> Self {
        Self {
            limit,
            spent: AtomicU64::new(0),
        }
    }

    /// Takes bytes from it; the error is the limit.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), u64> {
        let spent = self.spent.fetch_add(bytes as u64, Ordering::Relaxed);
        if spent.saturating_add(bytes as u64) <= self.limit {
            Ok(())
        } else {
            Err(self.limit)
        }
    }

    /// Returns the limit, where more was wanted.
    pub(super) fn exceeded(&self) -> Option<u64> {
        let spent = self.spent.load(Ordering::Relaxed);
        (spent > self.limit).then_some(self.limit)
    }
}

impl HttpGuard {
    pub(super) fn new(
        policy: Arc<HttpPolicy>,
        environment: Arc<CallEnvironment>,
        limits: &Limits,
        places: Places,
        deadline: Instant,
        log: RequestLog,
    ) -> Self {
        let inner = Inner {
            policy,
            environment,
            places,
            deadline,
            sent: Budget::new(limits.http_sent_bytes),
            received: Budget::new(limits.http_received_bytes),
            log,
        };
        Self {
            inner: Arc::new(inner),
            recorder: None,
            owner: None,
        }
    }

    /// Has requests recorded, if there is something that records.
    pub(super) fn recorded_by(self, recorder: Option<&Recorder>) -> Self {
        Self {
            recorder: recorder.cloned(),
            ..self
        }
    }

    /// Has the host of the owner decide and send.
    pub(crate) fn through(self, owner: OwnerLink) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    pub(super) fn owner(&self) -> Option<&OwnerLink> {
        self.owner.as_ref()
    }

    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Decides about a request; one that is refused is logged.
    pub(super) fn decide(
        &self,
        origin: &HttpOrigin,
        method: HttpMethod,
    ) -> Result<AllowedOrigin, HttpDenied> {
        let decided = self.inner.policy.decide(origin.clone(), method);
        match &decided {
            Ok(_) => self.log_granted(origin, method),
            Err(denied) => {
                let hint = hint(origin, method, *denied, self.inner.log.label.advice);
                self.log_refused(origin, method, &hint);
            }
        }
        decided
    }

    /// Adds the owner's secrets to a request that was decided and is about to be sent.
    pub(super) fn add_secrets(&self, allowed: &AllowedOrigin, headers: &mut HeaderMap) {
        self.inner.environment.add_to(allowed.origin(), headers);
    }

    pub(super) fn line_up(&self) -> Turn {
        self.inner.places.line_up()
    }

    pub(super) async fn lease(&self, turn: Turn) -> Result<Lease, MemoryRefused> {
        self.inner.places.take(turn).await
    }

    /// Counts what is held of the bodies of a request that others send, and of its answer.
    pub(super) fn hold_bodies(&self) -> Result<Charge, MemoryRefused> {
        self.inner.places.hold_bodies()
    }

    pub(super) fn hold_headers(&self, bytes: usize) -> Result<(), MemoryRefused> {
        self.inner.places.hold_headers(bytes)
    }

    /// Returns what is left of the bytes that the call may send, and receive.
    pub(super) fn sent(&self) -> &Budget {
        &self.inner.sent
    }

    pub(super) fn received(&self) -> &Budget {
        &self.inner.received
    }

    /// Returns how long a request may wait for something: as long as the guest says, and so
    /// that the call can still make something of it.
    pub(super) fn wait(&self, wanted: Option<Duration>) -> Duration {
        let left = self
            .inner
            .deadline
            .saturating_duration_since(Instant::now());
        let most = left - (left / SPARED_PART).min(MOST_SPARED);
        wanted.map_or(most, |wanted| wanted.min(most))
    }

    /// Begins the span of a request.
    pub(super) fn span(&self, origin: &HttpOrigin, method: HttpMethod) -> CallSpan {
        let name = || format!("{method} {origin}");
        self.inner.log.label.spans.begin(SpanOf::Http, name)
    }

    /// Says to where a request was allowed, for who looks at what apps do.
    fn log_granted(&self, origin: &HttpOrigin, method: HttpMethod) {
        if is_first(&self.inner.log.granted, format!("{method} {origin}")) {
            let (app, _, request) = self.inner.log.label.fields();
            let (origin, method) = (origin.to_string(), method.as_str());
            tracing::debug!(
                name: "touched_host", target: "syft_runtime::touched", app, request, method,
                origin, "HTTP request allowed"
            );
        }
    }

    /// Says in the log that a request is not sent, and what would allow it.
    pub(super) fn log_refused(&self, origin: &HttpOrigin, method: HttpMethod, hint: &str) {
        if self.inner.log.is_new(format!("{method} {origin} {hint}")) {
            let (app, endpoint, request) = self.inner.log.label.fields();
            let (origin, method) = (origin.to_string(), method.as_str());
            tracing::warn!(
                name: "denied_host", app, endpoint, request, method, origin, hint,
                "HTTP request refused"
            );
        }
    }

    /// Says in the log that what a guest wants to reach is no origin.
    pub(super) fn log_unfit(&self, why: &str) {
        if self.inner.log.is_new(why.to_owned()) {
            let (app, endpoint, request) = self.inner.log.label.fields();
            tracing::warn!(
                name: "denied_host", app, endpoint, request, "HTTP request refused: {why}"
            );
        }
    }

    /// Says in the log that a request failed, or was ended for a limit.
    pub(super) fn log_failed(&self, origin: &HttpOrigin, method: HttpMethod, why: &str) {
        if self.inner.log.is_new(format!("{method} {origin} {why}")) {
            let (app, endpoint, request) = self.inner.log.label.fields();
            let (origin, method) = (origin.to_string(), method.as_str());
            tracing::warn!(
                app,
                endpoint,
                request,
                method,
                origin,
                "HTTP request failed: {why}"
            );
        }
    }
}
