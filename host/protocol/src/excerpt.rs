//! Short, one-line quotations of foreign text for messages.

/// The most characters of foreign text that a message repeats.
pub(crate) const MAX_EXCERPT_CHARS: usize = 100;

/// Returns `text` fit for one line of a message: control characters as their
/// escapes, and at most [`MAX_EXCERPT_CHARS`] characters, an ellipsis included.
///
/// Messages travel to remote callers and into logs, so a stranger must not be
/// able to break a line or to have a megabyte sent back.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    let mut n_chars = 0;
    for c in text.chars() {
        let n_needed = if is_plain(c) {
            1
        } else {
            c.escape_default().count()
        };
        if n_chars + n_needed > MAX_EXCERPT_CHARS - 1 {
            shown.push('…');
            break;
        }
        if is_plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
        n_chars += n_needed;
    }
    shown
}

/// Tells whether a character is seen, and stays where it is put. Control
/// characters move the cursor and worse; line separators, those that reorder
/// text, and those that Unicode lets be invisible or has given no meaning are no
/// control characters to `char`, yet they show something else than is there.
pub fn is_plain(c: char) -> bool {
    let disturbs = matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..
    );
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe;
    !c.is_control() && !disturbs && !is_no_character
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_short_line() {
        for (text, expected) in [
            ("plain", "plain".to_owned()),
            ("a\nb\0", "a\\nb\\u{0}".to_owned()),
            ("\u{202e}x", "\\u{202e}x".to_owned()),
            ("é", "é".to_owned()),
            (&"x".repeat(99), "x".repeat(99)),
            (&"x".repeat(100), format!("{}…", "x".repeat(99))),
            (&"\n".repeat(100), format!("{}…", "\\n".repeat(49))),
        ] {
            assert_eq!(excerpt(text), expected, "{text:?}");
        }
    }
}
