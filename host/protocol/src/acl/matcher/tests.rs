use super::*;
use crate::timestamp::Timestamp;

fn check(pattern: &str, user: &str, path: &str, expected: bool) {
    let matcher = Matcher::new(pattern.to_owned());
    let context = Context::new(Timestamp::MIN, user);
    let actual = matcher.is_match(path, &context, &mut Work::new());
    assert_eq!(actual, Ok(expected), "{pattern} {user} {path}");
}

#[test]
fn values_are_plain_text() {
    let glob = "a/{{.UserEmail}}/**";
    check(glob, "bob@x.org", "a/bob@x.org/f", true);
    check(glob, "*@x.org", "a/bob@x.org/f", false);
    check(glob, "*@x.org", "a/*@x.org/f", true);
    check(glob, "**", "a/b/f", false);
    check(glob, "b?b@x.org", "a/bob@x.org/f", false);
    check(glob, "[b]ob@x.org", "a/bob@x.org/f", false);
    check(glob, "[b]ob@x.org", "a/[b]ob@x.org/f", true);
    check(glob, "{bob,eve}@x.org", "a/bob@x.org/f", false);
    check(glob, "{bob,eve}@x.org", "a/{bob,eve}@x.org/f", true);
    check(glob, "\\bob@x.org", "a/bob@x.org/f", false);
    check(glob, "\\bob@x.org", "a/\\bob@x.org/f", true);
    // Not even where only the value makes it look like a glob.
    let exact = "a/{{.UserEmail}}/f";
    check(exact, "*@x.org", "a/bob@x.org/f", false);
    check(exact, "*@x.org", "a/*@x.org/f", true);
    check(
        "a/{{upper .UserEmail}}/*",
        "*@x.org",
        "a/BOB@X.ORG/f",
        false,
    );
    check(
        "a/{{(lower .UserEmail)}}/*",
        "*@x.org",
        "a/bob@x.org/f",
        false,
    );
}

#[test]
fn values_stay_plain_among_what_the_author_wrote() {
    // A backslash before the value takes its first character, so the value's
    // own must not be escaped again.
    check("\\{{.UserEmail}}/*", "*@x.org", "*@x.org/f", true);
    check("\\{{.UserEmail}}/*", "*@x.org", "\\bob@x.org/f", false);
    check("\\\\{{.UserEmail}}/*", "*@x.org", "\\*@x.org/f", true);
    check("\\\\{{.UserEmail}}/*", "*@x.org", "\\bob@x.org/f", false);
    // Nor may it end a class or part alternatives.
    check("[{{.UserEmail}}]*", "a]*@", "b", false);
    check("[{{.UserEmail}}]*", "!a", "b", false);
    check("[{{.UserEmail}}]*", "a-z", "m", false);
    check("{ {{.UserEmail}} }*", "a,b", " b x", false);
    // The author's own strings act.
    check("a/{{\"*\"}}", "bob@x.org", "a/f", true);
    check("a/{{upper \"*\"}}", "bob@x.org", "a/f", true);
}

#[test]
fn the_kind_is_that_of_the_whole_text() {
    check("d[1]/f", "", "d[1]/f", false);
    check("d[1]/f", "", "d1/f", true);
    check("n.{a,b}", "", "n.a", false);
    check("n.{a,b}", "", "n.{a,b}", true);
    check("a\\b", "", "a\\b", true);
    check("a\\b*", "", "a\\b", false);
    check("a/{{.UserEmail", "bob", "a/{{.UserEmail", true);
    check("{{/**}}", "bob", "{{/x", false);
}

#[test]
fn an_unread_template_is_unknown_only_below_its_prefix() {
    let matcher = Matcher::new("a/b {{- printf \"/c\"}}".to_owned());
    let asked =
        |path| matcher.is_match(path, &Context::new(Timestamp::MIN, "bob"), &mut Work::new());
    for path in ["a/b/c", "a/b", "a/bc"] {
        assert_eq!(asked(path), Err(Unknown::Template), "{path}");
    }
    for path in ["a", "a/c", "b"] {
        assert_eq!(asked(path), Ok(false), "{path}");
    }
}
