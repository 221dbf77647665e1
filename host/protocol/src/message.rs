//! The two messages, request and response, and their JSON.

mod body;
mod encrypted;
mod headers;
mod headers_field;
mod method;
mod read;
mod value;
mod write;

use uuid::Uuid;

pub use encrypted::envelope;
pub use headers::Headers;
pub use method::Method;

use crate::status::Status;
use crate::timestamp::Timestamp;
use crate::url::SyftUrl;

/// The most bytes the `sender` of a message may have.
pub const MAX_SENDER_BYTES: usize = 1024;

/// The most headers a message may have.
pub const MAX_HEADERS: usize = 256;

/// The most bytes the names and values of a message's headers may have in sum.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The deepest nesting of arrays and objects in a message, the message itself
/// included; the released client's bound.
pub const MAX_DEPTH: usize = 201;

/// A request as its sender wrote it. Nothing in it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id, which need not be that of the file.
    pub id: Option<Uuid>,
    /// The sender, which is a claim and may be any text.
    pub sender: String,
    /// The URL that the sender meant.
    pub url: SyftUrl,
    /// The body; an empty one is not the same as none.
    pub body: Option<Vec<u8>>,
    /// The headers.
    pub headers: Headers,
    /// When it was created.
    pub created: Timestamp,
    /// When nobody waits for the answer any more.
    pub expires: Timestamp,
    /// The method, which tells handlers nothing unless they look at it.
    pub method: Method,
}

impl Request {
    /// Returns the request in `bytes`, the whole contents of a file.
    ///
    /// Reads at least what the released client reads: keys in any order, the
    /// last of two equal ones, unknown keys passed over; only `sender` and
    /// `url` are required. Without `method` it is a GET, without `created` it
    /// is of `now`, without `expires` it lasts 24 hours from `now`. The one
    /// exception: `NaN` and `Infinity` are no JSON here, not even below an
    /// unknown key. What the released client refuses is refused (but for half
    /// a surrogate pair below an unknown key, which nobody looks at), and so is
    /// what exceeds [`MAX_SENDER_BYTES`], [`MAX_HEADERS`],
    /// [`MAX_HEADER_BYTES`], [`MAX_DEPTH`] or
    /// [`MAX_URL_BYTES`](crate::url::MAX_URL_BYTES). The memory it takes is
    /// in proportion to `bytes`.
    pub fn from_json(bytes: &[u8], now: Timestamp) -> Result<Request, MessageError> {
        read::request(bytes, now)
    }

    /// Returns the request as the released client writes it, byte for byte:
    /// one line, compact, no line feed at the end. An `id` of `None` is left
    /// out.
    pub fn to_json(&self) -> Vec<u8> {
        write::request(self)
    }

    /// Returns the id that the released client gives a request it may reuse:
    /// equal for equal sender, URL, body, headers and method, in this order of
    /// headers. A version 4 UUID by its form.
    pub fn deterministic_id(&self) -> Uuid {
        write::deterministic_id(self)
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The id of the request. Read from JSON without one it is the nil UUID:
    /// it is the file's name that says which request was answered.
    pub id: Uuid,
    /// The email of who answers.
    pub sender: String,
    /// The URL of the request, as it stands there.
    pub url: SyftUrl,
    /// The body; an empty one is not the same as none.
    pub body: Option<Vec<u8>>,
    /// The headers.
    pub headers: Headers,
    /// When it was created.
    pub created: Timestamp,
    /// When the request expires: a response read later is a 419 to the
    /// released client.
    pub expires: Timestamp,
    /// The outcome.
    pub status: Status,
}

impl Response {
    /// Returns the response in `bytes`, by the rules of [`Request::from_json`].
    /// Without `status_code` it is a 200.
    pub fn from_json(bytes: &[u8], now: Timestamp) -> Result<Response, MessageError> {
        read::response(bytes, now)
    }

    /// Returns the response as the released SyftEvent writes it, byte for
    /// byte.
    pub fn to_json(&self) -> Vec<u8> {
        write::response(self)
    }
}

/// Why bytes are no message. One line, meant for whoever wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text ends too early, as that of a file still being written does.
    #[error("incomplete JSON: {0}")]
    Incomplete(String),
    /// It is encrypted as a whole, in an envelope of this kind.
    #[error(
        "it is encrypted for the SyftBox SDK ({0}), which syft-host does not read yet: it has to be sent unencrypted"
    )]
    Encrypted(&'static str),
    /// The text is no JSON, or no object.
    #[error("invalid JSON: {0}")]
    Json(String),
    /// A field is missing or holds what it must not.
    #[error("{field}: {reason}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
