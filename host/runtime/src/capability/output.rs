//! A guest's stdout, stderr and log lines on their way to the host's log.

mod panic_text;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use super::advice::Advice;
use super::call_label::CallLabel;
use super::call_spans::CallSpans;
use super::environment::CallEnvironment;
use panic_text::PanicText;
use syft_manifest::Limits;
use syft_manifest::sanitize::plain;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::recording::{CallStep, Recorder};
use crate::state::SessionError;
use crate::wire::{LogLevel, LogLine, LogStream, NetworkWish, OwnerLink, StateRefusal};

/// The stream on which panics are told.
pub(crate) const STDERR: &str = "stderr";
pub(crate) const STDOUT: &str = "stdout";
/// Where the guest's own log interface writes.
const LOG: &str = "log";

/// What a line costs besides its text: the time, the app and the request are
/// written with it, also where the text is empty.
const LINE_COST_BYTES: usize = 128;

/// What an app gets in the place of a network of its own.
const HTTP_GRANTED: &str = "HTTP is granted with [http] allow = [\"https://…\"] in syft-app.toml";

/// Refusals of one call that are logged.
const MAX_REFUSED: usize = 8;

/// All output of one call. Whole lines go to the log, up to a limit; what comes
/// after it is counted and dropped, so a chatty guest does not fail. A guest
/// that goes on beyond a second, far larger limit is ended.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Shared>>);

/// The log of a call that runs for the host of an owner elsewhere.
#[derive(Clone)]
pub(crate) struct OwnerLog {
    pub(crate) link: OwnerLink,
    /// Somebody collects there the spans that the guest marks.
    pub(crate) takes_marks: bool,
}

struct Shared {
    label: CallLabel,
    /// What stderr says may be a panic.
    panic: PanicText,
    /// What the log says that the call was refused.
    refused: Vec<String>,
    /// For what no line shows.
    environment: Arc<CallEnvironment>,
    recorder: Option<Recorder>,
    /// Whose log it is, where that is elsewhere.
    owner: Option<OwnerLog>,
    logged_left: usize,
    written_left: usize,
    limit: usize,
    line_bytes: usize,
    cut: bool,
    exceeded: bool,
}

impl Output {
    pub(crate) fn new(
        limits: &Limits,
        label: CallLabel,
        environment: Arc<CallEnvironment>,
        recorder: Option<Recorder>,
        owner: Option<OwnerLog>,
    ) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            label,
            panic: PanicText::default(),
            refused: Vec::new(),
            environment,
            recorder,
            owner,
            logged_left: limits.logged_bytes,
            written_left: limits.output_bytes,
            limit: limits.output_bytes,
            line_bytes: limits.line_bytes,
            cut: false,
            exceeded: false,
        })))
    }

    /// Returns whether the guest was ended for its output.
    pub(crate) fn exceeded(&self) -> bool {
        self.shared().exceeded
    }

    /// Returns the panic that stderr ends with, if it does, on one line. What looked like one
    /// and was none is logged now.
    pub(crate) fn end(&self, has_trapped: bool) -> Option<String> {
        let mut shared = self.shared();
        if has_trapped && let Some(text) = shared.panic.take_text() {
            return Some(plain(&shared.environment.mask(&text)));
        }
        for line in shared.panic.release() {
            shared.log(tracing::Level::INFO, STDERR, &line);
        }
        None
    }

    /// Says in the log that the call was refused something, once.
    pub(crate) fn refused(&self, what: &str, hint: &str) {
        if !self.is_first_refusal(what) {
            return;
        }
        let shared = self.shared();
        let (app, endpoint, request) = shared.label.fields();
        tracing::warn!(name: "denied_feature", app, endpoint, request, hint, "{what}");
    }

    /// Returns whom the log advises.
    pub(crate) fn advice(&self) -> Advice {
        self.shared().label.advice
    }

    /// Says in the log that a write of a key and a value of so many bytes was refused.
    pub(crate) fn state_refused(&self, error: &SessionError, more: u64) {
        let (refusal, hint) = {
            let CallLabel { advice, app, .. } = &self.shared().label;
            match error {
                SessionError::Quota(quota) => (
                    StateRefusal::Quota { more },
                    advice.more_state(*quota, quota.saturating_add(more), app),
                ),
                SessionError::Value(_) => (
                    StateRefusal::Value,
                    advice.for_author("keep it under several keys"),
                ),
                SessionError::Call(_) => (
                    StateRefusal::Call,
                    advice.for_author("write less in one call"),
                ),
                _ => return,
            }
        };
        match self.owner() {
            Some(owner) => owner.link.say(LogLine::StateRefused(refusal)),
            None => self.refused(&format!("state refused: {error}"), &hint),
        }
    }

    /// Says in the log that no app has what was asked for of the network.
    pub(crate) fn network_refused(&self, wish: NetworkWish) {
        let what = match wish {
            NetworkWish::Tcp => "a TCP socket",
            NetworkWish::Udp => "a UDP socket",
            NetworkWish::Name => "the address of a name",
        };
        match self.owner() {
            Some(owner) if self.is_first_refusal(what) => {
                owner.link.say(LogLine::NetworkRefused(wish));
            }
            Some(_) => {}
            None => self.refused(
                &format!(
                    "network refused: the app asks for {what}, and apps have no network of their own"
                ),
                &self.advice().for_author(HTTP_GRANTED),
            ),
        }
    }

    /// Tells whether the call was not refused this before, and takes note of it.
    fn is_first_refusal(&self, what: &str) -> bool {
        let refused = &mut self.shared().refused;
        let is_first = refused.len() < MAX_REFUSED && !refused.iter().any(|known| known == what);
        if is_first {
            refused.push(what.to_owned());
        }
        is_first
    }

    /// Takes what a guest said on another machine, or was refused there, as if it were here. What
    /// the log shows is counted and masked here as well.
    ///
    /// # Errors
    /// The guest has written more than it may.
    pub(crate) fn take_line(&self, line: LogLine, limits: &Limits) -> wasmtime::Result<()> {
        match line {
            LogLine::Said {
                level,
                stream,
                text,
            } => self.said(tracing_level(level), stream, &text),
            LogLine::StateRefused(refusal) => {
                let (error, more) = match refusal {
                    StateRefusal::Quota { more } => (SessionError::Quota(limits.state_bytes), more),
                    StateRefusal::Value => (SessionError::Value(limits.state_value_bytes), 0),
                    StateRefusal::Call => (SessionError::Call(limits.state_call_bytes), 0),
                };
                self.state_refused(&error, more);
                Ok(())
            }
            LogLine::NetworkRefused(wish) => {
                self.network_refused(wish);
                Ok(())
            }
        }
    }

    fn said(&self, level: tracing::Level, stream: LogStream, text: &[u8]) -> wasmtime::Result<()> {
        let stream = match stream {
            LogStream::Stdout => STDOUT,
            LogStream::Stderr => STDERR,
            LogStream::Log => return self.message(level, &String::from_utf8_lossy(text)),
        };
        let mut shared = self.shared();
        shared.count(text.len())?;
        shared.log(level, stream, text);
        Ok(())
    }

    fn owner(&self) -> Option<OwnerLog> {
        self.shared().owner.clone()
    }

    /// Returns the spans of the call.
    pub(crate) fn spans(&self) -> CallSpans {
        self.shared().label.spans.clone()
    }

    /// Tells the spans of the call, which has ended.
    pub(crate) fn end_spans(&self) {
        let shared = self.shared();
        let (app, _, request) = shared.label.fields();
        shared.label.spans.end_call(app, request);
    }

    /// Returns one of the call's streams.
    pub(crate) fn stream(&self, name: &'static str) -> Stream {
        Stream(Arc::new(Mutex::new(Lines {
            name,
            output: self.clone(),
            line: Vec::new(),
        })))
    }

    /// Takes a message of the guest's own log interface, which may mark a span.
    ///
    /// # Errors
    /// The guest has written more than it may.
    pub(crate) fn message(&self, level: tracing::Level, message: &str) -> wasmtime::Result<()> {
        let mut shared = self.shared();
        shared.count(message.len() + LINE_COST_BYTES)?;
        let mask = |text: &str| shared.environment.mask(text).into_owned();
        if level != tracing::Level::TRACE || !shared.label.spans.takes(message, mask) {
            shared.log(level, LOG, message.as_bytes());
        } else if let Some(owner) = shared.owner.as_ref().filter(|owner| owner.takes_marks) {
            owner.say(level, LOG, message.as_bytes());
        }
        Ok(())
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Shared {
    fn count(&mut self, bytes: usize) -> wasmtime::Result<()> {
        match self.written_left.checked_sub(bytes) {
            Some(left) => self.written_left = left,
            None => {
                self.exceeded = true;
                wasmtime::bail!("more than {} bytes of output", self.limit);
            }
        }
        Ok(())
    }

    fn log(&mut self, level: tracing::Level, stream: &'static str, line: &[u8]) {
        let (app, _, request) = self.label.fields();
        if self.cut {
            return;
        }
        let cut = &line[..line.len().min(self.line_bytes)];
        let cost = cut.len() + LINE_COST_BYTES;
        self.cut = cost > self.logged_left;
        if let Some(owner) = &self.owner {
            // Where it is cut as well.
            self.logged_left = self.logged_left.saturating_sub(cost);
            return owner.say(level, stream, cut);
        }
        if self.cut {
            tracing::warn!(
                app,
                request,
                "guest output cut: the call wrote too much of it"
            );
            return;
        }
        self.logged_left -= cost;
        let text = String::from_utf8_lossy(cut);
        let text = plain(&self.environment.mask(&text));
        if let Some(recorder) = &self.recorder {
            recorder.step(CallStep::Log {
                to: stream.to_owned(),
                text: text.clone(),
            });
        }
        match level {
            tracing::Level::ERROR => {
                tracing::error!(name: "output", target: "guest", app, request, stream, "{text}")
            }
            tracing::Level::WARN => {
                tracing::warn!(name: "output", target: "guest", app, request, stream, "{text}")
            }
            tracing::Level::INFO => {
                tracing::info!(name: "output", target: "guest", app, request, stream, "{text}")
            }
            tracing::Level::DEBUG => {
                tracing::debug!(name: "output", target: "guest", app, request, stream, "{text}")
            }
            tracing::Level::TRACE => {
                tracing::trace!(name: "output", target: "guest", app, request, stream, "{text}")
            }
        }
    }
}

impl OwnerLog {
    fn say(&self, level: tracing::Level, stream: &'static str, line: &[u8]) {
        self.link.say(LogLine::Said {
            level: wire_level(level),
            stream: match stream {
                STDOUT => LogStream::Stdout,
                STDERR => LogStream::Stderr,
                _ => LogStream::Log,
            },
            text: line.to_vec(),
        });
    }
}

fn wire_level(level: tracing::Level) -> LogLevel {
    match level {
        tracing::Level::TRACE => LogLevel::Trace,
        tracing::Level::DEBUG => LogLevel::Debug,
        tracing::Level::INFO => LogLevel::Info,
        tracing::Level::WARN => LogLevel::Warn,
        tracing::Level::ERROR => LogLevel::Error,
    }
}

fn tracing_level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Trace => tracing::Level::TRACE,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Error => tracing::Level::ERROR,
    }
}

/// A stream of one call, cut into lines.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Mutex<Lines>>);

struct Lines {
    name: &'static str,
    output: Output,
    line: Vec<u8>,
}

impl Lines {
    fn write(&mut self, bytes: &[u8]) -> wasmtime::Result<()> {
        let output = self.output.clone();
        let mut shared = output.shared();
        shared.count(bytes.len())?;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = shared.line_bytes.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end_line(&mut shared);
            }
        }
        Ok(())
    }

    fn end_line(&mut self, shared: &mut Shared) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        if self.name == STDERR {
            for line in shared.panic.take(line) {
                shared.log(tracing::Level::INFO, self.name, &line);
            }
        } else {
            shared.log(tracing::Level::INFO, self.name, line);
        }
        self.line.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end();
    }
}

impl Lines {
    /// Ends a line that the guest has not ended.
    fn end(&mut self) {
        if !self.line.is_empty() {
            let output = self.output.clone();
            self.end_line(&mut output.shared());
        }
    }
}

impl Stream {
    /// Ends its last line, where the guest has not.
    pub(super) fn end(&self) {
        self.0.lock().expect("no holder of this lock panics").end();
    }

    /// Takes what a guest writes.
    ///
    /// # Errors
    /// The guest has written more than it may.
    pub(super) fn take(&self, bytes: &[u8]) -> wasmtime::Result<()> {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .write(bytes)
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.take(&bytes).map_err(StreamError::Trap)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(
            self.take(bytes)
                .map(|()| bytes.len())
                .map_err(std::io::Error::other),
        )
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
