//! Outcomes and refusals as the answers that callers read.

use std::time::Duration;

use serde_json::json;
use syft_protocol::address::{Address, AppName, Datasite, Endpoint};
use syft_protocol::encryption::{asks_for_encryption, is_encrypt_reply};
use syft_protocol::inbox::Refusal;
use syft_protocol::message::{Headers, MAX_HEADER_BYTES, MAX_HEADERS, Request, Response};
use syft_protocol::status::Status;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;

use super::LoadedApp;
use crate::encryption::Encryption;
use syft_runtime::capability::Advice;
use syft_runtime::sandbox::{Answer, Outcome};

/// How long an answer is valid whose request had no readable end.
const DEFAULT_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of a guest's words about a failure that a caller gets.
const MAX_TEXT_BYTES: usize = 4096;

/// Writes the answers of one app.
#[derive(Debug)]
pub(super) struct Replier {
    datasite: Datasite,
    app: AppName,
    /// Callers see what went wrong inside a handler.
    debug: bool,
    /// Whom these are advised to do something about it.
    advice: Advice,
    /// The most bytes of a response file.
    response_bytes: usize,
    encryption: Encryption,
}

/// An answer as the file that is written beside its request.
#[derive(Debug)]
pub struct AnswerFile {
    /// Its status.
    pub status: Status,
    /// What the file holds.
    pub json: Vec<u8>,
}

/// What an answer repeats of its request.
#[derive(Debug)]
pub(super) struct ReplyHead<'a> {
    address: &'a Address,
    url: SyftUrl,
    /// When the request expires, and its answer.
    pub(super) expires: Timestamp,
    /// Who gets it, where the request could be read.
    receiver: Option<String>,
    /// The request asks for an encrypted answer.
    is_encrypted: bool,
}

struct Content {
    status: Status,
    headers: Headers,
    body: Option<Vec<u8>>,
}

impl Replier {
    pub(super) fn new(
        app: &LoadedApp,
        debug: bool,
        advice: Advice,
        encryption: Encryption,
    ) -> Self {
        Self {
            datasite: app.datasite.clone(),
            app: app.name.clone(),
            debug,
            advice,
            response_bytes: app.limits().response_bytes,
            encryption,
        }
    }

    /// Returns what an answer repeats of its request. If the request cannot be read, that is
    /// the URL of the endpoint in whose folder it lies.
    pub(super) fn head<'a>(
        &self,
        address: &'a Address,
        request: Option<&Request>,
        now: Timestamp,
    ) -> ReplyHead<'a> {
        let (url, expires) = match request {
            Some(request) => (request.url.clone(), request.expires),
            None => (
                self.url(address.endpoint()),
                now.saturating_add(DEFAULT_VALIDITY),
            ),
        };
        ReplyHead {
            address,
            url,
            expires,
            receiver: request.map(|request| request.sender.clone()),
            is_encrypted: request.is_some_and(|request| asks_for_encryption(&request.headers)),
        }
    }

    /// Returns the URL of an endpoint.
    pub(super) fn url(&self, endpoint: &Endpoint) -> SyftUrl {
        SyftUrl::for_endpoint(&self.datasite, &self.app, endpoint)
    }

    /// Returns the answer for the outcome of a call.
    pub(super) fn answer(&self, head: &ReplyHead, outcome: Outcome, now: Timestamp) -> AnswerFile {
        let content = match outcome {
            Outcome::Answered(answer) => self.answered(answer),
            Outcome::InvalidArguments(message) => text(
                Status::BAD_REQUEST,
                format!("Invalid request schema: {}", cut(&message)),
            ),
            Outcome::TooMuchData(limit) => self.too_large(limit),
            failure => self.failed(&failure),
        };
        self.file(head, self.encrypted_if_asked(head, content), now)
    }

    /// Returns the answer to a request that is not run.
    pub(super) fn refusal(
        &self,
        head: &ReplyHead,
        refusal: &Refusal,
        now: Timestamp,
    ) -> AnswerFile {
        self.file(head, text(refusal.status(), refusal.message()), now)
    }

    /// Encrypts the body for whoever sent the request, if that or the app asks for it. What
    /// cannot be encrypted then does not go out at all.
    fn encrypted_if_asked(&self, head: &ReplyHead, content: Content) -> Content {
        let app_asks = asks_for_encryption(&content.headers);
        let headers = content.headers.into_iter();
        let headers = headers
            .filter(|(name, _)| !is_encrypt_reply(name))
            .collect();
        let content = Content { headers, ..content };
        let (Some(receiver), true) = (&head.receiver, app_asks || head.is_encrypted) else {
            return content;
        };
        let Some(body) = content.body else {
            return content;
        };
        let why = match self.encryption.seal(receiver, body) {
            Ok(Ok(body)) => {
                return Content {
                    body: Some(body),
                    ..content
                };
            }
            Ok(Err(why)) => why.to_string(),
            Err(error) => {
                tracing::error!(address = %head.address, "cannot encrypt an answer: {error}");
                "the host failed".to_owned()
            }
        };
        let message = format!("The answer has to be encrypted, and cannot be: {why}");
        text(Status::INTERNAL_ERROR, message)
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
            Outcome::Failed { .. } => outcome.message().unwrap_or_default().to_owned(),
            other => other.detail().unwrap_or_default(),
        };
        let mut details = json!({
            "error_type": kind,
            "error_message": message,
            "function_name": handler,
            "traceback": outcome.trace().map(str::to_owned).or_else(|| outcome.detail()),
        });
        if let Some(hint) = outcome.hint(self.advice, self.app.as_str()) {
            details["hint"] = json!(hint);
        }
        Content {
            status: Status::INTERNAL_ERROR,
            headers: Headers::from_iter([(
                "Content-Type".to_owned(),
                "application/json".to_owned(),
            )]),
            body: Some(format!("{details:#}").into_bytes()),
        }
    }

    fn file(&self, head: &ReplyHead, content: Content, now: Timestamp) -> AnswerFile {
        // Known before it is encoded: base64 makes four bytes of three.
        let least_bytes = content.body.as_ref().map_or(0, |body| body.len() / 3 * 4);
        let bytes = match least_bytes {
            bytes if bytes > self.response_bytes => bytes,
            _ => {
                let file = self.encode(head, content, now);
                if file.json.len() <= self.response_bytes {
                    return file;
                }
                file.json.len()
            }
        };
        self.encode(head, self.too_large(bytes), now)
    }

    fn too_large(&self, bytes: usize) -> Content {
        let limit = self.response_bytes;
        let message = format!(
            "The response is too large: {bytes} bytes as a file, and at most {limit} can be synced."
        );
        text(Status::INTERNAL_ERROR, message)
    }

    fn encode(&self, head: &ReplyHead, content: Content, now: Timestamp) -> AnswerFile {
        let status = content.status;
        let response = Response {
            id: head.address.id().uuid(),
            sender: self.datasite.as_str().to_owned(),
            url: head.url.clone(),
            body: content.body,
            headers: content.headers,
            created: now,
            expires: head.expires,
            status,
        };
        AnswerFile {
            status,
            json: response.to_json(),
        }
    }
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
