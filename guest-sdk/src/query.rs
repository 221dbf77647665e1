//! The query of a URL.

/// Returns the names and values in the query of a URL, decoded as forms are.
///
/// What is wrongly encoded stays as it is. A name without `=` has an empty value.
pub(crate) fn pairs(url: &str) -> impl Iterator<Item = (String, String)> {
    let pieces = query(url).split('&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decoded(name), decoded(value))
    })
}

fn query(url: &str) -> &str {
    let url = url.split('#').next().unwrap_or_default();
    url.split_once('?').map_or("", |(_, query)| query)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match escaped(after) {
                Some(byte) => {
                    rest = &after[2..];
                    byte
                }
                None => b'%',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_names_and_values() {
        let base = "syft://owner@example.com/app_data/app/rpc/f";
        for (query, expected) in [
            ("", &[] as &[(&str, &str)]),
            ("?", &[]),
            ("#a=1", &[]),
            ("#?a=1", &[]),
            ("?a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
            ("?a=1#b=2", &[("a", "1")]),
            ("?a&=1&&b=", &[("a", ""), ("", "1"), ("b", "")]),
            ("?a=b=c?d", &[("a", "b=c?d")]),
            ("?a+b=%C3%a9%26+", &[("a b", "é& ")]),
            (
                "?a=100%&b=%4&c=%zz&d=é",
                &[("a", "100%"), ("b", "%4"), ("c", "%zz"), ("d", "é")],
            ),
            ("?a=%ff", &[("a", "\u{fffd}")]),
        ] {
            let found: Vec<_> = pairs(&format!("{base}{query}")).collect();
            let found: Vec<_> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
            assert_eq!(found, expected, "{query}");
        }
    }
}
