//! The worker's end of what carries host calls.

use std::sync::{Arc, Mutex, OnceLock};

use thiserror::Error;
use tokio::sync::{self, mpsc, oneshot};

use super::{Ask, HostCall, HostReply, LogLine};

/// Host calls that wait to be carried.
const WAITING: usize = 64;

/// Lines that wait for the next host call. The host of the owner shows far fewer of a call.
const MOST_LINES: usize = 2_048;

const UNPOISONED: &str = "no holder of this lock panics";

/// The host of the owner cannot be reached any more, or has ended the call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the owner's host cannot be reached any more: {0}")]
pub struct Lost(pub String);

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unanswered {
    /// Nothing of the call counts any more.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The owner's host has no memory for it. The call is to end, and runs again later.
    #[error("the memory of all apps together is used up")]
    Exhausted,
}

/// A host call on its way. What is taken first is to arrive first.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub call: HostCall,
    /// Where the reply goes.
    pub reply: oneshot::Sender<Result<HostReply, Lost>>,
}

/// Where the guest's questions go. Once nobody takes them any more the call is ended.
#[derive(Debug, Clone)]
pub struct OwnerLink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: mpsc::Sender<Asked>,
    lines: Mutex<Lines>,
    /// Held while lines are on their way that nobody waits for.
    leaving: sync::Mutex<()>,
    /// Why the call cannot go on.
    unanswered: OnceLock<Unanswered>,
}

/// What was said and has not left.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<LogLine>,
    /// Somebody brings them.
    are_leaving: bool,
    /// The call has ended: what waits goes with that.
    is_over: bool,
}

impl OwnerLink {
    /// Returns a link, and what is to be carried.
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (calls, to_carry) = mpsc::channel(WAITING);
        let inner = Inner {
            calls,
            lines: Mutex::default(),
            leaving: sync::Mutex::default(),
            unanswered: OnceLock::new(),
        };
        (Self(Arc::new(inner)), to_carry)
    }

    /// Asks, and waits for the reply.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<HostReply, Unanswered> {
        if self.lines().is_over {
            return Err(lost("the call has ended").into());
        }
        let replied = match self.carry(ask).await {
            Ok(HostReply::Over(why)) => Err(Lost(why).into()),
            Ok(HostReply::Exhausted) => Err(Unanswered::Exhausted),
            Ok(reply) => Ok(reply),
            Err(lost) => Err(lost.into()),
        };
        if let Err(unanswered) = &replied {
            self.0.unanswered.get_or_init(|| unanswered.clone());
        }
        replied
    }

    async fn carry(&self, ask: Ask) -> Result<HostReply, Lost> {
        let lines = std::mem::take(&mut self.lines().waiting);
        let (reply, replied) = oneshot::channel();
        let asked = Asked {
            call: HostCall { lines, ask },
            reply,
        };
        let sent = self.0.calls.send(asked).await;
        sent.map_err(|_| lost("the connection ended"))?;
        replied.await.map_err(|_| lost("the connection ended"))?
    }

    /// Takes note that a reply is none to what was asked, which ends the call.
    pub(crate) fn mistold(&self) -> Unanswered {
        let mistold = Unanswered::from(lost("it answered something else"));
        self.0.unanswered.get_or_init(|| mistold.clone());
        mistold
    }

    /// Returns why the call cannot go on, if it cannot.
    pub(crate) fn unanswered(&self) -> Option<Unanswered> {
        self.0.unanswered.get().cloned()
    }

    /// Takes something that the guest said. It leaves with the next question, or by itself.
    pub(crate) fn say(&self, line: LogLine) {
        let mut lines = self.lines();
        if lines.is_over || lines.waiting.len() >= MOST_LINES {
            return;
        }
        lines.waiting.push(line);
        if !lines.are_leaving {
            lines.are_leaving = true;
            let link = self.clone();
            tokio::spawn(async move { link.bring_lines().await });
        }
    }

    /// Has lines leave as long as there are any.
    async fn bring_lines(self) {
        let _leaving = self.0.leaving.lock().await;
        while self.has_lines() {
            if self.ask(Ask::Nothing).await.is_err() {
                return;
            }
        }
    }

    /// Tells whether lines wait that are to leave. Where there are none, the next one leaves by
    /// itself.
    fn has_lines(&self) -> bool {
        let mut lines = self.lines();
        lines.are_leaving = !lines.waiting.is_empty() && !lines.is_over;
        lines.are_leaving
    }

    /// Ends it, and returns what was said and has not left. What is on its way arrives first.
    pub(crate) async fn end(&self) -> Vec<LogLine> {
        let lines = {
            let mut lines = self.lines();
            lines.is_over = true;
            std::mem::take(&mut lines.waiting)
        };
        drop(self.0.leaving.lock().await);
        lines
    }

    /// Waits until nobody takes questions any more.
    pub(crate) async fn closed(&self) {
        self.0.calls.closed().await;
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lines.lock().expect(UNPOISONED)
    }
}

fn lost(why: &str) -> Lost {
    Lost(why.to_owned())
}
