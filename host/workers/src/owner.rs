//! The owner's host: gives calls to workers, and answers what they ask.
//!
//! - [`Workers`]: what a host holds
//! - `desk`: the loop to which everything comes; the ledger decides there
//! - `call`: one call at a worker, with the owner's end of it
//! - `components`: puts the components of apps where workers find them
//! - `queue`: shows elsewhere how many calls wait

mod call;
mod components;
mod desk;
mod known;
mod process;
mod queue;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use syft_manifest::{Digest, Limits};
use syft_runtime::remote::Pool;
use tokio::sync::mpsc;

use crate::connect::{ConnectError, ConnectTo};
use crate::ledger::LedgerTimes;
use desk::{Desk, Event};

/// How long another host has to say that it is there.
const OTHER_WITHIN: Duration = Duration::from_secs(2);

/// On which subject a host says that it is there.
const PRESENT: &str = "syft.owner";

/// How calls are given to workers.
#[derive(Debug, Clone)]
pub struct WorkersOptions {
    /// The server, and the key of the owner's host.
    pub connect: ConnectTo,
    /// The folder of the accounts. Who is not in it (any more) gets nothing.
    pub accounts: PathBuf,
    /// The datasite of the owner, which workers write into their logs.
    pub datasite: String,
    /// When a worker counts as lost.
    pub times: LedgerTimes,
}

/// An app whose calls may go to workers.
#[derive(Clone)]
pub struct AppOffer {
    /// Its name.
    pub name: String,
    /// Its component, as its author signed it.
    pub component: Digest,
    /// How many bytes that has.
    pub bytes: u64,
    /// Whose it is: authors take turns at the compiler.
    pub author: String,
    /// What its calls may use.
    pub limits: Limits,
    /// Reads the component.
    pub read: ReadOffered,
}

/// Reads a component that is offered.
pub type ReadOffered = Arc<dyn Fn() -> anyhow::Result<Vec<u8>> + Send + Sync>;

impl fmt::Debug for AppOffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("AppOffer");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

/// The workers of a host. They get no calls any more once this and all of its pools are dropped.
#[derive(Clone)]
pub struct Workers {
    pool: Pool,
    desk: mpsc::UnboundedSender<Event>,
}

impl Workers {
    /// Connects, and gives out calls from now on. A server that is not there is waited for.
    ///
    /// # Errors
    /// Something that does not mend itself: the key, encryption, or another host that does it.
    pub async fn start(options: WorkersOptions) -> Result<Self, ConnectError> {
        let (client, links) = options.connect.connect("syft-host", true).await?;
        if client.connection_state() == async_nats::connection::State::Connected {
            expect_alone(&client, &options.connect.server.to_string()).await?;
        }
        let (pool, end) = Pool::new();
        let (desk, events) = mpsc::unbounded_channel();
        let served = Desk::new(client, &options, desk.clone());
        tokio::spawn(served.run(end, events, links));
        Ok(Self { pool, desk })
    }

    /// Returns where apps give calls out.
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Has workers make themselves ready for the calls of an app, in the place of an earlier release
    /// of it.
    pub fn offer(&self, app: AppOffer) {
        // It ends after all who hold this.
        self.desk.send(Event::Offer(app)).ok();
    }

    /// Has workers run no calls of an app any more.
    pub fn withdraw(&self, name: &str) {
        self.desk.send(Event::NotOffered(name.to_owned())).ok();
    }
}

/// Makes sure that no other host gives out calls there: each would answer the other's workers.
async fn expect_alone(client: &async_nats::Client, server: &str) -> Result<(), ConnectError> {
    let request = async_nats::Request::new().timeout(Some(OTHER_WITHIN));
    match client.send_request(PRESENT, request).await {
        Ok(_) => {
            let why = "another host gives calls to workers there; one does at a time";
            Err(ConnectError::Unfit(server.to_owned(), why.to_owned()))
        }
        Err(_) => Ok(()),
    }
}
