//! What somebody may have meant who typed a name that there is not.

use strsim::osa_distance;

/// Longer names are not compared: strangers choose them, and comparing takes their lengths
/// multiplied.
const MAX_BYTES: usize = 256;

/// Returns the name that is typed most likely, if one is likely at all.
pub(crate) fn meant<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.is_empty() || typed.len() > MAX_BYTES {
        return None;
    }
    let small = typed.to_lowercase();
    // One letter in three, and of a short name one.
    let most = (typed.chars().count() / 3).clamp(1, 3);
    let is_near = |name: &&str| name.len().abs_diff(typed.len()) <= 4 * most;
    let names = names.into_iter().filter(is_near);
    let distances = names.map(|name| (osa_distance(&small, &name.to_lowercase()), name));
    let near = distances.filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_slip_are_meant() {
        let names = ["divide", "add", "Greeter", "alice@example.org", "a"];
        for (typed, expected) in [
            ("divde", Some("divide")),
            ("dvidie", Some("divide")),
            ("adn", Some("add")),
            ("greeter", Some("Greeter")),
            ("greter", Some("Greeter")),
            ("alcie@exmaple.org", Some("alice@example.org")),
            ("b", Some("a")),
            ("subtract", None),
            ("", None),
        ] {
            assert_eq!(meant(typed, names), expected, "{typed:?}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(meant(&long, [&*long]), None);
        assert_eq!(meant("x", [&*long]), None);
    }
}
