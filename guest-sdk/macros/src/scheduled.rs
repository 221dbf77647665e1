//! What `#[schedule]` and `#[every]` make of a function.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, LitStr, Result, Signature, Token};

use crate::cron;
use crate::told::Kind;

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
    let kind = Kind {
        one: "a function of a schedule",
        attributes: attribute.name(),
        doc: "A schedule, for `app!`.",
        told: "Due",
        route: "scheduled",
        path: || quote!(::syft_guest::schedules::Scheduled),
        stub: || {
            quote! {
                const NAME: &'static str = "";
                const TIMING: ::syft_guest::schedules::Timing =
                    ::syft_guest::schedules::Timing::Manifest;
            }
        },
    };
    kind.expand(item, |signature| {
        let times = (|input: ParseStream<'_>| parse_times(attribute, input)).parse2(arguments)?;
        let name = name_of(&times, signature)?;
        Ok(times.tokens(&name))
    })
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Self::Schedule => "#[schedule]",
            Self::Every => "#[every]",
        }
    }
}

/// What the arguments say.
struct Times {
    timing: TokenStream,
    time_zone: Option<LitStr>,
    is_dropped: bool,
    name: Option<String>,
}

fn name_of(times: &Times, signature: &Signature) -> Result<String> {
    let own = || signature.ident.unraw().to_string();
    let name = times.name.clone().unwrap_or_else(own);
    if name.len() > MAX_NAME_BYTES || !name.is_ascii() {
        let text = format!(
            "the name of a schedule has at most {MAX_NAME_BYTES} letters, digits, `-` and `_`: \
             give it another one by `name = \"digest\"`"
        );
        return Err(Error::new(signature.ident.span(), text));
    }
    Ok(name)
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
    fn tokens(&self, name: &str) -> TokenStream {
        let Self { timing, .. } = self;
        let time_zone = match &self.time_zone {
            Some(zone) => quote!(::core::option::Option::Some(#zone)),
            None => quote!(::core::option::Option::None),
        };
        let missed = if self.is_dropped {
            quote!(::syft_guest::schedules::Missed::Drop)
        } else {
            quote!(::syft_guest::schedules::Missed::RunOnce)
        };
        quote! {
            const NAME: &'static str = #name;

            const TIMING: ::syft_guest::schedules::Timing = #timing;

            const TIME_ZONE: ::core::option::Option<&'static str> = #time_zone;

            const MISSED: ::syft_guest::schedules::Missed = #missed;
        }
    }

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
