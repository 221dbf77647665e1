//! What `#[watch]` makes of a function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, PatType, Result, Signature};

use crate::results::{all, both};
use crate::spans::{at, first_span};
use crate::{answer, mark, shape, watched};

/// Returns the item and, beside it, the implementation of `Watcher`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = Error::new(first_span(&item), "#[watch] goes on a function");
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let watcher = parse(arguments, &function.sig).map_or_else(
        |error| {
            let error = error.into_compile_error();
            // In an `impl` block there can be no type.
            let stub = function.sig.receiver().is_none().then(|| stub(&function));
            quote!(#error #stub)
        },
        |watcher| watcher.tokens(&function),
    );
    quote!(#function #watcher)
}

/// A checked watcher.
struct Watcher {
    patterns: Vec<LitStr>,
    events: Vec<Ident>,
    /// The parameter, which a watcher may do without.
    event: Option<PatType>,
}

fn parse(arguments: TokenStream, signature: &Signature) -> Result<Watcher> {
    let watched = watched::parse(arguments);
    let shape = shape::check(signature, "a watcher");
    let event = parse_event(signature);
    let (watched, ((), event)) = both(watched, both(shape, event))?;
    Ok(Watcher {
        patterns: watched.patterns,
        events: watched.events,
        event,
    })
}

fn parse_event(signature: &Signature) -> Result<Option<PatType>> {
    let parameters = all(signature.inputs.iter().map(|input| match input {
        FnArg::Receiver(receiver) => Err(shape::no_receiver(receiver, "a watcher")),
        FnArg::Typed(input) => Ok(input),
    }))?;
    match parameters.as_slice() {
        [] => Ok(None),
        [event] => Ok(Some((*event).clone())),
        [_, second, ..] => Err(Error::new(
            second.span(),
            "a watcher takes one parameter: the `FileEvent`",
        )),
    }
}

impl Watcher {
    fn tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let visibility = &function.vis;
        let (patterns, events) = (&self.patterns, &self.events);
        let call = self.call_tokens(&function.sig);
        let mark = mark::constant(name);
        let section = mark::section(name, &quote!(::syft_guest::Watcher));
        quote! {
            #[doc = "A watcher, for `app!`."]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl ::syft_guest::Watcher for #name {
                const PATTERNS: &'static [&'static str] = &[#(#patterns),*];

                const EVENTS: &'static [::syft_guest::EventKind] =
                    &[#(::syft_guest::EventKind::#events),*];

                #mark

                #call
            }

            #[automatically_derived]
            impl ::syft_guest::__private::Routes for #name {
                const TREE: ::syft_guest::__private::Tree =
                    ::syft_guest::__private::Tree::watcher::<Self>();
            }

            #section
        }
    }

    fn call_tokens(&self, signature: &Signature) -> TokenStream {
        let site = Span::mixed_site();
        let name = &signature.ident;
        let called = match &self.event {
            Some(event) => {
                let ty = &event.ty;
                let span = at(ty.span());
                quote_spanned!(span=> { let event: #ty = event; #name(event) })
            }
            None => quote_spanned!(site=> #name()),
        };
        let called = match signature.asyncness {
            Some(_) => quote_spanned!(site=> ::syft_guest::__private::block_on(#called)),
            None => called,
        };
        let answer = answer::watched_tokens(signature);
        quote_spanned! {site=>
            #[allow(clippy::all, unused_variables, reason = "written by #[watch]")]
            fn call(
                event: ::syft_guest::FileEvent,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                let answer = #called;
                #answer
            }
        }
    }
}

/// Returns a watcher that is never called, so that a refused function gives its
/// own error and not one more from `app!`.
fn stub(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    quote! {
        #[allow(non_camel_case_types, dead_code, reason = "has the name of its function")]
        #visibility struct #name {}

        impl ::syft_guest::Watcher for #name {
            const PATTERNS: &'static [&'static str] = &[];
            const EVENTS: &'static [::syft_guest::EventKind] = &[];

            fn call(
                _: ::syft_guest::FileEvent,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                ::core::unreachable!()
            }
        }

        impl ::syft_guest::__private::Routes for #name {
            const TREE: ::syft_guest::__private::Tree =
                ::syft_guest::__private::Tree::watcher::<Self>();
        }
    }
}
