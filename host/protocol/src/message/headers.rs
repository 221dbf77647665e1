//! The headers of a message.

use std::collections::HashMap;

/// The headers of a message, in the order of their insertion.
///
/// Names keep their case and count with it, as in the released client, whose
/// headers are a Python dict: a name given again keeps its first place and
/// takes the last value. Made from an iterator of pairs; has no bound of its
/// own, reading a message has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Returns headers with none in them.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Returns the value of `name`, compared with its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Returns whether the message came through SyftBox's HTTP API. The server
    /// gives each such message `x-syft-url` and `x-syft-from`, which clients do
    /// not; whoever spells them otherwise is not better known for it.
    pub fn are_of_http_api(&self) -> bool {
        self.iter().any(|(name, _)| {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
            matches!(&*letters, "xsyfturl" | "xsyftfrom")
        })
    }

    /// Returns the pairs of name and value in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Headers {
        let mut headers = Vec::new();
        // Looked up by hash: a guest may give any number of them.
        let mut places = HashMap::new();
        for (name, value) in pairs {
            let place = *places.entry(name.clone()).or_insert(headers.len());
            if place == headers.len() {
                headers.push((name, value));
            } else {
                headers[place].1 = value;
            }
        }
        Headers(headers)
    }
}

impl IntoIterator for Headers {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn tells_what_came_through_the_http_api() {
        for (name, expected) in [
            ("x-syft-url", true),
            ("x-syft-from", true),
            ("X-Syft-From", true),
            ("X_SYFT_URL", true),
            (" x-syft-url\t", true),
            ("x-syft-from\u{200b}", true),
            ("x-syft-raw", false),
            ("x-syft-urls", false),
            ("content-type", false),
            ("", false),
        ] {
            let headers = headers(&[("a", "x-syft-url"), (name, "")]);
            assert_eq!(headers.are_of_http_api(), expected, "{name:?}");
        }
    }

    #[test]
    fn the_last_value_wins_at_the_first_place() {
        let headers = headers(&[("a", "1"), ("b", "2"), ("A", "3"), ("a", "4")]);
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("a", "4"), ("b", "2"), ("A", "3")]
        );
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.get("a"), Some("4"));
        assert_eq!(headers.get("c"), None);
    }
}
