//! What `#[watch]` makes of a function.

use proc_macro2::TokenStream;
use quote::quote;

use crate::told::Kind;
use crate::watched;

const WATCHER: Kind = Kind {
    one: "a watcher",
    attributes: "#[watch]",
    doc: "A watcher, for `app!`.",
    told: "FileEvent",
    route: "watcher",
    path: || quote!(::syft_guest::Watcher),
    stub: || {
        quote! {
            const PATTERNS: &'static [&'static str] = &[];
            const EVENTS: &'static [::syft_guest::EventKind] = &[];
        }
    },
};

/// Returns the item and, beside it, the implementation of `Watcher`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    WATCHER.expand(item, |_| {
        let watched = watched::parse(arguments)?;
        let (patterns, events) = (&watched.patterns, &watched.events);
        Ok(quote! {
            const PATTERNS: &'static [&'static str] = &[#(#patterns),*];

            const EVENTS: &'static [::syft_guest::EventKind] =
                &[#(::syft_guest::EventKind::#events),*];
        })
    })
}
