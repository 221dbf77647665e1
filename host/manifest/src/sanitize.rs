//! Foreign text, made fit for a terminal and a log.

use serde_json::Value;

pub use syft_protocol::excerpt::is_plain;

/// Returns the text on one line, with `�` for what is not plain.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if is_plain(c) { c } else { '\u{fffd}' })
        .collect()
}

/// What each line of a stranger's text begins with where it stands among lines of ours.
pub const QUOTE_MARK: &str = "│ ";

/// Returns a stranger's text as one line to be laid out, marked as such.
pub fn quoted(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("  {QUOTE_MARK}{}", words.join(" "))
}

/// Returns the text on its lines, each as [`plain`] does.
pub fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(plain).collect();
    lines.join("\n")
}

/// Returns the text as [`plain`] does, and at most so many characters of it.
pub fn plain_excerpt(text: &str, max_chars: usize) -> String {
    let mut shown: String = text.chars().take(max_chars).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    plain(&shown)
}

/// Returns the text with an escape for what is not plain.
pub fn escaped(text: &str) -> String {
    let letters = text.chars().map(|c| {
        if is_plain(c) {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    });
    letters.collect()
}

/// Quotes a text as one word of a shell, whatever is in it.
pub fn in_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns compact JSON with an escape for what is not plain, which JSON leaves as
/// it is but for the first of the control characters.
pub fn plain_json(json: &Value) -> String {
    let mut shown = String::new();
    for c in json.to_string().chars() {
        if is_plain(c) {
            shown.push(c)
        } else {
            // It can only stand in a string, and all of these have four digits.
            shown.push_str(&format!("\\u{:04x}", u32::from(c)))
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_in_plain_characters() {
        let value = Value::from("\x1b\x7f\u{9b}31m \u{202e}x\u{feff} \"語\"");
        let shown = plain_json(&value);
        assert_eq!(shown, r#""\u001b\u007f\u009b31m \u202ex\ufeff \"語\"""#);
        assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(value));
    }

    #[test]
    fn a_text_is_one_word_to_a_shell() {
        for (text, expected) in [
            ("a@b.co", "'a@b.co'"),
            ("a'b $c", r"'a'\''b $c'"),
            ("a';$(x)`y`@b.co", r"'a'\'';$(x)`y`@b.co'"),
        ] {
            assert_eq!(in_shell(text), expected);
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        for (text, expected) in [
            ("plain, ünïcode → 語", "plain, ünïcode → 語"),
            ("\x1b[31mred\x07", "\u{fffd}[31mred\u{fffd}"),
            ("a\nb\tc\0", "a\u{fffd}b\u{fffd}c\u{fffd}"),
            (
                "\u{9b}31m \u{202e}x\u{200b}",
                "\u{fffd}31m \u{fffd}x\u{fffd}",
            ),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(plain_excerpt("äbc\nd", 4), "äbc\u{fffd}…");
        assert_eq!(plain_excerpt("äbcd", 4), "äbcd");
    }
}
