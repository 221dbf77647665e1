//! Bodies on their way, counted as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use syft_manifest::units::show_size;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::exchange::{Exchange, failure};
use super::lease::Lease;
use crate::meter::Charge;

type Polled = Poll<Option<Result<Frame<Bytes>, HttpError>>>;

/// The body of a request.
pub(super) struct Sending {
    body: WasiBody,
    exchange: Arc<Exchange>,
    /// For what the guest wrote and was not sent yet.
    _written: Option<Charge>,
}

/// The body of an answer.
pub(super) struct Receiving {
    body: Incoming,
    exchange: Arc<Exchange>,
    within: Duration,
    timer: Pin<Box<Sleep>>,
    /// As long as the guest has something of the answer, its place is taken.
    _lease: Arc<Lease>,
}

impl Sending {
    pub(super) fn new(body: WasiBody, exchange: &Arc<Exchange>, written: Option<Charge>) -> Self {
        Self {
            body,
            exchange: Arc::clone(exchange),
            _written: written,
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let Poll::Ready(Some(Ok(frame))) = &polled else {
            return polled;
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self.exchange.guard.sent().spend(bytes) {
            Ok(()) => {
                if let (Some(recorded), Some(data)) = (&self.exchange.recorded, frame.data_ref()) {
                    recorded.sent(data);
                }
                polled
            }
            Err(limit) => Poll::Ready(Some(Err(HttpError::HttpRequestBodySize(Some(limit))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Receiving {
    pub(super) fn new(
        body: Incoming,
        exchange: &Arc<Exchange>,
        within: Duration,
        lease: &Arc<Lease>,
    ) -> Self {
        Self {
            body,
            exchange: Arc::clone(exchange),
            within,
            timer: Box::pin(tokio::time::sleep(within)),
            _lease: Arc::clone(lease),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Polled {
        match self.timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let words = format!("nothing more came within {:?}", self.within);
                let error = HttpError::ConnectionReadTimeout;
                Poll::Ready(Some(Err(self.exchange.fail(error, &words))))
            }
        }
    }
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => return self.wait(context),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                let (error, words) = failure(&error);
                return Poll::Ready(Some(Err(self.exchange.fail(error, words))));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        // Trailers end it. Nobody would count them while the guest keeps them.
        let Ok(data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        let next = Instant::now() + self.within;
        self.timer.as_mut().reset(next);
        match self.exchange.guard.received().spend(data.len()) {
            Ok(()) => {
                if let Some(recorded) = &self.exchange.recorded {
                    recorded.received(&data);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Err(limit) => {
                let words = format!("a call receives at most {}", show_size(limit));
                let error = HttpError::HttpResponseBodySize(Some(limit));
                Poll::Ready(Some(Err(self.exchange.fail(error, &words))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
