use super::*;

const HASH: &str = "5ff860bf1190596c7188ab851db691f0f3169c453936e9e1eba2f9a47f7a0018";

/// What `pattern` gives for `bob@example.com`, or why nothing.
fn expanded(pattern: &str) -> Result<String, Fault> {
    let now = Timestamp::parse("2026-03-04T23:59:59Z").expect("a moment");
    match Template::parse(pattern) {
        Template::Parts(parts) => expand(&parts, &Context::new(now, "bob@example.com"))
            .map(|pieces| pieces.into_iter().map(|piece| piece.text).collect())
            .ok_or(Fault::Failing),
        Template::Failing => Err(Fault::Failing),
        Template::Unknown => Err(Fault::Unknown),
    }
}

#[test]
fn expands() {
    for (pattern, expected) in [
        ("a/{{.UserEmail}}/b", "a/bob@example.com/b"),
        ("{{ .UserEmail }}", "bob@example.com"),
        ("{{$.UserEmail}}", "bob@example.com"),
        ("{{.Year}}-{{.Month}}-{{.Date}}", "2026-03-04"),
        ("{{.UserHash}}", &HASH[..16]),
        ("{{sha2 .UserEmail}}", HASH),
        ("{{sha2 .UserEmail 8}}", &HASH[..8]),
        ("{{sha2 .UserEmail 0}}", &HASH[..16]),
        ("{{sha2 .UserEmail 64}}", HASH),
        ("{{sha2 .UserEmail 200}}", HASH),
        // Go cuts the number to a byte: 300 is 44, 256 is 0.
        ("{{sha2 .UserEmail 300}}", &HASH[..44]),
        ("{{sha2 .UserEmail 256}}", &HASH[..16]),
        ("{{sha2 .UserEmail 8 9}}", &HASH[..8]),
        ("{{.UserEmail | sha2}}", HASH),
        ("{{upper .UserEmail}}", "BOB@EXAMPLE.COM"),
        ("{{.UserEmail|upper|lower}}", "bob@example.com"),
        ("{{lower (upper .UserEmail)}}", "bob@example.com"),
        ("{{(.UserEmail)}}", "bob@example.com"),
        ("{{sha2 (upper .UserEmail) 4 | upper}}", "838C"),
        ("{{\"x{{y\"}}", "x{{y"),
        ("{{\"a\\\"b\\\\\"}}", "a\"b\\"),
        ("{{`a\\b`}}", "a\\b"),
        ("{{upper \"straße\"}}", "STRAßE"),
        ("{{7}}", "7"),
        ("a {{- .Year -}} b", "a2026b"),
        ("a {{- /* note */ -}} b", "ab"),
        ("a{{/* note */}}b", "ab"),
        ("}}{{.Year}}", "}}2026"),
        ("{{\n.Year\t}}", "2026"),
    ] {
        assert_eq!(expanded(pattern).as_deref(), Ok(expected), "{pattern}");
    }
}

#[test]
fn fails_where_go_fails() {
    for pattern in [
        "{{.Nope}}",
        "{{.userEmail}}",
        "{{.UserEmail.X}}",
        "{{bogus .UserEmail}}",
        "{{Upper .UserEmail}}",
        "{{}}",
        "{{ }}",
        "{{.UserEmail |}}",
        "{{| upper}}",
        "{{.UserEmail | .UserHash}}",
        "{{.UserEmail | \"a\"}}",
        "{{.UserEmail .Year}}",
        "{{\"a\"\"b\"}}",
        "{{upper}}",
        "{{upper .UserEmail .UserEmail}}",
        "{{upper 8}}",
        "{{upper lower}}",
        "{{sha2 8}}",
        "{{sha2 .UserEmail .Year}}",
        "{{sha2 .UserEmail \"8\"}}",
        "{{8 | sha2 .UserEmail}}",
        "{{sha2 .UserEmail (8)}}",
        "{{upper(.UserEmail)}}",
        "{{(upper .UserEmail}}",
        "{{upper .UserEmail)}}",
        "{{.UserEmail",
        "}} {{.UserEmail",
        "{{\"a}}",
        "{{\"a\nb\"}}",
        "{{`a}}",
        "{{/* a */ }}",
        "{{/* a }}",
        "{{.UserEmail, .Year}}",
        "{{.User&}}",
        "{{ö}}",
    ] {
        assert_eq!(expanded(pattern), Err(Fault::Failing), "{pattern}");
    }
}

#[test]
fn knows_what_it_does_not_read() {
    for pattern in [
        "{{.}}",
        "{{$}}",
        "{{$x := .UserEmail}}",
        "{{if .UserEmail}}a{{end}}",
        "{{printf \"%s\" .UserEmail}}",
        "{{.UserEmail | len}}",
        "{{true}}",
        "{{nil}}",
        "{{sha2 .UserEmail 0x8}}",
        "{{sha2 .UserEmail 08}}",
        "{{sha2 .UserEmail 8.0}}",
        "{{sha2 .UserEmail -1}}",
        "{{sha2 .UserEmail 'a'}}",
        "{{\"\\x41\"}}",
        "{{99999999999999999999}}",
    ] {
        assert_eq!(expanded(pattern), Err(Fault::Unknown), "{pattern}");
    }
    let deep = format!("{{{{{}.Year{}}}}}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(expanded(&deep), Err(Fault::Unknown));
}
