//! Answers to what a guest on a worker asks, by what answers a guest that is here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_bytes::ByteBuf;

use super::{OwnerSide, RuleBroken, RunningCall};
use crate::capability::http::NoSuchGuest;
use crate::meter::MemoryRefused;
use crate::state::SessionError;
use crate::wire::{
    Ask, FileCall, FileReply, HostCall, HostReply, LogLine, StateError, WireMessage,
    WireMessageOutcome,
};
use crate::wit::messages::Until;

/// Host calls of one call that are answered at one time at most, but for those of requests by
/// HTTP, which have a bound of their own. A guest has one of most kinds.
const MOST_OPEN: usize = 64;

/// Host calls in each second that a call may take. It is far more than any connection carries.
const MOST_EACH_SECOND: usize = 100_000;

const ENDED: &str = "the call has ended";

type Answering = Pin<Box<dyn Future<Output = HostReply> + Send>>;

impl OwnerSide {
    /// Answers what the worker asks. What has to happen in the order in which it was asked happens
    /// before this returns. The reply may take as long as the call, and others need not wait for
    /// it: what is returned is to be polled beside them, or dropped.
    pub fn host_call(&self, call: HostCall) -> impl Future<Output = HostReply> + Send + use<> {
        let running = Arc::clone(&self.call);
        let answering = running.begin(call);
        async move {
            let answering = match answering {
                Ok(answering) => answering,
                Err(over) => return HostReply::Over(over),
            };
            let mut is_over = running.is_over.subscribe();
            tokio::select! {
                biased;
                _ = is_over.wait_for(|is_over| *is_over) => HostReply::Over(ENDED.to_owned()),
                reply = answering => reply,
            }
        }
    }
}

impl RunningCall {
    /// Begins to answer, unless the call is over: why, in words.
    fn begin(self: &Arc<Self>, call: HostCall) -> Result<Answering, String> {
        if self.is_over() {
            return Err(ENDED.to_owned());
        }
        if Instant::now() >= self.deadline {
            return Err("its time is up".to_owned());
        }
        if let Some(broken) = self.broken.get() {
            return Err(broken.to_string());
        }
        let answering = self.take_lines(call.lines);
        let answering = answering.and_then(|()| self.answer(call.ask));
        answering.map_err(|broken| broken.to_string())
    }

    /// Takes what the guest said.
    pub(super) fn take_lines(&self, lines: Vec<LogLine>) -> Result<(), RuleBroken> {
        for line in lines {
            let taken = self.output.take_line(line, &self.limits);
            taken.map_err(|error| self.break_rule(format!("it went on after {error}")))?;
        }
        Ok(())
    }

    fn answer(self: &Arc<Self>, ask: Ask) -> Result<Answering, RuleBroken> {
        self.count_asked()?;
        let http = &self.http;
        let no_guest = |NoSuchGuest(rule)| self.break_rule(rule);
        Ok(match ask {
            Ask::Nothing => Box::pin(async { HostReply::Done }),
            Ask::StateGet { key } => self.alone(|call| async move { call.value(&key).await })?,
            Ask::StateSize { key } => self.alone(|call| async move { call.size(&key).await })?,
            Ask::StateList { cursor } => {
                self.alone(|call| async move { call.keys(cursor.as_deref()).await })?
            }
            Ask::Files(ask) => {
                self.alone(|call| async move { HostReply::Files(call.answer_files(ask).await) })?
            }
            Ask::Send(message) => self.alone(|call| async move { call.send(message).await })?,
            Ask::Receive { ids, all, timeout } => {
                self.alone(|call| async move { call.receive(ids, all, timeout).await })?
            }
            Ask::HttpBegin(begin) => {
                let head = http.begin(begin).map_err(no_guest)?;
                Box::pin(async move { HostReply::HttpHead(head.await) })
            }
            Ask::HttpSend { exchange, chunk } => {
                let taken = http.take(exchange, chunk).map_err(no_guest)?;
                Box::pin(async move { HostReply::HttpTaken(taken.await) })
            }
            Ask::HttpReceive { exchange } => {
                let chunk = http.receive(exchange).map_err(no_guest)?;
                Box::pin(async move { HostReply::HttpChunk(chunk.await) })
            }
            Ask::HttpEnd { exchange } => {
                http.end(exchange);
                Box::pin(async { HostReply::Done })
            }
        })
    }

    fn count_asked(&self) -> Result<(), RuleBroken> {
        let seconds = usize::try_from(self.limits.time.as_secs()).unwrap_or(usize::MAX);
        let most = seconds.saturating_add(1).saturating_mul(MOST_EACH_SECOND);
        if self.n_asked.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(self.break_rule(format!("it asked more than {most} times")));
        }
        Ok(())
    }

    /// Answers something of which a guest asks one at a time, with room for what is left open.
    fn alone<F>(
        self: &Arc<Self>,
        answer: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<Answering, RuleBroken>
    where
        F: Future<Output = HostReply> + Send + 'static,
    {
        let open = self.count_open();
        let n_open = self.n_open.load(Ordering::Relaxed);
        if n_open > MOST_OPEN {
            return Err(self.break_rule(format!("it asked {n_open} things at one time")));
        }
        let answering = answer(Arc::clone(self));
        Ok(Box::pin(async move {
            let _open = open;
            answering.await
        }))
    }

    async fn value(&self, key: &str) -> HostReply {
        let mut state = self.state.lock().await;
        let value = state.get(key).await;
        let value = value.map(|value| value.map(ByteBuf::from));
        told(state.session().tell(value), HostReply::Value)
    }

    async fn size(&self, key: &str) -> HostReply {
        let mut state = self.state.lock().await;
        let session = state.session();
        let size = session.size_of(key);
        told(session.tell(size), HostReply::Size)
    }

    async fn keys(&self, cursor: Option<&str>) -> HostReply {
        let mut state = self.state.lock().await;
        let keys = state.list(cursor).await;
        let keys = keys.map(|(keys, _)| keys);
        told(state.session().tell(keys), HostReply::Keys)
    }

    async fn send(&self, message: WireMessage) -> HostReply {
        let (mut messages, mut state) = (self.messages.lock().await, self.state.lock().await);
        match messages.send(message.into(), state.session()) {
            Ok(sent) => HostReply::Sent(sent.map_err(Into::into)),
            Err(_) => HostReply::Exhausted,
        }
    }

    async fn answer_files(&self, ask: FileCall) -> FileReply {
        let reply = self.files.clone().answer(ask).await;
        if let Some(why) = self.files.breach() {
            self.break_rule(why);
        }
        reply
    }

    async fn receive(&self, ids: Vec<String>, all: bool, timeout: u64) -> HostReply {
        let until = if all { Until::All } else { Until::Any };
        let mut messages = self.messages.lock().await;
        match messages.receive(ids, until, timeout).await {
            Ok(Ok(received)) => {
                let written = |outcome: Option<_>| outcome.map(WireMessageOutcome::from);
                HostReply::Received(Ok(received.into_iter().map(written).collect()))
            }
            Ok(Err(error)) => HostReply::Received(Err(error.into())),
            Err(_) => HostReply::Exhausted,
        }
    }
}

/// Says what of the state was seen, or why not.
fn told<T>(
    seen: Result<T, SessionError>,
    reply: impl FnOnce(Result<T, StateError>) -> HostReply,
) -> HostReply {
    let error = match seen {
        Ok(seen) => return reply(Ok(seen)),
        Err(SessionError::Memory(MemoryRefused::Total)) => return HostReply::Exhausted,
        Err(SessionError::Absent) => StateError::Absent,
        Err(SessionError::Key(_)) => StateError::Key,
        Err(SessionError::Call(_)) => StateError::Call,
        Err(SessionError::Memory(_)) => StateError::Held,
        // Of these, reading has none but the first.
        Err(
            error @ (SessionError::Store(_)
            | SessionError::Value(_)
            | SessionError::Quota(_)
            | SessionError::Unrecorded
            | SessionError::Lost(_)),
        ) => StateError::Store(error.to_string()),
    };
    reply(Err(error))
}
