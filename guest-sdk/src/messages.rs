//! Requests to other apps, of this owner or of others.
//!
//! An app asks in `syft-app.toml` for the endpoints that it sends to, and its owner approves. It
//! sends as its owner:
//!
//! ```toml
//! [messages]
//! send = ["*/app_data/pingpong/rpc/**"]
//! ```
//!
//! # Sent with the call
//!
//! What nobody waits for leaves when the call ends well, together with what it wrote to the
//! state: both, or neither. Whoever wants to know what becomes of a message names a function
//! with [`#[on_reply]`](macro@crate::on_reply), which is called then, even days later:
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! /// Pings somebody.
//! #[on_request("/ping")]
//! fn ping(datasite: String) -> Result<(), Error> {
//!     Message::to_app(&datasite, "pingpong", "/ping")
//!         .body("ping")
//!         .reply_to::<ponged>()
//!         .context(&datasite)?
//!         .send()?;
//!     Ok(())
//! }
//!
//! /// Counts who answered.
//! #[on_reply]
//! fn ponged(reply: Reply) -> Result<(), Error> {
//!     let datasite: String = reply.context()?;
//!     match reply.answer() {
//!         Ok(answer) => log::info!("{datasite} says {}", answer.text()?),
//!         Err(why) => log::info!("{datasite} says nothing: {why}"),
//!     }
//!     state::increment("replies", 1)?;
//!     Ok(())
//! }
//!
//! syft_guest::app!(ping, ponged);
//! # fn main() {}
//! ```
//!
//! # Waited for
//!
//! [`Message::ask`] sends at once and waits for the answer, as long as the call has time. What
//! was sent so stays sent, whatever becomes of the call; one that runs again and sends the same
//! finds the answer that came.
//!
//! ```
//! # use syft_guest::prelude::*;
//! #[on_request("/weather")]
//! fn weather() -> Result<String, Error> {
//!     let answer = Message::to_app("ada@example.com", "weather", "/now").ask()?;
//!     Ok(answer.success()?.text()?.to_owned())
//! }
//! ```
//!
//! A message is a [`Sent`] once it is sent. [`receive_all`] and [`receive_any`] wait for several,
//! and [`Sent::with_id`] looks for one of an earlier call.
//!
//! In native tests nothing is sent:
//! [`test::App::with_messages`](crate::test::App::with_messages) answers.

mod answer;
mod error;
#[cfg(target_family = "wasm")]
mod host;
mod reply;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod stand_in;

use std::time::Duration;

use serde::Serialize;

use crate::{Error, Headers, Method};
pub use answer::{MessageAnswer, Outcome};
pub use error::MessageError;
pub use reply::{Reply, ReplyHandler, ReplyRoute};
#[cfg(not(target_family = "wasm"))]
use stand_in as host;

/// How long a receiver has, where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// A request to another app. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "nothing happens before it is sent"]
pub struct Message {
    /// To where: `syft://ada@example.com/app_data/pingpong/rpc/ping`.
    pub url: String,
    /// The method. `POST` elsewhere.
    pub method: Method,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// How long the receiver has: a quarter of an hour elsewhere.
    pub timeout: Duration,
    /// Has the body encrypted for the receiver, and the answer for the owner.
    pub encrypt: bool,
    /// Who is told what becomes of it.
    pub reply_to: Option<ReplyTo>,
}

/// Which handler is told what becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyTo {
    /// Its name.
    pub handler: String,
    /// What it is given beside that: see [`Message::context`].
    pub context: Option<Vec<u8>>,
}

impl Message {
    /// Begins a message to a URL, `syft://ada@example.com/app_data/pingpong/rpc/ping`.
    pub fn to(url: impl Into<String>) -> Message {
        Message {
            url: url.into(),
            method: Method::Post,
            headers: Headers::new(),
            body: None,
            timeout: TIMEOUT,
            encrypt: false,
            reply_to: None,
        }
    }

    /// Begins a message to an endpoint of an app of somebody, `("ada@example.com", "pingpong",
    /// "/ping")`.
    pub fn to_app(datasite: &str, app: &str, endpoint: &str) -> Message {
        let endpoint = endpoint.trim_start_matches('/');
        let endpoint = endpoint.replace('%', "%25").replace('#', "%23");
        Message::to(format!("syft://{datasite}/app_data/{app}/rpc/{endpoint}"))
    }

    /// Returns the message with that method.
    pub fn method(mut self, method: Method) -> Message {
        self.method = method;
        self
    }

    /// Returns the message with that header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Message {
        self.headers.set(name, value);
        self
    }

    /// Returns the message with that body: bytes or text.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Message {
        self.body = Some(body.into());
        self
    }

    /// Returns the message with compact JSON as its body, and the header that says so.
    ///
    /// # Errors
    /// The value has no JSON, such as a map with keys that are no text.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Message, Error> {
        let json = serde_json::to_vec(value)?;
        Ok(self.header("Content-Type", "application/json").body(json))
    }

    /// Returns the message with so much time for the receiver, from when it leaves.
    pub fn timeout(mut self, time: Duration) -> Message {
        self.timeout = time;
        self
    }

    /// Returns the message with a body that only the receiver can read, and an answer that only
    /// the owner can.
    pub fn encrypted(mut self) -> Message {
        self.encrypt = true;
        self
    }

    /// Returns the message with a handler that is told what becomes of it: a function with
    /// [`#[on_reply]`](macro@crate::on_reply). Nobody can wait for it then.
    pub fn reply_to<H: ReplyHandler>(mut self) -> Message {
        self.reply_to = Some(ReplyTo {
            handler: H::NAME.to_owned(),
            context: None,
        });
        self
    }

    /// Returns the message with what its handler needs to know, which gets it back by
    /// [`Reply::context`]. Up to 64 KiB of JSON.
    ///
    /// # Errors
    /// The value has no JSON, or no handler was named before.
    pub fn context<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Message, Error> {
        match &mut self.reply_to {
            Some(reply_to) => reply_to.context = Some(serde_json::to_vec(value)?),
            None => return Err(Error::failed("a context is for a handler: reply_to first")),
        }
        Ok(self)
    }

    /// Sends it when the call ends well, or at once where the call waits for it.
    ///
    /// # Errors
    /// It is refused: see [`MessageError`].
    pub fn send(self) -> Result<Sent, MessageError> {
        let url = self.url.clone();
        let id = host::send(self)?;
        Ok(Sent { id, url })
    }

    /// Sends it at once and waits for the answer, as long as the call has time.
    ///
    /// # Errors
    /// It is refused, or there is no answer in time. A status such as 404 is none: see
    /// [`MessageAnswer::success`].
    pub fn ask(self) -> Result<MessageAnswer, MessageError> {
        self.send()?.wait()
    }
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Its id, a UUID.
    pub id: String,
    /// To where it goes; empty where that is not known.
    pub url: String,
}

impl Sent {
    /// Returns a message of an earlier call of this app, by its id. What became of it is known
    /// until a day after it would have expired.
    pub fn with_id(id: impl Into<String>) -> Sent {
        Sent {
            id: id.into(),
            url: String::new(),
        }
    }

    /// Waits for the answer, as long as the call has time.
    ///
    /// # Errors
    /// There is none, or none yet ([`MessageError::Unanswered`]).
    pub fn wait(&self) -> Result<MessageAnswer, MessageError> {
        match self.wait_for(Duration::MAX)? {
            Some(outcome) => outcome.into_answer(),
            None => Err(MessageError::Unanswered),
        }
    }

    /// Waits for so long, and returns what became of it, if that is known.
    ///
    /// # Errors
    /// The host cannot tell: see [`MessageError`].
    pub fn wait_for(&self, time: Duration) -> Result<Option<Outcome>, MessageError> {
        let outcomes = receive_all([self], time)?;
        Ok(outcomes.into_iter().next().flatten())
    }

    /// Returns what became of it, if that is known by now. It leaves, if it did not.
    ///
    /// # Errors
    /// The host cannot tell: see [`MessageError`].
    pub fn outcome(&self) -> Result<Option<Outcome>, MessageError> {
        self.wait_for(Duration::ZERO)
    }
}

/// Waits until it is known of all of these messages what became of them, for so long. Returns
/// that in their order; none where it is not known.
///
/// ```
/// # use std::time::Duration;
/// # use syft_guest::prelude::*;
/// # fn votes(voters: Vec<String>) -> Result<usize, Error> {
/// let urls = voters.iter().map(|it| format!("syft://{it}/app_data/vote/rpc/now"));
/// let sent = messages::broadcast(urls, |message| message.body("tea?"))?;
/// let outcomes = messages::receive_all(&sent, Duration::from_secs(5))?;
/// let answered = outcomes.iter().flatten().filter(|it| it.answer().is_ok());
/// # Ok(answered.count()) }
/// ```
///
/// # Errors
/// The host cannot tell: see [`MessageError`].
pub fn receive_all<'a>(
    sent: impl IntoIterator<Item = &'a Sent>,
    time: Duration,
) -> Result<Vec<Option<Outcome>>, MessageError> {
    let ids: Vec<&str> = sent.into_iter().map(|it| it.id.as_str()).collect();
    host::receive(&ids, Until::All, time)
}

/// Waits until it is known of one of these messages what became of it, for so long. Returns what
/// is known of each, as [`receive_all`] does.
///
/// # Errors
/// The host cannot tell: see [`MessageError`].
pub fn receive_any<'a>(
    sent: impl IntoIterator<Item = &'a Sent>,
    time: Duration,
) -> Result<Vec<Option<Outcome>>, MessageError> {
    let ids: Vec<&str> = sent.into_iter().map(|it| it.id.as_str()).collect();
    host::receive(&ids, Until::Any, time)
}

/// Sends the same to several, and returns what was sent in their order. `fill` makes a message
/// of one that has a URL and nothing else.
///
/// # Errors
/// One of them is refused: then the others do not leave either, if the call fails for it.
pub fn broadcast<U: Into<String>>(
    urls: impl IntoIterator<Item = U>,
    fill: impl Fn(Message) -> Message,
) -> Result<Vec<Sent>, MessageError> {
    let messages = urls.into_iter().map(|url| fill(Message::to(url)));
    messages.map(Message::send).collect()
}

/// When a wait for several messages ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    All,
    Any,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_by_its_parts_or_its_url() {
        let url = "syft://ada@example.com/app_data/pingpong/rpc/ping";
        for endpoint in ["ping", "/ping"] {
            let message = Message::to_app("ada@example.com", "pingpong", endpoint);
            assert_eq!(message, Message::to(url));
        }
        let message = Message::to_app("a@b.co", "x", "/50%/#1");
        assert_eq!(message.url, "syft://a@b.co/app_data/x/rpc/50%25/%231");
    }

    #[test]
    fn a_context_needs_a_handler() {
        let refused = Message::to("x").context("y").map(|_| ());
        assert_eq!(refused.expect_err("no handler").status(), 500);
    }

    #[test]
    fn nothing_may_be_sent_at_first() {
        let refused = Message::to_app("ada@example.com", "pingpong", "/ping").send();
        let Err(MessageError::NotGranted(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.contains("with_messages"), "{why}");
    }
}
