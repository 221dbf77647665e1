//! A request at work: its answer is made by the app, and published here.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_manifest::sanitize::plain_lines;
use syft_manifest::units::log_ms;
use syft_protocol::address::{Address, Proof, Sender};
use syft_protocol::inbox::{Closed, Refusal, Version};
use syft_protocol::message::Request;

use super::{ServerShared, now};
use crate::app::{AnswerFile, AppAnswer, EndedCall, FinishedCall};
use crate::tree::{OpenedRequest, Tree, WriteResult};
use syft_runtime::durability::Durability;

/// A request at work.
pub(super) struct RequestJob<'a> {
    pub(super) shared: &'a ServerShared,
    /// The app's folder, as it was when the work began.
    pub(super) tree: Arc<Tree>,
    pub(super) address: Address,
    /// What the request was when it was read.
    pub(super) version: Version,
}

impl RequestJob<'_> {
    /// Has the app answer the request, and publishes the answer.
    pub(super) async fn run(&self, request: Request, sender: Sender) -> Closed {
        let shared = self.shared;
        // Requests and events share the slots, first come first served.
        let _slot = shared.slots.acquire().await;
        if let Some(answer) = self.take_unclaimed() {
            return self.publish_kept(answer).await;
        }
        let caller = Caller {
            start: Instant::now(),
            waited: self.waited(),
            email: sender.email.clone(),
            proof: sender.proof,
        };
        let (address, version) = (&self.address, self.version);
        match shared.app.answer(address, version, request, sender).await {
            Ok(AppAnswer::Ran(call)) => self.publish_new(call, &caller).await,
            Ok(AppAnswer::Kept(answer)) => self.publish_kept(Arc::new(answer)).await,
            Ok(AppAnswer::Refused(answer, why)) => self.publish_refusal(answer, &why).await,
            Err(error) => self.retry_later(&error),
        }
    }

    /// Answers a request that is not to run.
    pub(super) async fn refuse(&self, refusal: &Refusal, request: Option<&Request>) -> Closed {
        // One that has run did so before it expired: it gets the answer of that.
        if let (Refusal::Expired, Some(request)) = (refusal, request) {
            if let Some(answer) = self.take_unclaimed() {
                return self.publish(answer).await;
            }
            let app = &self.shared.app;
            match app.kept_answer(&self.address, self.version, request).await {
                Ok(Some(answer)) => return self.publish(Arc::new(answer)).await,
                Ok(None) => {}
                Err(error) => return self.retry_later(&error),
            }
        }
        let answer = self.shared.app.refuse(&self.address, request, refusal);
        self.publish_refusal(answer, refusal).await
    }

    /// Writes an answer once more that is gone from beside its request, if it was kept and
    /// somebody may still wait for it.
    pub(super) async fn give_again(&self) -> Closed {
        let address = &self.address;
        let Some(answer) = self.find_answer().await else {
            tracing::debug!(%address, "its answer is gone, and was not kept");
            return Closed::Answered;
        };
        match self.write(answer).await {
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

    /// Returns the answer that the request got, if it was kept and the request has not expired.
    async fn find_answer(&self) -> Option<Arc<Vec<u8>>> {
        let (shared, address) = (self.shared, &self.address);
        let Ok(OpenedRequest::File(file)) = self.tree.open_any_request(address) else {
            return None;
        };
        if file.stamp() != self.version.stamp {
            return None;
        }
        if let Ok(request) = Request::from_json(&file.read().ok()?, now().wall) {
            if request.expires <= now().wall {
                return None;
            }
            match shared
                .app
                .kept_answer(address, self.version, &request)
                .await
            {
                Ok(Some(answer)) => return Some(Arc::new(answer)),
                Ok(None) => {}
                Err(error) => tracing::warn!(%address, "cannot look for its answer: {error}"),
            }
        }
        shared.written_answers().get(address)
    }

    /// Returns the answer that the request got while its file was not there.
    fn take_unclaimed(&self) -> Option<Arc<Vec<u8>>> {
        self.shared
            .unclaimed_answers()
            .take(&self.address, &self.version)
    }

    async fn publish_new(&self, call: FinishedCall, caller: &Caller) -> Closed {
        let status = call.answer.status.code();
        let is_signed = call.is_signed;
        // The memory of the call stays reserved until its answer is written.
        let closed = self.publish(Arc::new(call.answer.json)).await;
        let proof = if is_signed {
            Proof::Signed
        } else {
            caller.proof
        };
        let ran = RanCall {
            memory_bytes: call.memory_bytes,
            worker: call.worker.as_deref(),
            ended: call.ended,
        };
        caller.log(&self.address, proof, status, ran);
        closed
    }

    async fn publish_kept(&self, answer: Arc<Vec<u8>>) -> Closed {
        tracing::info!(address = %self.address, "it has run already: its answer is given now");
        self.publish(answer).await
    }

    /// Writes a refusal. It is no answer of a handler, so none is noted as published.
    async fn publish_refusal(&self, answer: AnswerFile, refusal: &Refusal) -> Closed {
        let (endpoint, id) = (self.address.endpoint(), self.address.id());
        let status = answer.status.code();
        let closed = self.write(Arc::new(answer.json)).await;
        let sender = self.address.folder().sender_name();
        let sender = sender.map(|sender| &**sender).unwrap_or_default();
        let (refusal, detail) = (refusal.name(), refusal.detail());
        tracing::warn!(
            name: "refused", %endpoint, %id, sender, status, refusal, detail, "refused"
        );
        closed
    }

    /// Writes the answer of a call. If the request is gone, the answer is kept for it: the
    /// request may only have been moved away, or be about to be written again.
    async fn publish(&self, answer: Arc<Vec<u8>>) -> Closed {
        let (shared, address) = (self.shared, &self.address);
        let closed = self.write(Arc::clone(&answer)).await;
        if closed != Closed::Failed {
            shared.app.published(address);
        }
        if closed == Closed::Gone {
            shared
                .unclaimed_answers()
                .keep(address, self.version, answer);
        }
        closed
    }

    async fn write(&self, answer: Arc<Vec<u8>>) -> Closed {
        let (shared, address) = (self.shared, &self.address);
        if shared
            .local_requests()
            .answer(address, &self.version, &answer)
        {
            return Closed::Answered;
        }
        let written = match shared.durability {
            Durability::Strict => self.write_forced(Arc::clone(&answer)).await,
            Durability::None | Durability::Batched => {
                self.tree.answer(address, &self.version, &answer, false)
            }
        };
        match written {
            Ok(WriteResult::Beside) => {
                shared
                    .written_answers()
                    .keep(Instant::now(), address, answer);
                Closed::Answered
            }
            Ok(WriteResult::Gone) => {
                tracing::debug!(%address, "the request is gone, no answer is written");
                Closed::Gone
            }
            Err(error) => {
                tracing::error!(%address, "cannot write an answer, trying again later: {error}");
                Closed::Failed
            }
        }
    }

    /// Writes an answer in a thread in which waiting for the disk blocks no other request.
    async fn write_forced(&self, answer: Arc<Vec<u8>>) -> io::Result<WriteResult> {
        let (tree, address) = (Arc::clone(&self.tree), self.address.clone());
        let version = self.version;
        let write = move || tree.answer(&address, &version, &answer, true);
        let written = tokio::task::spawn_blocking(write).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Returns how long the request has lain there since it was written.
    fn waited(&self) -> Duration {
        let now = i128::from(now().wall.micros()) * 1_000;
        let nanos = now - self.version.stamp.changed;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }

    fn retry_later(&self, error: &impl Display) -> Closed {
        tracing::error!(address = %self.address, "trying again later: {error}");
        Closed::Failed
    }
}

/// Who called, and when the work for them began: what the log says of a call beside its answer.
struct Caller {
    start: Instant,
    /// How long their request had lain there by then.
    waited: Duration,
    email: String,
    proof: Proof,
}

/// What a call took, and how it ended.
struct RanCall<'a> {
    memory_bytes: u64,
    worker: Option<&'a str>,
    ended: EndedCall,
}

impl Caller {
    fn log(&self, address: &Address, proof: Proof, status: u16, ran: RanCall<'_>) {
        let (endpoint, id) = (address.endpoint(), address.id());
        let (sender, proof) = (self.email.as_str(), proof.as_str());
        let [ms, wait_ms] = [self.start.elapsed(), self.waited].map(log_ms);
        let RanCall {
            memory_bytes,
            worker,
            ended,
        } = ran;
        let EndedCall {
            outcome,
            detail,
            hint,
            trace,
        } = ended;
        match detail {
            None => tracing::info!(
                name: "call", %endpoint, %id, sender, proof, status, ms, wait_ms, memory_bytes,
                worker, "{outcome}"
            ),
            // The caller's mistake, and the caller was told.
            Some(detail) if status < 500 => tracing::info!(
                name: "call", %endpoint, %id, sender, proof, status, ms, wait_ms, memory_bytes,
                worker, detail, "{outcome}"
            ),
            Some(detail) => tracing::warn!(
                name: "call", %endpoint, %id, sender, proof, status, ms, wait_ms, memory_bytes,
                worker, detail, hint, "{outcome}"
            ),
        }
        if let Some(trace) = trace {
            tracing::debug!(%endpoint, %id, "{}", plain_lines(&trace));
        }
    }
}
