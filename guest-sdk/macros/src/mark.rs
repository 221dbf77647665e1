//! A mark in the component of each handler and watcher, by which `syft-host build` finds those
//! that `app!` does not list.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// Returns the constant of a handler or a watcher that says which it is and where.
pub(crate) fn constant(name: &Ident) -> TokenStream {
    let name = name.to_string();
    quote! {
        const MARK: &'static str = ::core::concat!(
            ::core::module_path!(), "::", #name, " ",
            ::core::file!(), ":", ::core::line!(), "\n",
        );
    }
}

/// Returns what puts it into a custom section, whether anything uses the handler or not.
pub(crate) fn section(name: &Ident, of: &TokenStream) -> TokenStream {
    quote! {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const MARK: &str = <#name as #of>::MARK;
            #[used]
            #[unsafe(link_section = "syft:handlers")]
            static BYTES: [u8; MARK.len()] = ::syft_guest::__private::mark_bytes(MARK);
        };
    }
}
