//! What a handler is to an app.

use crate::bindings::exports::syft::app::rpc;
use crate::bindings::syft::app::types;
use crate::{Endpoint, Request, Response};

/// A handler, as [`app!`](crate::app!) takes it.
///
/// [`#[on_request]`](crate::on_request) implements it for a type with the name
/// of the function. Use it in tests, to call a handler the way a request does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "put `#[on_request(\"/path\")]` on the function"
)]
pub trait Handler {
    /// The path of the endpoint.
    const PATH: &'static str;

    /// Its name and where it is, by which `syft-host build` finds one that `app!` does not list.
    #[doc(hidden)]
    const MARK: &'static str = "";

    /// Returns what the published schema says of the endpoint.
    fn endpoint() -> Endpoint;

    /// Binds the parameters, calls the function and answers what it returned.
    fn call(request: Request) -> Result<Response, CallError>;
}

/// Why a call gave no response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The body does not fit the parameters. The caller gets 400 with this text.
    InvalidArguments(String),
    /// The handler failed. The host logs it; the caller gets 500 without it.
    Failed(Failure),
}

/// What went wrong in a handler, for the owner's log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the error's type.
    pub kind: String,
    /// The error and its causes.
    pub message: String,
    /// The name of the function.
    pub handler: String,
}

impl CallError {
    /// Returns the error for an endpoint that the app does not have.
    pub(crate) fn no_handler(endpoint: &str) -> CallError {
        CallError::Failed(Failure {
            kind: "NoHandler".to_owned(),
            message: format!("the app has no handler for `{endpoint}`"),
            handler: String::new(),
        })
    }
}

impl Failure {
    /// Returns the failure for a handler of replies that the app does not have.
    pub(crate) fn no_reply_handler(name: &str) -> Failure {
        Failure {
            kind: "NoReplyHandler".to_owned(),
            message: format!("the app has no #[on_reply] of the name `{name}`"),
            handler: String::new(),
        }
    }

    /// Returns the failure for a schedule that the app does not have.
    pub(crate) fn no_schedule(name: &str) -> Failure {
        Failure {
            kind: "NoSchedule".to_owned(),
            message: format!("the app has no schedule of the name `{name}`"),
            handler: String::new(),
        }
    }

    /// Returns the failure for a watcher that the app does not have.
    pub(crate) fn no_watcher(index: u32) -> Failure {
        Failure {
            kind: "NoWatcher".to_owned(),
            message: format!("the app has no watcher {index}"),
            handler: String::new(),
        }
    }
}

impl From<CallError> for rpc::Error {
    fn from(error: CallError) -> rpc::Error {
        match error {
            CallError::InvalidArguments(message) => rpc::Error::InvalidArguments(message),
            CallError::Failed(failure) => rpc::Error::Failed(failure.into()),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> types::Failure {
        types::Failure {
            kind: failure.kind,
            message: failure.message,
            handler: failure.handler,
        }
    }
}
