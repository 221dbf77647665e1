//! Names that look alike and are not the same.

use syft_manifest::sanitize::is_plain;
use unicode_security::skeleton;

/// Tells whether people may take one name for the other, of authors or of apps.
pub fn look_alike(one: &str, other: &str) -> bool {
    let (ones, others) = (looks(one), looks(other));
    one != other && ones.iter().any(|look| others.contains(look))
}

/// Returns what an email looks like: by the confusable characters of Unicode (UTS 39), as
/// it is written and in small letters, whatever cannot be seen or is easily overlooked.
fn looks(email: &str) -> [String; 2] {
    [look(email), look(&email.to_lowercase())]
}

fn look(email: &str) -> String {
    let is_overlooked = |c: &char| matches!(c, '.' | '-' | '_' | '+' | '\'' | ',');
    let seen: String = email.chars().filter(|c| is_plain(*c)).collect();
    let letters = skeleton(&seen).flat_map(char::to_lowercase);
    let letters: String = letters.filter(|c| !is_overlooked(c)).collect();
    // Pairs of letters that Unicode does not list.
    letters.replace("vv", "w").replace("cl", "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_looks_alike() {
        for (one, other) in [
            ("alice@example.org", "\u{430}lice@example.org"),
            ("alice@example.org", "al\u{131}ce@example.org"),
            ("alice@example.org", "alice\u{e0061}@example.org"),
            ("alice@example.org", "al\u{200b}ice@example.org"),
            ("alice@example.org", "Alice@example.org"),
            ("alice@example.org", "a1ice@example.org"),
            ("alice@example.org", "aIice@example.org"),
            ("alice@example.org", "a|ice@example.org"),
            ("alice@example.org", "alice@exarnple.org"),
            ("alice@example.org", "alice@ex\u{430}mple.org"),
            ("alice@example.org", "a.lice@example.org"),
            ("alice@example.org", "alice@ex-ample.org"),
            ("alice@example.org", "\u{ff41}lice@example.org"),
            ("bob@openmined.org", "bob@0penmined.org"),
            ("bob@openmined.org", "b\u{3bf}b@openmined.org"),
            ("will@x.org", "vvill@x.org"),
            ("dave@x.org", "clave@x.org"),
        ] {
            assert!(look_alike(one, other), "{one} {other}");
            assert!(look_alike(other, one), "{other} {one}");
        }
        for (one, other) in [
            ("alice@example.org", "alice@example.org"),
            ("alice@example.org", "alice@example.com"),
            ("alice@example.org", "alicia@example.org"),
            ("alice@example.org", "bob@example.org"),
            ("alice1@example.org", "alice2@example.org"),
            ("\u{fc}@example.org", "u@example.org"),
        ] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }
}
