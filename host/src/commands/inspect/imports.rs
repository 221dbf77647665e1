//! What a component imports, in plain words.

use std::collections::BTreeMap;

use syft_manifest::sanitize::plain_excerpt;
use syft_manifest::worlds::is_offered;

/// The most unknown imports that are shown by name.
const MAX_UNKNOWN: usize = 50;

/// The imports of a component by package.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub(super) known: BTreeMap<&'static str, Vec<String>>,
    /// Those that no app can have.
    pub(super) unknown: Vec<String>,
    /// How many more there are of these.
    pub(super) n_hidden: usize,
}

/// The packages of the world of apps, and what each is for.
const PACKAGES: [(&str, &str); 9] = [
    ("syft:app", "who calls, whom it runs for, the log"),
    (
        "wasi:cli",
        "output to the log; arguments and variables, if it asks for any",
    ),
    ("wasi:clocks", "clocks"),
    ("wasi:filesystem", "files (only what is granted)"),
    ("wasi:http", "HTTP requests (only to where is granted)"),
    ("wasi:io", "streams of the others"),
    ("wasi:keyvalue", "state of its own, kept between calls"),
    ("wasi:random", "random numbers"),
    ("wasi:sockets", "sockets (always refused)"),
];

impl Imports {
    pub(super) fn new(names: &[String]) -> Self {
        let mut imports = Self::default();
        for name in names {
            match package(name) {
                Some(package) => {
                    let shown = plain_excerpt(name, 200);
                    imports.known.entry(package).or_default().push(shown);
                }
                None if imports.unknown.len() < MAX_UNKNOWN => {
                    imports.unknown.push(plain_excerpt(name, 200));
                }
                None => imports.n_hidden += 1,
            }
        }
        imports
    }

    /// Returns the known packages with what each is for.
    pub(super) fn in_words(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_known = |(name, _): &(&str, &str)| self.known.contains_key(name);
        PACKAGES.into_iter().filter(is_known)
    }
}

/// Returns the package that a name belongs to, if apps can have it.
fn package(name: &str) -> Option<&'static str> {
    let (of_interface, _) = name.split_once('/')?;
    PACKAGES
        .into_iter()
        .map(|(package, _)| package)
        .find(|package| *package == of_interface && is_offered(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_imports() {
        let names = [
            "wasi:io/streams@0.2.6",
            "wasi:io/error@0.2.6",
            "syft:app/log@0.1.0",
            "wasi:http/types@0.2.6",
            "wasi:nn/graph@0.2.6",
            "evil:\u{1b}[2J/x",
        ];
        let imports = Imports::new(&names.map(str::to_owned));
        assert_eq!(imports.known["wasi:io"].len(), 2);
        assert_eq!(imports.in_words().count(), 3);
        assert_eq!(
            imports.unknown,
            ["wasi:nn/graph@0.2.6", "evil:\u{fffd}[2J/x"]
        );
        let many = vec!["a:b/c".to_owned(); 60];
        assert_eq!(Imports::new(&many).n_hidden, 10);
    }
}
