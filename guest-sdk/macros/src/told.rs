//! Functions that take at most one parameter and return nothing: what watchers, handlers of replies
//! and schedules have in common.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, PatType, Result, Signature};

use crate::results::{all, both};
use crate::spans::{at, first_span};
use crate::{answer, mark, shape};

/// A kind of such functions.
pub(crate) struct Kind {
    /// What one is, `a watcher`.
    pub(crate) one: &'static str,
    /// The attributes, `#[watch]`.
    pub(crate) attributes: &'static str,
    /// What its type is documented as.
    pub(crate) doc: &'static str,
    /// The type of its parameter in `syft_guest`.
    pub(crate) told: &'static str,
    /// The function of `Tree` that makes a route of it.
    pub(crate) route: &'static str,
    /// The path of its trait in `syft_guest`.
    pub(crate) path: fn() -> TokenStream,
    /// What the trait wants beside the call, of a function that was refused.
    pub(crate) stub: fn() -> TokenStream,
}

impl Kind {
    /// Returns the item and, beside it, what is made of it. `make` returns what its trait wants
    /// beside the call.
    pub(crate) fn expand(
        &self,
        item: TokenStream,
        make: impl FnOnce(&Signature) -> Result<TokenStream>,
    ) -> TokenStream {
        let function: ItemFn = match syn::parse2(item.clone()) {
            Ok(function) => function,
            Err(_) => {
                let text = format!("{} goes on a function", self.attributes);
                let error = Error::new(first_span(&item), text).into_compile_error();
                return quote!(#item #error);
            }
        };
        let signature = &function.sig;
        let shape = both(shape::check(signature, self.one), self.parameter(signature));
        let made = both(make(signature), shape);
        let made = made.map(|(constants, ((), parameter))| {
            self.tokens(&function, &constants, parameter.as_ref())
        });
        let made = made.unwrap_or_else(|error| {
            let error = error.into_compile_error();
            // In an `impl` block there can be no type.
            let stub = function.sig.receiver().is_none();
            let stub = stub.then(|| self.stub_tokens(&function));
            quote!(#error #stub)
        });
        quote!(#function #made)
    }

    /// Returns the parameter, which a function may do without.
    fn parameter(&self, signature: &Signature) -> Result<Option<PatType>> {
        let parameters = all(signature.inputs.iter().map(|input| match input {
            FnArg::Receiver(receiver) => Err(shape::no_receiver(receiver, self.one)),
            FnArg::Typed(input) => Ok(input),
        }))?;
        match parameters.as_slice() {
            [] => Ok(None),
            [parameter] => Ok(Some((*parameter).clone())),
            [_, second, ..] => {
                let text = format!("{} takes one parameter: the `{}`", self.one, self.told);
                Err(Error::new(second.span(), text))
            }
        }
    }

    fn tokens(
        &self,
        function: &ItemFn,
        constants: &TokenStream,
        parameter: Option<&PatType>,
    ) -> TokenStream {
        let name = &function.sig.ident;
        let (visibility, doc, path) = (&function.vis, self.doc, (self.path)());
        let call = self.call_tokens(&function.sig, parameter);
        let mark = mark::constant(name);
        let section = mark::section(name, &path);
        let routes = self.routes_tokens(name);
        quote! {
            #[doc = #doc]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl #path for #name {
                #constants

                #mark

                #call
            }

            #routes

            #section
        }
    }

    fn call_tokens(&self, signature: &Signature, parameter: Option<&PatType>) -> TokenStream {
        let site = Span::mixed_site();
        let (name, told) = (&signature.ident, Ident::new(self.told, site));
        let called = match parameter {
            Some(parameter) => {
                let ty = &parameter.ty;
                let span = at(ty.span());
                quote_spanned!(span=> { let told: #ty = told; #name(told) })
            }
            None => quote_spanned!(site=> #name()),
        };
        let called = match signature.asyncness {
            Some(_) => quote_spanned!(site=> ::syft_guest::__private::block_on(#called)),
            None => called,
        };
        let answer = answer::watched_tokens(signature);
        let reason = format!("written by {}", self.attributes);
        quote_spanned! {site=>
            #[allow(clippy::all, unused_variables, reason = #reason)]
            fn call(
                told: ::syft_guest::#told,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                let answer = #called;
                #answer
            }
        }
    }

    /// Returns one that is never called, so that a refused function gives its own error and not one
    /// more from `app!`.
    fn stub_tokens(&self, function: &ItemFn) -> TokenStream {
        let (name, visibility) = (&function.sig.ident, &function.vis);
        let (path, constants) = ((self.path)(), (self.stub)());
        let told = Ident::new(self.told, Span::call_site());
        let routes = self.routes_tokens(name);
        quote! {
            #[allow(non_camel_case_types, dead_code, reason = "has the name of its function")]
            #visibility struct #name {}

            impl #path for #name {
                #constants

                fn call(
                    _: ::syft_guest::#told,
                ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                    ::core::unreachable!()
                }
            }

            #routes
        }
    }

    fn routes_tokens(&self, name: &Ident) -> TokenStream {
        let route = Ident::new(self.route, Span::call_site());
        quote! {
            #[automatically_derived]
            impl ::syft_guest::__private::Routes for #name {
                const TREE: ::syft_guest::__private::Tree =
                    ::syft_guest::__private::Tree::#route::<Self>();
            }
        }
    }
}
