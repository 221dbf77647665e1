//! The arguments of a handler, taken by name from the body.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::truncate::truncate;
use crate::{CallError, Error};

/// The arguments that a request gives.
pub enum Arguments {
    /// The body is a JSON object.
    Object(Map<String, Value>),
    /// The body is something else.
    Whole(Vec<u8>),
    /// There is no body, or an empty one.
    Absent,
}

impl Arguments {
    /// Reads a body. A body is an object exactly when it parses as one.
    pub fn parse(body: Option<Vec<u8>>) -> Arguments {
        let body = body.unwrap_or_default();
        if body.is_empty() {
            return Arguments::Absent;
        }
        match serde_json::from_slice(&body) {
            Ok(object) => Arguments::Object(object),
            Err(_) => Arguments::Whole(body),
        }
    }

    /// Refuses a body that is no object, for a handler with these parameters.
    pub fn named(self, names: &[&str]) -> Result<Arguments, CallError> {
        match self {
            Arguments::Object(_) | Arguments::Absent => Ok(self),
            Arguments::Whole(_) => Err(invalid(format!(
                "the body must be a JSON object with {}",
                quoted(names)
            ))),
        }
    }

    /// Takes `null` for absent.
    pub fn forget_null(&mut self, name: &str) {
        if let Arguments::Object(object) = self
            && object.get(name).is_some_and(Value::is_null)
        {
            object.shift_remove(name);
        }
    }

    /// Takes the argument of that name.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, CallError> {
        let Some(value) = self.take_value(name) else {
            return Ok(None);
        };
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(misfit(name, error)),
        }
    }

    /// Takes a text, or the whole body where it is no object.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, CallError> {
        let Arguments::Whole(body) = self else {
            return self.take(name);
        };
        match String::from_utf8(std::mem::take(body)) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(misfit(name, format!("the body is not UTF-8: {error}"))),
        }
    }

    /// Takes bytes, or the whole body where it is no object.
    ///
    /// JSON has no bytes. Released clients write them as a string.
    pub fn take_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        if let Arguments::Whole(body) = self {
            return Ok(Some(std::mem::take(body)));
        }
        match self.take_value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.into_bytes())),
            Some(value) => match serde_json::from_value(value) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) => Err(misfit(name, error)),
            },
        }
    }

    /// Returns an argument that must be there.
    pub fn taken<T>(&self, value: Option<T>, name: &str) -> Result<T, CallError> {
        value.ok_or_else(|| invalid(format!("parameter `{name}` is missing")))
    }

    /// Returns an argument that is empty where there is no body at all.
    pub fn taken_or_empty<T: Default>(&self, value: Option<T>, name: &str) -> Result<T, CallError> {
        match (value, self) {
            (None, Arguments::Absent) => Ok(T::default()),
            (value, _) => self.taken(value, name),
        }
    }

    fn take_value(&mut self, name: &str) -> Option<Value> {
        match self {
            Arguments::Object(object) => object.get_mut(name).map(Value::take),
            Arguments::Whole(_) | Arguments::Absent => None,
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn misfit(name: &str, error: impl std::fmt::Display) -> CallError {
    invalid(format!("parameter `{name}`: {error}"))
}

fn invalid(message: String) -> CallError {
    CallError::InvalidArguments(truncate(message, Error::MAX_PUBLIC_BYTES))
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::{CallError, Handler};

    /// Calls `H` with a body; returns the body of the answer, or what was wrong.
    fn call<H: Handler>(body: Option<&str>) -> Result<String, String> {
        call_bytes::<H>(body.map(str::as_bytes))
    }

    fn call_bytes<H: Handler>(body: Option<&[u8]>) -> Result<String, String> {
        let mut request = Request::new(H::PATH);
        request.body = body.map(<[u8]>::to_vec);
        match H::call(request) {
            Ok(response) if response.status == 200 => {
                Ok(String::from_utf8(response.body.unwrap_or_default()).expect("text"))
            }
            Ok(response) => Err(format!("{}", response.status)),
            Err(CallError::InvalidArguments(message)) => Err(message),
            Err(error) => panic!("{error:?}"),
        }
    }

    type Case<'a> = (Option<&'a str>, Result<&'a str, &'a str>);

    fn check<H: Handler>(cases: &[Case<'_>]) {
        for (body, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(call::<H>(*body), expected, "{body:?}");
        }
    }

    #[test]
    fn several_parameters_come_by_name() {
        #[on_request("/f")]
        fn f(a: i64, mut b: i64, #[default("add")] operation: String, c: Option<bool>) -> String {
            b += 0;
            format!("{a} {b} {operation} {c:?}")
        }
        const NO_OBJECT: Result<&str, &str> =
            Err("the body must be a JSON object with `a`, `b`, `operation`, `c`");
        check::<f>(&[
            (Some(r#"{"a":1,"b":2}"#), Ok("1 2 add None")),
            (
                Some(r#" {"b":2,"a":1,"operation":"x","c":true,"more":[]} "#),
                Ok("1 2 x Some(true)"),
            ),
            (Some(r#"{"a":1,"b":2,"c":null}"#), Ok("1 2 add None")),
            (Some(r#"{"a":1,"a":3,"b":2}"#), Ok("3 2 add None")),
            (Some(r#"{"a":1}"#), Err("parameter `b` is missing")),
            (Some("{}"), Err("parameter `a` is missing")),
            (Some(""), Err("parameter `a` is missing")),
            (None, Err("parameter `a` is missing")),
            (
                Some(r#"{"a":"5","b":2}"#),
                Err("parameter `a`: invalid type: string \"5\", expected i64"),
            ),
            (
                Some(r#"{"a":1.5,"b":2}"#),
                Err("parameter `a`: invalid type: floating point `1.5`, expected i64"),
            ),
            (
                Some(r#"{"a":null,"b":2}"#),
                Err("parameter `a`: invalid type: null, expected i64"),
            ),
            (
                Some(r#"{"a":1,"b":2,"operation":null}"#),
                Err("parameter `operation`: invalid type: null, expected a string"),
            ),
            (Some("[1,2]"), NO_OBJECT),
            (Some("5"), NO_OBJECT),
            (Some("null"), NO_OBJECT),
            (Some(r#"{"a":1"#), NO_OBJECT),
            (Some(r#"{"a":NaN,"b":2}"#), NO_OBJECT),
        ]);
    }

    #[test]
    fn one_text_also_takes_a_body_that_is_no_object() {
        #[on_request("/f")]
        fn f(name: String) -> String {
            name
        }
        check::<f>(&[
            (Some(r#"{"name":"Ada"}"#), Ok("Ada")),
            (Some("World"), Ok("World")),
            (Some(r#""World""#), Ok(r#""World""#)),
            (Some("[1]"), Ok("[1]")),
            (Some(r#"{"name":"#), Ok(r#"{"name":"#)),
            (Some(" "), Ok(" ")),
            (Some(""), Ok("")),
            (None, Ok("")),
            (Some("{}"), Err("parameter `name` is missing")),
            (
                Some(r#"{"name":5}"#),
                Err("parameter `name`: invalid type: integer `5`, expected a string"),
            ),
        ]);
        assert_eq!(
            call_bytes::<f>(Some(b"a\xff")),
            Err(
                "parameter `name`: the body is not UTF-8: invalid utf-8 sequence of 1 bytes from index 1"
                    .to_owned()
            )
        );
    }

    #[test]
    fn one_text_with_a_default_takes_it_where_nothing_came() {
        #[on_request("/f")]
        fn f(#[default("World")] name: String, _request: Request) -> String {
            name
        }
        check::<f>(&[
            (None, Ok("World")),
            (Some(""), Ok("World")),
            (Some("{}"), Ok("World")),
            (Some("Ada"), Ok("Ada")),
            (
                Some(r#"{"name":null}"#),
                Err("parameter `name`: invalid type: null, expected a string"),
            ),
        ]);
    }

    #[test]
    fn one_optional_text() {
        #[on_request("/f")]
        fn f(name: Option<String>) -> String {
            format!("{name:?}")
        }
        check::<f>(&[
            (None, Ok("None")),
            (Some("{}"), Ok("None")),
            (Some(r#"{"name":null}"#), Ok("None")),
            (Some(r#"{"name":"Ada"}"#), Ok("Some(\"Ada\")")),
            (Some("Ada"), Ok("Some(\"Ada\")")),
        ]);
    }

    #[test]
    fn bytes_are_a_body_an_array_or_a_string() {
        #[on_request("/f")]
        fn f(data: Vec<u8>) -> String {
            format!("{data:?}")
        }
        check::<f>(&[
            (None, Ok("[]")),
            (Some("AB"), Ok("[65, 66]")),
            (Some(r#"{"data":"AB"}"#), Ok("[65, 66]")),
            (Some(r#"{"data":[1,255]}"#), Ok("[1, 255]")),
            (
                Some(r#"{"data":[256]}"#),
                Err("parameter `data`: invalid value: integer `256`, expected u8"),
            ),
            (Some("{}"), Err("parameter `data` is missing")),
        ]);
        assert_eq!(call_bytes::<f>(Some(b"\xff")), Ok("[255]".to_owned()));
    }

    #[test]
    fn one_number_wants_an_object() {
        #[on_request("/f")]
        fn f(r#type: u16) -> u16 {
            r#type
        }
        check::<f>(&[
            (Some(r#"{"type":5}"#), Ok("5")),
            (Some("5"), Err("the body must be a JSON object with `type`")),
            (None, Err("parameter `type` is missing")),
        ]);
    }

    #[test]
    fn defaults_have_the_type_of_their_parameter() {
        const NAME: &str = "n";
        #[on_request("/f")]
        #[allow(clippy::too_many_arguments, reason = "one for each kind of default")]
        fn f(
            #[default(NAME)] a: String,
            #[default(3)] b: u64,
            #[default(-3)] c: i8,
            #[default(1.5)] d: f32,
            #[default(true)] e: bool,
            #[default(Vec::new())] g: Vec<String>,
            #[default(u8::MAX)] h: u64,
        ) -> String {
            format!("{a} {b} {c} {d} {e} {g:?} {h}")
        }
        check::<f>(&[(None, Ok("n 3 -3 1.5 true [] 255"))]);
    }

    #[test]
    fn whole_bodies() {
        #[derive(serde::Deserialize)]
        struct Model {
            name: String,
            #[serde(default)]
            n: i64,
        }
        #[on_request("/json")]
        fn json(Json(model): Json<Model>) -> String {
            format!("{} {}", model.name, model.n)
        }
        #[on_request("/maybe")]
        fn maybe(model: Option<Json<Model>>) -> bool {
            model.is_some()
        }
        #[on_request("/text")]
        fn text(text: Text, request: Request) -> String {
            assert_eq!(request.body.unwrap_or_default(), text.0.as_bytes());
            text.0
        }
        #[on_request("/bytes")]
        fn bytes(Bytes(bytes): Bytes) -> usize {
            bytes.len()
        }
        check::<json>(&[
            (Some(r#"{"name":"a","more":1}"#), Ok("a 0")),
            (
                Some("{}"),
                Err("the body does not fit: missing field `name` at line 1 column 2"),
            ),
            (Some(""), Err("the body is missing")),
            (None, Err("the body is missing")),
        ]);
        check::<maybe>(&[
            (None, Ok("false")),
            (Some(r#"{"name":"a"}"#), Ok("true")),
            (
                Some("x"),
                Err("the body does not fit: expected value at line 1 column 1"),
            ),
        ]);
        check::<text>(&[
            (Some(r#"{"text":1}"#), Ok(r#"{"text":1}"#)),
            (Some(""), Ok("")),
            (None, Ok("")),
        ]);
        check::<bytes>(&[(Some("{}"), Ok("2")), (None, Ok("0"))]);
        assert!(call_bytes::<text>(Some(b"\xff")).is_err());
    }

    #[test]
    fn messages_are_capped() {
        #[on_request("/f")]
        fn f(a: i64) -> i64 {
            a
        }
        let body = format!(r#"{{"a":"{}"}}"#, "é".repeat(100_000));
        let message = call::<f>(Some(&body)).expect_err("no number");
        assert!(
            message.len() <= Error::MAX_PUBLIC_BYTES && message.ends_with('…'),
            "{message}"
        );
    }

    #[test]
    fn no_parameters_ignore_the_body() {
        #[on_request("/f")]
        fn f() -> &'static str {
            "f"
        }
        check::<f>(&[(None, Ok("f")), (Some("x"), Ok("f")), (Some("{}"), Ok("f"))]);
    }
}
