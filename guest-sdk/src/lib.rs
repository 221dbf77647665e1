//! Write SyftBox apps as sandboxed WebAssembly components.
//!
//! An app answers the requests that arrive in `app_data/<app>/rpc/`. With this
//! crate it is a few functions:
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! /// Greets somebody.
//! #[on_request("/hello")]
//! fn hello(#[default("World")] name: String) -> String {
//!     format!("Hello, {name}!")
//! }
//!
//! /// Calculates.
//! #[on_request("/calculate")]
//! fn calculate(a: i64, b: i64, #[default("add")] operation: String) -> Result<i64, Error> {
//!     match operation.as_str() {
//!         "add" => Ok(a + b),
//!         other => Err(Error::bad_request(format!("unsupported operation: {other}"))),
//!     }
//! }
//!
//! syft_guest::app!(hello, calculate);
//!
//! // Handlers stay plain functions:
//! assert_eq!(hello("Ada".to_owned()), "Hello, Ada!");
//! ```
//!
//! The crate of an app is a library with `crate-type = ["cdylib"]`, built by
//! `cargo build --release --target wasm32-wasip2`. What comes out is a component
//! that `syft-host` runs.
//!
//! # Parameters
//!
//! The body of a request is a JSON object, and each parameter is the value of
//! its name there, deserialised by serde. Other names in the object are ignored.
//!
//! | parameter | where the name is absent | where it is `null` |
//! |---|---|---|
//! | `a: T` | 400 | as serde takes it: 400 for most types |
//! | `#[default(x)] a: T` | `x` | the same: a default is for what is absent |
//! | `a: Option<T>` | `None` | `None` |
//!
//! A default that is a string or names a constant is converted by `Into`, so
//! that `"add"` suits a `String`; any other expression has the type of its
//! parameter. A `Vec<u8>` is given as an array of numbers or as a string.
//!
//! A body that is no JSON object is a 400, save for a handler whose one
//! parameter taken by name is a `String` or a `Vec<u8>` (or an `Option` of
//! these): it goes whole to that one, since this is how released clients send a
//! text. No body or an empty one stands for an empty object; the one `String` or
//! `Vec<u8>` is then empty unless it has a default.
//!
//! Some types take the whole request instead:
//!
//! - [`Json<T>`](Json) deserialises the whole body, [`Text`] is the whole body
//!   as UTF-8, [`Bytes`] is the whole body as it came. In an `Option`, `None`
//!   stands for no body. One handler takes one of them, and nothing by name.
//! - [`Request`] has the sender, the headers, the query of the URL and all the rest.
//!   It goes together with any other parameters. [`context`] tells for whom the app
//!   runs and how much time is left.
//!
//! What does not fit is answered with 400 and a text that names the parameter.
//!
//! # Answers
//!
//! | returned | body |
//! |---|---|
//! | `()`, `None` | none |
//! | `String`, `&'static str`, [`Text`] | the text |
//! | `Vec<u8>`, [`Bytes`] | the bytes |
//! | [`Response`] | what it says, with its status and headers |
//! | any `T: Serialize` | compact JSON |
//! | `Some(value)`, `Ok(value)` | as `value` |
//!
//! # Errors
//!
//! An [`Error`] made by [`Error::bad_request`], [`Error::with_status`] and their
//! like is for the caller: its status and text are the answer. Any other error
//! is for the owner of the datasite: it goes to the host's log, and the caller
//! learns no more than that it happened. `?` makes an [`Error`] of every
//! [`std::error::Error`]; a handler may also return an error that only displays,
//! such as a `String`.
//!
//! ```
//! # use syft_guest::prelude::*;
//! #[on_request("/scores")]
//! fn scores() -> Result<Bytes, Error> {
//!     // Goes to the log: where the scores lie is not the caller's business.
//!     let scores = std::fs::read("/datasites/owner@example.com/public/scores.json")?;
//!     if scores.is_empty() {
//!         return Err(Error::not_found("there are no scores yet"));
//!     }
//!     Ok(Bytes(scores))
//! }
//! ```
//!
//! A type of the author's own says what it comes to by [`IntoError`]: which answer
//! with which status, or a failure.
//!
//! # State
//!
//! Each call has an instance of its own, so what is in memory is gone after it.
//! [`state`] keeps values by key, and a call is a transaction: what it wrote is kept
//! when it ends well, all of it or nothing, and it is as if it ran alone.
//!
//! # Files
//!
//! `std::fs`, below `/datasites`, as far as the owner granted it: see [`files`].
//!
//! # HTTP
//!
//! [`http`] sends requests to where the manifest asks for and the owner allowed.
//!
//! # Messages
//!
//! [`messages`] sends requests to other apps, with the transaction of the call or at once, and hands
//! what becomes of them to functions with [`#[on_reply]`](macro@on_reply).
//!
//! # Watchers
//!
//! A function with [`#[watch]`](macro@watch) is called when something happens to
//! files that the app may read. It goes into [`app!`] beside the handlers; an app may
//! have watchers only.
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! /// Counts what others publish.
//! #[watch(["/*/public/**/*.json", "!{datasite}"], events(created, moved))]
//! fn on_json(event: FileEvent) -> Result<(), Error> {
//!     state::increment(&format!("published/{}", event.datasite()), 1)?;
//!     log::info!("{} has {}", event.datasite(), event.path().display());
//!     Ok(())
//! }
//!
//! syft_guest::app!(on_json);
//! # fn main() {}
//! ```
//!
//! A watcher that fails is called again later with the same event, and after some
//! attempts no more. What is wrong with the file itself is wrong the next time too: a
//! line in the log and `Ok(())` are better for that than an error.
//!
//! # Schedules
//!
//! A function with [`#[schedule]`](macro@schedule) or [`#[every]`](macro@every) is called by the
//! clock: see [`schedules`].
//!
//! # Schema
//!
//! The doc comments of handlers and the types of parameters and answers are published
//! in `rpc.schema.json`. Types of the author's own are `"any"` there unless they derive
//! [`JsonSchema`](schemars::JsonSchema), for which no other dependency is needed:
//!
//! ```
//! use serde::Deserialize;
//! use syft_guest::prelude::*;
//! // The derived code names the crate, so it has to be in sight, unless the type has
//! // #[schemars(crate = "syft_guest::schemars")].
//! use syft_guest::schemars::{self, JsonSchema};
//!
//! /// Becomes the description of the type.
//! #[derive(Deserialize, JsonSchema)]
//! struct Seat {
//!     /// Counted from the front.
//!     row: u32,
//!     #[serde(default)]
//!     window: bool,
//! }
//!
//! #[on_request("/book")]
//! fn book(seat: Seat) -> String {
//!     format!("{} {}", seat.row, seat.window)
//! }
//!
//! let endpoint = <book as syft_guest::Handler>::endpoint();
//! assert!(endpoint.parameters[0].type_json.starts_with(r#"{"type":"model","name":"Seat""#));
//! ```
//!
//! # Log
//!
//! The macros of the crate [`log`], which the prelude has, write to the host's
//! log, and with the feature `tracing` those of `tracing` do. So does what is printed. Spans of
//! `tracing` are in the traces that the owner collects.
//!
//! # Routers
//!
//! Handlers that belong together go into a router, which gets its prefix where
//! it is included: in an app, or in another router. See [`router!`].
//!
//! ```
//! mod users {
//!     use syft_guest::prelude::*;
//!
//!     /// Becomes `/api/v1/users/list`.
//!     #[on_request("/list")]
//!     fn list() -> Vec<String> {
//!         vec!["Ada".to_owned()]
//!     }
//!
//!     syft_guest::router!(pub router: list);
//! }
//!
//! # use syft_guest::prelude::*;
//! # #[on_request("/hello")]
//! # fn hello() {}
//! syft_guest::app!(hello, "/api/v1/users" => users::router);
//! # fn main() {}
//! ```
//!
//! # Async handlers
//!
//! A handler may be an `async fn`. The host runs requests beside each other
//! anyway, each in an instance of its own, so it is for waiting for several
//! things in one call: [`time::sleep`], [`join!`] and [`join_all`]. What a
//! handler has not awaited when it returns does not run.
//!
//! ```
//! use std::time::Duration;
//!
//! use syft_guest::prelude::*;
//! use syft_guest::time::sleep;
//!
//! /// Takes as long as the longer of the two.
//! #[on_request("/both")]
//! async fn both() -> &'static str {
//!     syft_guest::join!(
//!         sleep(Duration::from_millis(20)),
//!         sleep(Duration::from_millis(30)),
//!     );
//!     "both"
//! }
//!
//! assert_eq!(syft_guest::test::block_on(both()), "both");
//! ```
//!
//! # Tests
//!
//! Handlers are plain functions, so `cargo test` runs their tests natively, and
//! [`test::block_on`] runs those that are `async`. A [`test::App`] calls handlers and
//! watchers the way the host does, with a state, files and a context of its own.
//!
//! ```
//! use syft_guest::prelude::*;
//! use syft_guest::test::App;
//!
//! #[on_request("/hello")]
//! fn hello(#[default("World")] name: String) -> String {
//!     format!("Hello, {name}!")
//! }
//!
//! assert_eq!(hello("Ada".to_owned()), "Hello, Ada!");
//! let answer = App::new().call::<hello>(r#"{"name": "Ada"}"#);
//! assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, Ada!"));
//! ```

// The macros name this crate, and its own tests use them.
extern crate self as syft_guest;

mod answer;
mod app;
mod arguments;
#[allow(
    clippy::all,
    clippy::match_bool,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated from the WIT"
)]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;
mod body;
pub mod context;
mod endpoint;
mod error;
mod event;

mod executor;
pub mod files;
mod handler;
mod headers;
pub mod http;
mod join;
mod logging;
pub mod messages;
mod query;
mod request;
mod response;
mod routes;
pub mod schedules;
mod schema;
pub mod state;
pub mod test;
pub mod time;
mod truncate;
mod watcher;

pub use body::{Bytes, FromBody, Json, Text};
pub use endpoint::{Endpoint, Parameter};
pub use error::{Error, IntoError};
pub use event::{EventKind, FileEvent};
pub use handler::{CallError, Failure, Handler};
pub use headers::Headers;
pub use join::join_all;
/// The crate `log`: `log::info!` and its like write to the host's log.
///
/// Lines have the module that they come from before them, and the host adds the app
/// and the request. Those of libraries arrive as well, and with the feature `tracing`
/// the events of the crate `tracing`, with their fields; its spans are in the traces that the
/// owner collects, the first 64 of a call. Nothing is to be installed.
/// Lines of the level `trace` are left out unless a handler asks for them by
/// [`log::set_max_level`].
pub use log;
pub use messages::{Message, Reply};
pub use request::{Method, Proof, Request, Sender, Timestamp};
pub use response::{IntoResponse, Response};
pub use schedules::Due;
/// The crate `schemars`, for types of which the published schema has more to say
/// than `"any"`.
#[cfg(feature = "schema")]
pub use schemars;
pub use syft_guest_macros::{every, on_reply, on_request, schedule, watch};
pub use watcher::Watcher;

/// Compiles what the guides show.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/rust.md")]
    struct AppsInRust;
    #[doc = include_str!("../../docs/messages.md")]
    struct Messages;
    #[doc = include_str!("../../docs/state.md")]
    struct State;
    #[doc = include_str!("../../docs/coming-from-syftevent.md")]
    struct ComingFromSyftEvent;
}

/// Compiles what the page of the crate shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What most apps need.
pub mod prelude {
    pub use crate::{
        Bytes, Due, Error, FileEvent, IntoError, IntoResponse, Json, Message, Reply, Request,
        Response, Text, context, every, files, log, messages, on_reply, on_request, schedule,
        state, watch,
    };
}

/// What the macros use. May change with any version.
#[doc(hidden)]
pub mod __private {
    pub use crate::answer::{
        Failed, FailsAsError, FailsAsText, FailsUnknown, Given, GivesAll, HandlerAnswer,
        IsResponse, IsSerialize, IsUnknown, NeverFails, Returned, fail, fail_watcher,
    };

    pub use crate::arguments::Arguments;
    pub use crate::body::from_body;
    pub use crate::endpoint::endpoint;
    pub use crate::executor::block_on;
    pub use crate::join::Joined;
    pub use crate::routes::distinct::{assert_distinct, count, paths};
    pub use crate::routes::marks::{listed, listed_len, mark_bytes};
    pub use crate::routes::prefix::check_prefix;
    pub use crate::routes::{Branch, RouteCall, Routes, Tree};
    pub use crate::schema::{Described, Found, HasNoSchema, HasSchema, Typed};
}
