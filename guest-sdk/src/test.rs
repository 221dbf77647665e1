//! What native tests of an app use.

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
