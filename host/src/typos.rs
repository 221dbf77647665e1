//! What somebody may have meant who typed a name that there is not.

use strsim::osa_distance;
use syft_protocol::address::AppName;

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

/// Names that are shown of what there is.
const MAX_SHOWN: usize = 8;

/// Returns what to say of the names that there are to who typed another: which is meant, else
/// some of them; nothing where there are none.
pub(crate) fn hint(typed: &AppName, names: &[AppName]) -> Option<String> {
    let all = names.iter().map(AppName::as_str);
    if let Some(name) = meant(typed.as_str(), all.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let shown: Vec<&str> = all.take(MAX_SHOWN).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| format!("there are: {}{more}", shown.join(", ")))
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
        let apps = |names: &[&str]| -> Vec<AppName> {
            let parse = |name: &&str| AppName::parse(name).expect("a name");
            names.iter().map(parse).collect()
        };
        let hint = |names: &[&str]| hint(&apps(&["greter"])[0], &apps(names));
        let near = hint(&["chat", "greeter"]);
        assert_eq!(near.as_deref(), Some("did you mean `greeter`?"));
        assert_eq!(hint(&["a", "b"]).as_deref(), Some("there are: a, b"));
        let many: Vec<String> = (0..10).map(|n| format!("app-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(hint(&many).is_some_and(|hint| hint.ends_with("app-7 and 2 more")));
        assert_eq!(hint(&[]), None);
        let long = "x".repeat(100_000);
        assert_eq!(meant(&long, [&*long]), None);
        assert_eq!(meant("x", [&*long]), None);
    }
}
