//! The worker's end of what carries host calls.

use std::sync::{Arc, Mutex};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{Ask, HostCall, HostReply, LogLine};

/// Host calls that wait to be carried.
const WAITING: usize = 64;

/// Lines that wait for the next host call. The host of the owner shows far fewer of a call.
const MOST_LINES: usize = 2_048;

const UNPOISONED: &str = "no holder of this lock panics";

/// The host of the owner cannot be reached any more, or has given the call to another worker.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the owner's host cannot be reached any more: {0}")]
pub struct Lost(pub String);

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
pub struct OwnerLink {
    calls: mpsc::Sender<Asked>,
    lines: Arc<Mutex<Lines>>,
}

/// What was said and has not left.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<LogLine>,
    /// Some are on their way, and others follow when they have arrived.
    are_leaving: bool,
}

impl OwnerLink {
    /// Returns a link, and what is to be carried.
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (calls, to_carry) = mpsc::channel(WAITING);
        let link = Self {
            calls,
            lines: Arc::default(),
        };
        (link, to_carry)
    }

    /// Asks, and waits for the reply.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<HostReply, Lost> {
        let call = HostCall {
            lines: self.take_lines(),
            ask,
        };
        let (reply, replied) = oneshot::channel();
        let lost = || Lost("the connection ended".to_owned());
        let sent = self.calls.send(Asked { call, reply }).await;
        sent.map_err(|_| lost())?;
        replied.await.map_err(|_| lost())?
    }

    /// Takes something that the guest said. It leaves with the next question, or by itself.
    pub(crate) fn say(&self, line: LogLine) {
        let mut lines = self.lines.lock().expect(UNPOISONED);
        if lines.waiting.len() < MOST_LINES {
            lines.waiting.push(line);
        }
        if !lines.are_leaving {
            lines.are_leaving = true;
            let link = self.clone();
            tokio::spawn(async move { link.bring_lines().await });
        }
    }

    /// Has lines leave as long as there are any.
    async fn bring_lines(self) {
        while self.has_lines() {
            if self.ask(Ask::Nothing).await.is_err() {
                return;
            }
        }
    }

    /// Tells whether lines wait. Where there are none, the next one leaves by itself.
    fn has_lines(&self) -> bool {
        let mut lines = self.lines.lock().expect(UNPOISONED);
        lines.are_leaving = !lines.waiting.is_empty();
        lines.are_leaving
    }

    /// Returns what was said and has not left.
    pub(crate) fn take_lines(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.lines.lock().expect(UNPOISONED).waiting)
    }

    /// Waits until nobody takes questions any more.
    pub(crate) async fn closed(&self) {
        self.calls.closed().await;
    }
}
