//! Requests of a call that runs for the host of an owner elsewhere, which decides and sends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody};

use super::exchange::{Reply, Replying, Worker, headers_bytes};
use super::guard::HttpGuard;
use super::parts;
use crate::meter::{Charge, MemoryRefused};
use crate::wire::{
    Ask, HostReply, HttpBegin, HttpChunk, HttpHead, HttpName, OwnerLink, Unanswered,
};

/// Names of exchanges. They differ within the process, which is more than is needed.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A request that the host of the owner has, until this is dropped.
struct Exchange {
    owner: OwnerLink,
    name: HttpName,
    _held: Charge,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (owner, exchange) = (self.owner.clone(), self.name);
        // Nobody waits for it, and once the call is over nobody is told.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { owner.ask(Ask::HttpEnd { exchange }).await.ok() });
        }
    }
}

/// Has the host of the owner send a request.
pub(super) fn send(
    guard: &HttpGuard,
    owner: &OwnerLink,
    request: Request<WasiBody>,
    options: &RequestOptions,
    written: Option<Charge>,
) -> Replying {
    let held = guard.hold_bodies();
    let (owner, guard) = (owner.clone(), guard.clone());
    let timeouts = parts::timeouts(options);
    Box::new(async move {
        let exchange = Arc::new(Exchange {
            owner,
            name: NEXT.fetch_add(1, Ordering::Relaxed),
            _held: held.map_err(refused)?,
        });
        let (head, body) = request.into_parts();
        let begin = HttpBegin {
            exchange: exchange.name,
            method: head.method.to_string(),
            url: head.uri.to_string(),
            headers: parts::written(&head.headers),
            has_body: !body.is_end_stream(),
            body_bytes: body.size_hint().exact(),
            timeouts,
        };
        exchange.run(&guard, begin, body, written).await
    })
}

impl Exchange {
    /// Sends a request, and returns the head of its answer, with what sends the rest of it.
    async fn run(
        self: Arc<Self>,
        guard: &HttpGuard,
        begin: HttpBegin,
        body: WasiBody,
        written: Option<Charge>,
    ) -> Result<Reply, HttpError> {
        let mut is_sending = begin.has_body;
        let mut sending = Box::pin(Arc::clone(&self).send_body(body, written));
        let mut replying = std::pin::pin!(self.owner.ask(Ask::HttpBegin(begin)));
        let replied = loop {
            tokio::select! {
                biased;
                replied = &mut replying => break replied,
                () = &mut sending, if is_sending => is_sending = false,
            }
        };
        let head = match replied {
            Ok(HostReply::HttpHead(head)) => head.map_err(parts::error)?,
            other => return Err(self.unanswered(other)),
        };
        let response = self.response(head)?;
        let headers = headers_bytes(response.headers());
        guard.hold_headers(headers).map_err(refused)?;
        let worker = async move {
            if is_sending {
                sending.await;
            }
            Ok(())
        };
        Ok((response, Box::new(worker) as Worker))
    }

    /// Sends the body of a request, as far as anybody takes it.
    async fn send_body(self: Arc<Self>, mut body: WasiBody, _written: Option<Charge>) {
        loop {
            let chunk = match body.frame().await {
                Some(Ok(frame)) => parts::chunk(frame),
                Some(Err(_)) => HttpChunk::Broken,
                None => HttpChunk::End,
            };
            let goes_on = matches!(chunk, HttpChunk::Data(_));
            let exchange = self.name;
            let taken = self.owner.ask(Ask::HttpSend { exchange, chunk }).await;
            if !goes_on || !matches!(taken, Ok(HostReply::HttpTaken(true))) {
                return;
            }
        }
    }

    fn response(self: &Arc<Self>, head: HttpHead) -> Result<Response<WasiBody>, HttpError> {
        let body = Receiving {
            exchange: Arc::clone(self),
            asking: None,
            bytes: head.body_bytes,
            is_over: head.body_bytes == Some(0),
        };
        let mut response = Response::new(body.boxed_unsync());
        let status = StatusCode::from_u16(head.status);
        *response.status_mut() = status.map_err(|_| HttpError::HttpProtocolError)?;
        let headers = parts::read(head.headers);
        *response.headers_mut() = headers.ok_or(HttpError::HttpProtocolError)?;
        Ok(response)
    }

    /// Returns what a guest is told whose call is about to be ended.
    fn unanswered(&self, replied: Result<HostReply, Unanswered>) -> HttpError {
        if replied.is_ok() {
            self.owner.mistold();
        }
        HttpError::ConnectionTerminated
    }

    /// Returns the next part of the answer.
    async fn receive(self: Arc<Self>) -> Result<HttpChunk, HttpError> {
        let exchange = self.name;
        match self.owner.ask(Ask::HttpReceive { exchange }).await {
            Ok(HostReply::HttpChunk(chunk)) => chunk.map_err(parts::error),
            other => Err(self.unanswered(other)),
        }
    }
}

fn refused(refused: MemoryRefused) -> HttpError {
    HttpError::InternalError(Some(refused.to_string()))
}

type Asking = Pin<Box<dyn Future<Output = Result<HttpChunk, HttpError>> + Send>>;

/// The body of an answer, which comes in parts as they are asked for.
struct Receiving {
    exchange: Arc<Exchange>,
    asking: Option<Asking>,
    /// How many it has, where that is known.
    bytes: Option<u64>,
    is_over: bool,
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let exchange = Arc::clone(&self.exchange);
        let asking = self
            .asking
            .get_or_insert_with(|| Box::pin(exchange.receive()));
        let received = ready!(asking.as_mut().poll(context));
        self.asking = None;
        Poll::Ready(match received {
            Ok(HttpChunk::Data(data)) => {
                let left = |bytes: u64| bytes.saturating_sub(data.len() as u64);
                self.bytes = self.bytes.map(left);
                Some(Ok(Frame::data(data.into())))
            }
            Ok(_) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
