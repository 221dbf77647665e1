//! What becomes of what a function returned.
//!
//! Method look-up picks what the value is good for: see `answer.rs` of
//! syft-guest. The spans make errors point to the return type.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{ReturnType, Signature};

use crate::schema;
use crate::spans::at;

/// Turns `answer` into a response.
pub(crate) fn response_tokens(signature: &Signature) -> TokenStream {
    let handler = signature.ident.unraw().to_string();
    let (span, error_span) = spans(signature);
    let failure = failure_tokens(error_span);
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
        match ::syft_guest::__private::HandlerAnswer(answer).response() {
            ::core::result::Result::Ok(response) => ::core::result::Result::Ok(response),
            ::core::result::Result::Err(error) => ::syft_guest::__private::fail(error, #handler),
        }
    }
}

/// Turns `answer` into what the host learns of a watcher.
pub(crate) fn watched_tokens(signature: &Signature) -> TokenStream {
    let handler = signature.ident.unraw().to_string();
    let (span, error_span) = spans(signature);
    let failure = failure_tokens(error_span);
    quote_spanned! {span=>
        #[allow(unused_imports, reason = "which ones are used depends on the type")]
        use ::syft_guest::__private::{
            FailsAsError as _, FailsAsText as _, FailsUnknown as _, NeverFails as _,
        };
        match ::syft_guest::__private::Returned(answer).split() {
            ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
            ::core::result::Result::Err(error) => {
                let error = #failure;
                ::syft_guest::__private::fail_watcher(error, #handler)
            }
        }
    }
}

fn failure_tokens(span: Span) -> TokenStream {
    quote_spanned!(span=> ::syft_guest::__private::Failed(error).error())
}

/// Returns where the value is named and where the error is.
fn spans(signature: &Signature) -> (Span, Span) {
    let (span, error_span) = match &signature.output {
        ReturnType::Default => (signature.ident.span(), signature.ident.span()),
        ReturnType::Type(_, ty) => {
            let (value, error) = schema::result(ty).unwrap_or((ty, None));
            (value.span(), error.unwrap_or(ty).span())
        }
    };
    (at(span), at(error_span))
}
