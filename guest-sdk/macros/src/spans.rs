//! Where errors point to.

use proc_macro2::{Span, TokenStream};

/// Returns `span` with names of its own, so that no name of the author's is
/// taken for one of ours.
pub(crate) fn at(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}

/// Returns the span of the first token.
pub(crate) fn first_span(item: &TokenStream) -> Span {
    item.clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span())
}
