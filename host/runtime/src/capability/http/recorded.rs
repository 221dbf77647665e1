//! Requests of a call that is recorded, and answers to one that runs again: nothing is sent then.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::exchange::{Reply, Replying, Worker};
use crate::recording::{CallStep, Data, HttpAnswer, Recorder};

/// How long an answer waits for the end of a request that goes nowhere.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request in a recording.
#[derive(Clone)]
pub(super) struct RecordedExchange {
    recorder: Recorder,
    at: usize,
    earlier: Option<HttpAnswer>,
}

/// What a request gets that was answered before.
pub(super) struct EarlierReply {
    recorded: RecordedExchange,
    answer: HttpAnswer,
}

impl RecordedExchange {
    /// Takes note of a request as the guest makes it.
    pub(super) fn begin(recorder: Option<&Recorder>, request: &Request<WasiBody>) -> Option<Self> {
        let recorder = recorder?.clone();
        let (method, url) = (request.method().to_string(), request.uri().to_string());
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        };
        let earlier = recorder.http_answer(&method, &url);
        let at = recorder.step(CallStep::Http {
            method,
            url,
            headers: request.headers().iter().map(header).collect(),
            body: Data::default(),
            answer: None,
        });
        Some(Self {
            recorder,
            at,
            earlier,
        })
    }

    /// Returns what came back before, where the call runs again.
    pub(super) fn earlier(&self) -> Option<EarlierReply> {
        Some(EarlierReply {
            answer: self.earlier.clone()?,
            recorded: self.clone(),
        })
    }

    pub(super) fn sent(&self, bytes: &[u8]) {
        self.recorder.sent(self.at, bytes);
    }

    pub(super) fn received(&self, bytes: &[u8]) {
        self.recorder.received(self.at, bytes);
    }

    /// Takes note of what came back, except for its body.
    pub(super) fn note(&self, reply: &Result<Reply, HttpError>) {
        let answer = match reply {
            Ok((response, _)) => head(response),
            Err(error) => HttpAnswer::Failed { error: name(error) },
        };
        self.recorder.answered(self.at, answer);
    }
}

fn head<Body>(response: &Response<Body>) -> HttpAnswer {
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().into()));
    HttpAnswer::Answered {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body: Data::default(),
    }
}

impl EarlierReply {
    /// Answers as before, and takes what the guest sends. What was refused before it was sent is
    /// refused again.
    pub(super) fn play(self, admitted: Result<(), HttpError>, sent: WasiBody) -> Replying {
        let Self { recorded, answer } = self;
        let answer = match admitted {
            Ok(()) => answer,
            Err(error) => HttpAnswer::Failed {
                error: name(&error),
            },
        };
        recorded.recorder.answered(recorded.at, answer.clone());
        let reply = match answer {
            HttpAnswer::Answered {
                status,
                headers,
                body,
            } => Ok(response(status, &headers, &body)),
            HttpAnswer::Failed { error } => Err(error_of(&error)),
        };
        Box::new(async move {
            let response = reply?;
            let mut taking = Box::pin(take(recorded, sent));
            // Most guests send all of it before they look for an answer.
            let taken = timeout(PATIENCE, &mut taking).await;
            let worker = async move {
                if taken.is_err() {
                    taking.await;
                }
                Ok(())
            };
            Ok((response, Box::new(worker) as Worker))
        })
    }
}

/// Takes a body that goes nowhere.
async fn take(recorded: RecordedExchange, mut sent: WasiBody) {
    while !sent.is_end_stream()
        && let Some(Ok(frame)) = sent.frame().await
    {
        if let Some(data) = frame.data_ref() {
            recorded.sent(data);
        }
    }
}

fn response(status: u16, headers: &[(String, Data)], body: &Data) -> Response<WasiBody> {
    let body = Full::new(Bytes::copy_from_slice(body.bytes()));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    // A stranger's recording may have what no answer has.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.bytes())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Failures by the names that recordings have for them.
fn known() -> [(&'static str, HttpError); 14] {
    [
        ("denied", HttpError::HttpRequestDenied),
        ("uri-invalid", HttpError::HttpRequestUriInvalid),
        ("method-invalid", HttpError::HttpRequestMethodInvalid),
        ("not-found", HttpError::DestinationNotFound),
        ("unavailable", HttpError::DestinationUnavailable),
        ("ip-prohibited", HttpError::DestinationIpProhibited),
        ("connection-refused", HttpError::ConnectionRefused),
        ("connection-timeout", HttpError::ConnectionTimeout),
        ("connection-terminated", HttpError::ConnectionTerminated),
        ("read-timeout", HttpError::ConnectionReadTimeout),
        ("connection-limit", HttpError::ConnectionLimitReached),
        ("tls-protocol", HttpError::TlsProtocolError),
        ("tls-certificate", HttpError::TlsCertificateError),
        ("protocol", HttpError::HttpProtocolError),
    ]
}

fn name(error: &HttpError) -> String {
    let is_it = |(_, known): &(&str, HttpError)| {
        std::mem::discriminant(known) == std::mem::discriminant(error)
    };
    match known().into_iter().find(is_it) {
        Some((name, _)) => name.to_owned(),
        None => format!("{error:?}"),
    }
}

fn error_of(name: &str) -> HttpError {
    let found = known().into_iter().find(|(known, _)| *known == name);
    found.map_or_else(
        || HttpError::InternalError(Some(name.to_owned())),
        |(_, error)| error,
    )
}
