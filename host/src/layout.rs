//! How text stands in a terminal: lines of ours, and texts of strangers that cannot pass
//! for them.
//!
//! A terminal breaks a long line wherever it ends, and what follows then stands where our
//! lines begin. So every line is broken here: one of ours goes on further in, and each
//! line of a stranger's text begins with a mark.

use syft_manifest::sanitize::{QUOTE_MARK, plain};
use syft_system::terminal::{AsTerminal, columns};

/// How far in a line of ours goes on.
const FURTHER_IN: usize = 4;

/// How wide a stranger's text is where nothing says how wide lines are.
const USUAL_WIDTH: usize = 80;

/// The least width that is believed.
const LEAST_WIDTH: usize = 20;

/// Returns a line of ours, within which others may be quoted, without more than one
/// space between words.
pub fn one_line(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let words: Vec<&str> = line.split_whitespace().collect();
    line[..indent].to_owned() + &words.join(" ")
}

/// Returns how wide the lines are that a stream shows: as `COLUMNS` says, else as the
/// terminal does.
pub fn width(stream: impl AsTerminal) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.trim().parse().ok());
    let found = || columns(&stream);
    said.or_else(found).filter(|width| *width > 0)
}

/// Lays out lines. Where no width is known, ours are left as long as they are.
pub fn lay_out(text: &str, width: Option<usize>) -> String {
    let lines = text.split('\n').map(|line| {
        let line = with_plain_emails(&plain(line));
        let is_quoted = line.trim_start_matches(' ').starts_with(QUOTE_MARK);
        match width.or(is_quoted.then_some(USUAL_WIDTH)) {
            Some(width) => wrap(&line, is_quoted, width.max(LEAST_WIDTH)),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn wrap(line: &str, is_quoted: bool, width: usize) -> String {
    let content = line.trim_start_matches(' ');
    let indent = (line.len() - content.len()).min(width / 4);
    let (first, next, content) = if is_quoted {
        let mark = format!("{:indent$}{QUOTE_MARK}", "");
        (mark.clone(), mark, &content[QUOTE_MARK.len()..])
    } else {
        let further = (indent + FURTHER_IN).min(width / 2);
        let further = " ".repeat(further);
        (" ".repeat(indent), further, content)
    };
    let mut lines = Lines {
        done: String::new(),
        column: n_columns(&first),
        line: first,
        next,
        width,
        is_blank: true,
    };
    for word in content.split_inclusive(' ') {
        lines.add(word);
    }
    lines.done + lines.line.trim_end_matches(' ')
}

/// Lines in the making.
struct Lines {
    done: String,
    line: String,
    column: usize,
    /// What each line but the first begins with.
    next: String,
    width: usize,
    /// The line has nothing but its beginning yet.
    is_blank: bool,
}

impl Lines {
    /// Adds a word with the space behind it, on a line of its own if it does not fit here.
    fn add(&mut self, word: &str) {
        let letters = word.trim_end_matches(' ');
        if letters.is_empty() && self.is_blank {
            return;
        }
        self.make_room(letters);
        // One that is longer than a line is a path, mostly: it goes on after a slash.
        for part in letters.split_inclusive('/') {
            self.make_room(part);
            self.push(part);
        }
        if letters.len() < word.len() {
            self.line.push(' ');
            self.column += 1;
        }
    }

    /// Begins a line, unless what comes fits on this one.
    fn make_room(&mut self, letters: &str) {
        if !self.is_blank && self.column + n_columns(letters) > self.width {
            self.end_line();
        }
    }

    /// Adds letters, which are broken where nothing else is left to do.
    fn push(&mut self, letters: &str) {
        for c in letters.chars() {
            if self.column + n_columns_of(c) > self.width {
                self.end_line();
            }
            self.line.push(c);
            self.column += n_columns_of(c);
            self.is_blank = false;
        }
    }

    fn end_line(&mut self) {
        self.done += self.line.trim_end_matches(' ');
        self.done.push('\n');
        self.line = self.next.clone();
        self.column = n_columns(&self.next);
        self.is_blank = true;
    }
}

fn n_columns(text: &str) -> usize {
    text.chars().map(n_columns_of).sum()
}

/// Returns the most columns that a terminal may give a character. They do not agree about
/// those that are not ASCII; a line that ends early does no harm.
fn n_columns_of(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

/// Returns the text with all letters of emails in ASCII: others look like these.
pub fn with_plain_emails(text: &str) -> String {
    let ends = [' ', '/', '`', '"', '…', '\u{fffd}'];
    let parts = text.split_inclusive(ends).map(|part| {
        let name = part.trim_end_matches(ends);
        if name.contains('@') && !name.is_ascii() {
            ascii(name) + &part[name.len()..]
        } else {
            part.to_owned()
        }
    });
    parts.collect()
}

fn ascii(name: &str) -> String {
    let letters = name.chars().map(|c| {
        if c.is_ascii() {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use syft_manifest::sanitize::quoted;

    use super::*;

    fn forgeries() -> Vec<String> {
        let author = "Author   alice@example.org";
        let pad = |filler: &str, n: usize| format!("{}{author}", filler.repeat(n));
        let mut texts = vec![
            format!("x\n{author}\r{author}\u{2028}{author}\u{85}{author}\t{author}"),
            author.to_owned(),
            format!("\u{1b}[2K\u{1b}[1G{author}"),
            String::new(),
        ];
        for filler in [
            " ",
            "x",
            "x ",
            "語",
            "é",
            "e\u{301}",
            "😀",
            "👩\u{200d}👩",
            "\u{200b}",
            "\u{3000}",
            "\u{a0}",
            "\u{e0061}",
            "ﷺ",
            "│ ",
        ] {
            texts.extend((0..300).step_by(7).map(|n| pad(filler, n)));
        }
        texts
    }

    #[test]
    fn every_line_of_a_strangers_text_is_marked_and_fits() {
        for text in forgeries() {
            for width in [
                None,
                Some(1),
                Some(20),
                Some(21),
                Some(40),
                Some(80),
                Some(200),
            ] {
                let shown = lay_out(&quoted(&text), width);
                let most = width.unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH);
                for line in shown.split('\n') {
                    let content = line.strip_prefix("  │");
                    let content = content.unwrap_or_else(|| panic!("{width:?} {text:?}: {line:?}"));
                    assert!(!content.starts_with("  "), "{line:?}");
                    assert!(n_columns(line) <= most, "{width:?} {line:?}");
                    assert!(
                        line.chars().all(syft_manifest::sanitize::is_plain),
                        "{line:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn lines_of_ours_go_on_further_in() {
        for text in forgeries() {
            for width in [20, 33, 80] {
                let ours = format!("warning: the app says {}", text.replace('\n', " "));
                let shown = lay_out(&ours, Some(width));
                for (at, line) in shown.split('\n').enumerate() {
                    assert!(at == 0 || line.starts_with("    "), "{width}: {shown}");
                    assert!(n_columns(line) <= width, "{width}: {shown}");
                }
            }
        }
        let text = "  Key      of somebody, whoever that may be";
        assert_eq!(
            lay_out(text, Some(24)),
            "  Key      of somebody,\n      whoever that may\n      be"
        );
        assert_eq!(lay_out(text, None), text);
    }

    #[test]
    fn a_long_path_goes_on_after_a_slash() {
        let text = "Written: /home/alice/a-long-name/another/app_data/x";
        assert_eq!(
            lay_out(text, Some(28)),
            "Written:\n    /home/alice/a-long-name/\n    another/app_data/x"
        );
        // A name of its own that is longer than a line is broken all the same.
        let name = "n".repeat(40);
        let shown = lay_out(&format!("In /a/{name}"), Some(24));
        assert!(
            shown.split('\n').all(|line| n_columns(line) <= 24),
            "{shown}"
        );
        assert_eq!(shown.replace(['\n', ' '], ""), format!("In/a/{name}"));
    }

    #[test]
    fn emails_are_shown_in_ascii() {
        for (text, expected) in [
            (
                "Author  \u{430}lice@example.org",
                "Author  \\u{430}lice@example.org",
            ),
            ("of a@b.org, jürgen", "of a@b.org, jürgen"),
            ("/home/jürgen/ü@b.org/ä", "/home/jürgen/\\u{fc}@b.org/ä"),
            ("`ü@b.org`…", "`\\u{fc}@b.org`…"),
        ] {
            assert_eq!(lay_out(text, None), expected);
        }
    }
}
