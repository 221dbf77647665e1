//! What `#[schedule]` and `#[every]` make of a function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, PatType, Result, Signature, Token};

use crate::results::{all, both};
use crate::spans::{at, first_span};
use crate::{answer, cron, mark, shape};

/// As the host allows.
const MAX_NAME_BYTES: usize = 64;

/// Which of the two attributes it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Schedule,
    Every,
}

/// Returns the item and, beside it, the implementation of `Scheduled`.
pub(crate) fn expand(
    attribute: Attribute,
    arguments: TokenStream,
    item: TokenStream,
) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let text = format!("#[{}] goes on a function", attribute.name());
            let error = Error::new(first_span(&item), text).into_compile_error();
            return quote!(#item #error);
        }
    };
    let scheduled = parse(attribute, arguments, &function.sig).map_or_else(
        |error| {
            let error = error.into_compile_error();
            // In an `impl` block there can be no type.
            let stub = function.sig.receiver().is_none().then(|| stub(&function));
            quote!(#error #stub)
        },
        |scheduled| scheduled.tokens(&function),
    );
    quote!(#function #scheduled)
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Every => "every",
        }
    }
}

/// A checked schedule.
struct Scheduled {
    name: String,
    times: Times,
    /// The parameter, which a function may do without.
    due: Option<PatType>,
}

/// What the arguments say.
struct Times {
    timing: TokenStream,
    time_zone: Option<LitStr>,
    is_dropped: bool,
    name: Option<String>,
}

fn parse(attribute: Attribute, arguments: TokenStream, signature: &Signature) -> Result<Scheduled> {
    let times = (|input: ParseStream<'_>| parse_times(attribute, input)).parse2(arguments);
    let shape = shape::check(signature, "a function of a schedule");
    let due = parse_due(signature);
    let (times, ((), due)) = both(times, both(shape, due))?;
    let name = times
        .name
        .clone()
        .unwrap_or_else(|| signature.ident.unraw().to_string());
    if name.len() > MAX_NAME_BYTES || !name.is_ascii() {
        let text = format!(
            "the name of a schedule has at most {MAX_NAME_BYTES} letters, digits, `-` and `_`: \
             give it another one by `name = \"digest\"`"
        );
        return Err(Error::new(signature.ident.span(), text));
    }
    Ok(Scheduled { name, times, due })
}

fn parse_times(attribute: Attribute, input: ParseStream<'_>) -> Result<Times> {
    let timing = parse_timing(attribute, input)?;
    let mut times = Times {
        timing,
        time_zone: None,
        is_dropped: false,
        name: None,
    };
    let mut seen: Vec<String> = Vec::new();
    while !input.is_empty() {
        let option: ScheduleOption = input.parse()?;
        let key = option.key.to_string();
        if seen.contains(&key) {
            return Err(Error::new(option.key.span(), "this is said already"));
        }
        times.take(attribute, &option)?;
        seen.push(key);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(times)
}

fn parse_timing(attribute: Attribute, input: ParseStream<'_>) -> Result<TokenStream> {
    if !input.peek(LitStr) {
        // Its times stand in the manifest.
        if attribute == Attribute::Schedule {
            return Ok(quote!(::syft_guest::schedules::Timing::Manifest));
        }
        return Err(input.error("expected a time: #[every(\"30s\")]"));
    }
    let text: LitStr = input.parse()?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    let wrong = |rule| Error::new(text.span(), rule);
    Ok(match attribute {
        Attribute::Schedule => {
            cron::check(&text.value()).map_err(wrong)?;
            quote!(::syft_guest::schedules::Timing::Cron(#text))
        }
        Attribute::Every => {
            let micros = cron::every(&text.value()).map_err(wrong)?;
            quote!(::syft_guest::schedules::Timing::Every(::core::time::Duration::from_micros(#micros)))
        }
    })
}

/// `key = "value"`.
struct ScheduleOption {
    key: Ident,
    value: LitStr,
}

impl Parse for ScheduleOption {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = input
            .parse()
            .map_err(|error| Error::new(error.span(), EXPECTED))?;
        input
            .parse::<Token![=]>()
            .map_err(|error| Error::new(error.span(), EXPECTED))?;
        let value = input.parse()?;
        Ok(Self { key, value })
    }
}

const EXPECTED: &str =
    "expected time_zone = \"Europe/Berlin\", missed = \"drop\" or name = \"digest\"";

impl Times {
    fn take(&mut self, attribute: Attribute, option: &ScheduleOption) -> Result<()> {
        let ScheduleOption { key, value } = option;
        let text = value.value();
        let wrong = |text: &str| Err(Error::new(value.span(), text));
        if key == "time_zone" {
            if attribute == Attribute::Every {
                let text =
                    "`every` knows no time zone: leave it out, or write a #[schedule(\"…\")]";
                return Err(Error::new(key.span(), text));
            }
            let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
            if text.is_empty() || !text.bytes().all(is_fit) {
                return wrong("expected the name of a time zone, as `Europe/Berlin`, or `local`");
            }
            self.time_zone = Some(value.clone());
        } else if key == "missed" {
            self.is_dropped = match &*text {
                "drop" => true,
                "run-once" => false,
                _ => return wrong("expected `run-once` or `drop`"),
            };
        } else if key == "name" {
            let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !(1..=MAX_NAME_BYTES).contains(&text.len()) || !text.bytes().all(is_fit) {
                return wrong("a name has up to 64 letters, digits, `-` and `_`");
            }
            self.name = Some(text);
        } else {
            return Err(Error::new(key.span(), EXPECTED));
        }
        Ok(())
    }
}

fn parse_due(signature: &Signature) -> Result<Option<PatType>> {
    let parameters = all(signature.inputs.iter().map(|input| match input {
        FnArg::Receiver(receiver) => Err(shape::no_receiver(receiver, "a function of a schedule")),
        FnArg::Typed(input) => Ok(input),
    }))?;
    match parameters.as_slice() {
        [] => Ok(None),
        [due] => Ok(Some((*due).clone())),
        [_, second, ..] => Err(Error::new(
            second.span(),
            "a function of a schedule takes one parameter: the `Due`",
        )),
    }
}

impl Scheduled {
    fn tokens(&self, function: &ItemFn) -> TokenStream {
        let name = &function.sig.ident;
        let visibility = &function.vis;
        let known_as = &self.name;
        let Times {
            timing,
            time_zone,
            is_dropped,
            ..
        } = &self.times;
        let time_zone = match time_zone {
            Some(zone) => quote!(::core::option::Option::Some(#zone)),
            None => quote!(::core::option::Option::None),
        };
        let missed = match is_dropped {
            true => quote!(::syft_guest::schedules::Missed::Drop),
            false => quote!(::syft_guest::schedules::Missed::RunOnce),
        };
        let call = self.call_tokens(&function.sig);
        let mark = mark::constant(name);
        let section = mark::section(name, &quote!(::syft_guest::schedules::Scheduled));
        quote! {
            #[doc = "A schedule, for `app!`."]
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "has the name of its function")]
            #visibility struct #name {}

            #[automatically_derived]
            impl ::syft_guest::schedules::Scheduled for #name {
                const NAME: &'static str = #known_as;

                const TIMING: ::syft_guest::schedules::Timing = #timing;

                const TIME_ZONE: ::core::option::Option<&'static str> = #time_zone;

                const MISSED: ::syft_guest::schedules::Missed = #missed;

                #mark

                #call
            }

            #[automatically_derived]
            impl ::syft_guest::__private::Routes for #name {
                const TREE: ::syft_guest::__private::Tree =
                    ::syft_guest::__private::Tree::scheduled::<Self>();
            }

            #section
        }
    }

    fn call_tokens(&self, signature: &Signature) -> TokenStream {
        let site = Span::mixed_site();
        let name = &signature.ident;
        let called = match &self.due {
            Some(due) => {
                let ty = &due.ty;
                let span = at(ty.span());
                quote_spanned!(span=> { let due: #ty = due; #name(due) })
            }
            None => quote_spanned!(site=> #name()),
        };
        let called = match signature.asyncness {
            Some(_) => quote_spanned!(site=> ::syft_guest::__private::block_on(#called)),
            None => called,
        };
        let answer = answer::watched_tokens(signature);
        quote_spanned! {site=>
            #[allow(clippy::all, unused_variables, reason = "written by #[schedule] or #[every]")]
            fn call(
                due: ::syft_guest::Due,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                let answer = #called;
                #answer
            }
        }
    }
}

/// Returns a schedule that never comes, so that a refused function gives its own error and not
/// one more from `app!`.
fn stub(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    quote! {
        #[allow(non_camel_case_types, dead_code, reason = "has the name of its function")]
        #visibility struct #name {}

        impl ::syft_guest::schedules::Scheduled for #name {
            const NAME: &'static str = "";
            const TIMING: ::syft_guest::schedules::Timing =
                ::syft_guest::schedules::Timing::Manifest;

            fn call(
                _: ::syft_guest::Due,
            ) -> ::core::result::Result<(), ::syft_guest::Failure> {
                ::core::unreachable!()
            }
        }

        impl ::syft_guest::__private::Routes for #name {
            const TREE: ::syft_guest::__private::Tree =
                ::syft_guest::__private::Tree::scheduled::<Self>();
        }
    }
}
