//! The error of handlers.

use std::any::type_name;
use std::fmt;

use crate::truncate::truncate;
use crate::{CallError, Failure, Response};

/// The error of a handler: an answer for the caller, or a failure for the log.
///
/// Every [`std::error::Error`] becomes a failure by `?`. The caller learns of a
/// failure no more than that there was one. This type itself is no
/// [`std::error::Error`]; it could not take all others if it were.
pub struct Error(Kind);

enum Kind {
    Answer { status: u16, message: String },
    Failure { kind: &'static str, message: String },
}

impl Error {
    /// The most bytes of a text for the caller, where it repeats their input.
    pub const MAX_PUBLIC_BYTES: usize = 1024;
    /// The most bytes of a text for the log.
    const MAX_FAILURE_BYTES: usize = 8 * 1024;

    /// Answers 400: the request is wrong in a way that `message` tells.
    pub fn bad_request(message: impl Into<String>) -> Error {
        Error::with_status(400, message)
    }

    /// Answers 403: this sender may not do that.
    pub fn forbidden(message: impl Into<String>) -> Error {
        Error::with_status(403, message)
    }

    /// Answers 404: what was asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::with_status(404, message)
    }

    /// Answers 409: the state does not allow that now.
    pub fn conflict(message: impl Into<String>) -> Error {
        Error::with_status(409, message)
    }

    /// Answers `status`, with `message` as the body. The caller reads it.
    pub fn with_status(status: u16, message: impl Into<String>) -> Error {
        Error(Kind::Answer {
            status,
            message: message.into(),
        })
    }

    /// Fails with a message for the log. The caller gets 500 without it.
    pub fn failed(message: impl Into<String>) -> Error {
        Error::of_kind(type_name::<Error>(), message.into())
    }

    pub(crate) fn of_kind(kind: &'static str, message: String) -> Error {
        Error(Kind::Failure { kind, message })
    }

    /// Returns the status that the caller gets: 500 for a failure.
    pub fn status(&self) -> u16 {
        match &self.0 {
            Kind::Answer { status, .. } => *status,
            Kind::Failure { .. } => 500,
        }
    }

    /// Returns the answer of `handler`, which returned this error.
    pub(crate) fn into_result(self, handler: &str) -> Result<Response, CallError> {
        match self.0 {
            Kind::Answer { status, message } => Ok(Response::new(status).body(message)),
            Kind::Failure { .. } => Err(CallError::Failed(self.into_failure(handler))),
        }
    }

    /// Returns the failure of `handler`, which has no caller that it could answer.
    pub(crate) fn into_failure(self, handler: &str) -> Failure {
        let (kind, message) = match self.0 {
            Kind::Answer { status, message } => {
                (type_name::<Error>(), format!("{status}: {message}"))
            }
            Kind::Failure { kind, message } => (kind, message),
        };
        Failure {
            kind: kind.to_owned(),
            message: truncate(message, Error::MAX_FAILURE_BYTES),
            handler: handler.to_owned(),
        }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error::of_kind(type_name::<E>(), with_causes(&error))
    }
}

/// Returns the error and its causes, `cannot read scores: no such file`.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors say what caused them in their own text.
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// An error of the author's own that says what it comes to.
///
/// A handler returns it as it is, and may still implement [`std::error::Error`], by
/// hand or by a crate such as `thiserror`. Without this trait such an error is a
/// failure for the log, whichever it is.
///
/// ```
/// use syft_guest::prelude::*;
/// use syft_guest::state::StateError;
///
/// enum BookingError {
///     SoldOut,
///     NoSuchRow(u32),
///     State(StateError),
/// }
///
/// impl IntoError for BookingError {
///     fn into_error(self) -> Error {
///         match self {
///             BookingError::SoldOut => Error::conflict("sold out"),
///             BookingError::NoSuchRow(row) => {
///                 Error::not_found(format!("there is no row {row}"))
///             }
///             // For the log.
///             BookingError::State(error) => error.into(),
///         }
///     }
/// }
///
/// impl From<StateError> for BookingError {
///     fn from(error: StateError) -> Self {
///         BookingError::State(error)
///     }
/// }
///
/// #[on_request("/book")]
/// fn book(row: u32) -> Result<String, BookingError> {
///     if row > 9 {
///         return Err(BookingError::NoSuchRow(row));
///     }
///     let n_booked = state::increment(&format!("row/{row}"), 1)?;
///     if n_booked > 2 {
///         return Err(BookingError::SoldOut);
///     }
///     Ok(format!("{row}-{n_booked}"))
/// }
///
/// let app = syft_guest::test::App::new();
/// let statuses = [1, 1, 1, 10].map(|row| app.request::<book>().json(&row_of(row)).send().status);
/// assert_eq!(statuses, [200, 200, 409, 404]);
/// # fn row_of(row: u32) -> std::collections::BTreeMap<&'static str, u32> { [("row", row)].into() }
/// ```
///
/// An error that is none of the standard library may instead be converted by
/// `impl From<BookingError> for syft_guest::Error`, which `?` uses as well.
pub trait IntoError {
    /// Returns the answer or the failure.
    fn into_error(self) -> Error;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Answer { message, .. } | Kind::Failure { message, .. } => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Answer { status, message } => write!(f, "{status}: {message}"),
            Kind::Failure { kind, message } => write!(f, "{kind}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read the score")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_failure_tells_its_causes() {
        let error = Error::from(Outer("x".parse::<i64>().expect_err("no number")));
        assert_eq!(
            error.to_string(),
            "cannot read the score: invalid digit found in string"
        );
        assert_eq!(error.status(), 500);
    }

    #[test]
    fn a_long_failure_is_cut() {
        let result = Error::failed("x".repeat(100_000)).into_result("f");
        let Err(CallError::Failed(failure)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(failure.message.len(), Error::MAX_FAILURE_BYTES);
    }

    #[test]
    fn shows_status_and_message() {
        let error = Error::not_found("no such user");
        assert_eq!(
            format!("{error} {error:?}"),
            "no such user 404: no such user"
        );
    }
}
