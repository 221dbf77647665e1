//! A problem with the line it is about.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::check::Problem;
use crate::sanitize::plain;

/// What is wrong with a manifest, and where. Displays as text without colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    is_error: bool,
    line: usize,
    problem: Problem,
    rendered: String,
}

impl Diagnostic {
    /// Returns a diagnostic about a part of a text, given in bytes.
    pub(super) fn new(
        is_error: bool,
        path: &str,
        text: &str,
        span: Range<usize>,
        problem: Problem,
    ) -> Self {
        let line = text[..span.start].matches('\n').count() + 1;
        let level = if is_error {
            Level::ERROR
        } else {
            Level::WARNING
        };
        let snippet = Snippet::source(text)
            .path(path)
            .annotation(AnnotationKind::Primary.span(span));
        let report = level
            .primary_title(problem.message.as_str())
            .element(snippet)
            .element(Level::HELP.message(problem.help.as_str()));
        let rendered = Renderer::plain().render(&[report]);
        let rendered: Vec<String> = rendered.lines().map(plain).collect();
        Self {
            is_error,
            line,
            problem,
            rendered: rendered.join("\n"),
        }
    }

    /// Tells whether it keeps the manifest from being used.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// Returns the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns what is wrong, without the place.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}
