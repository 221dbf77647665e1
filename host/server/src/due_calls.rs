//! Runs the calls of an app that are due while it is served: those of its schedules, and those
//! with what became of its messages.
//!
//! Which runs, and when, is decided by the protocol crate's `DueCalls`. Here is what it asks for:
//! calls of the app, and what is kept of them on the disk. Calls and writes run in tasks of their
//! own, each of which ends with one event.
//!
//! Why: docs/decisions/84-due-calls-are-kept-until-they-ran.md

mod report;
mod run;

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde::Serialize;
use syft_protocol::due_calls::{
    DueAction, DueCall, DueCalls, DueEvent, DueOptions, DueRecord, ScheduleStatus,
};
use syft_protocol::file_events::RetryPolicy;
use syft_protocol::now::Now;
use syft_protocol::timestamp::Timestamp;
use tokio::sync::mpsc;
use tokio::time;

use crate::events::EventRunner;
use crate::parked::{MAX_PARKED, ParkedAction, ParkedStore};
use crate::private_folder::PrivateFolder;

/// The file that lists the schedules of an app for its owner.
const SCHEDULES: &str = "schedules.json";

/// The calls of an app that are due, while it is served.
pub(crate) struct DueCallRunner {
    runner: Arc<EventRunner>,
    folder: PrivateFolder,
    queue: DueCalls,
    parked: ParkedStore,
    ended: mpsc::UnboundedReceiver<DueEvent>,
    sender: mpsc::UnboundedSender<DueEvent>,
}

/// Tells the queue of calls that are kept and due.
#[derive(Clone)]
pub(crate) struct DueSender(mpsc::UnboundedSender<DueEvent>);

impl DueSender {
    /// Has a call run that is kept since now.
    pub(crate) fn added(&self, call: DueCall) {
        send(&self.0, DueEvent::Added(call));
    }
}

/// Returns the schedules of an app that was served, as they were listed last.
///
/// # Errors
/// They cannot be read.
pub fn schedules(folder: &PrivateFolder) -> io::Result<Vec<ScheduleStatus>> {
    match fs::read(folder.join(SCHEDULES)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl DueCallRunner {
    /// Begins with what earlier runs left.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn start(
        runner: Arc<EventRunner>,
        folder: PrivateFolder,
        retry: RetryPolicy,
    ) -> anyhow::Result<Self> {
        let app = &runner.app;
        let options = DueOptions {
            scope: format!("{}/{}", app.datasite(), app.name()),
            most_running: runner.most_in_background(),
            most_parked: MAX_PARKED,
            retry,
        };
        let left = app.state().due()?;
        let queue = DueCalls::new(now(), options, app.schedules().all().to_vec(), left);
        let (sender, ended) = mpsc::unbounded_channel();
        Ok(Self {
            parked: ParkedStore::calls(&folder),
            runner,
            folder,
            queue,
            ended,
            sender,
        })
    }

    /// Returns what tells of calls that are due.
    pub(crate) fn sender(&self) -> DueSender {
        DueSender(self.sender.clone())
    }

    /// Waits until there is something to do; then [`DueCallRunner::go_on`]. Nothing is lost where
    /// the server stops to wait.
    pub(crate) async fn wake(&mut self) -> Option<DueEvent> {
        let wakes_at = self.queue.wakes_at();
        tokio::select! {
            ended = self.ended.recv() => ended,
            () = sleep_until(wakes_at) => None,
        }
    }

    /// Takes note of what happened, and begins all that follows.
    pub(crate) fn go_on(&mut self, event: Option<DueEvent>) {
        if let Some(event) = event {
            self.queue.handle(now(), event);
        }
        while let Ok(event) = self.ended.try_recv() {
            self.queue.handle(now(), event);
        }
        self.act();
    }

    /// Begins all that is to be done now.
    pub(crate) fn act(&mut self) {
        while let Some(action) = self.queue.poll(now()) {
            self.perform(action);
        }
    }

    /// Starts nothing new from here on; what runs is finished.
    pub(crate) fn close(&mut self) {
        self.queue.close();
    }

    /// Tells whether all is finished and recorded.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_drained()
    }

    /// Returns how many parked calls there are that the owner may ask for.
    pub(crate) fn n_parked(&self) -> usize {
        self.queue.n_parked()
    }

    /// Does with parked calls what the owner asked for.
    pub(crate) fn apply_requests(&mut self) {
        for (id, asked) in self.parked.asked() {
            let event = match asked {
                ParkedAction::Retry => DueEvent::Retry(id),
                ParkedAction::Drop => DueEvent::Drop(id),
            };
            self.queue.handle(now(), event);
            tracing::info!(%id, ?asked, "asked for");
            self.parked.done(id, asked);
        }
        self.act();
    }

    fn perform(&mut self, action: DueAction) {
        match action {
            DueAction::Run(run) => run::start(&self.runner, run, &self.sender),
            DueAction::Record(records) => self.record(records),
            DueAction::ListParked => {
                let parked = self.queue.parked();
                let is_listed = || self.parked.is_listed();
                if !parked.is_empty() || is_listed() {
                    log_unlisted("parked calls", self.parked.write(&parked));
                }
            }
            DueAction::ListSchedules => {
                let schedules = self.queue.schedules();
                let is_listed = || self.folder.join(SCHEDULES).exists();
                if !schedules.is_empty() || is_listed() {
                    log_unlisted("schedules", write_list(&self.folder, &schedules));
                }
            }
            DueAction::Report(report) => report::log(*report),
        }
    }

    /// Begins to write records, which ends with one event.
    fn record(&self, records: Vec<DueRecord>) {
        let (runner, sender) = (Arc::clone(&self.runner), self.sender.clone());
        tokio::spawn(async move {
            let result = runner.app.state().record_due(records).await;
            drop(runner);
            if let Err(error) = &result {
                tracing::error!("trying again later: {error}");
            }
            let is_kept = result.is_ok();
            send(&sender, DueEvent::Recorded { is_kept });
        });
    }
}

fn write_list<T: Serialize>(folder: &PrivateFolder, list: &[T]) -> io::Result<()> {
    let place = folder.join(SCHEDULES);
    let temporary = place.with_extension("tmp");
    fs::write(&temporary, serde_json::to_vec(list)?)?;
    fs::rename(temporary, place)
}

fn log_unlisted(what: &str, written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!("cannot list the {what}: {error}");
    }
}

/// Waits for a time; for ever where there is none.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Tells the loop something. Once the loop has ended nobody wants it.
fn send(sender: &mpsc::UnboundedSender<DueEvent>, event: DueEvent) {
    if sender.send(event).is_err() {
        tracing::debug!("a call that was due ended after the server");
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_system_time(SystemTime::now()),
    }
}
