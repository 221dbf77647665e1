//! What became of a message, as the handler is told that its message named.

use serde::de::DeserializeOwned;

use super::{MessageAnswer, MessageError, Outcome};
use crate::bindings::exports::syft::app::replies;
use crate::{Error, Failure};

/// What became of a message: a function with [`#[on_reply]`](macro@crate::on_reply) takes it as
/// its parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The id of the message.
    pub message_id: String,
    /// To where it went.
    pub url: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What the message said that the handler needs to know: see [`Reply::context`].
    pub context: Option<Vec<u8>>,
    /// 1, or more where earlier deliveries failed.
    pub attempt: u32,
}

impl Reply {
    /// Returns what became of a message, for native tests.
    pub fn new(outcome: impl Into<Outcome>) -> Reply {
        Reply {
            message_id: "00000000-0000-4000-9000-000000000000".to_owned(),
            url: "syft://receiver@example.com/app_data/app/rpc/".to_owned(),
            outcome: outcome.into(),
            context: None,
            attempt: 1,
        }
    }

    /// Returns the answer.
    ///
    /// # Errors
    /// There is none: [`MessageError::Expired`] or [`MessageError::Rejected`].
    pub fn answer(&self) -> Result<&MessageAnswer, MessageError> {
        self.outcome.answer()
    }

    /// Returns what the message said by [`Message::context`](super::Message::context).
    ///
    /// # Errors
    /// It said nothing, or something of another type.
    pub fn context<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let context = self.context.as_deref().unwrap_or(b"null");
        Ok(serde_json::from_slice(context)?)
    }

    /// Returns the email of whom the message went to.
    pub fn datasite(&self) -> &str {
        let path = self.url.strip_prefix("syft://").unwrap_or(&self.url);
        path.split('/').next().unwrap_or_default()
    }
}

impl From<replies::Reply> for Reply {
    fn from(reply: replies::Reply) -> Reply {
        Reply {
            message_id: reply.message_id,
            url: reply.url,
            outcome: reply.outcome.into(),
            context: reply.context,
            attempt: reply.attempt,
        }
    }
}

/// A handler of replies, as [`app!`](crate::app!) and [`Message::reply_to`] take it.
///
/// [`#[on_reply]`](macro@crate::on_reply) implements it for a type with the name of the function.
/// Use it in tests, to call a handler the way a reply does.
///
/// [`Message::reply_to`]: super::Message::reply_to
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler of replies",
    note = "put `#[on_reply]` on the function"
)]
pub trait ReplyHandler {
    /// Its name, of no other handler of replies of the app. Messages that are on their way name
    /// it: a later release keeps it.
    const NAME: &'static str;

    /// Its name and where it is, by which `syft-host build` finds one that `app!` does not list.
    #[doc(hidden)]
    const MARK: &'static str = "";

    /// Calls the function.
    fn call(reply: Reply) -> Result<(), Failure>;
}

/// A handler of replies of an app, at run time.
#[derive(Clone, Copy, Debug)]
pub struct ReplyRoute {
    pub(crate) name: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) call: fn(Reply) -> Result<(), Failure>,
}

impl ReplyRoute {
    /// Returns the handler `H`.
    pub const fn of<H: ReplyHandler>() -> ReplyRoute {
        ReplyRoute {
            name: H::NAME,
            mark: H::MARK,
            call: H::call,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whom_the_message_went_to_and_what_it_said() {
        let mut reply = Reply::new(MessageAnswer::new(200));
        reply.url = "syft://ada@example.com/app_data/x/rpc/y".to_owned();
        assert_eq!(reply.datasite(), "ada@example.com");
        assert_eq!(reply.context::<Option<i64>>().expect("nothing"), None);
        assert!(reply.context::<i64>().is_err());
        reply.context = Some(b"5".to_vec());
        assert_eq!(reply.context::<i64>().expect("a number"), 5);
    }
}
