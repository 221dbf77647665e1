//! Calls an endpoint through the tree, as any SyftBox client does.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use syft_protocol::address::{Address, AppName, Datasite, Folder, RequestId};
use syft_protocol::message::{Headers, Method, Request, Response};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

use crate::error::CommandError;
use crate::tree::{Found, Tree};

/// The most bytes of an answer that are read. Sync carries far smaller ones.
const ANSWER_BYTES: u64 = 64 << 20;

/// The pause between two looks for the answer grows from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// How long a request must be gone before nobody waits for its answer any more.
const GONE_FOR: Duration = Duration::from_secs(5);

/// A call to be made.
#[derive(Debug, Clone)]
pub struct Call {
    /// The endpoint.
    pub url: SyftUrl,
    /// Who calls.
    pub sender: Datasite,
    /// The method.
    pub method: Method,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// How long to wait for the answer. The request expires then.
    pub timeout: Duration,
}

/// What came of a call.
#[derive(Debug)]
pub enum Called {
    /// The app answered.
    Answered(Box<Response>),
    /// The sync server refused the request.
    Rejected,
    /// The request was removed, not by us: nobody will answer.
    Removed,
    /// No answer came in time.
    TimedOut,
}

impl Call {
    /// Makes the call and waits for its answer, then deletes both files.
    ///
    /// # Errors
    /// The URL names no endpoint, the tree cannot be written, or what came as an
    /// answer is none.
    pub async fn make(self, datasites: &Path) -> Result<Called, CommandError> {
        let (app, endpoint) = self.url.rpc_target().ok_or_else(|| {
            CommandError::new(format!("{} names no endpoint", self.url.as_str()))
                .hint("endpoints look like syft://alice@example.org/app_data/hello/rpc/hello")
        })?;
        let app = AppName::parse(app)?;
        let datasite = Datasite::parse(self.url.datasite())?;
        let mut segments: Vec<&str> = endpoint
            .split('/')
            .filter(|name| !name.is_empty())
            .collect();
        segments.push(self.sender.as_str());
        let folder = Folder::parse(&segments)
            .ok_or_else(|| CommandError::new(format!("`{endpoint}` is no endpoint")))?;
        let id = Uuid::new_v4();
        let stem = RequestId::parse(&id.to_string()).expect("a UUID is an id");
        let address = Address::new(Arc::new(folder), stem);
        let tree = Tree::open(datasites, &datasite, &app)?;
        let timeout = self.timeout;
        tree.post(&address, &self.request(id).to_json())?;
        let called = wait(&tree, &address, timeout).await;
        tree.clear(&address);
        called
    }

    fn request(self, id: Uuid) -> Request {
        let created = Timestamp::from_system_time(SystemTime::now());
        Request {
            id: Some(id),
            sender: self.sender.as_str().to_owned(),
            url: self.url,
            body: self.body,
            headers: self.headers,
            created,
            expires: created.saturating_add(self.timeout),
            method: self.method,
        }
    }
}

async fn wait(tree: &Tree, address: &Address, timeout: Duration) -> Result<Called, CommandError> {
    let start = Instant::now();
    let mut gone_since = None::<Instant>;
    let mut pause = FIRST_PAUSE;
    loop {
        match tree.look_for_answer(address, ANSWER_BYTES)? {
            Found::Answer(bytes) => {
                let now = Timestamp::from_system_time(SystemTime::now());
                let response = Response::from_json(&bytes, now).map_err(|error| {
                    CommandError::new(format!("the answer is malformed: {error}"))
                })?;
                return Ok(Called::Answered(Box::new(response)));
            }
            Found::Rejected => return Ok(Called::Rejected),
            found => {
                let is_gone = matches!(found, Found::Removed);
                gone_since = gone_since
                    .filter(|_| is_gone)
                    .or(is_gone.then(Instant::now));
            }
        }
        if gone_since.is_some_and(|since| since.elapsed() >= GONE_FOR) {
            return Ok(Called::Removed);
        }
        if start.elapsed() >= timeout {
            return Ok(match gone_since {
                Some(_) => Called::Removed,
                None => Called::TimedOut,
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
