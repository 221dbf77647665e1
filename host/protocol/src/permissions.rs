//! The permission files that make an app's `rpc/` folder and an author's apps reachable.
//!
//! Why: docs/decisions/12-access-rules-name-endpoints.md

use std::fmt::Write;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::address::Endpoint;

/// The name of a permission file, in whichever folder it stands.
pub const PERMISSION_FILE: &str = "syft.pub.yaml";

/// The rules for an app's `rpc/` folder that the released SyftEvent writes, to the byte, and
/// that this host wrote as well at first. They let everybody make folders of any name in it.
pub const RELEASED_RPC_RULES: &str = "
rules:
- pattern: rpc.schema.json
  access:
    read:
    - '*'
- pattern: '**/{{.UserEmail}}/*.request'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
- pattern: '**/{{.UserEmail}}/*.response'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
";

/// The beginning of the rules that this host writes; a digest of all that follows it
/// ends it.
const OWN: &str = "\
# Written by syft-host. Each user may write messages in a folder of their own in the folder of
# each endpoint, and nowhere else. If the app gets other endpoints, this is written anew; but
# not once you have edited it: then it is yours.
# ";

/// The beginning of rules that an app asks for and its owner has approved, as [`OWN`].
const ASKED: &str = "\
# Written by syft-host, as the app asks and you have approved. If the app asks for others, and you
# approve them, this is written anew; but not once you have edited it: then it is yours.
# ";

/// The most rules and bytes that are written. Of an app that needs more the rules are those
/// of the release: all who judge them read as much as this.
const MOST_RULES: usize = 900;
const MOST_BYTES: usize = 200 * 1024;

/// Returns the rules for the `rpc/` folder of an app with these endpoints: all may read the
/// schema, and each user may read and write the messages in the folders of their name.
pub fn rpc_rules<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> String {
    let mut rules = "\
rules:
- pattern: rpc.schema.json
  access:
    read:
    - '*'
"
    .to_owned();
    let mut n_rules = 1;
    for endpoint in endpoints {
        let pattern = messages(endpoint);
        n_rules += 1;
        write!(
            rules,
            "\
- pattern: '{pattern}'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
"
        )
        .expect("a text takes what is written");
    }
    if n_rules > MOST_RULES || rules.len() > MOST_BYTES {
        RELEASED_RPC_RULES.to_owned()
    } else {
        format!("{OWN}{}\n{rules}", digest(&rules))
    }
}

/// Returns the rules that an app asks for, as the host writes them.
pub fn asked_rules(text: &str) -> String {
    format!("{ASKED}{}\n{text}", digest(text))
}

/// Tells whether this host has written rules and nobody has edited them since.
pub fn is_unedited(rules: &[u8]) -> bool {
    let Ok(rules) = std::str::from_utf8(rules) else {
        return false;
    };
    let own = (rules.strip_prefix(OWN))
        .or_else(|| rules.strip_prefix(ASKED))
        .and_then(|rest| rest.split_once('\n'));
    rules == RELEASED_RPC_RULES || own.is_some_and(|(known, rest)| known == digest(rest))
}

/// Returns the pattern of the messages of an endpoint, as it stands in single quotes.
fn messages(endpoint: &Endpoint) -> String {
    let mut pattern = String::new();
    for segment in endpoint.segments() {
        for char in segment.chars() {
            match char {
                // Patterns and templates would see something in them.
                '[' | ']' | '{' | '}' => pattern.extend(['\\', char]),
                '\'' => pattern.push_str("''"),
                char => pattern.push(char),
            }
        }
        pattern.push('/');
    }
    pattern + "{{.UserEmail}}/*.{request,response}"
}

fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// The rules for the folder in which an author publishes apps: all may read.
pub const DEFAULT_APPS_RULES: &str = "\
rules:
- pattern: '**'
  access:
    read:
    - '*'
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::{Access, Acl, RuleSet};
    use crate::timestamp::Timestamp;

    fn rules(endpoints: &[&str]) -> String {
        let parse = |text: &&str| Endpoint::parse(text).expect("an endpoint");
        rpc_rules(endpoints.iter().map(parse).collect::<Vec<_>>().iter())
    }

    #[test]
    fn released_rules_are_those_of_the_release() {
        assert_eq!(RELEASED_RPC_RULES.len(), 262);
        assert!(RELEASED_RPC_RULES.starts_with("\nrules:\n"));
        assert!(RELEASED_RPC_RULES.ends_with("    - 'USER'\n"));
    }

    #[test]
    fn users_write_messages_in_their_own_folders_of_endpoints_and_nothing_else() {
        let endpoints = [
            "echo",
            "deep/er",
            "[x] {y}'s/{{.UserEmail}}/é",
            "",
            "echo/more",
        ];
        let rules = RuleSet::parse(rules(&endpoints).as_bytes()).expect("they can be read");
        let mut acl = Acl::new();
        acl.insert("a@x.org/app_data/app/rpc", rules)
            .expect("a folder");
        let may = |user: &str, path: &str, access| {
            let path = format!("a@x.org/app_data/app/rpc/{path}");
            acl.decide(Timestamp::from_micros(0), user, &path, access)
                .allowed
        };
        for endpoint in endpoints {
            for name in ["1.request", "1.response"] {
                let path = format!("{endpoint}/bob@x.org/{name}");
                let path = path.trim_start_matches('/');
                assert!(may("bob@x.org", path, Access::Write), "{path}");
                assert!(!may("eve@x.org", path, Access::Read), "{path}");
            }
        }
        assert!(may("bob@x.org", "rpc.schema.json", Access::Read));
        for path in [
            "rpc.schema.json",
            "syft.pub.yaml",
            "other/bob@x.org/1.request",
            "echo/1.request",
            "echo/ANYTHING/bob@x.org/1.request",
            "deep/bob@x.org/1.request",
            "echo/bob@x.org/more/1.request",
            "echo/bob@x.org/bob@x.org/1.request",
            "echo/bob@x.org/1.txt",
            "echo/eve@x.org/1.request",
            "x/y/bob@x.org/1.request",
        ] {
            assert!(!may("bob@x.org", path, Access::Write), "{path}");
        }
    }

    #[test]
    fn what_was_edited_is_the_owners() {
        let own = rules(&["echo", "deep/er"]);
        assert!(is_unedited(own.as_bytes()));
        assert!(is_unedited(RELEASED_RPC_RULES.as_bytes()));
        assert!(is_unedited(rules(&[]).as_bytes()));
        let first = own.find("- pattern: 'echo").expect("a rule");
        let second = own.find("- pattern: 'deep").expect("a rule");
        let closed = format!("{}{}", &own[..first], &own[second..]);
        for edited in [
            "",
            "rules: []",
            &own[..own.len() - 1],
            &own[1..],
            &format!("{own}\n"),
            &closed,
            &own.replace("'USER'", "'bob@x.org'"),
            &RELEASED_RPC_RULES[1..],
        ] {
            assert!(!is_unedited(edited.as_bytes()), "{edited}");
        }
    }

    #[test]
    fn of_very_many_endpoints_the_rules_are_those_of_the_release() {
        let names: Vec<String> = (0..2_000).map(|n| format!("e{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(rules(&names), RELEASED_RPC_RULES);
        assert_ne!(rules(&names[..800]), RELEASED_RPC_RULES);
    }
}
