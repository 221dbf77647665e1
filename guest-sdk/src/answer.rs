//! From what a handler returned to a [`Response`], whatever its type.
//!
//! Coherence allows no "`IntoResponse` if there is, else `Serialize`". Method
//! look-up does: it tries a receiver by value, then by `&`, then by `&mut`, and
//! passes over implementations whose bounds do not hold. Each step below is a
//! wrapper with the same method on up to three receivers, best first. It works
//! where the type is known, so the macro writes these calls into each handler.
//!
//! Why: docs/decisions/45-one-world-for-every-guest.md

#![allow(
    missing_docs,
    reason = "not for authors; each step is explained once, at its wrapper"
)]

use std::any::type_name;
use std::convert::Infallible;
use std::fmt::Display;

use serde::Serialize;

use crate::{CallError, Error, Failure, IntoError, IntoResponse, Response};

/// Step 1: what came back may be a `Result`.
pub struct Returned<T>(pub T);

impl<T, E> Returned<Result<T, E>> {
    pub fn split(self) -> Result<T, E> {
        self.0
    }
}

pub trait NeverFails<T> {
    fn split(self) -> Result<T, Infallible>;
}

impl<T> NeverFails<T> for Returned<T> {
    fn split(self) -> Result<T, Infallible> {
        Ok(self.0)
    }
}

/// Step 2: what it holds may be an `Option`.
pub struct Given<T>(pub T);

impl<T> Given<Option<T>> {
    pub fn given(self) -> Option<T> {
        self.0
    }
}

pub trait GivesAll<T> {
    fn given(self) -> Option<T>;
}

impl<T> GivesAll<T> for Given<T> {
    fn given(self) -> Option<T> {
        Some(self.0)
    }
}

/// Step 3: the value is a response of its own kind, or JSON.
pub struct HandlerAnswer<T>(pub T);

pub trait IsResponse {
    fn response(self) -> Result<Response, Error>;
}

impl<T: IntoResponse> IsResponse for HandlerAnswer<T> {
    fn response(self) -> Result<Response, Error> {
        self.0.into_response()
    }
}

pub trait IsSerialize {
    fn response(self) -> Result<Response, Error>;
}

impl<T: Serialize> IsSerialize for &HandlerAnswer<T> {
    fn response(self) -> Result<Response, Error> {
        Response::json(&self.0)
    }
}

/// Comes last, and never holds: its bound gives the error its text.
pub trait IsUnknown<T> {
    fn response(self) -> Result<Response, Error>
    where
        T: IntoResponse;
}

impl<T> IsUnknown<T> for &mut HandlerAnswer<T> {
    fn response(self) -> Result<Response, Error>
    where
        T: IntoResponse,
    {
        unreachable!("`HandlerAnswer<T>` comes first where `T` is `IntoResponse`")
    }
}

/// Beside step 3: the error says what it comes to, is one of ours, or a text.
pub struct Failed<E>(pub E);

// Before the methods of traits come those of the type itself.
impl<E: IntoError> Failed<E> {
    pub fn error(self) -> Error {
        self.0.into_error()
    }
}

pub trait FailsAsError {
    fn error(self) -> Error;
}

impl<E: Into<Error>> FailsAsError for Failed<E> {
    fn error(self) -> Error {
        self.0.into()
    }
}

pub trait FailsAsText {
    fn error(self) -> Error;
}

impl<E: Display> FailsAsText for &Failed<E> {
    fn error(self) -> Error {
        // `anyhow` shows the causes in the alternate form.
        Error::of_kind(type_name::<E>(), format!("{:#}", self.0))
    }
}

/// As [`IsUnknown`].
pub trait FailsUnknown<E> {
    fn error(self) -> Error
    where
        E: HandlerError;
}

impl<E> FailsUnknown<E> for &mut Failed<E> {
    fn error(self) -> Error
    where
        E: HandlerError,
    {
        unreachable!("nothing is a `HandlerError`")
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    label = "neither an error nor a text",
    note = "implement `syft_guest::IntoError`, `std::error::Error` or `std::fmt::Display` for it, or return `syft_guest::Error`"
)]
pub trait HandlerError {}

/// Returns what the host learns of `error`, which `handler` returned.
pub fn fail(error: Error, handler: &str) -> Result<Response, CallError> {
    error.into_result(handler)
}

/// Returns what the host learns of `error`, which the watcher `handler` returned.
pub fn fail_watcher(error: Error, handler: &str) -> Result<(), Failure> {
    Err(error.into_failure(handler))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::prelude::*;
    use crate::{CallError, Failure, Handler};

    #[derive(serde::Serialize)]
    struct Model {
        name: &'static str,
        n: Option<i64>,
    }

    const MODEL: Model = Model { name: "z", n: None };

    /// Checks the status and body of a handler that returns this expression.
    macro_rules! check {
        ($ty:ty, $value:expr, $expected:expr) => {{
            #[on_request("/f")]
            fn f() -> $ty {
                $value
            }
            let response = <f as Handler>::call(Request::new("/f")).expect("a response");
            let expected: Option<&[u8]> = $expected;
            assert_eq!((response.status, response.body.as_deref()), (200, expected));
        }};
    }

    #[test]
    fn answers_nothing() {
        check!((), (), None);
        check!(Option<String>, None, None);
        check!(Result<(), Error>, Ok(()), None);
        check!(Result<Option<Model>, Error>, Ok(None), None);
    }

    #[test]
    fn answers_text_and_bytes_as_they_are() {
        check!(String, "é".to_owned(), Some("é".as_bytes()));
        check!(&'static str, "a\"b", Some(b"a\"b"));
        check!(Text, Text(String::new()), Some(b""));
        check!(Vec<u8>, vec![0, 255], Some(&[0, 255]));
        check!(Bytes, Bytes(vec![7]), Some(&[7]));
        check!(Option<Vec<u8>>, Some(vec![7]), Some(&[7]));
    }

    #[test]
    fn answers_all_else_as_compact_json() {
        check!(i64, -5, Some(b"-5"));
        check!(f64, 1.0, Some(b"1.0"));
        check!(bool, true, Some(b"true"));
        check!(
            Vec<&'static str>,
            vec!["é", "b"],
            Some("[\"é\",\"b\"]".as_bytes())
        );
        check!(BTreeMap<i32, i32>, [(1, 2)].into(), Some(br#"{"1":2}"#));
        check!(Model, MODEL, Some(br#"{"name":"z","n":null}"#));
        check!(Json<Model>, Json(MODEL), Some(br#"{"name":"z","n":null}"#));
        check!(Json<&'static str>, Json("a"), Some(br#""a""#));
        check!(
            Result<Option<Model>, String>,
            Ok(Some(MODEL)),
            Some(br#"{"name":"z","n":null}"#)
        );
        check!(
            serde_json::Value,
            serde_json::json!({"b": 1, "a": null}),
            Some(br#"{"b":1,"a":null}"#)
        );
        check!(impl serde::Serialize, [1, 2], Some(b"[1,2]"));
    }

    #[test]
    fn answers_a_response_with_its_status_and_headers() {
        #[on_request("/f")]
        fn f() -> Result<Response, Error> {
            Ok(Response::new(201).header("X-A", "1").body("made"))
        }
        let response = <f as Handler>::call(Request::new("/f")).expect("a response");
        assert_eq!(response.status, 201);
        assert_eq!(response.headers.get("x-a"), Some("1"));
        assert_eq!(response.body.as_deref(), Some(&b"made"[..]));
    }

    #[test]
    fn answers_an_error_with_a_status() {
        #[on_request("/f")]
        fn f() -> Result<i64, Error> {
            Err(Error::conflict("already there"))
        }
        let response = <f as Handler>::call(Request::new("/f")).expect("a response");
        assert_eq!(
            (response.status, response.body),
            (409, Some(b"already there".to_vec()))
        );
    }

    macro_rules! check_failure {
        ($error:ty, $value:expr, $kind:expr, $message:expr) => {{
            #[on_request("/f")]
            fn f() -> Result<i64, $error> {
                Err($value)
            }
            let error = <f as Handler>::call(Request::new("/f")).expect_err("a failure");
            let expected = CallError::Failed(Failure {
                kind: $kind.to_owned(),
                message: $message.to_owned(),
                handler: "f".to_owned(),
            });
            assert_eq!(error, expected);
        }};
    }

    #[test]
    fn hides_other_errors_from_the_caller() {
        fn parse() -> std::num::ParseIntError {
            "x".parse::<i64>().expect_err("no number")
        }
        fn io() -> std::io::Error {
            std::io::Error::other(parse())
        }
        check_failure!(
            std::num::ParseIntError,
            parse(),
            "core::num::error::ParseIntError",
            "invalid digit found in string"
        );
        check_failure!(
            std::io::Error,
            io(),
            "std::io::error::Error",
            "invalid digit found in string"
        );
        check_failure!(
            Error,
            parse().into(),
            "core::num::error::ParseIntError",
            "invalid digit found in string"
        );
        check_failure!(
            String,
            "broken".to_owned(),
            "alloc::string::String",
            "broken"
        );
        check_failure!(&'static str, "broken", "&str", "broken");
    }

    /// Is an error and a text too, but says what it comes to.
    #[derive(Debug)]
    enum Booking {
        SoldOut,
        Broken(std::num::ParseIntError),
    }

    impl std::fmt::Display for Booking {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("booking failed")
        }
    }

    impl std::error::Error for Booking {}

    impl IntoError for Booking {
        fn into_error(self) -> Error {
            match self {
                Booking::SoldOut => Error::conflict("sold out"),
                Booking::Broken(error) => error.into(),
            }
        }
    }

    #[test]
    fn an_error_may_say_what_it_comes_to() {
        #[on_request("/f")]
        fn f(row: String) -> Result<(), Booking> {
            let row: u32 = row.parse().map_err(Booking::Broken)?;
            if row > 9 {
                return Err(Booking::SoldOut);
            }
            Ok(())
        }
        let call = |row: &str| {
            let mut request = Request::new("/f");
            request.body = Some(row.into());
            <f as Handler>::call(request)
        };
        assert_eq!(call("1").expect("an answer").status, 200);
        assert_eq!(call("10").expect("an answer").status, 409);
        let Err(CallError::Failed(failure)) = call("x") else {
            panic!("it is for the log");
        };
        assert_eq!(failure.kind, "core::num::error::ParseIntError");
    }

    /// Is no error of the standard library, so `?` may convert it.
    struct Missing;

    impl From<Missing> for Error {
        fn from(_: Missing) -> Error {
            Error::not_found("missing")
        }
    }

    #[test]
    fn an_error_that_converts_goes_by_question_mark() {
        #[on_request("/f")]
        fn f() -> Result<(), Error> {
            Err(Missing)?
        }
        #[on_request("/g")]
        fn g() -> Result<(), Missing> {
            Err(Missing)
        }
        for call in [<f as Handler>::call, <g as Handler>::call] {
            let response = call(Request::new("/f")).expect("an answer");
            assert_eq!(response.status, 404);
        }
    }

    #[test]
    fn fails_where_the_answer_is_no_json() {
        #[on_request("/f")]
        fn f() -> BTreeMap<(i32, i32), i32> {
            [((1, 2), 3)].into()
        }
        let error = <f as Handler>::call(Request::new("/f")).expect_err("a failure");
        assert!(
            matches!(error, CallError::Failed(failure) if failure.message.contains("key must be a string"))
        );
    }
}
