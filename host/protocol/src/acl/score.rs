//! How specific a pattern is: the highest score is asked first.

/// Returns the server's `calculateGlobSpecificity` of a pattern as it stands
/// in the file: no template expanded, no folder in front.
pub(super) fn score(pattern: &str) -> i64 {
    match pattern {
        "**" => return -100,
        "**/*" => return -99,
        _ => {}
    }
    let template = if is_template(pattern) { 50 } else { 0 };
    let penalties: i64 = pattern
        .bytes()
        .enumerate()
        .map(|(at, byte)| penalty(at, byte))
        .sum();
    let length = i64::try_from(pattern.len()).unwrap_or(i64::MAX / 4);
    2 * length + template + penalties
}

/// A slash adds, every wildcard takes away.
fn penalty(at: usize, byte: u8) -> i64 {
    match byte {
        b'/' => 10,
        b'*' if at == 0 => -20,
        b'*' => -10,
        b'?' | b'!' | b'[' | b'{' => -2,
        _ => 0,
    }
}

/// Returns whether the server takes a pattern for a template. The order of the
/// two marks does not matter to it.
pub(super) fn is_template(pattern: &str) -> bool {
    pattern.contains("{{") && pattern.contains("}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_the_server_does() {
        for (pattern, expected) in [
            ("**", -100),
            ("**/*", -99),
            ("*.txt", -10),
            ("specific.txt", 24),
            ("**/*.txt", -14),
            ("*/file.txt", 10),
            ("path/to/**/specific.txt", 56),
            ("public/*.txt", 24),
            ("{{.UserEmail}}/*", 78),
            ("user_{{.UserEmail}}/**", 80),
            ("", 0),
            ("/", 12),
            ("*/*/*/*/*/*/*/*/*", 14),
            ("**/averylongfilename.json", 30),
            ("x/*", 6),
            ("a?.txt", 10),
            ("?b.txt", 10),
            ("*", -18),
            ("***", -34),
            ("[!a]", 4),
            ("{a,b}", 8),
            ("}}{{", 54),
            ("{{", 0),
            ("é", 4),
        ] {
            assert_eq!(score(pattern), expected, "{pattern}");
        }
    }
}
