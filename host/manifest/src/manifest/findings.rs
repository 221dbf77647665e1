//! What is found wrong with a text in TOML, each with its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Problem;
use super::diagnostic::Diagnostic;
use crate::sanitize::plain_excerpt;

/// A key of a text, with its place.
pub type TomlKey<'a> = Spanned<std::borrow::Cow<'a, str>>;
/// A value of a text, with its place.
pub type TomlValue<'a> = Spanned<DeValue<'a>>;

/// The most errors that are shown.
const MAX_ERRORS: usize = 100;

struct Finding {
    is_error: bool,
    span: Range<usize>,
    problem: Problem,
}

/// What is found wrong with a text, in one go.
#[derive(Default)]
pub struct TomlFindings(Vec<Finding>);

impl TomlFindings {
    /// Returns the tables of a text, unless it is none that says anything.
    pub fn read<'t>(&mut self, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        // What is left of a text with other errors says little about the rest.
        let goes_on = errors
            .iter()
            .all(|error| error.message() == "duplicate key");
        for error in &errors {
            let help = match error.message() {
                "duplicate key" => "leave one of them out",
                _ => "how TOML is written: https://toml.io",
            };
            let span = error.span().unwrap_or(0..0);
            self.error(span, Problem::new(error.message(), help));
        }
        goes_on.then_some(document)
    }

    /// Returns how many errors there are.
    pub fn n_errors(&self) -> usize {
        self.0.iter().filter(|finding| finding.is_error).count()
    }

    /// Notes an error.
    pub fn error(&mut self, span: Range<usize>, problem: Problem) {
        self.0.push(Finding {
            is_error: true,
            span,
            problem,
        });
    }

    /// Notes what is no error.
    pub fn warning(&mut self, span: Range<usize>, problem: Problem) {
        self.0.push(Finding {
            is_error: false,
            span,
            problem,
        });
    }

    /// Notes what is wrong with a value, and returns it if nothing is.
    pub fn check<T>(&mut self, span: Range<usize>, checked: Result<T, Problem>) -> Option<T> {
        checked.map_err(|problem| self.error(span, problem)).ok()
    }

    /// Notes a key that does not belong there.
    pub fn unknown(&mut self, key: &TomlKey<'_>, help: &str) {
        let name = plain_excerpt(key.as_ref(), 40);
        self.error(
            key.span(),
            Problem::new(format!("`{name}` is not known here"), help),
        );
    }

    /// Notes a value of another type than expected.
    pub fn wrong_type(&mut self, value: &TomlValue<'_>, expected: &str, help: &str) {
        let found = value.as_ref().type_str();
        let message = format!("expected {expected}, found {}", with_article(found));
        self.error(value.span(), Problem::new(message, help));
    }

    /// In the order of the text. Each is shown with its line, for which the text is gone
    /// through: thousands of errors would take minutes, and nobody reads them.
    pub fn show(mut self, path: &str, text: &str) -> Vec<Diagnostic> {
        self.0.sort_by_key(|finding| finding.span.start);
        let mut n_errors = 0;
        self.0.retain(|finding| {
            n_errors += usize::from(finding.is_error);
            !finding.is_error || n_errors <= MAX_ERRORS
        });
        let show = |finding: Finding| {
            let Finding {
                is_error,
                span,
                problem,
            } = finding;
            Diagnostic::new(is_error, path, text, span, problem)
        };
        self.0.into_iter().map(show).collect()
    }
}

fn with_article(type_name: &str) -> String {
    if type_name.starts_with(['a', 'i']) {
        format!("an {type_name}")
    } else {
        format!("a {type_name}")
    }
}

/// Checks a text by a rule.
pub fn string<T>(
    findings: &mut TomlFindings,
    value: &TomlValue<'_>,
    example: &str,
    rule: impl FnOnce(&str) -> Result<T, Problem>,
) -> Option<T> {
    let Some(text) = value.as_ref().as_str() else {
        let help = format!("write it between quotes, as in `\"{example}\"`");
        findings.wrong_type(value, "a string", &help);
        return None;
    };
    findings.check(value.span(), rule(text))
}

/// Checks a whole number; the rule gets none where it does not fit.
pub fn integer<N: TryFrom<u64>, T>(
    findings: &mut TomlFindings,
    value: &TomlValue<'_>,
    example: &str,
    rule: impl FnOnce(Option<N>) -> Result<T, Problem>,
) -> Option<T> {
    let Some(integer) = value.as_ref().as_integer() else {
        let help = format!("write it without quotes, as in `{example}`");
        findings.wrong_type(value, "an integer", &help);
        return None;
    };
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let number = number.and_then(|number| number.try_into().ok());
    findings.check(value.span(), rule(number))
}

/// Returns whether something is so.
pub fn boolean(findings: &mut TomlFindings, value: &TomlValue<'_>) -> Option<bool> {
    let found = value.as_ref().as_bool();
    if found.is_none() {
        findings.wrong_type(
            value,
            "a boolean",
            "write `true` or `false`, without quotes",
        );
    }
    found
}
