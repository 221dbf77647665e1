//! What `#[on_reply]` makes of a function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Error, LitStr, Result, Signature};

use crate::told::Kind;

/// As the host allows.
const MAX_NAME_BYTES: usize = 200;

const REPLY_HANDLER: Kind = Kind {
    one: "a handler of replies",
    attributes: "#[on_reply]",
    doc: "A handler of replies, for `app!` and `Message::reply_to`.",
    told: "Reply",
    route: "reply",
    path: || quote!(::syft_guest::messages::ReplyHandler),
    stub: || {
        quote!(
            const NAME: &'static str = "";
        )
    },
};

/// Returns the item and, beside it, the implementation of `ReplyHandler`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    REPLY_HANDLER.expand(item, |signature| {
        let name = parse_name(arguments, signature)?;
        Ok(quote!(const NAME: &'static str = #name;))
    })
}

fn parse_name(arguments: TokenStream, signature: &Signature) -> Result<String> {
    if arguments.is_empty() {
        return Ok(signature.ident.unraw().to_string());
    }
    let expected = "expected a name or nothing: #[on_reply(\"counted\")]";
    let name: LitStr =
        syn::parse2(arguments).map_err(|error| Error::new(error.span(), expected))?;
    if name.value().is_empty() || name.value().len() > MAX_NAME_BYTES {
        let text = format!("the name of a handler has from 1 to {MAX_NAME_BYTES} bytes");
        return Err(Error::new(name.span(), text));
    }
    Ok(name.value())
}
