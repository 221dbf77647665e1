//! Heads, bodies and failures of requests, as hosts and workers write them.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions};

use crate::wire::{HttpChunk, HttpFailure, HttpHeader};

/// Returns headers as they are written, without the one that follows from the URL.
pub(super) fn written(headers: &HeaderMap) -> Vec<HttpHeader> {
    let headers = headers.iter().filter(|(name, _)| *name != HOST);
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.as_bytes().to_vec();
        (name.as_str().to_owned(), value.into())
    };
    headers.map(header).collect()
}

/// Reads headers; nothing, where one of them is none.
pub(super) fn read(headers: Vec<HttpHeader>) -> Option<HeaderMap> {
    let mut read = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(&value).ok()?;
        read.try_append(name, value).ok()?;
    }
    Some(read)
}

/// Returns a part of a body as it is written.
pub(super) fn chunk(frame: Frame<Bytes>) -> HttpChunk {
    match frame.into_data() {
        Ok(data) => HttpChunk::Data(data.into()),
        Err(frame) => match frame.into_trailers() {
            Ok(trailers) => HttpChunk::Trailers(written(&trailers)),
            Err(_) => HttpChunk::End,
        },
    }
}

/// Returns how long a request may wait, in microseconds.
pub(super) fn timeouts(options: &RequestOptions) -> [Option<u64>; 3] {
    let times = [
        options.connect_timeout,
        options.first_byte_timeout,
        options.between_bytes_timeout,
    ];
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    times.map(|time| time.map(micros))
}

pub(super) fn options(timeouts: [Option<u64>; 3]) -> RequestOptions {
    let [connect_timeout, first_byte_timeout, between_bytes_timeout] =
        timeouts.map(|time| time.map(Duration::from_micros));
    RequestOptions {
        connect_timeout,
        first_byte_timeout,
        between_bytes_timeout,
    }
}

/// Says of both kinds of failures which are the same.
macro_rules! failures {
    ($($ours:ident = $wasis:ident),*; $($our:ident = $wasi:ident),*) => {
        pub(super) fn failure(error: HttpError) -> HttpFailure {
            match error {
                $(HttpError::$wasis => HttpFailure::$ours,)*
                $(HttpError::$wasi(what) => HttpFailure::$our(what),)*
                error => HttpFailure::Internal(Some(format!("{error:?}"))),
            }
        }

        pub(super) fn error(failure: HttpFailure) -> HttpError {
            match failure {
                $(HttpFailure::$ours => HttpError::$wasis,)*
                $(HttpFailure::$our(what) => HttpError::$wasi(what),)*
            }
        }
    };
}

failures! {
    Denied = HttpRequestDenied,
    UriInvalid = HttpRequestUriInvalid,
    MethodInvalid = HttpRequestMethodInvalid,
    NotFound = DestinationNotFound,
    Unavailable = DestinationUnavailable,
    IpProhibited = DestinationIpProhibited,
    ConnectionRefused = ConnectionRefused,
    ConnectionTimeout = ConnectionTimeout,
    ConnectionTerminated = ConnectionTerminated,
    ReadTimeout = ConnectionReadTimeout,
    ConnectionLimit = ConnectionLimitReached,
    TlsProtocol = TlsProtocolError,
    TlsCertificate = TlsCertificateError,
    Protocol = HttpProtocolError,
    ResponseIncomplete = HttpResponseIncomplete,
    ResponseTimeout = HttpResponseTimeout;
    ResponseHeaders = HttpResponseHeaderSectionSize,
    ResponseBody = HttpResponseBodySize,
    RequestBody = HttpRequestBodySize,
    Internal = InternalError
}
