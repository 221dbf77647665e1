//! Outcomes and refusals as the answers that callers read.

use std::time::Duration;

use serde_json::json;
use syft_protocol::address::{Address, AppName, Datasite, Endpoint};
use syft_protocol::inbox::Refusal;
use syft_protocol::message::{Headers, MAX_HEADER_BYTES, MAX_HEADERS, Request, Response};
use syft_protocol::status::Status;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;

use crate::sandbox::{Answer, Outcome};

/// How long an answer is valid whose request had no readable end.
const DEFAULT_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of a guest's words about a failure that a caller gets.
const MAX_TEXT_BYTES: usize = 4096;

/// Who answers, and how openly.
#[derive(Debug, Clone)]
pub struct Replier {
    /// The owner.
    pub datasite: Datasite,
    /// The app.
    pub app: AppName,
    /// Callers see what went wrong inside a handler.
    pub debug: bool,
    /// The most bytes of a response file.
    pub response_bytes: usize,
}

/// An answer to be written.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: Status,
    /// The response file.
    pub json: Vec<u8>,
}

/// What came of a call, and the answer for it.
#[derive(Debug)]
pub struct Conclusion {
    /// The kind of outcome as one word.
    pub name: &'static str,
    /// What the owner should know of it.
    pub detail: Option<String>,
    /// The answer.
    pub reply: Reply,
    /// When it was made.
    pub at: Timestamp,
}

impl Replier {
    /// Returns what came of a call.
    pub fn conclude(
        &self,
        address: &Address,
        heading: &Heading,
        outcome: Outcome,
        now: Timestamp,
    ) -> Conclusion {
        Conclusion {
            name: outcome.name(),
            detail: outcome.detail(),
            reply: self.outcome(address, heading, outcome, now),
            at: now,
        }
    }

    /// Returns the answer for what came of a call.
    fn outcome(
        &self,
        address: &Address,
        heading: &Heading,
        outcome: Outcome,
        now: Timestamp,
    ) -> Reply {
        let response = match outcome {
            Outcome::Answered(answer) => self.answered(answer),
            Outcome::InvalidArguments(message) => text(
                Status::BAD_REQUEST,
                format!("Invalid request schema: {}", cut(&message)),
            ),
            Outcome::TooMuchData(limit) => self.too_large(limit),
            failure => self.failed(&failure),
        };
        self.reply(address, heading, response, now)
    }

    /// Returns the answer for a request that is not run.
    pub fn refusal(
        &self,
        address: &Address,
        heading: &Heading,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Reply {
        self.reply(
            address,
            heading,
            text(refusal.status(), refusal.message()),
            now,
        )
    }

    /// Returns what an answer repeats of its request. Where the request could not
    /// be read that is the URL of the endpoint in whose folder it lies.
    pub fn heading(&self, address: &Address, request: Option<&Request>, now: Timestamp) -> Heading {
        match request {
            Some(request) => Heading {
                url: request.url.clone(),
                expires: request.expires,
            },
            None => Heading {
                url: self.url(address.endpoint()),
                expires: now.saturating_add(DEFAULT_VALIDITY),
            },
        }
    }

    /// Returns the URL of an endpoint.
    pub fn url(&self, endpoint: &Endpoint) -> SyftUrl {
        SyftUrl::for_endpoint(&self.datasite, &self.app, endpoint)
    }

    fn answered(&self, answer: Answer) -> Content {
        let header_bytes: usize = answer
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if answer.headers.len() > MAX_HEADERS || header_bytes > MAX_HEADER_BYTES {
            let message = format!(
                "The response has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them."
            );
            return text(Status::INTERNAL_ERROR, message);
        }
        Content {
            status: Status::nearest(answer.status),
            headers: answer.headers.into_iter().collect(),
            body: answer.body,
        }
    }

    fn failed(&self, outcome: &Outcome) -> Content {
        if !self.debug {
            return text(
                Status::INTERNAL_ERROR,
                "Internal server error. Please try again later.".to_owned(),
            );
        }
        let (kind, handler) = match outcome {
            Outcome::Failed { kind, handler, .. } => (kind.as_str(), handler.as_str()),
            other => (other.name(), ""),
        };
        let message = match outcome {
            Outcome::Failed { message, .. } => cut(message).to_owned(),
            other => other.detail().unwrap_or_default(),
        };
        let details = json!({
            "error_type": kind,
            "error_message": message,
            "function_name": handler,
            "traceback": outcome.detail().unwrap_or_default(),
        });
        Content {
            status: Status::INTERNAL_ERROR,
            headers: Headers::from_iter([(
                "Content-Type".to_owned(),
                "application/json".to_owned(),
            )]),
            body: Some(format!("{details:#}").into_bytes()),
        }
    }

    fn reply(
        &self,
        address: &Address,
        heading: &Heading,
        content: Content,
        now: Timestamp,
    ) -> Reply {
        // Known before it is encoded: base64 makes four bytes of three.
        let least_bytes = content.body.as_ref().map_or(0, |body| body.len() / 3 * 4);
        let bytes = match least_bytes {
            bytes if bytes > self.response_bytes => bytes,
            _ => {
                let reply = self.encode(address, heading, content, now);
                if reply.json.len() <= self.response_bytes {
                    return reply;
                }
                reply.json.len()
            }
        };
        self.encode(address, heading, self.too_large(bytes), now)
    }

    fn too_large(&self, bytes: usize) -> Content {
        let limit = self.response_bytes;
        let message = format!(
            "The response is too large: {bytes} bytes as a file, and at most {limit} can be synced."
        );
        text(Status::INTERNAL_ERROR, message)
    }

    fn encode(
        &self,
        address: &Address,
        heading: &Heading,
        content: Content,
        now: Timestamp,
    ) -> Reply {
        let status = content.status;
        let response = Response {
            id: address.id().uuid(),
            sender: self.datasite.as_str().to_owned(),
            url: heading.url.clone(),
            body: content.body,
            headers: content.headers,
            created: now,
            expires: heading.expires,
            status,
        };
        Reply {
            status,
            json: response.to_json(),
        }
    }
}

/// What an answer repeats of its request.
#[derive(Debug, Clone)]
pub struct Heading {
    url: SyftUrl,
    expires: Timestamp,
}

struct Content {
    status: Status,
    headers: Headers,
    body: Option<Vec<u8>>,
}

/// Returns the beginning of a guest's text.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

fn text(status: Status, message: String) -> Content {
    Content {
        status,
        headers: Headers::default(),
        body: Some(message.into_bytes()),
    }
}
