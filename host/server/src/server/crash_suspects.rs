//! Requests and events during which the host crashed: counted over its runs. A request with too
//! many crashes is parked.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use syft_protocol::address::Address;
use syft_protocol::due_calls::DueRecord;
use syft_protocol::file_events::{Attempts, Record};
use syft_protocol::inbox::{Inbox, InboxLimits};
use syft_protocol::timestamp::Timestamp;

use crate::app::App;
use crate::journal::{self, Journal};
use crate::parked::{MAX_PARKED, ParkedAction, ParkedRequest, ParkedStore};
use crate::private_folder::PrivateFolder;
use crate::suspension;
use crate::tree::{OpenedRequest, Tree};

/// The most requests that are suspected from earlier runs, beside those that are parked.
const MAX_SUSPECTS: usize = MAX_PARKED + 1_000;

/// The most addresses that are named in the log.
const MAX_NAMED: usize = 10;

/// The requests suspected of crashing the host, and those parked for it.
pub(super) struct CrashSuspects {
    pub(super) journal: Arc<Journal>,
    folder: PrivateFolder,
    store: ParkedStore,
    parked: Vec<ParkedRequest>,
}

impl CrashSuspects {
    /// Finds out what was at work when an earlier run crashed, and passes that to the inbox
    /// and the app's watches.
    pub(super) async fn find(
        folder: &PrivateFolder,
        tree: &Tree,
        app: &App,
        inbox: &mut Inbox,
    ) -> anyhow::Result<Self> {
        let store = ParkedStore::requests(folder);
        let parked: Vec<ParkedRequest> = store.list().unwrap_or_else(|error| {
            tracing::error!("cannot read which requests are parked: {error}");
            Vec::new()
        });
        let mut left = journal::left(folder)
            .with_context(|| format!("read the journal of calls in {}", folder.display()))?;
        // One that is away may come back, with the folder that it is in for instance. One of the
        // owner's may have been handed over by another app, and will be again.
        let is_owners = |address: &Address| {
            let sender = address.folder().sender();
            sender.is_some_and(|sender| sender == app.datasite().as_str())
        };
        let is_over = |address: &Address, crashes: u32| match tree.open_request(address) {
            Ok(OpenedRequest::Answered) => true,
            Ok(OpenedRequest::Absent) => crashes < 2 && !is_owners(address),
            Ok(OpenedRequest::File(_)) | Err(_) => false,
        };
        let named: HashSet<&str> = parked
            .iter()
            .map(|parked| parked.address.as_str())
            .collect();
        let is_parked = |address: &Address| named.contains(address.to_string().as_str());
        left.requests
            .retain(|address, crashes| !is_over(address, *crashes) || is_parked(address));
        left.bound(MAX_SUSPECTS);
        for (address, crashes) in &left.requests {
            inbox.suspect(address, *crashes);
        }
        count_events(app, &left, folder).await?;
        if left.has_crashed && !left.was_stopping {
            log_unrecorded(suspension::note_crash(folder));
        }
        log_suspects(
            left.requests
                .iter()
                .filter(|(address, _)| !is_parked(address)),
        );
        let journal = Journal::start(folder, left.requests)
            .with_context(|| format!("write the journal of calls in {}", folder.display()))?;
        Ok(Self {
            journal,
            folder: folder.clone(),
            store,
            parked,
        })
    }

    /// Records how a request ended.
    pub(super) fn ended(&mut self, inbox: &Inbox, address: &Address) {
        self.journal.suspect(address, inbox.crashes(address));
        self.park_if_given_up(inbox, address);
    }

    /// Parks a request with too many crashes.
    pub(super) fn park_if_given_up(&mut self, inbox: &Inbox, address: &Address) {
        if inbox.is_given_up(address) {
            self.park(address, inbox.crashes(address));
        }
    }

    fn park(&mut self, address: &Address, crashes: u32) {
        let at = Timestamp::from_system_time(SystemTime::now()).micros();
        let parked = ParkedRequest::new(address, crashes, at);
        if self.parked.iter().any(|known| known.id == parked.id) {
            return;
        }
        tracing::error!(%address, id = parked.id, crashes, "given up: parked");
        log_unrecorded(suspension::note_given_up(&self.folder, &parked.address));
        self.parked.push(parked);
        if self.parked.len() > MAX_PARKED {
            let oldest = self.parked.remove(0);
            tracing::warn!(
                address = oldest.address,
                "too many requests are parked: forgotten"
            );
            if let Some(address) = Address::parse(&oldest.address) {
                self.journal.suspect(&address, 0);
            }
        }
        self.write();
    }

    /// Returns how many requests are parked.
    pub(super) fn n_parked(&self) -> usize {
        self.parked.len()
    }

    /// Does with parked requests what the owner asked for, and returns those to retry.
    pub(super) fn apply_requests(&mut self, tree: &Tree, inbox: &mut Inbox) -> Vec<Address> {
        let mut again = Vec::new();
        // While the folder is away nothing can be done; what is asked for waits.
        let all = if tree.is_current() {
            self.store.asked()
        } else {
            Vec::new()
        };
        for (id, asked) in all {
            let name = id.to_string();
            let at = self.parked.iter().position(|parked| parked.id == name);
            let done = at.is_none_or(|at| self.apply(at, asked, tree, inbox, &mut again));
            if done {
                self.store.done(id, asked);
            }
        }
        again
    }

    /// Returns whether it was done.
    fn apply(
        &mut self,
        at: usize,
        asked: ParkedAction,
        tree: &Tree,
        inbox: &mut Inbox,
        again: &mut Vec<Address>,
    ) -> bool {
        let parked = self.parked.remove(at);
        let (id, address) = (parked.id.clone(), parked.address.clone());
        let request = Address::parse(&address);
        // The refusal that lies beside the request goes first, or the request would pass for answered.
        let removed = match (&request, asked) {
            (Some(request), ParkedAction::Retry) => tree.remove_answer(request),
            _ => Ok(()),
        };
        if let Err(error) = removed.and_then(|()| self.store.write(&self.parked)) {
            self.parked.insert(at, parked);
            tracing::error!(id, address, ?asked, "trying again later: {error}");
            return false;
        }
        tracing::info!(id, address, ?asked, "asked for");
        if let Some(request) = request {
            self.journal.suspect(&request, 0);
            inbox.suspect(&request, 0);
            again.extend((asked == ParkedAction::Retry).then_some(request));
        }
        true
    }

    fn write(&self) {
        if let Err(error) = self.store.write(&self.parked) {
            tracing::error!("cannot list the parked requests: {error}");
        }
    }
}

/// An event that ended the host failed, as one does that the app does not take; so did a call that
/// was due.
async fn count_events(
    app: &App,
    left: &journal::EarlierRun,
    folder: &PrivateFolder,
) -> anyhow::Result<()> {
    if left.events.is_empty() {
        return Ok(());
    }
    let limit = InboxLimits::default().crashes;
    let known = app.state().watches()?.attempts;
    let due = app.state().due()?.calls;
    let at = Timestamp::from_system_time(SystemTime::now());
    let (mut of_events, mut of_calls) = (Vec::new(), Vec::new());
    for id in &left.events {
        let kept = due.iter().find(|(due, _)| due == id);
        let n_failed = match kept {
            Some((_, kept)) => {
                let kept = kept.clone().after_failure(at);
                let n_failed = kept.n_failed();
                of_calls.push(DueRecord::Call(*id, Some(kept)));
                n_failed
            }
            None => {
                let failed = known.iter().find(|(known, _)| known == id);
                let n_failed = failed.map_or(0, |(_, attempts)| attempts.n_failed) + 1;
                let at = at.micros();
                of_events.push(Record::Attempts(*id, Some(Attempts { n_failed, at })));
                n_failed
            }
        };
        if n_failed >= limit {
            log_unrecorded(suspension::note_given_up(folder, &id.to_string()));
        }
    }
    app.state().record(of_events).await?;
    app.state().record_due(of_calls).await?;
    Ok(())
}

/// The app is served even if this cannot be recorded.
fn log_unrecorded(noted: io::Result<()>) {
    if let Err(error) = noted {
        tracing::error!("cannot record a crash of the app: {error}");
    }
}

fn log_suspects<'a>(suspects: impl Iterator<Item = (&'a Address, &'a u32)>) {
    let suspects: Vec<String> = suspects
        .map(|(address, crashes)| format!("{address} ({crashes})"))
        .collect();
    if !suspects.is_empty() {
        tracing::warn!(
            n_requests = suspects.len(),
            requests = suspects[..suspects.len().min(MAX_NAMED)].join(", "),
            "the host did not end properly while it handled these, so many times: they run by few at a time"
        );
    }
}
