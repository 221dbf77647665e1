//! Colours and links of what is printed, where a terminal has them.
//!
//! A text is laid out first and painted then, by how its first line begins: so whatever it quotes,
//! all that it has of a terminal's language was put there here.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use supports_hyperlinks::Stream;
use syft_manifest::sanitize::QUOTE_MARK;

/// What begins a line of ours, and how it is shown.
const LABELS: &[(&str, Style)] = &[
    ("error:", RED),
    ("ALARM:", RED),
    ("error ", RED),
    ("Cannot", RED),
    ("warning:", YELLOW),
    ("warning ", YELLOW),
    ("note:", CYAN),
    ("hint:", CYAN),
    ("ok ", GREEN),
    ("Serving", GREEN),
    ("Installed", GREEN),
    ("Removed", GREEN),
    ("Wrote", GREEN),
];

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Lines in which a path of ours stands last.
const WITH_PATH: &[&str] = &["Serving", "Wrote", "Catalog ", "File ", "Config file "];

/// What a stream can show.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paint {
    has_colours: bool,
    has_links: bool,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    /// Where a terminal has them, as NO_COLOR, CLICOLOR and CLICOLOR_FORCE say.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl ColourChoice {
    /// Has all that is printed from now on follow this.
    pub(crate) fn take_effect(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

impl Paint {
    /// Returns what standard output can show.
    pub(crate) fn of_stdout() -> Self {
        let has_colours = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let has_links = io::stdout().is_terminal() && supports_hyperlinks::on(Stream::Stdout);
        Self {
            has_colours,
            has_links: has_colours && has_links,
        }
    }

    /// Returns what standard error can show.
    pub(crate) fn of_stderr() -> Self {
        let has_colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        let has_links = io::stderr().is_terminal() && supports_hyperlinks::on(Stream::Stderr);
        Self {
            has_colours,
            has_links: has_colours && has_links,
        }
    }

    /// Tells whether there are colours.
    pub(crate) fn has_colours(self) -> bool {
        self.has_colours
    }

    /// Paints a text that was laid out.
    pub(crate) fn text(self, laid_out: &str) -> String {
        if !self.has_colours {
            return laid_out.to_owned();
        }
        let Some((length, style)) = label(laid_out) else {
            return laid_out.to_owned();
        };
        let (label, rest) = laid_out.split_at(length);
        format!("{style}{label}{style:#}{}", self.with_link(label, rest))
    }

    /// Paints a question, but for its colon, after which an answer is typed.
    pub(crate) fn question(self, laid_out: &str) -> String {
        match laid_out.strip_suffix(':') {
            Some(question) if self.has_colours => format!("{BOLD}{question}{BOLD:#}:"),
            _ => laid_out.to_owned(),
        }
    }

    /// Makes the path at the end of a line one that opens, unless the line was broken.
    fn with_link(self, label: &str, rest: &str) -> String {
        let is_with_path = WITH_PATH.iter().any(|known| label.starts_with(known));
        match rest.find('/') {
            Some(at) if self.has_links && is_with_path && !rest.contains('\n') => {
                let (before, path) = rest.split_at(at);
                format!(
                    "{before}\u{1b}]8;;file://{}\u{1b}\\{path}\u{1b}]8;;\u{1b}\\",
                    encoded(path)
                )
            }
            _ => rest.to_owned(),
        }
    }
}

/// Returns how long the label of a text is, if it has one, and how that is shown.
fn label(text: &str) -> Option<(usize, Style)> {
    if text.trim_start().starts_with(QUOTE_MARK) {
        return None;
    }
    let known = LABELS.iter().find(|(label, _)| text.starts_with(label));
    if let Some((label, style)) = known {
        return Some((label.len(), *style));
    }
    let first = text.lines().next().unwrap_or_default();
    // The key of a table, which spaces follow, or a title.
    let end = first.find("  ").filter(|end| *end > 0);
    let is_title = first.ends_with(':') && first.len() == text.len();
    let length = if is_title { first.len() } else { end? };
    let is_key = first.starts_with(|c: char| c.is_ascii_uppercase()) && length <= 40;
    (is_key || is_title).then_some((length, BOLD))
}

/// Returns a path as a URL has it.
fn encoded(path: &str) -> String {
    let mut url = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::lay_out;

    const ALL: Paint = Paint {
        has_colours: true,
        has_links: true,
    };

    #[test]
    fn labels_are_painted_and_nothing_else() {
        for (text, expected) in [
            (
                "error: no\n  more",
                "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no\n  more",
            ),
            (
                "Name         greeter",
                "\u{1b}[1mName\u{1b}[0m         greeter",
            ),
            ("Answers:", "\u{1b}[1mAnswers:\u{1b}[0m"),
            ("  /hello", "  /hello"),
            ("  │ error: of a stranger", "  │ error: of a stranger"),
            ("anything else", "anything else"),
        ] {
            assert_eq!(ALL.text(text), expected, "{text}");
            assert_eq!(Paint::default().text(text), text);
        }
        let shown = ALL.text("Serving app in /a b/rpc");
        let link = "\u{1b}]8;;file:///a%20b/rpc\u{1b}\\/a b/rpc\u{1b}]8;;\u{1b}\\";
        assert!(shown.ends_with(link), "{shown:?}");
        assert_eq!(
            ALL.question("Sure? [y]es:"),
            "\u{1b}[1mSure? [y]es\u{1b}[0m:"
        );
    }

    #[test]
    fn no_text_brings_escapes_of_its_own() {
        let hostile = "x\u{1b}]8;;https://evil.example\u{1b}\\\u{1b}[31m\u{9b}1m\u{7}";
        for text in [
            format!("error: {hostile}"),
            format!("Serving {hostile} in /{hostile}"),
        ] {
            let shown = ALL.text(&lay_out(&text, Some(60)));
            let ours = [
                "\u{1b}[1m",
                "\u{1b}[31m",
                "\u{1b}[32m",
                "\u{1b}[0m",
                "\u{1b}]8;;file:///",
                "\u{1b}]8;;\u{1b}\\",
                "\u{1b}\\",
            ];
            let left = ours
                .iter()
                .fold(shown.clone(), |left, ours| left.replace(ours, ""));
            assert!(!left.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{shown:?}");
            assert!(!shown.contains("\u{1b}]8;;https"), "{shown:?}");
        }
    }
}
