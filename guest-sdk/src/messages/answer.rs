//! What became of a message.

use serde::de::DeserializeOwned;

use super::MessageError;
use crate::bindings::syft::app::types;
use crate::{Error, Headers};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The receiver answered, with success or not.
    Answered(MessageAnswer),
    /// No answer came in time.
    Expired,
    /// It was not sent, or the receiver's datasite did not take it: why, in words.
    Rejected(String),
}

/// The answer of an app, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageAnswer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

impl Outcome {
    /// Returns the answer.
    ///
    /// # Errors
    /// There is none: [`MessageError::Expired`] or [`MessageError::Rejected`].
    pub fn answer(&self) -> Result<&MessageAnswer, MessageError> {
        match self {
            Outcome::Answered(answer) => Ok(answer),
            Outcome::Expired => Err(MessageError::Expired),
            Outcome::Rejected(why) => Err(MessageError::Rejected(why.clone())),
        }
    }

    /// Returns the answer, as [`Outcome::answer`] does.
    ///
    /// # Errors
    /// There is none.
    pub fn into_answer(self) -> Result<MessageAnswer, MessageError> {
        match self {
            Outcome::Answered(answer) => Ok(answer),
            Outcome::Expired => Err(MessageError::Expired),
            Outcome::Rejected(why) => Err(MessageError::Rejected(why)),
        }
    }
}

impl MessageAnswer {
    /// Returns an answer without headers and body, for native tests.
    pub fn new(status: u16) -> MessageAnswer {
        MessageAnswer {
            status,
            ..MessageAnswer::default()
        }
    }

    /// Returns the answer with that header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> MessageAnswer {
        self.headers.set(name, value);
        self
    }

    /// Returns the answer with that body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> MessageAnswer {
        self.body = body.into();
        self
    }

    /// Returns the answer, if its status is from 200 to 299.
    ///
    /// # Errors
    /// It is another one.
    pub fn success(self) -> Result<MessageAnswer, MessageError> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(MessageError::Status(status)),
        }
    }

    /// Returns the body as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub fn text(&self) -> Result<&str, MessageError> {
        str::from_utf8(&self.body).map_err(|_| MessageError::NotText)
    }

    /// Returns the value of the JSON that the body is.
    ///
    /// # Errors
    /// It is no JSON, or none of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl From<MessageAnswer> for Outcome {
    fn from(answer: MessageAnswer) -> Outcome {
        Outcome::Answered(answer)
    }
}

impl From<MessageAnswer> for Option<Outcome> {
    fn from(answer: MessageAnswer) -> Option<Outcome> {
        Some(Outcome::Answered(answer))
    }
}

impl From<types::Outcome> for Outcome {
    fn from(outcome: types::Outcome) -> Outcome {
        match outcome {
            types::Outcome::Answered(answer) => Outcome::Answered(MessageAnswer {
                status: answer.status,
                headers: answer.headers.into(),
                body: answer.body.unwrap_or_default(),
            }),
            types::Outcome::Expired => Outcome::Expired,
            types::Outcome::Rejected(why) => Outcome::Rejected(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_what_it_is() {
        let answer = MessageAnswer::new(200)
            .with_body("[1]")
            .with_header("X-A", "1");
        assert_eq!(
            (answer.text(), answer.headers.get("x-a")),
            (Ok("[1]"), Some("1"))
        );
        assert_eq!(answer.json::<Vec<i64>>().expect("JSON"), [1]);
        assert!(answer.clone().success().is_ok());
        let refused = MessageAnswer::new(404).success();
        assert_eq!(refused, Err(MessageError::Status(404)));
        let binary = MessageAnswer::new(200).with_body([0xff]);
        assert_eq!(binary.text(), Err(MessageError::NotText));
    }

    #[test]
    fn without_an_answer_there_is_an_error_that_says_why() {
        assert_eq!(Outcome::Expired.answer(), Err(MessageError::Expired));
        let rejected = Outcome::Rejected("no".to_owned());
        let why = MessageError::Rejected("no".to_owned());
        assert_eq!(rejected.answer(), Err(why.clone()));
        assert_eq!(rejected.into_answer(), Err(why));
        assert!(Outcome::from(MessageAnswer::new(500)).answer().is_ok());
    }
}
