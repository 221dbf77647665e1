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

use crate::accounts::owner_key_file;
use crate::connect::{self, ConnectTo, Probe, ServerUrl, WorkersError};
use desk::{Desk, Event};

/// How long another host has to say that it is there.
const OTHER_WITHIN: Duration = Duration::from_secs(2);

/// On which subject a host says that it is there.
const PRESENT: &str = "syft.owner";

/// How calls are given to workers.
#[derive(Debug, Clone)]
pub struct WorkersOptions {
    /// The address of the NATS server.
    pub url: String,
    /// The folder of the accounts. Who is not in it (any more) gets nothing.
    pub folder: PathBuf,
    /// Whose certificates count; those that the system knows, where none is named.
    pub ca_file: Option<PathBuf>,
}

impl WorkersOptions {
    fn connect_to(&self) -> Result<ConnectTo, WorkersError> {
        let server = ServerUrl::parse(&self.url);
        Ok(ConnectTo {
            server: server.map_err(|why| WorkersError::Url(self.url.clone(), why))?,
            key_file: owner_key_file(&self.folder),
            ca_file: self.ca_file.clone(),
        })
    }
}

/// Connects for a moment, as the host would.
///
/// # Errors
/// The server cannot be used.
pub async fn probe(options: &WorkersOptions) -> Result<Probe, WorkersError> {
    connect::probe(&options.connect_to()?).await
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
    pub async fn start(options: WorkersOptions) -> Result<Self, WorkersError> {
        let to = options.connect_to()?;
        let (client, links) = to.connect("syft-host", true).await?;
        if client.connection_state() == async_nats::connection::State::Connected {
            expect_alone(&client, &to.server.to_string()).await?;
        }
        let (pool, end) = Pool::new();
        let (desk, events) = mpsc::unbounded_channel();
        let served = Desk::new(client, &options.folder, desk.clone());
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
async fn expect_alone(client: &async_nats::Client, server: &str) -> Result<(), WorkersError> {
    let request = async_nats::Request::new().timeout(Some(OTHER_WITHIN));
    match client.send_request(PRESENT, request).await {
        Ok(_) => {
            let why = "another host gives calls to workers there; one does at a time";
            Err(WorkersError::Unfit(server.to_owned(), why.to_owned()))
        }
        Err(_) => Ok(()),
    }
}
