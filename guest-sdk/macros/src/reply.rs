//! What `#[on_reply]` makes of a function.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, PatType, Result, Signature};

use crate::results::{all, both};
use crate::spans::{at, first_span};
use crate::{answer, mark, shape};

/// As the host allows.
const MAX_NAME_BYTES: usize = 200;

/// Returns the item and, beside it, the implementation of `ReplyHandler`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = Error::new(first_span(&item), "#[on_reply] goes on a function");
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let handler = parse(arguments, &function.sig).map_or_else(
        |error| {
            let error = error.into_compile_error();
            // In an `impl` block there can be no type.
            let stub = function.sig.receiver().is_none().then(|| stub(&function));
            quote!(#error #stub)
        },
        |handler| handler.tokens(&function),
    );
    quote!(#function #handler)
}

/// A checked handler.
struct ReplyHandler {
    name: String,
    /// The parameter, which a handler may do without.
    reply: Option<PatType>,
}

fn parse(arguments: TokenStream, signature: &Signature) -> Result<ReplyHandler> {
    let name = parse_name(arguments, signature);
    let shape = shape::check(signature, "a handler of replies");
    let reply = parse_reply(signature);
    let (name, ((), reply)) = both(name, both(shape, reply))?;
    Ok(ReplyHandler { name, reply })
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

fn parse_reply(signature: &Signature) -> Result<Option<PatType>> {
    let parameters = all(signature.inputs.iter().map(|input| match input {
        FnArg::Receiver(receiver) => Err(shape::no_receiver(receiver, "a handler of replies")),
        FnArg::Typed(input) => Ok(input),
    }))?;
    match parameters.as_slice() {
        [] => Ok(None),
        [reply] => Ok(Some((*reply).clone())),
        [_, second, ..] => Err(Error::new(
            second.span(),
            "a handler of replies takes one parameter: the `Reply`",
        )),
    }
}

impl ReplyHandler {
    fn tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let visibility = &function.vis;
        let known_as = &self.name;
        let call = self.call_tokens(&function.sig);
        let mark = mark::constant(name);
        let section = mark::section(name, &quote!(::syft_guest::messages::ReplyHandler));
        quote! {
            #[doc = "A handler of replies, for `app!` and `Message::reply_to`."]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl ::syft_guest::messages::ReplyHandler for #name {
                const NAME: &'static str = #known_as;

                #mark

                #call
            }

            #[automatically_derived]
            impl ::syft_guest::__private::Routes for #name {
                const TREE: ::syft_guest::__private::Tree =
                    ::syft_guest::__private::Tree::reply::<Self>();
            }

            #section
        }
    }

    fn call_tokens(&self, signature: &Signature) -> TokenStream {
        let site = Span::mixed_site();
        let name = &signature.ident;
        let called = match &self.reply {
            Some(reply) => {
                let ty = &reply.ty;
                let span = at(ty.span());
                quote_spanned!(span=> { let reply: #ty = reply; #name(reply) })
            }
            None => quote_spanned!(site=> #name()),
        };
        let called = match signature.asyncness {
            Some(_) => quote_spanned!(site=> ::syft_guest::__private::block_on(#called)),
            None => called,
        };
        let answer = answer::watched_tokens(signature);
        quote_spanned! {site=>
            #[allow(clippy::all, unused_variables, reason = "written by #[on_reply]")]
            fn call(
                reply: ::syft_guest::Reply,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                let answer = #called;
                #answer
            }
        }
    }
}

/// Returns a handler that is never called, so that a refused function gives its own error and
/// not one more from `app!`.
fn stub(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    quote! {
        #[allow(non_camel_case_types, dead_code, reason = "has the name of its function")]
        #visibility struct #name {}

        impl ::syft_guest::messages::ReplyHandler for #name {
            const NAME: &'static str = "";

            fn call(
                _: ::syft_guest::Reply,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                ::core::unreachable!()
            }
        }

        impl ::syft_guest::__private::Routes for #name {
            const TREE: ::syft_guest::__private::Tree =
                ::syft_guest::__private::Tree::reply::<Self>();
        }
    }
}
