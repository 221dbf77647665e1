//! What a message is in the tables.

use syft_protocol::message::{Headers, Method};
use syft_protocol::outbox::{MessageAnswer, MessageOutcome, OutgoingMessage, ReplyTo};
use syft_protocol::status::Status;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

/// What the app said: URL, method, headers as JSON, handler and context of the reply.
pub(super) type Said<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a [u8]>);
/// Flags; when it was kept and when it expires; what is kept of it, in bytes.
pub(super) type Progress = (u32, i64, i64, u64);
/// Kind, status, headers as JSON or a reason, body.
pub(super) type Ended<'a> = (u8, u16, &'a str, Option<&'a [u8]>);

/// The body is to be encrypted.
pub(super) const ENCRYPT: u32 = 1;
/// The call waited for it: should that call run again, it finds it here.
pub(super) const WAITED_FOR: u32 = 2;
/// It surely lies or lay in the tree.
pub(super) const SENT: u32 = 4;
/// Its outcome is kept.
pub(super) const ENDED: u32 = 8;
/// There are no files of it in the tree any more.
pub(super) const CLEARED: u32 = 16;
/// The app was told of its outcome.
pub(super) const HANDLED: u32 = 32;

pub(super) const ANSWERED: u8 = 0;
pub(super) const EXPIRED: u8 = 1;
pub(super) const REJECTED: u8 = 2;

/// Returns a message without its body, unless another version of the host wrote what this one
/// cannot read.
pub(super) fn read_message(
    id: Uuid,
    said: Said<'_>,
    progress: Progress,
) -> Option<OutgoingMessage> {
    let (url, method, headers, handler, context) = said;
    let (flags, created, expires, _) = progress;
    let reply_to = handler.map(|handler| ReplyTo {
        handler: handler.to_owned(),
        context: context.map(<[u8]>::to_vec),
    });
    Some(OutgoingMessage {
        id,
        url: SyftUrl::parse(url).ok()?,
        method: Method::parse(method)?,
        headers: headers_from_json(headers),
        body: None,
        timeout: Timestamp::from_micros(expires)
            .saturating_duration_since(Timestamp::from_micros(created)),
        encrypt: flags & ENCRYPT != 0,
        reply_to,
    })
}

pub(super) fn read_outcome((kind, status, text, body): Ended<'_>) -> MessageOutcome {
    match kind {
        ANSWERED => MessageOutcome::Answered(MessageAnswer {
            status: Status::nearest(status),
            headers: headers_from_json(text),
            body: body.map(<[u8]>::to_vec),
        }),
        EXPIRED => MessageOutcome::Expired,
        _ => MessageOutcome::Rejected(text.to_owned()),
    }
}

pub(super) fn headers_to_json(headers: &Headers) -> String {
    let pairs: Vec<(&str, &str)> = headers.iter().collect();
    serde_json::to_string(&pairs).expect("texts are JSON")
}

pub(super) fn headers_from_json(text: &str) -> Headers {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).unwrap_or_default();
    pairs.into_iter().collect()
}
