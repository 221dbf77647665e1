//! What calls the app where nobody waits for an answer: file events, and calls that are due.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use syft_protocol::due_calls::DueEvent;

use crate::due_calls::{DueCallRunner, DueSender};
use crate::events::{EventOptions, EventRunner, FileEvents, Wake};

/// Both of them, each as long as the host does not fail in it.
pub(super) struct Background {
    file_events: Option<FileEvents>,
    due_calls: Option<DueCallRunner>,
    due_sender: DueSender,
}

/// Why the server has to see to them.
pub(super) enum BackgroundWake {
    FileEvents(Wake),
    DueCalls(Option<DueEvent>),
}

impl BackgroundWake {
    /// Tells whether a task ended, which may have been a call.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::FileEvents(wake) => matches!(wake, Wake::Ended(_)),
            Self::DueCalls(event) => event.is_some(),
        }
    }
}

impl Background {
    /// Finds out what is to be done since the last run.
    ///
    /// # Errors
    /// What was kept in the last run cannot be read or written.
    pub(super) async fn start(runner: EventRunner, options: EventOptions) -> anyhow::Result<Self> {
        let runner = Arc::new(runner);
        let (folder, retry) = (options.folder.clone(), options.retry);
        let due_calls = DueCallRunner::start(Arc::clone(&runner), folder, retry)?;
        Ok(Self {
            file_events: FileEvents::start(runner, options).await?,
            due_sender: due_calls.sender(),
            due_calls: Some(due_calls),
        })
    }

    /// Returns what tells of calls that are due.
    pub(super) fn due_sender(&self) -> DueSender {
        self.due_sender.clone()
    }

    /// Waits until there is something to do. Nothing is lost where the server stops to wait.
    pub(super) async fn wake(&mut self) -> BackgroundWake {
        tokio::select! {
            wake = file_events(self.file_events.as_mut()) => BackgroundWake::FileEvents(wake),
            event = due_calls(self.due_calls.as_mut()) => BackgroundWake::DueCalls(event),
        }
    }

    /// Takes note of what happened, and begins all that follows.
    pub(super) fn go_on(&mut self, wake: BackgroundWake) {
        match wake {
            BackgroundWake::FileEvents(wake) => self.with_file_events(|events| events.go_on(wake)),
            BackgroundWake::DueCalls(event) => self.with_due_calls(|calls| calls.go_on(event)),
        }
    }

    /// Begins all that is to be done now.
    pub(super) fn act(&mut self) {
        self.with_file_events(FileEvents::act);
        self.with_due_calls(DueCallRunner::act);
    }

    /// Starts nothing new from here on; what runs is finished.
    pub(super) fn close(&mut self) {
        self.with_file_events(FileEvents::close);
        self.with_due_calls(DueCallRunner::close);
    }

    /// Tells whether all is finished and recorded.
    pub(super) fn is_drained(&self) -> bool {
        let events = self.file_events.as_ref();
        let calls = self.due_calls.as_ref();
        events.is_none_or(FileEvents::is_drained) && calls.is_none_or(DueCallRunner::is_drained)
    }

    /// Returns how many parked events and calls there are.
    pub(super) fn n_parked(&self) -> usize {
        let events = self.file_events.as_ref().map_or(0, FileEvents::n_parked);
        let calls = self.due_calls.as_ref();
        events + calls.map_or(0, DueCallRunner::n_parked)
    }

    /// Does with what is parked what the owner asked for.
    pub(super) fn apply_requests(&mut self) {
        if self.n_parked() > 0 {
            self.with_file_events(FileEvents::apply_requests);
            self.with_due_calls(DueCallRunner::apply_requests);
        }
    }

    /// Does something about file events. Should that break off by a fault of the host,
    /// requests are answered still, and the owner has to know.
    fn with_file_events(&mut self, step: impl FnOnce(&mut FileEvents)) {
        let Some(events) = &mut self.file_events else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| step(events))).is_err() {
            self.file_events = None;
            tracing::error!(
                "the host failed: no file events are delivered until the app is started again"
            );
        }
    }

    /// The same of calls that are due.
    fn with_due_calls(&mut self, step: impl FnOnce(&mut DueCallRunner)) {
        let Some(calls) = &mut self.due_calls else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| step(calls))).is_err() {
            self.due_calls = None;
            tracing::error!(
                "the host failed: no schedules run, and no replies are handed over, until the app \
                 is started again"
            );
        }
    }
}

/// Waits until file events have something to do; for ever where nothing is watched.
async fn file_events(events: Option<&mut FileEvents>) -> Wake {
    match events {
        Some(events) => events.wake().await,
        None => std::future::pending().await,
    }
}

async fn due_calls(calls: Option<&mut DueCallRunner>) -> Option<DueEvent> {
    match calls {
        Some(calls) => calls.wake().await,
        None => std::future::pending().await,
    }
}
