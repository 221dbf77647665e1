//! The page of errors has a row for each word that the source says, and no others.

use std::collections::BTreeSet;
use std::fs;

use crate::support::guests::repository;

/// A heading of a page, and the function whose words its table has.
const TABLES: &[(&str, &str, &str, &str)] = &[
    (
        "docs/errors.md",
        "## How a call ended",
        "host/runtime/src/sandbox/outcome.rs",
        "pub fn name(",
    ),
    (
        "docs/errors.md",
        "## Requests that no handler saw",
        "host/protocol/src/inbox/refusal.rs",
        "pub fn name(",
    ),
    (
        "docs/errors.md",
        "## What an app did not get",
        "host/src/activity/entry.rs",
        "impl ResourceKind {",
    ),
    (
        "docs/observing.md",
        "## How apps are",
        "host/src/commands/status/lines.rs",
        "fn standing(",
    ),
];

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns what a page has below a heading, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("there is no {heading}"));
    let end = rest.find("\n## ").unwrap_or(rest.len());
    &rest[..end]
}

/// Returns the rows of the first table of a section, as cells, without its head.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let table = lines.take_while(|line| line.starts_with('|')).skip(2);
    table
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// Returns what stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Returns the words of the first column.
fn words(section: &str) -> BTreeSet<&str> {
    rows(section)
        .iter()
        .flat_map(|cells| quoted(cells[0]))
        .collect()
}

/// Returns the texts in a function, or in the block that begins so.
fn texts<'a>(source: &'a str, begins: &str) -> BTreeSet<&'a str> {
    let (before, rest) = source.split_once(begins).expect(begins);
    let line = before.rsplit('\n').next().unwrap();
    let indent = &line[..line.len() - line.trim_start().len()];
    let end = rest.find(&format!("\n{indent}}}")).expect("it ends");
    rest[..end].split('"').skip(1).step_by(2).collect()
}

#[test]
fn every_word_has_a_row_and_every_row_a_word() {
    for (page, heading, source, function) in TABLES {
        let (page, source) = (read(page), read(source));
        let (told, said) = (words(section(&page, heading)), texts(&source, function));
        assert_eq!(told, said, "{heading}");
    }
}

/// Of the first in the table, the others are written differently in the source.
#[test]
fn deliveries_and_calls_end_by_the_words_of_the_page() {
    let page = read("docs/errors.md");
    let source = read("host/src/activity/entry.rs");
    let (_, variants) = source.split_once("pub enum DeliveryEnd {").unwrap();
    let variants = variants.split_once('}').unwrap().0;
    let variants = variants
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','));
    let variants: BTreeSet<String> = variants.map(str::to_lowercase).collect();
    let told = words(section(&page, "## File events"));
    assert_eq!(told, variants.iter().map(String::as_str).collect());

    let source = read("host/src/commands/call.rs");
    let events = source.split("\"event\": \"").skip(1);
    let events = events.map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(words(section(&page, "## Calls without an answer")), events);
}

#[test]
fn statuses_are_those_that_the_host_gives() {
    let statuses = read("host/protocol/src/status.rs");
    let code = |name: &str| {
        let (_, rest) = statuses
            .split_once(&format!("{name}: Status = Status("))
            .unwrap();
        rest.split_once(')').unwrap().0.to_owned()
    };
    let sources = [
        "host/protocol/src/inbox/refusal.rs",
        "host/protocol/src/encryption/unopened.rs",
        "host/server/src/app/reply.rs",
    ];
    let sources = sources.map(read).concat();
    let given: BTreeSet<String> = sources
        .split("Status::")
        .skip(1)
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_uppercase() && c != '_')
                .next()
                .unwrap()
        })
        .filter(|name| name.len() > 1)
        .map(code)
        .collect();
    let page = read("docs/errors.md");
    let told = rows(section(&page, "## Statuses"));
    assert_eq!(
        told.iter()
            .map(|cells| cells[0].to_owned())
            .collect::<BTreeSet<_>>(),
        given
    );
}

/// What the released client says by itself stands in its source.
#[test]
fn what_the_client_says_is_in_its_source() {
    let Some(python) = crate::python::venv::python() else {
        return;
    };
    let environment = python.parent().unwrap().parent().unwrap();
    let source = walkdir::WalkDir::new(environment.join("lib"))
        .into_iter()
        .map(Result::unwrap)
        .find(|entry| entry.path().ends_with("syft_rpc/protocol.py"))
        .expect("the client is there");
    let source = fs::read_to_string(source.path()).unwrap();
    let page = read("docs/errors.md");
    let (_, told) = section(&page, "## Statuses")
        .split_once("by itself, without an answer")
        .unwrap();
    let texts: Vec<_> = rows(told)
        .iter()
        .flat_map(|cells| cells[..2].iter().flat_map(|cell| quoted(cell)))
        .flat_map(|text| text.split('…'))
        .map(str::trim)
        .collect();
    assert!(!texts.is_empty());
    for text in texts {
        assert!(source.contains(text), "the client does not say `{text}`");
    }
}

#[test]
fn refusals_have_the_status_and_the_text_of_the_page() {
    use syft_protocol::encryption::Unopened;
    use syft_protocol::inbox::Refusal;
    let refusals = [
        Refusal::Malformed(String::new()),
        Refusal::TooLarge { bytes: 2, limit: 1 },
        Refusal::SenderDisagrees {
            folder: String::new(),
            claimed: String::new(),
        },
        Refusal::MisdirectedTo(String::new()),
        Refusal::Expired,
        Refusal::Crashing,
        Refusal::Reused,
        Refusal::Unopened(Box::new(Unopened::DoesNotOpen)),
    ];
    let page = read("docs/errors.md");
    let told = rows(section(&page, "## Requests that no handler saw"));
    assert_eq!(told.len(), refusals.len());
    for refusal in refusals {
        let name = format!("`{}`", refusal.name());
        let row = told.iter().find(|cells| cells[0] == name).expect(&name);
        let status = refusal.status().code().to_string();
        assert!(row[1].split(", ").any(|code| code == status), "{name}");
        let begins = quoted(row[2]).next().unwrap();
        assert!(refusal.message().starts_with(begins), "{name}: {begins}");
    }
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let source = read("host/src/commands.rs");
    let (_, codes) = source.split_once("Self::from(match exit {").unwrap();
    let codes = codes.split_once('}').unwrap().0;
    let codes = codes.lines().filter_map(|line| line.split_once("=> "));
    let codes: BTreeSet<&str> = codes.map(|(_, code)| code.trim_matches(',')).collect();
    let page = read("docs/errors.md");
    let told = rows(section(&page, "## Exit codes"));
    assert_eq!(
        told.iter().map(|cells| cells[0]).collect::<BTreeSet<_>>(),
        codes
    );
}

/// What the host says stands in its source, where a text may go on in the next line.
#[test]
fn what_the_host_says_is_in_its_source() {
    let mut sources = String::new();
    for folder in [
        "host/src",
        "host/runtime/src",
        "host/server/src",
        "host/system/src",
    ] {
        for file in super::rust_files(&repository().join(folder)) {
            sources += &fs::read_to_string(file).unwrap();
        }
    }
    let sources = sources.replace("{PERMISSION_FILE}", "syft.pub.yaml");
    let lines: Vec<&str> = sources.lines().map(str::trim_start).collect();
    let sources = lines.join("\n").replace("\\\n", "");
    let page = read("docs/errors.md");
    for text in words(section(&page, "## What the host says")) {
        assert!(sources.contains(text), "nobody says `{text}`");
    }
}
