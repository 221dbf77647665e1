//! A message as a guest gives it, checked before anybody decides about it.

use std::time::Duration;

use syft_manifest::Limits;
use syft_manifest::units::{show_size, show_time};
use syft_protocol::address::Datasite;
use syft_protocol::message::{Headers, MAX_HEADER_BYTES, MAX_HEADERS};
use syft_protocol::outbox::{OutgoingMessage, Receiver, ReplyTo};
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

use crate::wit::messages::{Error, Message};

/// How long a message may last.
const LEAST_TIMEOUT: Duration = Duration::from_millis(1);
const MOST_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most bytes of the name of a handler, and of what it is given.
const MAX_HANDLER_BYTES: usize = 200;
const MAX_CONTEXT_BYTES: usize = 64 << 10;

/// Encrypted bodies become longer.
const ENCRYPTED_PARTS: (usize, usize) = (3, 4);

/// Returns what a guest wants to send, and to where; it has no id yet. The email in its URL is spelled as the
/// name of the folder is, so that one pattern stands for one receiver however it is written.
pub(super) fn check(
    message: Message,
    owner: &str,
    limits: &Limits,
) -> Result<(Receiver, OutgoingMessage), Error> {
    let (receiver, url) = receiver(&message.url, owner)?;
    let timeout = Duration::from_micros(message.timeout);
    if !(LEAST_TIMEOUT..=MOST_TIMEOUT).contains(&timeout) {
        let (least, most) = (show_time(LEAST_TIMEOUT), show_time(MOST_TIMEOUT));
        let why = format!("a message lasts from {least} to {most}");
        return Err(Error::Invalid(why));
    }
    check_sizes(&message, limits)?;
    let reply_to = message.reply_to.map(|reply_to| ReplyTo {
        handler: reply_to.handler,
        context: reply_to.context,
    });
    let message = OutgoingMessage {
        id: Uuid::nil(),
        url,
        method: message.method.into(),
        headers: Headers::from_iter(message.headers),
        body: message.body,
        timeout,
        encrypt: message.encrypt,
        reply_to,
    };
    Ok((receiver, message))
}

fn receiver(text: &str, owner: &str) -> Result<(Receiver, SyftUrl), Error> {
    let invalid = |why: String| Error::Invalid(why);
    let url = SyftUrl::parse(text).map_err(|error| invalid(error.to_string()))?;
    let named = Receiver::of(&url).map_err(|error| invalid(error.to_string()))?;
    let email = named.datasite.as_str();
    let datasite = if email.eq_ignore_ascii_case(owner) {
        owner.to_owned()
    } else {
        email.to_ascii_lowercase()
    };
    let datasite = Datasite::parse(&datasite).map_err(|error| invalid(error.to_string()))?;
    let receiver = Receiver { datasite, ..named };
    let Receiver {
        datasite,
        app,
        endpoint,
    } = &receiver;
    let url = SyftUrl::for_endpoint(datasite, app, endpoint);
    let query = text.split_once('#').map_or(text, |(before, _)| before);
    let query = query.split_once('?').map_or("", |(_, query)| query);
    let url = match query {
        "" => url,
        query => {
            SyftUrl::parse(&format!("{url}?{query}")).map_err(|error| invalid(error.to_string()))?
        }
    };
    // Whoever carries it reads the URL once more.
    match Receiver::of(&url) {
        Ok(again) if again == receiver => Ok((receiver, url)),
        _ => Err(invalid(format!(
            "the endpoint of `{url}` has characters that no URL can have"
        ))),
    }
}

fn check_sizes(message: &Message, limits: &Limits) -> Result<(), Error> {
    let headers = message.headers.iter();
    let header_bytes: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    if message.headers.len() > MAX_HEADERS || header_bytes > MAX_HEADER_BYTES {
        let most = show_size(MAX_HEADER_BYTES as u64);
        let why = format!("a message has at most {MAX_HEADERS} headers, of {most} together");
        return Err(Error::Invalid(why));
    }
    let (part, of) = ENCRYPTED_PARTS;
    let most = if message.encrypt {
        limits.message_bytes / of * part
    } else {
        limits.message_bytes
    };
    let body_bytes = message.body.as_ref().map_or(0, Vec::len);
    if body_bytes + header_bytes > most {
        let what = if message.encrypt { "an encrypted" } else { "a" };
        let most = show_size(most as u64);
        let why = format!("{what} message has at most {most}, body and headers together");
        return Err(Error::TooMany(why));
    }
    let Some(reply_to) = &message.reply_to else {
        return Ok(());
    };
    if reply_to.handler.is_empty() || reply_to.handler.len() > MAX_HANDLER_BYTES {
        let why = format!("the name of a handler has from 1 to {MAX_HANDLER_BYTES} bytes");
        return Err(Error::Invalid(why));
    }
    if reply_to.context.as_ref().map_or(0, Vec::len) > MAX_CONTEXT_BYTES {
        let most = show_size(MAX_CONTEXT_BYTES as u64);
        let why = format!("what a handler is given has at most {most}: keep more in the state");
        return Err(Error::TooMany(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::{messages, types};

    const OWNER: &str = "Alice@x.org";

    fn message(url: &str) -> Message {
        Message {
            url: url.to_owned(),
            method: types::Method::Post,
            headers: Vec::new(),
            body: None,
            timeout: 1_000_000,
            encrypt: false,
            reply_to: None,
        }
    }

    fn checked(message: Message) -> Result<(String, String), Error> {
        let checked = check(message, OWNER, &Limits::default());
        checked.map(|(receiver, sent)| (receiver.path(), sent.url.as_str().to_owned()))
    }

    #[test]
    fn a_receiver_is_spelled_in_one_way() {
        for (url, path, sent) in [
            (
                "syft://bob@x.org/app_data/pong/rpc/ping",
                "bob@x.org/app_data/pong/rpc/ping",
                "syft://bob@x.org/app_data/pong/rpc/ping",
            ),
            (
                "syft://BOB@X.org//app_data/pong/rpc//p%69ng/?a=1#x",
                "bob@x.org/app_data/pong/rpc/ping",
                "syft://bob@x.org/app_data/pong/rpc/ping?a=1",
            ),
            (
                "syft://alice@X.ORG/app_data/pong/rpc/50%25",
                "Alice@x.org/app_data/pong/rpc/50%",
                "syft://Alice@x.org/app_data/pong/rpc/50%25",
            ),
        ] {
            let expected = (path.to_owned(), sent.to_owned());
            assert_eq!(checked(message(url)).ok(), Some(expected), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_invalid() {
        for url in [
            "",
            "https://bob@x.org/app_data/pong/rpc/ping",
            "syft://bob@x.org/app_data/pong",
            "syft://bob@x.org/app_data/pong/rpc/../../private/x",
            "syft://bob@x.org/app_data/pong/rpc/%2e%2e/x",
            "syft://bob@x.org/app_data/pong/rpc/ping/eve@x.org",
            "syft://bob@x.org/app_data/pong/rpc/a%3Fb",
            "syft://bob@x.org/app_data/pong/rpc/a%00b",
        ] {
            let refused = checked(message(url));
            assert!(
                matches!(refused, Err(Error::Invalid(_))),
                "{url}: {refused:?}"
            );
        }
        for timeout in [0, u64::MAX] {
            let refused = checked(Message {
                timeout,
                ..message("syft://bob@x.org/app_data/pong/rpc/ping")
            });
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let limits = Limits::default();
        let sized = |bytes: usize, encrypt| {
            checked(Message {
                body: Some(vec![0; bytes]),
                encrypt,
                ..message("syft://bob@x.org/app_data/pong/rpc/ping")
            })
        };
        let most = limits.message_bytes;
        assert!(sized(most, false).is_ok());
        assert!(matches!(sized(most + 1, false), Err(Error::TooMany(_))));
        assert!(sized(most / 4 * 3, true).is_ok());
        assert!(matches!(sized(most, true), Err(Error::TooMany(_))));
        let replied = |handler: &str, bytes: usize| {
            checked(Message {
                reply_to: Some(messages::ReplyTo {
                    handler: handler.to_owned(),
                    context: Some(vec![0; bytes]),
                }),
                ..message("syft://bob@x.org/app_data/pong/rpc/ping")
            })
        };
        assert!(replied("counted", MAX_CONTEXT_BYTES).is_ok());
        assert!(matches!(replied("", 0), Err(Error::Invalid(_))));
        assert!(matches!(
            replied("x", MAX_CONTEXT_BYTES + 1),
            Err(Error::TooMany(_))
        ));
    }
}
