//! Headers of requests and responses.

/// Headers, in order. Names keep their case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Returns no headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Returns the first value of that name, whatever the case of its letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Sets a header. Values of that name in whatever case are replaced.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
        self.0.push((name, value.into()));
    }

    /// Returns names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(String, String)>> for Headers {
    fn from(headers: Vec<(String, String)>) -> Headers {
        Headers(headers)
    }
}

impl From<Headers> for Vec<(String, String)> {
    fn from(headers: Headers) -> Vec<(String, String)> {
        headers.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_keep_their_own() {
        let mut headers = Headers::from(vec![("X-A".to_owned(), "1".to_owned())]);
        headers.set("b", "2");
        assert_eq!(
            (headers.get("x-a"), headers.get("B"), headers.get("c")),
            (Some("1"), Some("2"), None)
        );
        headers.set("x-a", "3");
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("b", "2"), ("x-a", "3")]
        );
    }
}
