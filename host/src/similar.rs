//! Names that somebody may have meant who typed another one.

/// How alike two names have to be, of 1: about one slip in five letters.
const ALIKE: f64 = 0.8;

/// Returns the known name that is most like one that was typed, if any is like it.
pub(crate) fn similar<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let rate = |name: &'a str| (strsim::jaro_winkler(&typed, &name.to_lowercase()), name);
    let alike = known
        .into_iter()
        .map(rate)
        .filter(|(rate, _)| *rate >= ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["greeter", "leaderboard", "chat", "update-every"];
        for (typed, expected) in [
            ("greter", Some("greeter")),
            ("Greeter", Some("greeter")),
            ("leaderbord", Some("leaderboard")),
            ("update_every", Some("update-every")),
            ("counter", None),
            ("", None),
        ] {
            assert_eq!(similar(typed, known), expected, "{typed}");
        }
    }
}
