//! Requests of a call that runs on another machine, sent from here as if its guest were here.
//!
//! What a worker gives is judged as what a guest gives: `exchange` decides, connects and counts.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, WasiBody, WasiHttpHooks as _,
};

use super::HttpGuard;
use super::exchange::{Hooks, Replying, headers_bytes};
use super::lease::{CHUNK_BYTES, HEADERS_BYTES};
use super::parts;
use crate::meter::{Charge, MemoryRefused};
use crate::wire::{HttpBegin, HttpChunk, HttpFailure, HttpHead, HttpName};

const UNPOISONED: &str = "no holder of this lock panics";

/// Requests of one call.
pub(crate) struct ServedHttp {
    guard: HttpGuard,
    exchanges: Mutex<HashMap<HttpName, Exchange>>,
    /// How many there are at one time at most.
    most: usize,
}

/// One of them.
struct Exchange {
    /// Where the rest of its body goes; not while some of it is on its way there.
    body: Option<mpsc::Sender<Part>>,
    /// The body of the answer; not while some of it is waited for.
    answer: Option<WasiBody>,
    /// What sends it.
    task: AbortHandle,
    /// What is held of both bodies.
    _held: Charge,
}

/// A part of the body of a request; none at its end.
type Part = Result<Option<Frame<Bytes>>, HttpError>;

/// Where an answer comes.
type Answering = oneshot::Receiver<Answered>;
type Answered = Result<Response<WasiBody>, HttpError>;

type Head = Result<HttpHead, HttpFailure>;

/// A worker did what no guest can do.
pub(crate) struct NoSuchGuest(pub(crate) &'static str);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ServedHttp {
    /// Returns what sends the requests of a call, so many at a time.
    pub(crate) fn new(guard: HttpGuard, most: usize) -> Self {
        Self {
            guard,
            exchanges: Mutex::default(),
            most,
        }
    }

    /// Begins a request, which takes its turn now. What is returned waits for the head of the
    /// answer.
    pub(crate) fn begin(
        self: &Arc<Self>,
        begin: HttpBegin,
    ) -> Result<impl Future<Output = Head> + Send + use<>, NoSuchGuest> {
        let name = begin.exchange;
        {
            let exchanges = self.exchanges();
            if exchanges.contains_key(&name) {
                return Err(NoSuchGuest("two requests have one name"));
            }
            if exchanges.len() >= self.most {
                return Err(NoSuchGuest("it has too many requests at one time"));
            }
        }
        let begun = self.send(begin)?;
        let served = Arc::clone(self);
        Ok(async move {
            let head = match begun {
                Ok(replying) => replying
                    .await
                    .unwrap_or(Err(HttpError::ConnectionTerminated)),
                Err(refused) => Err(HttpError::InternalError(Some(refused.to_string()))),
            };
            served.answered(name, head)
        })
    }

    /// Has a request sent, and returns where its answer comes.
    fn send(&self, begin: HttpBegin) -> Result<Result<Answering, MemoryRefused>, NoSuchGuest> {
        let (name, options) = (begin.exchange, parts::options(begin.timeouts));
        let (request, body) = request(begin)?;
        let held = self
            .guard
            .hold_headers(headers_bytes(request.headers()) + request.uri().to_string().len())
            .and_then(|()| self.guard.hold_bodies());
        let held = match held {
            Ok(held) => held,
            Err(refused) => return Ok(Err(refused)),
        };
        let nothing = Box::new(async { Ok(()) });
        let replying = Hooks::new(self.guard.clone()).send_request(request, Some(options), nothing);
        let (reply, replied) = oneshot::channel();
        let task = tokio::spawn(carry_out(replying, reply));
        let exchange = Exchange {
            body,
            answer: None,
            task: task.abort_handle(),
            _held: held,
        };
        self.exchanges().insert(name, exchange);
        Ok(Ok(replied))
    }

    /// Keeps the body of an answer until it is asked for.
    fn answered(&self, name: HttpName, answer: Answered) -> Head {
        let mut exchanges = self.exchanges();
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                exchanges.remove(&name);
                return Err(parts::failure(error));
            }
        };
        let (head, body) = response.into_parts();
        let body_bytes = body.size_hint().exact();
        match exchanges.get_mut(&name) {
            Some(exchange) => exchange.answer = Some(body),
            // It was ended meanwhile.
            None => return Err(HttpFailure::ConnectionTerminated),
        }
        Ok(HttpHead {
            status: head.status.as_u16(),
            headers: parts::written(&head.headers),
            body_bytes,
        })
    }

    /// Takes a part of the body of a request. What is returned waits until there is room for more,
    /// and tells whether more is taken.
    pub(crate) fn take(
        self: &Arc<Self>,
        name: HttpName,
        chunk: HttpChunk,
    ) -> Result<impl Future<Output = bool> + Send + use<>, NoSuchGuest> {
        let (part, goes_on) = part(chunk)?;
        let body = match self.exchanges().get_mut(&name) {
            None => None,
            Some(exchange) => Some(
                exchange
                    .body
                    .take()
                    .ok_or(NoSuchGuest("it sends what comes after the end of a body"))?,
            ),
        };
        let served = Arc::clone(self);
        Ok(async move {
            let Some(body) = body else {
                return false;
            };
            let is_taken = body.send(part).await.is_ok();
            if let Some(exchange) = served.exchanges().get_mut(&name).filter(|_| goes_on) {
                exchange.body = Some(body);
            }
            is_taken && goes_on
        })
    }

    /// Returns what waits for the next part of an answer.
    pub(crate) fn receive(
        self: &Arc<Self>,
        name: HttpName,
    ) -> Result<impl Future<Output = Result<HttpChunk, HttpFailure>> + Send + use<>, NoSuchGuest>
    {
        let body = match self.exchanges().get_mut(&name) {
            None => None,
            Some(exchange) => Some(
                exchange
                    .answer
                    .take()
                    .ok_or(NoSuchGuest("it wants an answer that did not begin"))?,
            ),
        };
        let served = Arc::clone(self);
        Ok(async move {
            let Some(mut body) = body else {
                return Ok(HttpChunk::End);
            };
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(exchange) = served.exchanges().get_mut(&name) {
                        exchange.answer = Some(body);
                    }
                    Ok(parts::chunk(frame))
                }
                ended => {
                    served.end(name);
                    ended.transpose().map_err(parts::failure)?;
                    Ok(HttpChunk::End)
                }
            }
        })
    }

    /// Ends a request of which nothing is wanted any more.
    pub(crate) fn end(&self, name: HttpName) {
        drop(self.exchanges().remove(&name));
    }

    /// Ends all of them.
    pub(crate) fn end_all(&self) {
        let ended = std::mem::take(&mut *self.exchanges());
        drop(ended);
    }

    fn exchanges(&self) -> MutexGuard<'_, HashMap<HttpName, Exchange>> {
        self.exchanges.lock().expect(UNPOISONED)
    }
}

/// Waits for an answer, and then moves its bytes.
async fn carry_out(replying: Replying, reply: oneshot::Sender<Answered>) {
    match Pin::from(replying).await {
        Ok((response, worker)) => {
            if reply.send(Ok(response)).is_ok() {
                Pin::from(worker).await.ok();
            }
        }
        Err(error) => drop(reply.send(Err(error))),
    }
}

/// Makes of what a worker gives what a guest could have given.
fn request(
    begin: HttpBegin,
) -> Result<(Request<WasiBody>, Option<mpsc::Sender<Part>>), NoSuchGuest> {
    let method = Method::from_bytes(begin.method.as_bytes());
    let method = method.map_err(|_| NoSuchGuest("a method is none"))?;
    let uri: Uri = begin
        .url
        .parse()
        .map_err(|_| NoSuchGuest("a URL is none"))?;
    let authority = uri.authority().filter(|_| uri.scheme().is_some());
    let authority = authority.ok_or(NoSuchGuest("a URL is not whole"))?;
    let host = HeaderValue::from_str(authority.as_str());
    let host = host.map_err(|_| NoSuchGuest("a URL is none"))?;
    let headers = parts::read(begin.headers).ok_or(NoSuchGuest("a header is none"))?;
    check(&headers, begin.has_body)?;
    let (body, sender) = if begin.has_body {
        let (sender, parts) = mpsc::channel(1);
        let body = Sending {
            parts,
            bytes: begin.body_bytes,
            is_over: false,
        };
        (body.boxed_unsync(), Some(sender))
    } else {
        let body = Empty::new().map_err(|never| match never {});
        (body.boxed_unsync(), None)
    };
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut()) = (method, uri);
    // As those of guests have it: before the others.
    request.headers_mut().insert(HOST, host);
    request.headers_mut().extend(headers);
    Ok((request, sender))
}

/// Makes sure that a guest could have made these headers.
fn check(headers: &HeaderMap, has_body: bool) -> Result<(), NoSuchGuest> {
    if headers_bytes(headers) > HEADERS_BYTES {
        return Err(NoSuchGuest("the headers of a request are too large"));
    }
    if headers
        .keys()
        .any(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name))
    {
        return Err(NoSuchGuest("a request has a header that no guest can set"));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(());
    };
    let is_number = length.as_bytes().iter().all(u8::is_ascii_digit);
    let is_none = length.as_bytes().iter().all(|digit| *digit == b'0');
    if lengths.next().is_some() || length.is_empty() || !is_number || !(has_body || is_none) {
        return Err(NoSuchGuest("a request says that it has another length"));
    }
    Ok(())
}

/// Reads a part of the body of a request, and tells whether it goes on after it.
fn part(chunk: HttpChunk) -> Result<(Part, bool), NoSuchGuest> {
    match chunk {
        HttpChunk::Data(data) if data.len() > CHUNK_BYTES => {
            Err(NoSuchGuest("a part of a body is too large"))
        }
        HttpChunk::Data(data) => Ok((Ok(Some(Frame::data(data.into()))), true)),
        HttpChunk::Trailers(trailers) => {
            let trailers = parts::read(trailers).ok_or(NoSuchGuest("a trailer is none"))?;
            check(&trailers, true)?;
            Ok((Ok(Some(Frame::trailers(trailers))), false))
        }
        HttpChunk::End => Ok((Ok(None), false)),
        HttpChunk::Broken => Ok((Err(HttpError::HttpProtocolError), false)),
    }
}

/// The body of a request, as its parts come.
struct Sending {
    parts: mpsc::Receiver<Part>,
    /// How many bytes are left, where that is known.
    bytes: Option<u64>,
    is_over: bool,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // Whoever goes away in the middle of it has not finished it.
        let part = ready!(self.parts.poll_recv(context));
        let part = part.unwrap_or(Err(HttpError::HttpProtocolError));
        match &part {
            Ok(Some(frame)) if frame.is_data() => {
                let data = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.bytes = self.bytes.map(|bytes| bytes.saturating_sub(data));
            }
            _ => self.is_over = true,
        }
        Poll::Ready(part.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
