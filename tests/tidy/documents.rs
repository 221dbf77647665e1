//! The documents: their links lead somewhere, the front doors are short, and what they say of
//! tests and reasons is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guests::repository;

/// Folders with files of others, and of builds.
const FOREIGN: &[&str] = &["target", "node_modules", ".git"];

/// What newcomers read first stays short.
const MOST_LINES: usize = 200;

const DECISIONS: &str = "docs/decisions/";

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in files("md") {
        for link in links(&read(&document)) {
            if !link.contains("://") && !leads_somewhere(&document, &link) {
                broken.push(format!("{}: {link}", short(&document)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn front_doors_are_short() {
    for name in ["README.md", "ARCHITECTURE.md"] {
        let n_lines = read(&repository().join(name)).lines().count();
        assert!(n_lines <= MOST_LINES, "{name} has {n_lines} lines");
    }
}

/// A reason is found from the file that it shapes, and from the list of all reasons.
#[test]
fn every_decision_is_named_by_a_source_file_and_in_the_list() {
    let records = records();
    let list: BTreeSet<String> = links(&read(&repository().join(DECISIONS).join("README.md")))
        .into_iter()
        .collect();
    assert_eq!(list, records, "the list and the records differ");
    let mut named = BTreeSet::new();
    for source in [files("rs"), files("py"), files("toml"), files("wit")].concat() {
        for name in named_decisions(&read(&source)) {
            let is_record = records.contains(&name);
            assert!(is_record, "{} names {name}", short(&source));
            named.insert(name);
        }
    }
    let forgotten: Vec<_> = records.difference(&named).collect();
    assert!(
        forgotten.is_empty(),
        "no source file names {forgotten:#?}, as in `Why: {DECISIONS}…`"
    );
}

#[test]
fn security_names_tests_that_exist() {
    let sources: String = files("rs").iter().map(|file| read(file)).collect();
    let promised = read(&repository().join("SECURITY.md"));
    let mut absent = Vec::new();
    for name in promised
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !c.is_ascii_lowercase() && c != '_'))
        .filter(|word| word.matches('_').count() >= 2)
    {
        if !sources.contains(&format!("fn {name}(")) {
            absent.push(name);
        }
    }
    assert!(absent.is_empty(), "{absent:#?}");
}

/// The book has each page below `docs` once. Decisions come from their list.
#[test]
fn every_page_is_in_the_book() {
    let docs = repository().join("docs");
    let summary = docs.join("SUMMARY.md");
    let mut chapters = links(&read(&summary));
    chapters.sort();
    let records: Vec<PathBuf> = records()
        .iter()
        .map(|name| docs.join("decisions").join(name))
        .collect();
    let pages = files("md")
        .into_iter()
        .filter(|path| *path != summary && !records.contains(path));
    let pages = pages.filter_map(|path| Some(path.strip_prefix(&docs).ok()?.display().to_string()));
    let mut pages: Vec<String> = pages.collect();
    pages.sort();
    assert_eq!(chapters, pages, "docs/SUMMARY.md has the pages of the book");
}

/// Returns the files of this repository with an extension.
fn files(extension: &str) -> Vec<PathBuf> {
    walkdir::WalkDir::new(repository())
        .into_iter()
        .filter_entry(|entry| {
            let name = entry.file_name();
            !FOREIGN.iter().any(|foreign| name == *foreign)
        })
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn short(path: &Path) -> String {
    let short = path.strip_prefix(repository()).unwrap_or(path);
    short.display().to_string()
}

fn records() -> BTreeSet<String> {
    fs::read_dir(repository().join(DECISIONS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect()
}

/// Returns the names of decisions that a text names with their path.
fn named_decisions(text: &str) -> Vec<String> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.split(DECISIONS)
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c| !is_of_name(c))?;
            let (name, rest) = rest.split_at(end);
            let is_file = !name.is_empty() && rest.starts_with(".md");
            is_file.then(|| format!("{name}.md"))
        })
        .collect()
}

/// Returns where the links of a document lead. What stands in code is none.
fn links(markdown: &str) -> Vec<String> {
    let lines: Vec<&str> = prose(markdown).collect();
    // Every second part stands between backticks.
    let text: String = lines.join("\n").split('`').step_by(2).collect();
    text.split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// Tells whether there is the file that a link names, with the heading that it names.
fn leads_somewhere(document: &Path, link: &str) -> bool {
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (link, None),
    };
    let file = if path.is_empty() {
        document.to_owned()
    } else {
        document.parent().unwrap().join(path)
    };
    let has_heading = |heading| {
        let text = read(&file);
        let mut headings = prose(&text).filter(|line| line.starts_with('#'));
        headings.any(|line| anchor(line) == heading)
    };
    file.exists() && heading.is_none_or(has_heading)
}

/// Returns the name by which GitHub links to a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| {
            if c == ' ' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Returns the lines that are not between fences of code.
fn prose(markdown: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    markdown.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}
