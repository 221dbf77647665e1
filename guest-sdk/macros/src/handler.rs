//! What `#[on_request]` makes of a function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, ItemFn, LitStr, Result, ReturnType, Signature, Type};

use crate::parameter::{Parameter, Source};
use crate::{description, path, schema};

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
    parameters: Vec<Parameter>,
}

/// Reads the function and takes the `#[default]`s off, whether it succeeds or not.
fn parse(arguments: TokenStream, function: &mut ItemFn) -> Result<Handler> {
    let path = path::parse(arguments);
    let shape = check_shape(&function.sig);
    let parameters = parse_parameters(function);
    let (path, ((), parameters)) = both(path, both(shape, parameters))?;
    check_bodies(&parameters)?;
    Ok(Handler {
        path,
        description: description::description(&function.attrs),
        parameters,
    })
}

fn check_shape(signature: &Signature) -> Result<()> {
    if let Some(token) = signature.unsafety {
        return Err(Error::new(token.span, "a handler is a safe function"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.params.span(),
            "a handler is not generic: the host calls it with one set of types",
        ));
    }
    Ok(())
}

fn parse_parameters(function: &mut ItemFn) -> Result<Vec<Parameter>> {
    all(function.sig.inputs.iter_mut().map(|input| match input {
        FnArg::Receiver(receiver) => Err(Error::new(
            receiver.span(),
            "a handler is a free function: it has no `self`",
        )),
        FnArg::Typed(input) => Parameter::parse(input),
    }))
}

/// Checks that the body is asked for once.
fn check_bodies(parameters: &[Parameter]) -> Result<()> {
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

/// Returns all values, or all errors in one.
fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut all = Ok(Vec::new());
    for result in results {
        all = both(all, result).map(|(mut values, value)| {
            values.push(value);
            values
        });
    }
    all
}

/// Returns both values, or both errors in one.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.combine(b);
            Err(a)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

impl Handler {
    fn tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let visibility = &function.vis;
        let path = &self.path;
        let endpoint = self.endpoint_tokens(&function.sig.output);
        let call = self.call_tokens(function);
        let documentation = format!("The handler of `{}`, for `app!`.", path.value());
        quote! {
            #[doc = #documentation]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl ::syft_guest::Handler for #name {
                const PATH: &'static str = #path;

                #endpoint

                #call
            }
        }
    }

    fn endpoint_tokens(&self, output: &ReturnType) -> TokenStream {
        let description = match &self.description {
            Some(text) => quote!(::core::option::Option::Some(#text)),
            None => quote!(::core::option::Option::None),
        };
        let parameters = self.parameters.iter().filter_map(|parameter| {
            let (Source::Body { name } | Source::Name { name, .. }) = &parameter.source else {
                return None;
            };
            let type_json = schema::type_json(&parameter.ty);
            let required = parameter.required();
            Some(quote!((#name, #type_json, #required)))
        });
        let returns_json = schema::returns_json(output);
        quote! {
            fn endpoint() -> ::syft_guest::Endpoint {
                ::syft_guest::__private::endpoint(
                    <Self as ::syft_guest::Handler>::PATH,
                    #description,
                    &[#(#parameters),*],
                    #returns_json,
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
        let answer = answer_tokens(function);
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
                let default = Parameter::default_tokens(default);
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

/// Turns what the function returned into a response.
///
/// Method look-up picks what the value is good for: see `answer.rs` of
/// syft-guest. The span makes errors point to the return type.
fn answer_tokens(function: &ItemFn) -> TokenStream {
    let handler = function.sig.ident.unraw().to_string();
    let (span, error_span) = match &function.sig.output {
        ReturnType::Default => (function.sig.ident.span(), function.sig.ident.span()),
        ReturnType::Type(_, ty) => {
            let (value, error) = schema::result(ty).unwrap_or((ty, None));
            (value.span(), error.unwrap_or(ty).span())
        }
    };
    let span = at(span);
    let error_span = at(error_span);
    let failure = quote_spanned! {error_span=>
        ::syft_guest::__private::Failed(error).error()
    };
    quote_spanned! {span=>
        #[allow(unused_imports, reason = "which ones are used depends on the type")]
        use ::syft_guest::__private::{
            FailsAsError as _, FailsAsText as _, FailsUnknown as _, GivesAll as _,
            IsResponse as _, IsSerialize as _, IsUnknown as _, NeverFails as _,
        };
        let answer = match ::syft_guest::__private::Returned(answer).split() {
            ::core::result::Result::Ok(answer) => answer,
            ::core::result::Result::Err(error) => {
                let error = #failure;
                return ::syft_guest::__private::fail(error, #handler);
            }
        };
        let answer = match ::syft_guest::__private::Given(answer).given() {
            ::core::option::Option::Some(answer) => answer,
            ::core::option::Option::None => {
                return ::core::result::Result::Ok(::syft_guest::Response::new(200));
            }
        };
        match ::syft_guest::__private::Answer(answer).response() {
            ::core::result::Result::Ok(response) => ::core::result::Result::Ok(response),
            ::core::result::Result::Err(error) => ::syft_guest::__private::fail(error, #handler),
        }
    }
}

/// Returns `span` with names of its own, so that no name of the author's is
/// taken for one of ours.
fn at(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
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
    }
}

fn first_span(item: &TokenStream) -> Span {
    item.clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span())
}
