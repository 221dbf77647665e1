//! One request and its answer: admitted, connected, sent and bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use syft_manifest::units::show_size;
use syft_manifest::{HttpMethod, HttpOrigin};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{Receiving, Sending};
use super::connect::{ConnectError, connect};
use super::elsewhere;
use super::guard::HttpGuard;
use super::lease::{CHUNK_BYTES, HEADERS_BYTES, Lease, Turn};
use super::policy::AllowedOrigin;
use super::recorded::RecordedExchange;
use super::tls;
use crate::meter::{Charge, MemoryRefused};

/// The most headers of an answer.
const MOST_HEADERS: usize = 100;

/// What a header takes beside its name and its value.
const HEADER_BYTES: usize = 64;

pub(super) type Reply = (Response<WasiBody>, Worker);
/// What moves the bytes of a connection.
pub(super) type Worker = Box<dyn Future<Output = Result<(), HttpError>> + Send>;
pub(super) type Replying = Box<dyn Future<Output = Result<Reply, HttpError>> + Send>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How the operations of WASI send a request.
pub(super) struct Hooks {
    pub(super) guard: HttpGuard,
    /// For what was written of the body of the request that is sent next.
    pub(super) written: Option<Charge>,
}

/// A request on its way.
pub(super) struct Exchange {
    pub(super) guard: HttpGuard,
    origin: HttpOrigin,
    method: HttpMethod,
    /// Where the call is recorded.
    pub(super) recorded: Option<RecordedExchange>,
}

impl Hooks {
    pub(super) fn new(guard: HttpGuard) -> Self {
        Self {
            guard,
            written: None,
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Replying {
        let written = self.written.take();
        let options = options.unwrap_or_default();
        if let Some(owner) = self.guard.owner() {
            return elsewhere::send(&self.guard, owner, request, &options, written);
        }
        let recorded = RecordedExchange::begin(self.guard.recorder(), &request);
        let admitted = admit(&self.guard, &request, recorded.clone());
        if let Some(reply) = recorded.as_ref().and_then(RecordedExchange::earlier) {
            return reply.play(admitted.map(drop), request.into_body());
        }
        let admitted = admitted.map(|(exchange, allowed, turn)| {
            let span = exchange.guard.span(&exchange.origin, exchange.method);
            (exchange, allowed, turn, span)
        });
        let sent = async move {
            let (exchange, allowed, turn, mut span) = admitted?;
            let replied = async {
                let within = exchange.guard.wait(options.connect_timeout);
                let begin = Instant::now();
                let lease = exchange.lease(turn, within).await?;
                let left = within.saturating_sub(begin.elapsed());
                let stream = exchange.open(&allowed, left).await?;
                let request = exchange.prepare(request, &allowed, written)?;
                exchange.send(stream, lease, request, options).await
            };
            let replied = replied.await;
            match &replied {
                Ok((response, _)) => span.set_detail(|| response.status().as_u16().to_string()),
                Err(error) => span.set_failure(|| kind_of(error)),
            }
            replied
        };
        match recorded {
            None => Box::new(sent),
            Some(recorded) => Box::new(async move {
                let reply = sent.await;
                recorded.note(&reply);
                reply
            }),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    // Those by default log what may be secret.
    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

/// Returns the name of an error, without what it holds.
fn kind_of(error: &HttpError) -> String {
    let text = format!("{error:?}");
    let name = text.split(|letter: char| !letter.is_alphanumeric()).next();
    name.unwrap_or_default().to_owned()
}

/// Decides about a request, and has it take its turn.
fn admit(
    guard: &HttpGuard,
    request: &Request<WasiBody>,
    recorded: Option<RecordedExchange>,
) -> Result<(Arc<Exchange>, AllowedOrigin, Turn), HttpError> {
    let (origin, method) = target(guard, request)?;
    let allowed = guard.decide(&origin, method);
    let allowed = allowed.map_err(|_| HttpError::HttpRequestDenied)?;
    let exchange = Exchange {
        guard: guard.clone(),
        origin,
        method,
        recorded,
    };
    Ok((Arc::new(exchange), allowed, guard.line_up()))
}

/// Returns where a request goes and by which method.
fn target(
    guard: &HttpGuard,
    request: &Request<WasiBody>,
) -> Result<(HttpOrigin, HttpMethod), HttpError> {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // Names are the same in any letters, and origins have small ones.
    let authority = authority.to_ascii_lowercase();
    let is_encrypted = uri.scheme() == Some(&Scheme::HTTPS);
    let origin = HttpOrigin::of_authority(is_encrypted, &authority).map_err(|error| {
        guard.log_unfit(&error.to_string());
        HttpError::HttpRequestUriInvalid
    })?;
    let method = HttpMethod::parse(request.method().as_str()).ok_or_else(|| {
        guard.log_unfit("apps cannot use this method");
        HttpError::HttpRequestMethodInvalid
    })?;
    Ok((origin, method))
}

impl Exchange {
    /// Takes note of a failure, and returns it.
    pub(super) fn fail(&self, error: HttpError, words: &str) -> HttpError {
        self.guard.log_failed(&self.origin, self.method, words);
        error
    }

    fn refused(&self, refused: MemoryRefused) -> HttpError {
        let words = refused.to_string();
        self.fail(HttpError::InternalError(Some(words.clone())), &words)
    }

    async fn lease(&self, turn: Turn, within: Duration) -> Result<Arc<Lease>, HttpError> {
        match timeout(within, self.guard.lease(turn)).await {
            Ok(Ok(lease)) => Ok(Arc::new(lease)),
            Ok(Err(refused)) => Err(self.refused(refused)),
            Err(_) => {
                let words = "too many connections are open already";
                Err(self.fail(HttpError::ConnectionLimitReached, words))
            }
        }
    }

    /// Connects, and encrypts the connection where the origin says so.
    async fn open(
        &self,
        allowed: &AllowedOrigin,
        within: Duration,
    ) -> Result<Box<dyn Stream>, HttpError> {
        let open = async {
            let stream = connect(allowed, within).await;
            let stream = stream.map_err(|error| self.unconnected(&error))?;
            if !self.origin.is_encrypted() {
                return Ok(Box::new(stream) as Box<dyn Stream>);
            }
            match tls::encrypt(self.origin.host(), stream).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(self.unencrypted(&error)),
            }
        };
        let opened = timeout(within, open).await;
        opened.unwrap_or_else(|_| {
            let words = format!("no connection within {within:?}");
            Err(self.fail(HttpError::ConnectionTimeout, &words))
        })
    }

    fn unconnected(&self, error: &ConnectError) -> HttpError {
        let words = error.in_words(&self.origin.to_string());
        match error {
            ConnectError::Unknown => self.fail(HttpError::DestinationNotFound, &words),
            ConnectError::Prohibited(_) => {
                self.guard.log_refused(&self.origin, self.method, &words);
                HttpError::DestinationIpProhibited
            }
            ConnectError::Io(error) => {
                let code = match error.kind() {
                    std::io::ErrorKind::ConnectionRefused => HttpError::ConnectionRefused,
                    std::io::ErrorKind::TimedOut => HttpError::ConnectionTimeout,
                    _ => HttpError::DestinationUnavailable,
                };
                self.fail(code, &words)
            }
        }
    }

    fn unencrypted(&self, error: &std::io::Error) -> HttpError {
        // What TLS says of it names certificates, and nothing that the guest sent.
        let words = format!("no encrypted connection: {error}");
        if tls::is_about_certificate(error) {
            self.fail(HttpError::TlsCertificateError, &words)
        } else {
            self.fail(HttpError::TlsProtocolError, &words)
        }
    }

    /// Makes of a request what is sent to the host itself.
    fn prepare(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        allowed: &AllowedOrigin,
        written: Option<Charge>,
    ) -> Result<Request<Sending>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().path_and_query(path).build();
        parts.uri = uri.map_err(|_| HttpError::HttpRequestUriInvalid)?;
        let host = HeaderValue::from_str(&self.origin.authority());
        let host = host.map_err(|_| HttpError::HttpRequestUriInvalid)?;
        parts.headers.insert(HOST, host);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
        // Last, when the server has shown who it is.
        self.guard.add_secrets(allowed, &mut parts.headers);
        let body = Sending::new(body, self, written);
        Ok(Request::from_parts(parts, body))
    }

    async fn send(
        self: Arc<Self>,
        stream: Box<dyn Stream>,
        lease: Arc<Lease>,
        request: Request<Sending>,
        options: RequestOptions,
    ) -> Result<Reply, HttpError> {
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(HEADERS_BYTES)
            .max_headers(MOST_HEADERS);
        let opened = builder.handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|error| self.unanswered(&error))?;
        let mut connection = Box::pin(connection);
        let mut is_open = true;
        let within = self.guard.wait(options.first_byte_timeout);
        let replied = timeout(within, async {
            let mut replying = std::pin::pin!(sender.send_request(request));
            loop {
                tokio::select! {
                    biased;
                    replied = &mut replying => return replied,
                    ended = &mut connection, if is_open => {
                        is_open = false;
                        ended?;
                    }
                }
            }
        });
        let response = match replied.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unanswered(&error)),
            Err(_) => {
                let words = format!("no answer within {within:?}");
                return Err(self.fail(HttpError::ConnectionReadTimeout, &words));
            }
        };
        let headers = headers_bytes(response.headers());
        let held = self.guard.hold_headers(headers);
        held.map_err(|refused| self.refused(refused))?;
        let within = self.guard.wait(options.between_bytes_timeout);
        let response =
            response.map(|body| Receiving::new(body, &self, within, &lease).boxed_unsync());
        let worker = async move {
            if is_open {
                // What is wrong with it, the body says.
                drop(connection.await);
            }
            drop(lease);
            Ok(())
        };
        Ok((response, Box::new(worker)))
    }

    fn unanswered(&self, error: &hyper::Error) -> HttpError {
        if let Some(limit) = self.guard.sent().exceeded() {
            let words = format!("a call sends at most {}", show_size(limit));
            return self.fail(HttpError::HttpRequestBodySize(Some(limit)), &words);
        }
        let (error, words) = failure(error);
        if let HttpError::HttpResponseHeaderSectionSize(_) = error {
            let most = show_size(HEADERS_BYTES as u64);
            let words = format!("an answer has at most {MOST_HEADERS} headers and {most} of them");
            return self.fail(error, &words);
        }
        self.fail(error, words)
    }
}

/// Returns what of HTTP went wrong, for the guest and for the owner. It quotes nothing.
pub(super) fn failure(error: &hyper::Error) -> (HttpError, &'static str) {
    match error {
        _ if error.is_parse_too_large() => {
            let most = u32::try_from(HEADERS_BYTES).ok();
            (
                HttpError::HttpResponseHeaderSectionSize(most),
                "its headers are too large",
            )
        }
        _ if error.is_incomplete_message() || is_cut_off(error) => (
            HttpError::HttpResponseIncomplete,
            "the connection ended before the answer did",
        ),
        _ if error.is_parse() => (HttpError::HttpProtocolError, "the answer is no HTTP"),
        _ if error.is_timeout() => (HttpError::HttpResponseTimeout, "no answer in time"),
        _ if error.is_user() => (
            HttpError::HttpProtocolError,
            "the app did not finish its request",
        ),
        _ => (HttpError::ConnectionTerminated, "the connection broke"),
    }
}

/// Tells whether a body ended before it was whole.
fn is_cut_off(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let io: Option<&std::io::Error> = source.and_then(|source| source.downcast_ref());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// Returns the code of an error that came while a body was read.
pub(super) fn code_of_body(error: &HttpError) -> ErrorCode {
    match error {
        HttpError::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        HttpError::HttpResponseBodySize(limit) => ErrorCode::HttpResponseBodySize(*limit),
        HttpError::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        HttpError::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        HttpError::HttpProtocolError => ErrorCode::HttpProtocolError,
        _ => ErrorCode::ConnectionTerminated,
    }
}

/// Returns what headers take in the memory of the host.
pub(super) fn headers_bytes(headers: &HeaderMap) -> usize {
    let bytes = |(name, value): (&http::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + HEADER_BYTES
    };
    headers.iter().map(bytes).sum()
}
