//! Calls an endpoint through the tree, as any SyftBox client does.

pub(crate) mod mailbox;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use syft_protocol::address::{Address, AddressError, AppName, Datasite, Folder, RequestId};
use syft_protocol::message::{Headers, MessageError, Method, Request, Response};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use thiserror::Error;
use uuid::Uuid;

use mailbox::{AnswerState, Mailbox};

/// The most bytes of an answer that are read. Sync carries far smaller ones.
const ANSWER_BYTES: u64 = 64 << 20;

/// The pause between two looks for the answer grows from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// How long a request must be gone before waiting for its answer ends.
const GONE_FOR: Duration = Duration::from_secs(5);

/// A call to be made.
#[derive(Debug, Clone)]
pub struct ClientCall {
    /// The id of the request.
    pub id: Uuid,
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

/// How a call ended.
#[derive(Debug)]
pub enum CallResult {
    /// The app answered.
    Answered(Box<Response>),
    /// The sync server refused the request.
    Rejected,
    /// Somebody else removed the request, so there will be no answer.
    Removed,
    /// No answer came in time.
    TimedOut,
}

/// Why a call could not be made, or its answer not be read.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The URL leads to no endpoint of an app.
    #[error("{0} does not name an endpoint")]
    NotAnEndpoint(String),
    /// A part of the URL is malformed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The app's folder cannot be opened.
    #[error("{0:#}")]
    Folder(anyhow::Error),
    /// The request cannot be written, or its answer not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The answer is larger than anything that sync carries.
    #[error("the answer has {0} bytes; at most {ANSWER_BYTES} are read")]
    TooLarge(u64),
    /// The answer is a link, a folder or the like.
    #[error("the answer is no regular file")]
    NoFile,
    /// The answer is not one.
    #[error("the answer is malformed: {0}")]
    Malformed(#[from] MessageError),
}

impl ClientCall {
    /// Makes the call and waits for its answer, then deletes both files.
    ///
    /// # Errors
    /// The URL names no endpoint, the tree cannot be written, or the answer is malformed.
    pub async fn make(self, datasites: &Path) -> Result<CallResult, ClientError> {
        let not_an_endpoint = || ClientError::NotAnEndpoint(self.url.as_str().to_owned());
        let (app, endpoint) = self.url.rpc_target().ok_or_else(not_an_endpoint)?;
        let app = AppName::parse(&app)?;
        let datasite = Datasite::parse(self.url.datasite())?;
        let mut segments: Vec<&str> = endpoint
            .split('/')
            .filter(|name| !name.is_empty())
            .collect();
        segments.push(self.sender.as_str());
        let folder = Folder::parse(&segments).ok_or_else(not_an_endpoint)?;
        let id = self.id;
        let stem = RequestId::parse(&id.to_string()).expect("a UUID is an id");
        let address = Address::new(Arc::new(folder), stem);
        let mailbox = Mailbox::open(datasites, &datasite, &app).map_err(ClientError::Folder)?;
        let timeout = self.timeout;
        mailbox.post(&address, &self.request().to_json())?;
        let result = wait(&mailbox, &address, timeout).await;
        mailbox.clear(&address);
        result
    }

    fn request(self) -> Request {
        let created = Timestamp::from_system_time(SystemTime::now());
        Request {
            id: Some(self.id),
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

async fn wait(
    mailbox: &Mailbox,
    address: &Address,
    timeout: Duration,
) -> Result<CallResult, ClientError> {
    let start = Instant::now();
    let mut gone_since = None::<Instant>;
    let mut pause = FIRST_PAUSE;
    loop {
        match mailbox.look(address, ANSWER_BYTES)? {
            AnswerState::Ready(answer) => {
                let now = Timestamp::from_system_time(SystemTime::now());
                let response = Response::from_json(&answer.bytes, now)?;
                return Ok(CallResult::Answered(Box::new(response)));
            }
            AnswerState::Rejected => return Ok(CallResult::Rejected),
            AnswerState::TooLarge(n_bytes) => return Err(ClientError::TooLarge(n_bytes)),
            AnswerState::NoFile => return Err(ClientError::NoFile),
            state => {
                let is_gone = matches!(state, AnswerState::Removed);
                gone_since = gone_since
                    .filter(|_| is_gone)
                    .or(is_gone.then(Instant::now));
            }
        }
        if gone_since.is_some_and(|since| since.elapsed() >= GONE_FOR) {
            return Ok(CallResult::Removed);
        }
        if start.elapsed() >= timeout {
            return Ok(match gone_since {
                Some(_) => CallResult::Removed,
                None => CallResult::TimedOut,
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
