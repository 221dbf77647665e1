//! Requests by HTTP that the host of the owner sends for a guest.

use serde::{Deserialize, Serialize};

use super::bounds::at_most;

/// By which number the worker calls a request. It has no other that is open by the same.
pub type HttpName = u32;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpBegin {
    /// How the worker calls it.
    pub exchange: HttpName,
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers, in order.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub headers: Vec<HttpHeader>,
    /// There is a body, which comes in parts.
    pub has_body: bool,
    /// How many bytes the body has, where that is known.
    pub body_bytes: Option<u64>,
    /// How long it may wait, in microseconds: for a connection, for the head of the answer, and
    /// for more of its body.
    pub timeouts: [Option<u64>; 3],
}

/// A header: its name and its value.
pub type HttpHeader = (String, serde_bytes::ByteBuf);

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHead {
    /// The status code.
    pub status: u16,
    /// The headers, in order.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub headers: Vec<HttpHeader>,
    /// How many bytes the body has, where that is known.
    pub body_bytes: Option<u64>,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpChunk {
    /// Some of it.
    Data(#[serde(with = "serde_bytes")] Vec<u8>),
    /// What comes after the body of a request, which ends it.
    Trailers(#[serde(deserialize_with = "at_most::<4_096, _, _>")] Vec<HttpHeader>),
    /// It is over.
    End,
    /// Whoever sends it does not go on.
    Broken,
}

/// Why a request failed, as `wasi:http` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "`wasi:http` says it")]
pub enum HttpFailure {
    Denied,
    UriInvalid,
    MethodInvalid,
    NotFound,
    Unavailable,
    IpProhibited,
    ConnectionRefused,
    ConnectionTimeout,
    ConnectionTerminated,
    ReadTimeout,
    ConnectionLimit,
    TlsProtocol,
    TlsCertificate,
    Protocol,
    ResponseIncomplete,
    ResponseTimeout,
    ResponseHeaders(Option<u32>),
    ResponseBody(Option<u64>),
    RequestBody(Option<u64>),
    Internal(Option<String>),
}
