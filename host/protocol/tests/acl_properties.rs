//! What holds for all permission files, requesters and paths.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use syft_protocol::acl::{Access, Acl, Reason, RuleSet};
use syft_protocol::timestamp::Timestamp;

const ALL: [Access; 4] = [Access::Read, Access::Create, Access::Write, Access::Admin];

/// Texts that meet each other often, and some that are meant badly.
fn piece() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a",
        "b",
        "/",
        "/",
        "*",
        "**",
        "?",
        "[ab]",
        "[!a]",
        "[",
        "]",
        "{a,b}",
        "{",
        "}",
        ",",
        "\\",
        "{{.UserEmail}}",
        "{{",
        "}}",
        "{{upper .UserEmail}}",
        "{{.Nope}}",
        "{{printf}}",
        "-",
        ".",
        "é",
        "{{.UserHash}}",
        "{{- .Year -}}",
        " ",
    ])
}

fn pattern() -> impl Strategy<Value = String> {
    vec(piece(), 1..6).prop_map(|pieces| pieces.concat())
}

fn user() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "o", "a", "b", "*", "**", "a*", "?", "[ab]", "{a,b}", "USER", "", "O", "a/b"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let name = select(vec![
        "a",
        "b",
        "ab",
        "A",
        "*",
        ".x",
        "syft.pub.yaml",
        "é",
        "..",
        ".",
        "",
    ]);
    vec(name, 0..5).prop_map(|names| format!("o/{}", names.join("/")))
}

fn rule() -> impl Strategy<Value = (String, Vec<Vec<String>>)> {
    let entry = prop_oneof![
        user(),
        select(vec!["*", "USER", "*a", "[a-c]"]).prop_map(str::to_owned)
    ];
    (pattern(), vec(vec(entry, 0..3), 3))
}

fn file(terminal: bool, rules: &[(String, Vec<Vec<String>>)]) -> RuleSet {
    let rules: Vec<_> = rules
        .iter()
        .map(|(pattern, lists)| {
            serde_json::json!({
                "pattern": pattern,
                "access": {"admin": lists[0], "write": lists[1], "read": lists[2]},
            })
        })
        .collect();
    let json = serde_json::json!({"terminal": terminal, "rules": rules}).to_string();
    RuleSet::parse(json.as_bytes()).unwrap_or_else(|_| RuleSet::closed())
}

fn acl() -> impl Strategy<Value = Acl> {
    let folder = select(vec!["o", "o/a", "o/a/b", "o/*", "o/[ab]", "o/{a,b}"]);
    vec((folder, any::<bool>(), vec(rule(), 0..4)), 0..4).prop_map(|files| {
        let mut acl = Acl::new();
        for (folder, terminal, rules) in files {
            acl.insert(folder, file(terminal, &rules))
                .expect("a folder");
        }
        acl
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        drop(RuleSet::parse(&bytes));
    }

    #[test]
    fn no_text_like_yaml_panics(parts in vec(select(vec![
        "rules:", "\n", "  ", "- ", "pattern: ", "access: ", "read: ", "[", "]", "{", "}", ",", "*a", "&a ",
        "!", "!!str ", "!<", ">", "|", "'", "\"", "\\", "#", ": ", "? ", "---\n", "...\n", "%TAG ! a\n", "\t",
        "<<: ", "~", "é", "\u{feff}", "\r", "terminal: ", "yes", "@", "`",
    ]), 0..40)) {
        drop(RuleSet::parse(parts.concat().as_bytes()));
    }

    #[test]
    fn no_question_panics(acl in acl(), user in any::<String>(), path in any::<String>(), micros in any::<i64>()) {
        for access in ALL {
            acl.decide(Timestamp::from_micros(micros), &user, &path, access);
            acl.decide(Timestamp::from_micros(micros), &user, &format!("o/{path}"), access);
        }
    }

    #[test]
    fn more_gives_less(acl in acl(), user in user(), path in path()) {
        let allowed = |access| acl.decide(Timestamp::MIN, &user, &path, access).allowed;
        prop_assert!(!allowed(Access::Admin) || allowed(Access::Write));
        prop_assert!(!allowed(Access::Write) || allowed(Access::Read));
        prop_assert_eq!(allowed(Access::Write), allowed(Access::Create));
    }

    #[test]
    fn the_owner_and_only_the_owner_needs_no_rule(acl in acl(), user in user(), path in path()) {
        prop_assume!(!path.contains(".."));
        for access in ALL {
            let owner = acl.decide(Timestamp::MIN, "o", &path, access);
            prop_assert!(owner.allowed && owner.reason == Reason::Owner);
            if user != "o" {
                let decision = acl.decide(Timestamp::MIN, &user, &path, access);
                prop_assert!(decision.reason != Reason::Owner);
                prop_assert!(!decision.allowed || !user.is_empty());
                prop_assert!(!decision.allowed || acl.decide(Timestamp::MIN, &user, &path, access) == decision);
            }
        }
    }

    /// Where the lists name everybody or the requester, glob characters in a
    /// name open nothing that is not open to all, or under that very name.
    #[test]
    fn glob_characters_in_a_name_gain_nothing(
        patterns in vec(pattern(), 1..4),
        user in select(vec!["*", "**", "?", "[ab]", "{a,b}", "a*", "\\a", "[!z]"]),
        path in path(),
    ) {
        let rules: Vec<_> = patterns
            .into_iter()
            .map(|pattern| (pattern, vec![vec![], vec![], vec!["USER".to_owned()]]))
            .collect();
        let mut acl = Acl::new();
        acl.insert("o", file(false, &rules)).expect("a folder");
        let asked = |user: &str| acl.decide(Timestamp::MIN, user, &path, Access::Read);
        if asked(user).allowed && !path.contains(['*', '?', '[', '{', '\\']) {
            prop_assert!(asked("nobody@x.org").allowed, "{:?}", asked(user));
        }
    }

    #[test]
    fn what_is_removed_is_gone(path in path(), user in user()) {
        let mut acl = Acl::new();
        let open = "rules: [{pattern: '**', access: {admin: ['*']}}]";
        let rules = || RuleSet::parse(open.as_bytes()).expect("rules");
        acl.insert("o/a", rules()).expect("a folder");
        acl.insert("/o//a/", rules()).expect("the same folder");
        prop_assert!(acl.remove("o/./a") && !acl.remove("o/a"));
        prop_assert!(user == "o" || path.contains("..") || !acl.decide(Timestamp::MIN, &user, &path, Access::Read).allowed);
    }
}
