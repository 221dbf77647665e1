use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::grant::{PathPattern, Pattern};

const OWN: &str = "owner@example.com";

fn globs(texts: &[&str]) -> Result<Globs, GlobsError> {
    let datasite = Datasite::parse(OWN).expect("an email");
    let app = AppName::parse("demo").expect("a name");
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    Globs::parse(&texts, &datasite, &app)
}

fn names(path: &str) -> Vec<&str> {
    path.split('/').filter(|name| !name.is_empty()).collect()
}

/// In paths `o` is the owner's datasite and `g` a guest's, as first names.
fn full(path: &str) -> String {
    match path.split_once('/') {
        Some(("o", rest)) => format!("{OWN}/{rest}"),
        Some(("g", rest)) => format!("guest@example.com/{rest}"),
        _ => path.to_owned(),
    }
}

#[track_caller]
fn check(texts: &[&str], fires_for: &[&str], not_for: &[&str]) {
    let globs = globs(texts).expect("patterns");
    for (paths, expected) in [(fires_for, true), (not_for, false)] {
        for path in paths.iter().map(|path| full(path)) {
            assert_eq!(globs.matches(&names(&path)), expected, "{texts:?} {path}");
        }
    }
}

/// What released SyftEvent 0.4.3 was seen to do.
#[test]
fn matches_as_the_release_does() {
    for pattern in ["**/*.json", "*.json"] {
        let fires_for = ["a.json", "o/a.json", "o/x/y/a.json", "g/a.json"];
        check(&[pattern], &fires_for, &["o/a.txt", "o/a.JSON"]);
    }
    check(
        &["{datasite}/**/*.json"],
        &["o/a.json", "o/public/a.json", "o/x/sub/y/a.json"],
        &["g/a.json", "a.json"],
    );
    check(&["{datasite}/*.json"], &["o/a.json"], &["o/public/a.json"]);
    for pattern in [
        "{email}/public/**",
        "**/public/*",
        "public/",
        "{datasite}/public",
    ] {
        let fires_for = ["o/public/a.json", "o/public/deep/er/a.json"];
        check(&[pattern], &fires_for, &["o/a.json", "o/publicity/a.json"]);
    }
    check(
        &["guest@example.com/*.json"],
        &["g/a.json"],
        &["g/deep/er/a.json", "o/a.json"],
    );
    check(
        &["guest@example.com/**/*.json"],
        &["g/a.json", "g/deep/er/a.json"],
        &["o/a.json"],
    );
    check(
        &["{datasite}/**/sub/**/*.json"],
        &["o/x/sub/y/a.json", "o/sub/a.json"],
        &["o/a.json"],
    );
    check(&["{datasite}/**/?.json"], &["o/a.json"], &["o/ab.json"]);
    check(
        &["{datasite}/**/[ab].json"],
        &["o/a.json", "o/x/b.json"],
        &["o/c.json"],
    );
    check(
        &["a.json"],
        &["a.json", "o/a.json", "g/x/a.json"],
        &["o/b.json"],
    );
    check(&["**/.hid*"], &["o/.hidden"], &["o/hidden"]);
    for pattern in ["**", "*", ""] {
        check(&[pattern], &["a", "o/a.json", "g/x/y/.z"], &[]);
    }
    check(
        &["**/*.txt", "**/*.md"],
        &["o/a.txt", "g/b.md"],
        &["o/a.json"],
    );
    for pattern in ["!**/a.json", "# c"] {
        check(&[pattern], &[], &["o/a.json", "o/b.json", "# c"]);
    }
    check(&["**/*.JSON"], &["o/a.JSON"], &["o/a.json"]);
    // A pattern with slashes stands at any depth.
    check(&["public/*.json"], &["o/public/a.json"], &["o/a.json"]);
}

/// Where the release does nothing, or what nobody means.
#[test]
fn does_what_a_reader_expects_where_the_release_is_broken() {
    check(
        &["**/*.json", "!**/b.json"],
        &["o/a.json"],
        &["o/b.json", "g/x/b.json"],
    );
    check(
        &["**/*.json", "!private/", "o@x.org/private/open.json"],
        &["o/a.json", "o@x.org/private/open.json"],
        &["o/private/a.json"],
    );
    for pattern in ["**/*.{json,txt}", "**/*.{{json,txt}}"] {
        check(&[pattern], &["o/a.json", "o/b.txt"], &["o/a.md"]);
    }
    check(
        &["/owner@example.com/public/*.json"],
        &["o/public/a.json"],
        &["g/owner@example.com/public/a.json"],
    );
    check(&["/a.json"], &["a.json"], &["o/a.json"]);
    check(
        &["{app_data}/**/*.txt"],
        &["o/app_data/demo/t.txt", "o/app_data/demo/x/t.txt"],
        &["o/app_data/other/t.txt", "g/app_data/demo/t.txt"],
    );
    // Folders above the datasites take no part, nor do those of others that are
    // called like a datasite.
    check(&["pw_*/**/a.json"], &["pw_1/a.json"], &["o/a.json"]);
    check(&["{datasite}/*"], &["o/a"], &["g/owner@example.com/a"]);
    check(
        &["guest@example.com/*"],
        &["g/a"],
        &["o/guest@example.com/a"],
    );
}

#[test]
fn reads_the_rest_of_the_language() {
    check(&["d.json"], &["o/d.json/any/thing.txt"], &[]);
    check(&["public/"], &["o/public/a"], &["o/public"]);
    check(&["o/**"], &["x/o/a", "x/o/a/b"], &["x/o"]);
    check(&["a/**/b"], &["a/b", "a/x/y/b"], &["a/x", "b"]);
    check(&["a**b"], &["ab", "axxb"], &["a/b"]);
    check(&["*a*b*c"], &["xxaxxbxxbc"], &["xxaxxbxxbcd"]);
    check(&["?"], &["ü", "x/o"], &["ab"]);
    check(&["[!a-c]"], &["d", "-"], &["a", "b", "c", "dd"]);
    check(&["[^a]"], &["b"], &["a"]);
    check(&["[]a]"], &["]", "a"], &["b"]);
    check(&["[a-]"], &["a", "-"], &["b"]);
    check(&[r"[\]-a]"], &["]", "a", "^"], &["b"]);
    check(&[r"\*.txt"], &["*.txt"], &["a.txt"]);
    check(&[r"\#a", r"\!b"], &["#a", "!b"], &["a", "b"]);
    check(&["./a//b"], &["a/b", "x/a/b"], &["a"]);
    check(
        &["{a,b/c}.{x,y}"],
        &["a.x", "a.y", "b/c.x", "q/b/c.y"],
        &["b.x", "a.z"],
    );
    check(&["x{,.bak}"], &["x", "x.bak"], &["x.old"]);
    check(&["a,b"], &["a,b"], &["a"]);
}

/// What `git check-ignore` was seen to do with these.
#[test]
fn classes_of_posix_are_those_of_git() {
    for (pattern, fits, fits_not) in [
        ("[[:alnum:]]", "a Z 0", "- _ é"),
        ("[[:alpha:]]", "a Z", "0 - é"),
        ("[[:blank:]]", "\t", "a \r"),
        ("x[[:blank:]]y", "x\ty", "xay"),
        ("[[:cntrl:]]", "\t \x7f", "a -"),
        ("[[:digit:]]", "0 9", "a : d"),
        ("[[:graph:]]", "a ~ !", "\t é"),
        ("[[:lower:]]", "a z", "A 0"),
        ("[[:print:]]", "a ~", "\t \x7f é"),
        ("[[:punct:]]", "! - _ ~ @ [", "a 0 é"),
        ("[[:space:]]", "\t \r", "a \x0b"),
        ("[[:upper:]]", "A Z", "a 0"),
        ("[[:xdigit:]]", "f F 0", "g G"),
        ("[![:digit:]]", "a -", "0 9"),
        ("[^[:alpha:][:digit:]]", "- _", "a 0"),
        ("[[:digit:][:upper:]_]", "0 A _", "a -"),
        ("[[:digit:]-z]", "0 - z", "a y"),
        ("[a-c[:digit:]]", "b 7", "d"),
        ("v[[:digit:]]*.json", "v1.json v12.json", "v.json va.json"),
        // A bracket that begins no class is a character like others.
        ("[[]", "[", "a"),
        ("[[:]a]", "[a] :a]", "a ["),
        ("[[:a]", "[ : a", "b"),
        ("[\\[:digit:]]", "[] :] d]", "1 d"),
        ("[[=a=]]", "=] a] []", "a ="),
    ] {
        let split = |names: &'static str| -> Vec<&str> {
            names.split(' ').filter(|name| !name.is_empty()).collect()
        };
        check(&[pattern], &split(fits), &split(fits_not));
    }
}

#[test]
fn says_what_is_wrong_with_a_pattern() {
    for (text, expected) in [
        ("../a", GlobError::Names),
        ("a/../b", GlobError::Names),
        ("a\nb", GlobError::Names),
        ("[ab", GlobError::Brackets),
        ("[a/b]", GlobError::Brackets),
        ("[]", GlobError::Brackets),
        ("[[:digits:]]", GlobError::Class),
        ("[[:DIGIT:]]", GlobError::Class),
        ("[a[::]b]", GlobError::Class),
        ("[[:digit:]", GlobError::Brackets),
        ("{a,b", GlobError::Braces),
        ("a}", GlobError::Braces),
        ("{a,{b,c}}", GlobError::Braces),
        ("{{a,b}", GlobError::Braces),
        ("{home}/x", GlobError::Placeholder),
        ("{{email}}/x", GlobError::Placeholder),
        ("a\\", GlobError::Backslash),
    ] {
        let expected = Err(GlobsError::Glob {
            pattern: crate::excerpt::excerpt(text),
            error: expected,
        });
        assert_eq!(globs(&["ok", text]), expected, "{text}");
    }
    for (text, expected) in [
        ("a".repeat(1025), GlobError::TooLong),
        ("a/".repeat(64), GlobError::TooLong),
        ("{a,b}".repeat(7), GlobError::Alternatives),
    ] {
        assert!(
            matches!(globs(&[&text]), Err(GlobsError::Glob { error, .. }) if error == expected),
            "{text}"
        );
    }
    assert_eq!(globs(&[]), Err(GlobsError::None));
    assert_eq!(globs(&["a"; 65]), Err(GlobsError::TooMany));
}

#[test]
fn what_is_filled_in_is_literal() {
    let datasite = Datasite::parse("*{a,b}[c]@x.org").expect("an email");
    let app = AppName::parse("app").expect("a name");
    let texts = ["{datasite}/x".to_owned()];
    let globs = Globs::parse(&texts, &datasite, &app).expect("patterns");
    assert!(globs.matches(&["*{a,b}[c]@x.org", "x"]));
    assert!(!globs.matches(&["bob@x.org", "x"]));
}

#[test]
fn knows_the_folders_that_may_hold_what_is_meant() {
    for (texts, folder, expected) in [
        (&["{datasite}/public/*.json"][..], "", true),
        (&["{datasite}/public/*.json"], "o/", true),
        (&["{datasite}/public/*.json"], "o/public", true),
        (&["{datasite}/public/*.json"], "o/private", false),
        (&["{datasite}/public/*.json"], "g/public", false),
        (&["{datasite}/public/*.json"], "o/public/x.json/y", true),
        (&["{datasite}/public/*.json"], "o/public/x", false),
        (&["{datasite}/public"], "o/public/x/y", true),
        (&["*.json"], "g/x/y", true),
        (&["!**"], "g", false),
        (&["/a/b", "!/a"], "a", true),
    ] {
        let globs = globs(texts).expect("patterns");
        let path = full(folder);
        assert_eq!(
            globs.leads_on_from(&names(&path)),
            expected,
            "{texts:?} {folder}"
        );
    }
}

#[test]
fn gives_examples_of_what_is_meant() {
    for texts in [
        &["{datasite}/**/*.json"][..],
        &["*.{txt,md}", "!a.txt"],
        &["/a/[b-d]?/[!a]"],
        &["**"],
    ] {
        let globs = globs(texts).expect("patterns");
        for example in globs.examples() {
            let names: Vec<&str> = example.iter().map(String::as_str).collect();
            assert!(globs.matches(&names), "{texts:?} {names:?}");
        }
    }
}

fn granted(text: &str) -> Pattern {
    let (datasite, app) = (Datasite::parse(OWN), AppName::parse("demo"));
    let pattern = PathPattern::parse(text).expect("a pattern");
    pattern.resolve(&datasite.expect("an email"), &app.expect("a name"))
}

fn overlap(texts: &[&str], grant: &str) -> bool {
    let mut effort = Effort::default();
    let globs = globs(texts).expect("patterns");
    globs
        .each()
        .any(|glob| glob.overlaps(&granted(grant), &mut effort))
}

#[test]
fn knows_whether_a_grant_has_files_that_are_meant() {
    for (text, grant, expected) in [
        ("*/public/notes/*", "*/public/**", true),
        ("*/public/notes/*", "*/public/*", false),
        ("*/public/notes/*", "*/public/notes", false),
        ("{datasite}/private/*.json", "*/public/**", false),
        ("{datasite}/private/*.json", "{datasite}/**", true),
        (
            "{datasite}/private/*.json",
            "owner@example.com/*/a?c.*",
            true,
        ),
        (
            "{datasite}/private/*.json",
            "owner@example.com/*/a?c.*n",
            true,
        ),
        (
            "{datasite}/private/*.json",
            "owner@example.com/*/a?c.*m",
            false,
        ),
        ("{datasite}/private/*.json", "p@x.org/**", false),
        ("*.txt", "*/public/**", true),
        ("*.txt", "a@b.co/public/*.json", false),
        ("a.txt", "a@b.co/x/**/a.*", true),
        ("**", "a@b.co/x", true),
        ("/**/x/**", "a@b.co/x", false),
        ("/**/x/**", "a@b.co/x/y", true),
        // What fits a folder fits all below, and what ends with a slash folders only.
        ("public", "*/public/a/b", true),
        ("public/", "a@b.co/public", false),
        ("public/", "*/public/**", true),
        ("[a-c]*", "*/b", true),
        ("[a-c]*", "*/d", true),
        ("/x@y.z/[a-c]*", "*/d", false),
        ("{a,b}.txt", "*/b.txt", true),
        ("{a,b}.txt", "x/c.txt", false),
    ] {
        assert_eq!(overlap(&[text], grant), expected, "{text} {grant}");
    }
    assert!(!overlap(&["!*.txt"], "**"), "it takes files out only");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_both_mean_is_found(
        text in "/?[ab*?]{1,3}(/[ab*?]{1,3}){0,3}/?",
        grant in "[ab*?]{1,3}(/[ab*?]{1,3}){0,3}",
        path in "[ab]{1,2}(/[ab]{1,2}){0,4}",
    ) {
        let (Ok(globs), Ok(_)) = (globs(&[&text]), PathPattern::parse(&grant)) else {
            return Ok(());
        };
        let names: Vec<&str> = path.split('/').collect();
        if globs.matches(&names) && granted(&grant).matches(&names) {
            prop_assert!(overlap(&[&text], &grant), "{path}");
        }
    }
}

#[test]
fn hostile_patterns_are_not_looked_into_for_ever() {
    let (text, grant) = ("*a".repeat(500), "*b".repeat(500));
    let globs = globs(&[&format!("/{text}")]).expect("patterns");
    let start = Instant::now();
    let mut effort = Effort::default();
    for _ in 0..1_000 {
        let glob = globs.each().next().expect("one");
        glob.overlaps(&granted(&format!("{grant}/x")), &mut effort);
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn hostile_patterns_and_names_take_no_longer() {
    let start = Instant::now();
    let stars = format!("{}x", "*a".repeat(500));
    let nested = format!("{}/x", vec!["**/*a"; 30].join("/"));
    let globs = globs(&[&stars, &nested]).expect("patterns");
    let (name, deep) = ("a".repeat(4096), vec!["a"; 2048]);
    assert!(!globs.matches(&[&name]));
    assert!(!globs.matches(&deep));
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// Matches as slowly and plainly as the language can be said.
fn matches_plainly(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**"], [_, ..]) => true,
        (["**"], []) => false,
        (["**", rest @ ..], path) => {
            (0..=path.len()).any(|taken| matches_plainly(rest, &path[taken..]))
        }
        ([first, rest @ ..], [name, below @ ..]) => {
            matches_name(first.as_bytes(), name.as_bytes()) && matches_plainly(rest, below)
        }
        _ => false,
    }
}

fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], name) => {
            (0..=name.len()).any(|taken| matches_name(rest, &name[taken..]))
        }
        ([b'?', rest @ ..], [_, below @ ..]) => matches_name(rest, below),
        ([first, rest @ ..], [c, below @ ..]) => first == c && matches_name(rest, below),
        _ => false,
    }
}

proptest! {
    #[test]
    fn agrees_with_the_plain_way(
        pattern in prop::collection::vec("\\*\\*|[ab?]{0,2}\\*?[ab?]{1,2}\\*?", 1..5),
        path in prop::collection::vec("[ab]{1,4}", 1..6),
    ) {
        let globs = globs(&[&format!("/{}", pattern.join("/"))]).expect("a pattern");
        let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let expected = (1..=path.len()).any(|end| matches_plainly(&pattern, &path[..end]));
        prop_assert_eq!(globs.matches(&path), expected);
    }

    #[test]
    fn never_prunes_what_it_matches(
        pattern in "!?/?([ab*?]{1,3}/|\\*\\*/){0,3}[ab*]{0,2}/?",
        path in prop::collection::vec("[ab]{1,2}", 1..5),
    ) {
        let Ok(globs) = globs(&["", &pattern]) else { return Ok(()) };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        for end in 0..path.len() {
            prop_assert!(!globs.matches(&path) || globs.leads_on_from(&path[..end]));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", path in "\\PC{0,20}") {
        if let Ok(globs) = globs(&[&text]) {
            globs.matches(&names(&path));
        }
    }
}
