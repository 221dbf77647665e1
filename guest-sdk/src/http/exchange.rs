//! A request and its answer by `wasi:http`.

use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};

use super::url::Url;
use super::{HttpError, HttpRequest, HttpResponse};

/// What is read at a time.
const READ_BYTES: u64 = 64 << 10;

pub(super) fn send(request: &HttpRequest, url: &Url<'_>) -> Result<HttpResponse, HttpError> {
    let failed = |code| explain(code, url);
    let outgoing = prepare(request, url)?;
    let writing = match &request.body {
        Some(body) => {
            let unwritten = || HttpError::Malformed("its Content-Length".to_owned());
            let outgoing = outgoing.body().map_err(|()| unwritten())?;
            Some((outgoing, body))
        }
        None => None,
    };
    let coming = handle(outgoing, request.timeout.map(options)).map_err(failed)?;
    if let Some((outgoing, body)) = writing {
        // Where the server wants no more of it, its answer says why.
        if write_all(&outgoing, body).is_some() {
            OutgoingBody::finish(outgoing, None).map_err(failed)?;
        }
    }
    let answer = loop {
        match coming.get() {
            Some(Ok(answer)) => break answer.map_err(failed)?,
            Some(Err(())) => return Err(HttpError::Unanswered("it was taken".to_owned())),
            None => coming.subscribe().block(),
        }
    };
    read(&answer, url)
}

fn prepare(request: &HttpRequest, url: &Url<'_>) -> Result<OutgoingRequest, HttpError> {
    let HttpRequest {
        method,
        headers,
        body,
        ..
    } = request;
    let mut headers = headers.clone();
    if let Some(body) = body {
        headers.set("Content-Length", body.len().to_string());
    }
    let headers: Vec<(String, Vec<u8>)> = (headers.iter())
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    let malformed = |what: &str| HttpError::Malformed(what.to_owned());
    let fields = Fields::from_list(&headers).map_err(|_| malformed("a header"))?;
    let request = OutgoingRequest::new(fields);
    let scheme = if url.is_encrypted {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request
        .set_method(&method_of(method))
        .map_err(|()| malformed("the method"))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| HttpError::InvalidUrl)?;
    request
        .set_authority(Some(url.authority))
        .map_err(|()| HttpError::InvalidUrl)?;
    let path = match url.path.strip_prefix('/') {
        Some(_) => url.path.to_owned(),
        None => format!("/{}", url.path),
    };
    request
        .set_path_with_query(Some(&path))
        .map_err(|()| HttpError::InvalidUrl)?;
    Ok(request)
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

fn options(time: std::time::Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    // A host that cannot wait so long waits as long as it can.
    options.set_connect_timeout(nanoseconds).ok();
    options.set_first_byte_timeout(nanoseconds).ok();
    options.set_between_bytes_timeout(nanoseconds).ok();
    options
}

/// Writes a body; `None` where nobody takes it any more.
fn write_all(body: &OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    let mut left = bytes;
    while !left.is_empty() {
        let room = usize::try_from(room(&stream)?).ok()?;
        let (now, later) = left.split_at(room.min(left.len()));
        stream.write(now).ok()?;
        left = later;
    }
    stream.flush().ok()
}

/// Waits until something can be written, and returns how much.
fn room(stream: &OutputStream) -> Option<u64> {
    loop {
        match stream.check_write().ok()? {
            0 => stream.subscribe().block(),
            room => return Some(room),
        }
    }
}

fn read(answer: &IncomingResponse, url: &Url<'_>) -> Result<HttpResponse, HttpError> {
    let taken = || HttpError::Unanswered("its body was taken".to_owned());
    let headers = answer.headers().entries();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let headers: Vec<_> = (headers.into_iter())
        .map(|(name, value)| (name, text(value)))
        .collect();
    let incoming = answer.consume().map_err(|()| taken())?;
    let body = read_all(&incoming, url)?;
    Ok(HttpResponse {
        status: answer.status(),
        headers: headers.into(),
        body,
    })
}

fn read_all(incoming: &IncomingBody, url: &Url<'_>) -> Result<Vec<u8>, HttpError> {
    let stream = incoming.stream();
    let stream = stream.map_err(|()| HttpError::Unanswered("its body was taken".to_owned()))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(part) => body.extend(part),
            Err(StreamError::Closed) => return Ok(body),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                return Err(code.map_or_else(
                    || HttpError::Unanswered("the connection broke".to_owned()),
                    |code| explain(code, url),
                ));
            }
        }
    }
}

/// Returns what went wrong, in so far as an app does different things about it.
fn explain(code: ErrorCode, url: &Url<'_>) -> HttpError {
    let shown = format!("{} ({})", url.origin(), words(&code));
    match code {
        ErrorCode::HttpRequestDenied => HttpError::NotAllowed(url.origin()),
        ErrorCode::DestinationIpProhibited => HttpError::Prohibited(url.origin()),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => HttpError::TimedOut(shown),
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_) => HttpError::TooLarge(shown),
        ErrorCode::HttpRequestUriInvalid => HttpError::InvalidUrl,
        ErrorCode::HttpRequestMethodInvalid => HttpError::Malformed("the method".to_owned()),
        _ => HttpError::Unanswered(shown),
    }
}

fn words(code: &ErrorCode) -> String {
    match code {
        ErrorCode::DestinationNotFound => "no such host".to_owned(),
        ErrorCode::ConnectionRefused => "connection refused".to_owned(),
        ErrorCode::ConnectionLimitReached => "too many connections".to_owned(),
        ErrorCode::TlsCertificateError => "its certificate is not trusted".to_owned(),
        ErrorCode::TlsProtocolError => "no encrypted connection".to_owned(),
        ErrorCode::HttpRequestBodySize(_) => "more sent than a call may".to_owned(),
        ErrorCode::HttpResponseBodySize(_) => "more received than a call may".to_owned(),
        ErrorCode::HttpResponseHeaderSectionSize(_) => "its headers are too large".to_owned(),
        ErrorCode::InternalError(Some(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}
