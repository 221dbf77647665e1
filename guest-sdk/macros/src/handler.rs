//! What `#[on_request]` makes of a function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, ItemFn, LitStr, Result, ReturnType, Type};

use crate::parameter::{HandlerParameter, Source};
use crate::results::{all, both};
use crate::spans::{at, first_span};
use crate::{answer, description, json_schema, mark, path, schema, shape};

/// Returns the item and, beside it, the implementation of `Handler`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = Error::new(first_span(&item), "#[on_request] goes on a function");
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let handler = parse(arguments, &mut function).map_or_else(
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
struct Handler {
    path: LitStr,
    description: Option<String>,
    parameters: Vec<HandlerParameter>,
}

/// Reads the function and takes the `#[default]`s off, whether it succeeds or not.
fn parse(arguments: TokenStream, function: &mut ItemFn) -> Result<Handler> {
    let path = path::parse(arguments);
    let shape = shape::check(&function.sig, "a handler");
    let parameters = parse_parameters(function);
    let (path, ((), parameters)) = both(path, both(shape, parameters))?;
    check_bodies(&parameters)?;
    Ok(Handler {
        path,
        description: description::description(&function.attrs),
        parameters,
    })
}

fn parse_parameters(function: &mut ItemFn) -> Result<Vec<HandlerParameter>> {
    all(function.sig.inputs.iter_mut().map(|input| match input {
        FnArg::Receiver(receiver) => Err(shape::no_receiver(receiver, "a handler")),
        FnArg::Typed(input) => HandlerParameter::parse(input),
    }))
}

/// Checks that the body is asked for once.
fn check_bodies(parameters: &[HandlerParameter]) -> Result<()> {
    let of = |matches: fn(&Source) -> bool| {
        parameters
            .iter()
            .filter(move |parameter| matches(&parameter.source))
    };
    let mut requests = of(|source| matches!(source, Source::Request));
    let mut bodies = of(|source| matches!(source, Source::Body { .. }));
    let mut named = of(|source| matches!(source, Source::Name { .. }));
    if let Some(second) = requests.nth(1) {
        return Err(Error::new(second.span, "a second `Request`"));
    }
    if bodies.next().is_none() {
        return Ok(());
    }
    if let Some(second) = bodies.next() {
        return Err(Error::new(
            second.span,
            "another parameter takes the whole body already",
        ));
    }
    match named.next() {
        Some(named) => Err(Error::new(
            named.span,
            "taken by name from the body, but another parameter takes the whole body",
        )),
        None => Ok(()),
    }
}

impl Handler {
    fn tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let visibility = &function.vis;
        let path = &self.path;
        let endpoint = self.endpoint_tokens(&function.sig.output);
        let call = self.call_tokens(function);
        let mark = mark::constant(name);
        let section = mark::section(name, &quote!(::syft_guest::Handler));
        let documentation = format!("The handler of `{}`, for `app!`.", path.value());
        quote! {
            #[doc = #documentation]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl ::syft_guest::Handler for #name {
                const PATH: &'static str = #path;

                #mark

                #endpoint

                #call
            }

            #[automatically_derived]
            impl ::syft_guest::__private::Routes for #name {
                const TREE: ::syft_guest::__private::Tree =
                    ::syft_guest::__private::Tree::handler::<Self>();
            }

            #section
        }
    }

    fn endpoint_tokens(&self, output: &ReturnType) -> TokenStream {
        let description = match &self.description {
            Some(text) => quote!(::core::option::Option::Some(#text)),
            None => quote!(::core::option::Option::None),
        };
        let parameters = self.parameters.iter().filter_map(|parameter| {
            let (name, default) = match &parameter.source {
                Source::Request => return None,
                Source::Body { name } => (name, None),
                Source::Name { name, default } => (name, default.as_ref()),
            };
            let described = json_schema::parameter_tokens(&parameter.ty, default);
            let described = match &parameter.source {
                Source::Body { .. } => quote!(#described.whole_body()),
                _ => described,
            };
            let required = parameter.required();
            Some(quote!((#name, #described, #required)))
        });
        let returns = json_schema::returns_tokens(output);
        quote! {
            fn endpoint() -> ::syft_guest::Endpoint {
                ::syft_guest::__private::endpoint(
                    <Self as ::syft_guest::Handler>::PATH,
                    #description,
                    [#(#parameters),*],
                    #returns,
                )
            }
        }
    }

    fn call_tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let site = Span::mixed_site();
        let bindings = self.binding_tokens();
        let arguments = self.argument_names();
        let called = quote_spanned!(site=> #name(#(#arguments),*));
        let called = match function.sig.asyncness {
            Some(_) => quote_spanned!(site=> ::syft_guest::__private::block_on(#called)),
            None => called,
        };
        let answer = answer::response_tokens(&function.sig);
        quote_spanned! {site=>
            #[allow(clippy::all, unused_mut, reason = "written by #[on_request]")]
            fn call(
                mut request: ::syft_guest::Request,
            ) -> ::core::result::Result<::syft_guest::Response, ::syft_guest::CallError> {
                #bindings
                let answer = #called;
                #answer
            }
        }
    }

    /// Binds `argument_0`, `argument_1`, ... in the order of the parameters.
    fn binding_tokens(&self) -> TokenStream {
        let site = Span::mixed_site();
        let takes_request = self.has(|source| matches!(source, Source::Request));
        let takes_body = self.has(|source| !matches!(source, Source::Request));
        let body = match (takes_body, takes_request) {
            (false, _) => quote!(),
            (true, true) => {
                quote_spanned!(site=> let body = ::core::clone::Clone::clone(&request.body);)
            }
            (true, false) => quote_spanned!(site=> let body = request.body.take();),
        };
        let arguments = self.arguments_tokens();
        let mut bindings = TokenStream::new();
        // Comes last, since it moves the request.
        let mut request = TokenStream::new();
        for (parameter, name) in self.parameters.iter().zip(self.argument_names()) {
            let ty = &parameter.ty;
            let span = at(ty.span());
            match &parameter.source {
                Source::Request => request.extend(quote_spanned!(span=> let #name: #ty = request;)),
                Source::Body { .. } => bindings.extend(quote_spanned! {span=>
                    let #name: #ty = ::syft_guest::__private::from_body::<#ty>(body)?;
                }),
                Source::Name { name: key, default } => {
                    let value = self.value_tokens(ty, key, default.as_ref());
                    bindings.extend(quote_spanned!(span=> let #name: #ty = #value;));
                }
            }
        }
        quote!(#body #arguments #bindings #request)
    }

    fn arguments_tokens(&self) -> TokenStream {
        let site = Span::mixed_site();
        let keys: Vec<&String> = self.named().map(|(_, key)| key).collect();
        if keys.is_empty() {
            return quote!();
        }
        let check = (!self.takes_text()).then(|| quote_spanned!(site=> .named(&[#(#keys),*])?));
        quote_spanned! {site=>
            let mut arguments = ::syft_guest::__private::Arguments::parse(body) #check;
        }
    }

    /// Returns the expression that takes `key` out of the arguments.
    fn value_tokens(&self, ty: &Type, key: &str, default: Option<&Expr>) -> TokenStream {
        let span = at(ty.span());
        let optional = schema::generic(ty, "Option");
        let inner = optional.unwrap_or(ty);
        let taken = if schema::is_byte_vec(inner) {
            quote_spanned!(span=> arguments.take_bytes(#key)?)
        } else if schema::is(inner, "String") {
            quote_spanned!(span=> arguments.take_text(#key)?)
        } else {
            quote_spanned!(span=> arguments.take::<#inner>(#key)?)
        };
        if optional.is_some() {
            return quote_spanned!(span=> { arguments.forget_null(#key); #taken });
        }
        match default {
            Some(default) => {
                let default = HandlerParameter::default_tokens(default);
                quote_spanned! {span=> match #taken {
                    ::core::option::Option::Some(value) => value,
                    ::core::option::Option::None => #default,
                }}
            }
            None if self.takes_text() => {
                quote_spanned!(span=> { let value = #taken; arguments.taken_or_empty(value, #key)? })
            }
            None => quote_spanned!(span=> { let value = #taken; arguments.taken(value, #key)? }),
        }
    }

    /// Returns whether a body that is no JSON object goes whole to the handler.
    fn takes_text(&self) -> bool {
        let mut named = self.named();
        let (Some((ty, _)), None) = (named.next(), named.next()) else {
            return false;
        };
        let ty = schema::generic(ty, "Option").unwrap_or(ty);
        schema::is(ty, "String") || schema::is_byte_vec(ty)
    }

    fn named(&self) -> impl Iterator<Item = (&Type, &String)> {
        self.parameters
            .iter()
            .filter_map(|parameter| match &parameter.source {
                Source::Name { name, .. } => Some((&parameter.ty, name)),
                _ => None,
            })
    }

    fn has(&self, matches: fn(&Source) -> bool) -> bool {
        self.parameters
            .iter()
            .any(|parameter| matches(&parameter.source))
    }

    fn argument_names(&self) -> Vec<Ident> {
        (0..self.parameters.len())
            .map(|i| format_ident!("argument_{i}", span = Span::mixed_site()))
            .collect()
    }
}

/// Returns a handler that is never called, so that a refused function gives its
/// own error and not one more from `app!`.
fn stub(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    quote! {
        #[allow(non_camel_case_types, dead_code, reason = "has the name of its function")]
        #visibility struct #name {}

        impl ::syft_guest::Handler for #name {
            const PATH: &'static str = "";

            fn endpoint() -> ::syft_guest::Endpoint {
                ::core::unreachable!()
            }

            fn call(
                _: ::syft_guest::Request,
            ) -> ::core::result::Result<::syft_guest::Response, ::syft_guest::CallError> {
                ::core::unreachable!()
            }
        }

        impl ::syft_guest::__private::Routes for #name {
            const TREE: ::syft_guest::__private::Tree =
                ::syft_guest::__private::Tree::handler::<Self>();
        }
    }
}
