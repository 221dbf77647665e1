use std::time::{Duration, Instant};

use super::*;

fn check(pattern: &str, name: &str, expected: bool) {
    let actual = is_match(pattern, name, &mut Work::new());
    assert_eq!(actual, Ok(expected), "{pattern:?} {name:?}");
}

/// The cases of doublestar's own tests.
#[test]
fn matches_as_doublestar_tests_say() {
    for (pattern, name, expected) in [
        ("", "", true),
        ("*", "", true),
        ("*", "/", false),
        ("/*", "/", true),
        ("/*", "/debug/", false),
        ("/*", "//", false),
        ("abc", "abc", true),
        ("*", "abc", true),
        ("*c", "abc", true),
        ("*/", "a/", true),
        ("a*", "a", true),
        ("a*", "abc", true),
        ("a*", "ab/c", false),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*/c/", "a/b", false),
        ("a*b*c*d*e*", "axbxcxdxe", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("ab[c]", "abc", true),
        ("ab[b-d]", "abc", true),
        ("ab[e-g]", "abc", false),
        ("ab[^c]", "abc", false),
        ("ab[^b-d]", "abc", false),
        ("ab[^e-g]", "abc", true),
        ("a\\*b", "ab", false),
        ("a?b", "a☺b", true),
        ("a[^a]b", "a☺b", true),
        ("a[!a]b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("a[^a][^a][^a]b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
        ("[\\]a]", "]", true),
        ("[\\-]", "-", true),
        ("[x\\-]", "x", true),
        ("[x\\-]", "-", true),
        ("[x\\-]", "z", false),
        ("[\\-x]", "x", true),
        ("[\\-x]", "-", true),
        ("[\\-x]", "a", false),
        ("[]a]", "]", false),
        ("[-]", "-", true),
        ("[x-]", "x", true),
        ("[x-]", "-", true),
        ("[x-]", "z", false),
        ("[-x]", "x", true),
        ("[-x]", "-", true),
        ("[-x]", "a", false),
        ("[a-b-d]", "a", true),
        ("[a-b-d]", "b", true),
        ("[a-b-d]", "-", true),
        ("[a-b-d]", "c", false),
        ("[a-b-x]", "x", true),
        ("\\", "a", false),
        ("[", "a", false),
        ("[^", "a", false),
        ("[^bc", "a", false),
        ("a[", "a", false),
        ("a[", "ab", false),
        ("ad[", "ab", false),
        ("*x", "xxx", true),
        ("[abc]", "b", true),
        ("[abc123]", "1", true),
        ("[a-z0-9]", "1", true),
        ("**", "", true),
        ("a/**", "a", true),
        ("a/**/", "a", true),
        ("a/**", "a/", true),
        ("a/**/", "a/", true),
        ("a/**", "a/b", true),
        ("a/**", "a/b/c", true),
        ("**/c", "c", true),
        ("**/c", "b/c", true),
        ("**/c", "a/b/c", true),
        ("**/c", "a/b", false),
        ("**/c", "abcd", false),
        ("**/c", "a/abc", false),
        ("a/**/b", "a/b", true),
        ("a/**/c", "a/b/c", true),
        ("a/**/d", "a/b/c/d", true),
        ("a/\\**", "a/b/c", false),
        ("a/\\[*\\]", "a/bc", false),
        ("a/b/c", "a/b//c", false),
        ("a/", "a", false),
        ("ab{c,d}", "abc", true),
        ("ab{c,d,*}", "abcde", true),
        ("ab{c,d}[", "abcd", false),
        ("a{,bc}", "a", true),
        ("a{,bc}", "abc", true),
        ("a/{b/c,c/b}", "a/b/c", true),
        ("a/{b/c,c/b}", "a/c/b", true),
        ("a/a*{b,c}", "a/abc", true),
        ("{a/{b,c},abc}", "a/b", true),
        ("{a/{b,c},abc}", "a/c", true),
        ("{a/{b,c},abc}", "abc", true),
        ("{a/{b,c},abc}", "a/b/c", false),
        ("{a/ab*}", "a/abc", true),
        ("{a/*}", "a/b", true),
        ("{a/abc}", "a/abc", true),
        ("{a/b,a/c}", "a/c", true),
        ("abc/**", "abc/b", true),
        ("**/abc", "abc", true),
        ("abc**", "abc/b", false),
        ("**/*.txt", "abc/【test】.txt", true),
        ("**/【*", "abc/【test】.txt", true),
        ("**/{a,b}", "a/b", true),
        ("a/*/*/d", "a/b/c/d", true),
        ("working-sym*/*", "working-symlink/c", true),
        ("b/**/f", "b/symlink-dir/f", true),
        ("e/\\[x\\]/*", "e/[x]/[y]", true),
        ("e/\\[x\\]/*/z", "e/[x]/[y]/z", true),
        ("e/**", "e/**", true),
        ("e/**", "e/*", true),
        ("e/**", "e/?", true),
        ("e/**", "e/[", true),
        ("e/**", "e/]", true),
        ("e/**", "e/[]", true),
        ("e/**", "e/{", true),
        ("e/**", "e/}", true),
        ("e/**", "e/\\", true),
        ("e/*", "e/*", true),
        ("e/?", "e/?", true),
        ("e/?", "e/*", true),
        ("e/?", "e/[", true),
        ("e/?", "e/]", true),
        ("e/?", "e/{", true),
        ("e/?", "e/}", true),
        ("e/\\[", "e/[", true),
        ("e/[", "e/[", false),
        ("e/]", "e/]", true),
        ("e/\\]", "e/]", true),
        ("e/\\{", "e/{", true),
        ("e/\\}", "e/}", true),
        ("e/[\\*\\?]", "e/*", true),
        ("e/[\\*\\?]", "e/?", true),
        ("e/[\\*\\?]", "e/**", false),
        ("e/[\\*\\?]?", "e/**", true),
        ("e/{\\*,\\?}", "e/*", true),
        ("e/{\\*,\\?}", "e/?", true),
        ("e/\\*", "e/*", true),
        ("e/\\?", "e/?", true),
        ("e/\\?", "e/**", false),
        ("*\\}", "}", true),
        ("case-sensitive/fi*", "case-sensitive/file", true),
        ("case-sensitive/FI*", "case-sensitive/FILE", true),
        ("case-sensitive/Fi*", "case-sensitive/File", true),
    ] {
        check(pattern, name, expected);
    }
}

/// Worked out by reading `match.go` of v4.9.1.
#[test]
fn has_the_oddities_of_doublestar() {
    for (pattern, name, expected) in [
        // The end of the name is met before the star is looked at.
        ("a***", "a", false),
        ("a***", "ab", true),
        ("a*/**", "a", false),
        ("a*/**", "ab", true),
        ("a**", "a", true),
        ("a/**/**", "a", false),
        ("a/**/**", "a/b", true),
        ("a/**/*", "a", false),
        ("a/**/*", "a/b", true),
        ("**/*", "a", true),
        ("**/a/**", "a", true),
        ("**/**", "a", true),
        // Behind an opening brace a segment starts.
        ("a**", "ab/c", false),
        ("a{**,x}", "ab/c", true),
        ("a{**/b,x}", "ax/b", true),
        // An alternative that makes a bad pattern ends the search.
        ("{[,a}*", "a", false),
        ("{a,[}*", "a", true),
        ("{b,a]}*", "a]", true),
        ("{b}},a}*", "a", false),
        // Commas in a class still part alternatives.
        ("{[a,b],c}*", "c", false),
        ("{c,[a,b]}*", "c", true),
        // Nested alternatives, with slashes, empty, escaped.
        ("{a,b{c,d}}/*", "bd/x", true),
        ("{a,b{c,d}}/*", "bc/x", true),
        ("{a,b{c,d}}/*", "b/x", false),
        ("*{,/b}", "a/b", true),
        ("{a\\,b,c}*", "a,b", true),
        ("{}*", "x", true),
        ("x{*", "x", false),
        ("x*}", "xa", false),
        ("x}*", "x}", true),
        // Classes.
        ("[a-]", "-", true),
        ("[!a-c]", "b", false),
        ("[^a-c]", "d", true),
        ("[!a]", "/", true),
        ("a[/]b", "a/b", true),
        ("[!]a]", "b", false),
        ("[c-a]", "b", false),
        ("[a\\-c]", "b", false),
        ("[a-\\c]", "b", true),
        ("[é]", "é", true),
        ("[", "x", false),
        ("a\\", "a\\", false),
        ("\\a*", "ab", true),
        ("?", "é", true),
        (".*", ".x", true),
        ("*", ".x", true),
    ] {
        check(pattern, name, expected);
    }
}

#[test]
fn hard_patterns_are_bounded() {
    let started = Instant::now();
    let braces = format!("{}*", "{a,a}".repeat(800));
    let name = format!("{}b", "a".repeat(800));
    assert_eq!(is_match(&braces, &name, &mut Work::new()), Err(TooHard));
    let nested = format!("{}{}*", "{a,".repeat(1000), "}".repeat(1000));
    assert!(is_match(&nested, "b", &mut Work::new()) != Ok(true));
    let stars = format!("{}b", "**/*a*".repeat(600));
    let name = "a/".repeat(2000);
    assert!(is_match(&stars, &name, &mut Work::new()) != Ok(true));
    let empty = "{,}".repeat(1300);
    assert!(is_match(&format!("a{empty}[x]"), "a", &mut Work::new()) != Ok(true));
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// Matches by trying everything: what `is_match` must agree with, where there
/// are no braces and no classes, no two stars but as a whole segment, and no
/// slash at the end. (Once a star takes the end of the name, doublestar goes
/// back to no other: `*b**/` does not match `bb`, nor `**/*/**/` `a/a`.)
fn naive(pattern: &[u8], name: &[u8], starts_segment: bool) -> bool {
    if name.is_empty() {
        return matches!(pattern, b"" | b"*" | b"**" | b"/**" | b"**/" | b"/**/");
    }
    match pattern {
        [] => false,
        [b'*', b'*'] if starts_segment => true,
        [b'*', b'*', b'/', rest @ ..] if starts_segment => {
            naive(rest, name, true)
                || (0..name.len()).any(|at| name[at] == b'/' && naive(rest, &name[at + 1..], true))
        }
        [b'*', b'*', rest @ ..] | [b'*', rest @ ..] => (0..=name.len())
            .take_while(|at| *at == 0 || name[at - 1] != b'/')
            .any(|at| naive(rest, &name[at..], false)),
        [b'?', rest @ ..] => name[0] != b'/' && naive(rest, &name[1..], false),
        [c, rest @ ..] => *c == name[0] && naive(rest, &name[1..], *c == b'/'),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(20_000))]

    #[test]
    fn agrees_with_a_naive_matcher(pattern in "(\\*\\*|\\*|[ab?]?\\*?[ab?]{1,2}\\*?)(/(\\*\\*|\\*|[ab?]?\\*?[ab?]{1,2}\\*?)){0,5}", name in "[ab](/?[ab]){0,7}") {
        let expected = naive(pattern.as_bytes(), name.as_bytes(), true);
        proptest::prop_assert_eq!(is_match(&pattern, &name, &mut Work::new()), Ok(expected));
    }

    #[test]
    fn agrees_on_each_alternative(
        before in "[ab*/]{0,3}", one in "[ab?]{1,2}", other in "[ab/]{0,2}", after in "[ab/]{0,2}",
        name in "[ab](/?[ab]){0,5}",
    ) {
        let either = [&one, &other].into_iter().any(|middle| {
            // The braces end a segment's start and a run of stars.
            is_match(&format!("{before}{{{middle}}}{after}"), &name, &mut Work::new()) == Ok(true)
        });
        let pattern = format!("{before}{{{one},{other}}}{after}");
        proptest::prop_assert_eq!(is_match(&pattern, &name, &mut Work::new()), Ok(either));
    }

    #[test]
    fn no_input_panics(pattern in "([a\\[\\]{},!^*?/\\\\é-]|[^a]){0,20}", name in ".{0,10}") {
        assert!(is_match(&pattern, &name, &mut Work::new()).is_ok());
    }
}
