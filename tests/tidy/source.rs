//! Rust source as words, without comments and texts. Enough to find what a file imports and
//! which types it defines; it is no parser of Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::rust_files;

/// The path of a module from the root of its crate; the root has none.
pub(super) type Module = Vec<String>;

/// A file of a crate.
pub(super) struct Source {
    pub(super) module: Module,
    pub(super) words: Vec<String>,
}

/// Returns the files of a crate by its `src` folder, but for programs and tests.
pub(super) fn sources(src: &Path) -> Vec<Source> {
    let files = rust_files(src);
    let is_tests = |file: &Path| file.components().any(|name| name.as_os_str() == "tests");
    let files = files.iter().filter(|file| !file.ends_with("main.rs"));
    let files = files.filter(|file| !is_tests(&file.strip_prefix(src).unwrap().with_extension("")));
    let source = |file| {
        let inner = Path::strip_prefix(file, src).unwrap().with_extension("");
        let names = inner.iter().map(|name| name.to_str().unwrap().to_owned());
        Source {
            module: names.filter(|name| name != "lib").collect(),
            words: without_tests(words(&fs::read_to_string(file).unwrap())),
        }
    };
    files.map(|file| source(file.as_path())).collect()
}

/// Cuts off the tests of a file, which are at its end and may use what they like.
fn without_tests(mut words: Vec<String>) -> Vec<String> {
    let tests = ["mod", "tests", "{"];
    let begin = words.windows(3).position(|part| part == tests);
    words.truncate(begin.unwrap_or(words.len()));
    words
}

/// Returns identifiers, `::`, and each other character by itself.
pub(super) fn words(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        at += match rest {
            ['/', '/', ..] => until(rest, 2, &['\n']),
            ['/', '*', ..] => until(rest, 2, &['*', '/']),
            ['"', ..] => quoted(rest, '"'),
            // Else it is a lifetime.
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
            [':', ':', ..] => {
                words.push("::".to_owned());
                2
            }
            [first, ..] if is_of_a_name(first) => {
                let name: String = rest.iter().take_while(|c| is_of_a_name(c)).collect();
                let length = name.chars().count();
                let raw = ["r", "br", "cr"].contains(&name.as_str());
                let raw = raw.then(|| raw_quoted(&rest[length..])).flatten();
                words.push(name);
                length + raw.unwrap_or(0)
            }
            [other, ..] => {
                words.extend((!other.is_whitespace()).then(|| other.to_string()));
                1
            }
            [] => 1,
        };
    }
    words
}

fn is_of_a_name(character: &char) -> bool {
    character.is_alphanumeric() || *character == '_'
}

/// Returns the length up to the end of a text, which is looked for from a place on.
fn until(rest: &[char], from: usize, end: &[char]) -> usize {
    let found = rest[from..].windows(end.len()).position(|part| part == end);
    found.map_or(rest.len(), |at| from + at + end.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns the length of a raw text behind its `r`, if there is one.
fn raw_quoted(rest: &[char]) -> Option<usize> {
    let n_hashes = rest.iter().take_while(|c| **c == '#').count();
    (rest.get(n_hashes) == Some(&'"')).then(|| {
        let end: Vec<char> = std::iter::once('"')
            .chain(std::iter::repeat_n('#', n_hashes))
            .collect();
        until(rest, n_hashes + 1, &end)
    })
}

/// Returns the modules that a file imports something from, or names in a path.
pub(super) fn imports(source: &Source, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let words = &source.words;
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    // Modules within the file, with the depth of braces at which each began.
    let mut inner: Vec<(i32, String)> = Vec::new();
    let mut depth = 0;
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < words.len() {
        let current: Module = (source.module.iter().cloned())
            .chain(inner.iter().map(|(_, name)| name.clone()))
            .collect();
        let is_path = word(at + 1) == "::" && !(at > 0 && ["::", "in"].contains(&word(at - 1)));
        match word(at) {
            "mod" if word(at + 2) == "{" => {
                inner.push((depth, word(at + 1).to_owned()));
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.pop_if(|(began, _)| *began == depth);
            }
            first if is_path => {
                let child: Module = current.iter().cloned().chain([first.to_owned()]).collect();
                if ["crate", "super", "self"].contains(&first) || modules.contains(&child) {
                    let paths = paths(words, &mut at);
                    found.extend(paths.iter().map(|path| target(path, &current, modules)));
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.remove(&source.module);
    found
}

/// Reads a path, or all that a path with braces stands for, and goes to its end.
fn paths(words: &[String], at: &mut usize) -> Vec<Module> {
    let mut prefix = Module::new();
    while let Some(word) = words.get(*at) {
        *at += 1;
        match word.as_str() {
            "{" => {
                let mut all = Vec::new();
                while words.get(*at).is_some_and(|word| word != "}") {
                    let tails = paths(words, at);
                    all.extend(tails.into_iter().map(|tail| [&prefix[..], &tail].concat()));
                    // Also over a new name that something gets, and the comma.
                    while words
                        .get(*at)
                        .is_some_and(|word| !["}", ","].contains(&word.as_str()))
                    {
                        *at += 1;
                    }
                    *at += usize::from(words.get(*at).is_some_and(|word| word == ","));
                }
                *at += 1;
                return all;
            }
            word => prefix.push(word.to_owned()),
        }
        if words.get(*at).is_none_or(|word| word != "::") {
            break;
        }
        *at += 1;
    }
    vec![prefix]
}

/// Returns the module that a path leads into.
fn target(path: &[String], current: &[String], modules: &BTreeSet<Module>) -> Module {
    let mut module = match path[0].as_str() {
        "crate" => Module::new(),
        _ => current.to_vec(),
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => {
                module.pop();
            }
            name => {
                module.push(name.to_owned());
                if !modules.contains(&module) {
                    module.pop();
                    break;
                }
            }
        }
    }
    // Down to a file: modules within files are none of their own.
    while !module.is_empty() && !modules.contains(&module) {
        module.pop();
    }
    module
}

/// Returns the names of the types that a file defines for others to use.
pub(super) fn public_types(source: &Source) -> Vec<String> {
    let words = &source.words;
    let mut types = Vec::new();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| *word == "pub") {
        let rest: Vec<&str> = words[at + 1..].iter().map(String::as_str).collect();
        let rest = rest.strip_prefix(&["(", "crate", ")"]).unwrap_or(&rest);
        if let ["struct" | "enum" | "trait" | "type" | "union", name, ..] = rest {
            types.push((*name).to_owned());
        }
    }
    types
}

#[test]
fn imports_are_found_wherever_they_are_written() {
    let modules = ["a", "a/b", "c", "d", "e", "f", "g"]
        .map(|path| path.split('/').map(str::to_owned).collect::<Module>());
    let modules = BTreeSet::from(modules);
    let text = r##"
        use crate::{c::{self, X as Y}, d::Z};
        // use crate::a;
        const TEXT: &str = "crate::a"; const RAW: &str = r#"crate::"a"#;
        fn f<'a>(c: char) -> bool { use super::super::e::*; c == '"' || crate::f::is(b'{') }
        pub(in crate::a) struct S;
        mod tests { use super::super::super::g; use super::*; }
    "##;
    let source = Source {
        module: vec!["a".to_owned(), "b".to_owned()],
        words: words(text),
    };
    let found = imports(&source, &modules);
    let found: Vec<String> = found.iter().map(|module| module.join("/")).collect();
    assert_eq!(found, ["c", "d", "e", "f", "g"]);
    assert_eq!(public_types(&source), Vec::<String>::new());
}
