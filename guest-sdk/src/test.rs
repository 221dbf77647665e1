//! What native tests of an app use: `cargo test` in the app's crate, no host needed.
//!
//! Handlers and watchers are plain functions, which tests call as they are. An
//! [`App`] calls them the way the host does, with a state, files and a context that
//! belong to one test:
//!
//! ```
//! use syft_guest::prelude::*;
//! use syft_guest::test::App;
//!
//! /// Puts something on the list of the sender.
//! #[on_request("/add")]
//! fn add(item: String, request: Request) -> Result<usize, Error> {
//!     let Some(email) = request.sender.proven() else {
//!         return Err(Error::forbidden("who are you?"));
//!     };
//!     let items = state::update(email, |items: Option<Vec<String>>| {
//!         let mut items = items.unwrap_or_default();
//!         items.push(item);
//!         items
//!     })?;
//!     Ok(items.len())
//! }
//!
//! let app = App::new();
//! let answer = app.request::<add>().sender("ada@example.com").body("milk").send();
//! assert_eq!((answer.status, answer.text().as_str()), (200, "1"));
//! let answer = app.request::<add>().claimed_sender("ada@example.com").body("tea").send();
//! assert_eq!(answer.status, 403);
//! let items = app.run(|| state::get::<Vec<String>>("ada@example.com")).unwrap();
//! assert_eq!(items.unwrap(), ["milk"]);
//! ```
//!
//! What only the host knows is not here: which files patterns match, what was
//! granted, limits, and calls that run at the same time.

#[cfg(not(target_family = "wasm"))]
mod app;
#[cfg(not(target_family = "wasm"))]
mod call;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod world;

#[cfg(not(target_family = "wasm"))]
pub use self::app::App;
#[cfg(not(target_family = "wasm"))]
pub use self::call::{Answer, Call};

/// Runs a future to its end, to call an `async` handler in a test.
///
/// ```
/// use syft_guest::prelude::*;
///
/// #[on_request("/hello")]
/// async fn hello(name: String) -> String {
///     format!("Hello, {name}!")
/// }
///
/// let answer = syft_guest::test::block_on(hello("Ada".to_owned()));
/// assert_eq!(answer, "Hello, Ada!");
/// ```
#[doc(inline)]
pub use crate::executor::block_on;
