//! What `#[watch("pattern", events(created))]` says is watched.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Result, Token, bracketed, parenthesized, token};

use crate::pattern;
use crate::results::all;

/// The names of events in the attribute and of the variants of `EventKind`.
const EVENTS: [(&str, &str); 4] = [
    ("created", "Created"),
    ("modified", "Modified"),
    ("moved", "Moved"),
    ("deleted", "Deleted"),
];

/// Those that count where none are named, as in SyftEvent.
const DEFAULT_EVENTS: &[&str] = &["Created", "Modified", "Moved"];

/// As the host allows.
const MAX_PATTERNS: usize = 64;

/// The files and what happens to them, checked.
pub(crate) struct Watched {
    pub(crate) patterns: Vec<LitStr>,
    /// Variants of `EventKind`.
    pub(crate) events: Vec<Ident>,
}

/// Parses the arguments of the attribute.
pub(crate) fn parse(arguments: TokenStream) -> Result<Watched> {
    if arguments.is_empty() {
        return Err(Error::new(
            Span::call_site(),
            "the pattern is missing: #[watch(\"{datasite}/**/*.json\")]",
        ));
    }
    syn::parse2(arguments)
}

impl Parse for Watched {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let span = input.span();
        let patterns = parse_patterns(input)?;
        let events = if input.is_empty() {
            DEFAULT_EVENTS
                .iter()
                .map(|event| format_ident!("{event}"))
                .collect()
        } else {
            input.parse::<Token![,]>()?;
            parse_events(input)?
        };
        if !input.is_empty() {
            return Err(input.error("expected nothing after the events"));
        }
        check(&patterns, span)?;
        Ok(Self { patterns, events })
    }
}

fn parse_patterns(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    const EXPECTED: &str =
        "expected a pattern or several: #[watch(\"*.json\")], #[watch([\"*.txt\", \"!b.txt\"])]";
    if input.peek(LitStr) {
        return Ok(vec![input.parse()?]);
    }
    if !input.peek(token::Bracket) {
        return Err(input.error(EXPECTED));
    }
    let content;
    bracketed!(content in input);
    let patterns = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)
        .map_err(|error| Error::new(error.span(), EXPECTED))?;
    if patterns.is_empty() {
        return Err(content.error(EXPECTED));
    }
    Ok(patterns.into_iter().collect())
}

fn parse_events(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    const EXPECTED: &str = "expected events(…) with created, modified, moved or deleted";
    if input.is_empty() {
        // The comma before was the last thing.
        return Ok(DEFAULT_EVENTS
            .iter()
            .map(|event| format_ident!("{event}"))
            .collect());
    }
    let word: Ident = input
        .parse()
        .map_err(|error| Error::new(error.span(), EXPECTED))?;
    if word != "events" || !input.peek(token::Paren) {
        return Err(Error::new(word.span(), EXPECTED));
    }
    let content;
    parenthesized!(content in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
    input.parse::<Option<Token![,]>>()?;
    if names.is_empty() {
        return Err(Error::new(word.span(), EXPECTED));
    }
    let mut events: Vec<Ident> = Vec::new();
    for name in names {
        let event = variant(&name).ok_or_else(|| Error::new(name.span(), EXPECTED))?;
        if events.contains(&event) {
            return Err(Error::new(name.span(), "this event is named already"));
        }
        events.push(event);
    }
    Ok(events)
}

fn variant(name: &Ident) -> Option<Ident> {
    let (_, variant) = EVENTS.iter().find(|(event, _)| name == event)?;
    Some(Ident::new(variant, name.span()))
}

fn check(patterns: &[LitStr], span: Span) -> Result<()> {
    if patterns.len() > MAX_PATTERNS {
        let text = format!("at most {MAX_PATTERNS} patterns for a watcher");
        return Err(Error::new(span, text));
    }
    all(patterns.iter().map(|pattern| {
        pattern::check(&pattern.value()).map_err(|rule| Error::new(pattern.span(), rule))
    }))?;
    if patterns
        .iter()
        .all(|pattern| pattern.value().starts_with('!'))
    {
        return Err(Error::new(
            span,
            "these patterns take files out and put none in: begin with one without `!`",
        ));
    }
    Ok(())
}
