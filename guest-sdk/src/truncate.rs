//! Texts cut to a length.

/// Returns at most `max_bytes` of `text`, with `…` in place of the rest.
pub(crate) fn truncate(mut text: String, max_bytes: usize) -> String {
    const MARK: char = '…';
    if text.len() > max_bytes {
        let end = text.floor_char_boundary(max_bytes - MARK.len_utf8());
        text.truncate(end);
        text.push(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_characters() {
        for (text, expected) in [
            ("", ""),
            ("abcde", "abcde"),
            ("abcdef", "ab…"),
            ("aéé€", "a…"),
        ] {
            assert_eq!(truncate(text.to_owned(), 5), expected);
        }
    }
}
