//! Requests and events during which the host has crashed: counted over its runs, and
//! requests parked once that was too often.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use syft_protocol::address::Address;
use syft_protocol::inbox::Inbox;
use syft_protocol::timestamp::Timestamp;

use crate::app::App;
use crate::journal::{self, Journal};
use crate::parked::{Asked, MAX_PARKED, ParkedRequest, Shelf};
use crate::state::{Attempts, Note};
use crate::tree::{Opened, Tree};

/// Addresses that are named in the log.
const MAX_NAMED: usize = 10;

/// What is held against requests.
pub(super) struct Suspects {
    pub(super) journal: Arc<Journal>,
    shelf: Shelf,
    parked: Vec<ParkedRequest>,
}

impl Suspects {
    /// Finds out what was at work when an earlier run did not end properly, and has the
    /// inbox and the app's watches know.
    pub(super) async fn find(
        folder: &Path,
        tree: &Tree,
        app: &App,
        inbox: &mut Inbox,
    ) -> anyhow::Result<Self> {
        let shelf = Shelf::requests(folder);
        let parked: Vec<ParkedRequest> = shelf.list().unwrap_or_else(|error| {
            tracing::error!("cannot read which requests are parked: {error}");
            Vec::new()
        });
        let mut left = journal::left(folder)
            .with_context(|| format!("read the journal of calls in {}", folder.display()))?;
        // What has an answer, there or on its way, did not end the host.
        let is_over = |address: &Address| {
            !matches!(tree.open_request(address), Ok(Opened::File(_)))
                || app.state().has_record(address).unwrap_or(false)
        };
        let is_parked = |address: &Address| {
            let address = address.to_string();
            parked.iter().any(|it| it.address == address)
        };
        left.requests
            .retain(|address, _| !is_over(address) || is_parked(address));
        for (address, crashes) in &left.requests {
            inbox.suspect(address, *crashes);
        }
        count_events(app, &left).await?;
        tell(&left, &parked);
        let journal = Journal::start(folder, left.requests)
            .with_context(|| format!("write the journal of calls in {}", folder.display()))?;
        Ok(Self {
            journal,
            shelf,
            parked,
        })
    }

    /// Takes note of how a request ended.
    pub(super) fn ended(&mut self, inbox: &Inbox, address: &Address) {
        self.journal.suspect(address, inbox.crashes(address));
        if inbox.is_given_up(address) {
            self.park(address, inbox.crashes(address));
        }
    }

    fn park(&mut self, address: &Address, crashes: u32) {
        let at = Timestamp::from_system_time(SystemTime::now()).micros();
        let parked = ParkedRequest::new(address, crashes, at);
        if self.parked.iter().any(|it| it.id == parked.id) {
            return;
        }
        tracing::error!(%address, id = parked.id, crashes, "given up: parked");
        self.parked.push(parked);
        if self.parked.len() > MAX_PARKED {
            let oldest = self.parked.remove(0);
            tracing::warn!(
                address = oldest.address,
                "too many requests are parked: forgotten"
            );
            self.acquit(&oldest);
        }
        self.write();
    }

    /// Does with parked requests what somebody asked for, and returns those that are to
    /// be tried again.
    pub(super) fn see_to_asked(&mut self, inbox: &mut Inbox) -> Vec<Address> {
        let mut again = Vec::new();
        let all = self.shelf.asked();
        for (id, asked) in &all {
            let name = id.to_string();
            if let Some(at) = self.parked.iter().position(|it| it.id == name) {
                let parked = self.parked.remove(at);
                let address = self.acquit(&parked);
                if let Some(address) = &address {
                    inbox.suspect(address, 0);
                }
                again.extend(address.filter(|_| *asked == Asked::Retry));
                tracing::info!(%id, address = parked.address, ?asked, "asked for");
            }
        }
        if !all.is_empty() {
            self.write();
        }
        for (id, asked) in all {
            self.shelf.done(id, asked);
        }
        again
    }

    fn acquit(&self, parked: &ParkedRequest) -> Option<Address> {
        let address = Address::parse(&parked.address)?;
        self.journal.suspect(&address, 0);
        Some(address)
    }

    fn write(&self) {
        if let Err(error) = self.shelf.write(&self.parked) {
            tracing::error!("cannot list the parked requests: {error}");
        }
    }
}

/// An event that ended the host failed, as one does that the app does not take.
async fn count_events(app: &App, left: &journal::Left) -> anyhow::Result<()> {
    if left.events.is_empty() {
        return Ok(());
    }
    let known = app.state().watches()?.attempts;
    let at = Timestamp::from_system_time(SystemTime::now()).micros();
    let notes = left.events.iter().map(|id| {
        let failed = known.iter().find(|(known, _)| known == id);
        let n_failed = failed.map_or(0, |(_, it)| it.n_failed) + 1;
        Note::Attempts(*id, Some(Attempts { n_failed, at }))
    });
    Ok(app.state().note(notes.collect()).await?)
}

fn tell(left: &journal::Left, parked: &[ParkedRequest]) {
    let suspects = left.requests.iter();
    let suspects: Vec<String> = suspects
        .filter(|(address, _)| {
            let address = address.to_string();
            !parked.iter().any(|it| it.address == address)
        })
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
