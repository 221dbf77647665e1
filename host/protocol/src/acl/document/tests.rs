use serde::Deserialize;

use crate::acl::{AclError, RuleSet};

const REST: &str = "rules:\n- pattern: a\n  access: {}\n";

fn accepts(text: &str) -> RuleSet {
    RuleSet::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The server refuses it too; the message says where.
fn refuses(text: &str, message: &str) {
    let error = RuleSet::parse(text.as_bytes()).expect_err(text);
    assert!(error.server_refuses(), "{text:?}: {error}");
    assert_eq!(error.to_string(), message, "{text:?}");
}

/// Only we refuse it.
fn does_not_read(text: &str) {
    let error = RuleSet::parse(text.as_bytes()).expect_err(text);
    assert!(!error.server_refuses(), "{text:?}: {error}");
}

/// A document, what the server's own code makes of it, and whether it is read
/// here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loaded {
    text: String,
    server: Option<serde_json::Value>,
    read: bool,
}

#[test]
fn is_read_as_the_server_loads_it_or_not_at_all() {
    let cases = include_str!("../../../cases/yaml/loading.json");
    let cases: Vec<Loaded> = serde_json::from_str(cases).expect("the cases");
    let parse = |text: &str| {
        let mut rules = RuleSet::parse(text.as_bytes())?;
        // The server's are written with the rule that it appends.
        rules.rules.iter_mut().for_each(|rule| rule.index = None);
        Ok::<_, AclError>(rules)
    };
    for it in &cases {
        let found = parse(&it.text);
        assert_eq!(found.is_ok(), it.read, "{:?}: {found:?}", it.text);
        if let Ok(found) = found {
            let server = it.server.as_ref().expect("the server loads what is read");
            let expected = parse(&ascii(&server.to_string())).expect("rules in JSON");
            assert_eq!(found, expected, "{:?}", it.text);
        }
    }
    let n_read = cases.iter().filter(|case| case.read).count();
    assert!(n_read > 80 && cases.len() > 2 * n_read, "{n_read}");
}

/// Returns JSON with escapes for all that is not ASCII.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars()
        .map(|c| {
            if c.is_ascii() {
                c.to_string()
            } else {
                c.encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect()
            }
        })
        .collect()
}

#[test]
fn nothing_is_one_private_rule() {
    for text in [
        "",
        "\n",
        "# note\n",
        "---\n",
        "~",
        "null",
        "{}",
        "rules:\n",
        "rules: null\n",
        "rules: []\n",
        "terminal: false\n",
        "other: 1\n",
        "\u{feff}{}\n",
    ] {
        let rules = accepts(text);
        assert_eq!(rules.rules.len(), 1, "{text:?}");
        assert_eq!(rules.rules[0].pattern, "**", "{text:?}");
        assert_eq!(rules.rules[0].index, None, "{text:?}");
    }
}

#[test]
fn terminal_has_the_words_of_yaml_1_1() {
    for (value, expected) in [
        ("true", true),
        ("True", true),
        ("TRUE", true),
        ("y", true),
        ("Y", true),
        ("yes", true),
        ("Yes", true),
        ("YES", true),
        ("on", true),
        ("On", true),
        ("ON", true),
        ("\"yes\"", true),
        ("'on'", true),
        ("!!bool true", true),
        ("!!str yes", true),
        ("!x yes", true),
        ("! yes", true),
        ("false", false),
        ("no", false),
        ("off", false),
        ("n", false),
        ("null", false),
        ("", false),
        ("~", false),
        ("\"no\"", false),
    ] {
        assert_eq!(
            accepts(&format!("terminal: {value}\n")).is_terminal(),
            expected,
            "{value}"
        );
    }
    for value in [
        "maybe",
        "yEs",
        "1",
        "0",
        "\"true\"",
        "'false'",
        "\"\"",
        "[true]",
        "{}",
        "!!bool yes",
        "!!str true",
    ] {
        refuses(
            &format!("terminal: {value}\n"),
            "line 1: `terminal` is neither true nor false",
        );
    }
}

#[test]
fn reads_what_yaml_allows() {
    let text = |access: &str| format!("rules:\n- pattern: a\n  access: {access}\n");
    for access in [
        "{}",
        "{read: []}",
        "{read: null}",
        "{read: }",
        "{read: ~, write: [1, 2.5, true, null, x]}",
        "{other: [a]}",
        "{1: [a]}",
        "{~: text}",
        "{read: ['*'], Read: ['*']}",
        "{read: ! [a]}",
        "{read: [!!str 5, !x y, !!null '']}",
    ] {
        accepts(&text(access));
    }
    for file in [
        "rules:\n  - pattern: a\n    access: {}\n",
        "rules: [{pattern: a, access: {}}]\n",
        "{\"rules\": [{\"pattern\": \"a\", \"access\": {\"read\": [\"*\"]}}]}",
        "rules:\r\n- pattern: a\r\n  access: {}\r\n",
        "rules:\n- pattern: 5\n  access: {}\n  limits: {a: 1, a: 2}\n",
        "rules: # note\n- pattern: |\n    a\n  access: {}\n",
        "rules:\n- pattern: a\t\n  access:\t{}\t# note\n",
        "rules:\n- pattern: 'a\n\n\tb'\n  access: {}\n",
        "rules:\n- &r {pattern: a, access: &n {read: [a]}}\n- *r\n- {pattern: b, access: *n}\n",
        "rules:\n- &r {pattern: a, access: {}}\n- {<<: *r, pattern: b}\n- {<<: [*r, {access: {}}]}\n",
        "rules:\n- {<<: {pattern: a}, access: {}}\n",
        "other: &a [*a]\n",
    ] {
        accepts(file);
    }
    let merged = accepts("rules:\n- &r {pattern: a, access: {}}\n- {pattern: b, <<: *r}\n");
    let patterns: Vec<&str> = merged.rules.iter().map(|rule| &*rule.pattern).collect();
    assert_eq!(patterns, ["a", "b", "**"]);
    assert_eq!(
        accepts("rules:\n- {pattern: '**', access: {}}\n")
            .rules
            .len(),
        1
    );
    assert_eq!(
        accepts("rules:\n- {pattern: '** ', access: {}}\n")
            .rules
            .len(),
        2
    );
}

#[test]
fn refuses_other_shapes() {
    for (text, message) in [
        ("a", "line 1: the file is no map"),
        ("- a\n", "line 1: the file is no map"),
        ("rules: nope\n", "line 1: `rules` is no list"),
        ("rules: ''\n", "line 1: `rules` is no list"),
        ("rules: {}\n", "line 1: `rules` is no list"),
        ("rules:\n- a\n", "line 2: a rule is no map"),
        ("rules:\n- [a]\n", "line 2: a rule is no map"),
        ("rules:\n-\n", "line 2: a rule is null"),
        ("rules:\n- {}\n", "line 2: a rule has no `pattern`"),
        ("rules:\n- access: {}\n", "line 2: a rule has no `pattern`"),
        (
            "rules:\n- pattern: ''\n  access: {}\n",
            "line 2: a rule has no `pattern`",
        ),
        (
            "rules:\n- pattern: ~\n  access: {}\n",
            "line 2: a rule has no `pattern`",
        ),
        (
            "rules:\n- pattern: [a]\n  access: {}\n",
            "line 2: `pattern` is no text",
        ),
        (
            "rules:\n- Pattern: a\n  access: {}\n",
            "line 2: a rule has no `pattern`",
        ),
        ("rules:\n- pattern: a\n", "line 2: a rule has no `access`"),
        (
            "rules:\n- pattern: a\n  access:\n",
            "line 2: a rule has no `access`",
        ),
        (
            "rules:\n- pattern: a\n  access: ''\n",
            "line 3: `access` is no map",
        ),
        (
            "rules:\n- pattern: a\n  access: []\n",
            "line 3: `access` is no map",
        ),
        (
            "rules:\n- pattern: a\n  access: {read: '*'}\n",
            "line 3: a list in `access` is no list",
        ),
        (
            "rules:\n- pattern: a\n  access: {note: x}\n",
            "line 3: a list in `access` is no list",
        ),
        (
            "rules:\n- pattern: a\n  access: {note: {}}\n",
            "line 3: a list in `access` is no list",
        ),
        (
            "rules:\n- pattern: a\n  access: {note: [[]]}\n",
            "line 3: an entry of a list in `access` is no text",
        ),
        (
            "rules:\n- pattern: a\n  access: {read: [{}]}\n",
            "line 3: an entry of a list in `access` is no text",
        ),
        (
            "rules:\n- pattern: a\n  access: {read: [], read: []}\n",
            "line 3: the key `read` stands there twice",
        ),
        (
            "rules: []\nrules: []\n",
            "line 2: the key `rules` stands there twice",
        ),
        ("x: 1\n'x': 2\n", "line 2: the key `x` stands there twice"),
        (
            "rules:\n- {pattern: a, access: {}, <<: x}\n",
            "line 2: what a rule merges is no map",
        ),
    ] {
        refuses(text, message);
    }
}

#[test]
fn refuses_what_is_no_yaml() {
    for text in [
        "rules: [\n",
        "rules: ]\n",
        "rules: *\n",
        "rules: [*]\n",
        "rules: *a\n",
        "a: b: c\n",
        "\trules: []\n",
        "rules:\n-\tpattern: a\n",
        "rules:\n\t- pattern: a\n",
        "rules:\n- pattern: a\n\taccess: {}\n",
        "rules: \"a\n",
        "rules: 'a\n",
        "a\nb: c\n",
        "rules: @a\n",
        "rules: `a\n",
        "rules: %a\n",
        "rules: \"\\q\"\n",
        "rules: []\n bad\n",
        "rules:\n  - a\n - b\n",
    ] {
        let error = RuleSet::parse(text.as_bytes()).expect_err(text);
        assert!(
            matches!(error, AclError::Syntax { .. }),
            "{text:?}: {error}"
        );
    }
    let error = RuleSet::parse(b"a: 1\nb: \xff\n").expect_err("not UTF-8");
    assert_eq!(
        error.to_string(),
        "line 2: bytes that are not UTF-8, so it is damaged"
    );
}

#[test]
fn does_not_read_what_is_too_much() {
    let entries = |n: usize| {
        format!(
            "rules:\n- pattern: a\n  access: {{read: [{}]}}\n",
            "a,".repeat(n)
        )
    };
    accepts(&entries(10_000));
    does_not_read(&entries(10_001));
    let rules = |n: usize| format!("rules:\n{}", "- {pattern: a, access: {}}\n".repeat(n));
    accepts(&rules(1000));
    does_not_read(&rules(1001));
    does_not_read(&format!("{REST}#{}", "x".repeat(256 * 1024)));
    does_not_read(&format!(
        "rules:\n- pattern: {}\n  access: {{}}\n",
        "x".repeat(4097)
    ));
    does_not_read(&format!(
        "rules:\n- pattern: a\n  access: {{read: [{}]}}\n",
        "x".repeat(1025)
    ));
    assert!(RuleSet::parse("[".repeat(100_000).as_bytes()).is_err());
    does_not_read("rules:\n- pattern: !!binary aGk=\n  access: {}\n");
    does_not_read("terminal: !!int 1\n");
    does_not_read(&format!("{REST} \t\n"));
    does_not_read("rules: [\n\t{pattern: a,\n\taccess: {}}]\n");
    let error = RuleSet::parse(b"\xff\xfe{\0}\0").expect_err("UTF-16");
    assert_eq!(error.to_string(), "line 1: UTF-16 is not supported");
}

#[test]
fn aliases_do_not_multiply() {
    let lists = format!(
        "x: &x [{}]\nrules:\n{}",
        "a,".repeat(1000),
        "- {pattern: a, access: {read: *x}}\n".repeat(20)
    );
    does_not_read(&lists);
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for i in 1..30 {
        let last = format!("*a{},", i - 1).repeat(9);
        bomb += &format!("a{i}: &a{i} [{last}]\n");
    }
    accepts(&bomb);
    refuses(&format!("{bomb}rules: *a29\n"), "line 30: a rule is no map");
    let merges = format!(
        "m: &m {{{}}}\nr: &r {{pattern: a, access: {{}}, <<: [{}]}}\nrules: [{}]\n",
        (0..500).map(|i| format!("k{i}: 1,")).collect::<String>(),
        "*m,".repeat(500),
        "*r,".repeat(500),
    );
    does_not_read(&merges);
    does_not_read("rules:\n- &r {<<: *r, pattern: a, access: {}}\n");
}
