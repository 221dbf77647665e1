//! The attribute macro of `syft-guest`. Use it from there.

mod description;
mod handler;
mod parameter;
mod path;
mod schema;

use proc_macro::TokenStream;

/// Makes a function the handler of an endpoint.
///
/// The function stays as it is, so unit tests call it like any other. Beside
/// it comes a type of the same name, which implements `syft_guest::Handler`
/// and which `syft_guest::app!` takes.
///
/// An `async fn` is run to its end when it is called by a request.
///
/// The one argument is the path of the endpoint below `rpc/`, such as
/// `"/users/list"`, without the prefixes of routers. The doc comment of the
/// function becomes the description in the published schema. How parameters are
/// bound and what may be returned is described in the documentation of
/// `syft_guest`.
#[proc_macro_attribute]
pub fn on_request(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(arguments.into(), item.into()).into()
}
