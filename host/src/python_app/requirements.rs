//! `requirements.txt`: the packages that a program needs.

use std::fmt;
use std::path::Path;

use syft_manifest::sanitize::{plain_excerpt, quoted};
use syft_system::private;

use crate::error::CommandError;
use crate::ui::Ui;

const FILE_NAME: &str = "requirements.txt";

const MAX_BYTES: u64 = 64 << 10;

const HINT: &str = "name packages of PyPI there, such as `jinja2==3.1.6`, one a line";

/// How the names of files end that pip installs.
const ARCHIVES: &[&str] = &[
    ".whl", ".zip", ".egg", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".gz", ".bz2", ".xz", ".lz",
    ".lzma", ".zst",
];

/// Packages that the sandbox replaces, and such as serve the web, which nothing does there.
pub(super) const PROVIDED: &[&str] = &[
    "syft-event",
    "syft-rpc",
    "syft-core",
    "syft-crypto",
    "watchdog",
    "loguru",
    "uvicorn",
    "uvloop",
    "httptools",
    "watchfiles",
    "fastapi-cli",
    "fastapi-cloud-cli",
];

/// What SyftEvent itself asks of packages, whoever else asks for them: pip would go back years
/// to a release whose needs it can meet.
pub(super) const CONSTRAINTS: &str = "pydantic>=2.10.4\n";

/// Packages that pip is to install.
#[derive(Debug, PartialEq)]
pub struct Requirements(Vec<String>);

impl Requirements {
    /// Reads those of a folder, if it has such a file.
    ///
    /// # Errors
    /// It is not readable, or has something other than names of packages with versions.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, CommandError> {
        let path = folder.join(FILE_NAME);
        let describe =
            |error: &dyn fmt::Display| CommandError::new(format!("{}: {error}", path.display()));
        let found = private::read(&path, MAX_BYTES).map_err(|error| describe(&error))?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let text = str::from_utf8(&bytes).map_err(|error| describe(&error))?;
        // As editors of Windows begin a text.
        let parsed = Self::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
        parsed.map(Some).map_err(|(line, message)| {
            CommandError::new(format!("{}:{line}: {message}", path.display())).hint(HINT)
        })
    }

    /// Returns those that a program says of itself, or else such as are known by what it
    /// imports.
    ///
    /// # Errors
    /// One names no package.
    pub(super) fn of_program(
        ui: Ui,
        declared: &[String],
        usual: &[String],
    ) -> Result<Self, CommandError> {
        if declared.is_empty() && !usual.is_empty() {
            let names = usual.join(", ");
            ui.status(&format!(
                "note: no requirements.txt says what the program needs, so it gets the newest {names}"
            ));
        }
        let lines = if declared.is_empty() { usual } else { declared };
        Self::parse(&lines.join("\n")).map_err(|(_, message)| {
            CommandError::new(format!("what the program needs: {message}")).hint(HINT)
        })
    }

    /// Returns those of a text. pip would also accept options, files and addresses there, and
    /// a stranger may have written it.
    ///
    /// # Errors
    /// The number of the first line that names no package, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = without_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            let refuse = |what: &str| {
                let shown = plain_excerpt(line, 100);
                (index + 1, format!("it names {what}:\n{}", quoted(&shown)))
            };
            if is_archive(line) {
                return Err(refuse("an archive, not a package of the index"));
            }
            let name = name(line).ok_or_else(|| refuse("no package"))?;
            if !PROVIDED.contains(&name.as_str()) {
                lines.push(line.to_owned());
            }
        }
        Ok(Self(lines))
    }

    /// Adds packages that come with SyftEvent, and that a program imports without naming them.
    pub(super) fn with(mut self, implied: &[String]) -> Self {
        for package in implied {
            let is_named = |line: &String| name(line).as_ref() == Some(package);
            if !self.0.iter().any(is_named) {
                self.0.push(package.clone());
            }
        }
        self
    }

    /// Tells whether there is nothing to install.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names of the packages in words, after that of Python.
    pub(super) fn in_words(&self) -> String {
        let names: Vec<String> = self.0.iter().filter_map(|line| name(line)).collect();
        if names.is_empty() {
            return "Python".to_owned();
        }
        format!("Python with {}", names.join(", "))
    }

    /// Returns the text for pip.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// A comment begins with the line or after a space, as for pip.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..index];
        }
        before = c;
    }
    line
}

/// Tells whether pip would take what a line names for a file, which it does by how that ends.
/// It looks for the file before it asks the index.
fn is_archive(line: &str) -> bool {
    let named = line.split([';', '[', ' ']).next().unwrap_or_default();
    let whole = line.split(';').next().unwrap_or_default().trim();
    [named, whole].iter().any(|text| {
        let text = text.to_ascii_lowercase();
        ARCHIVES.iter().any(|end| text.ends_with(end))
    })
}

/// Returns the name of the package in the way of PyPI, if the line is no more than a name
/// with versions, extras and a condition.
fn name(line: &str) -> Option<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = line.find(|c| !is_of_name(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_plain = rest
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " -_.,<>=!~*+[]()'\";".contains(c));
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    // Options may follow a version.
    let is_name = starts_well && is_plain && !rest.contains(" -");
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    is_name.then(|| words.collect::<Vec<_>>().join("-").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[&str], usize>) {
        let parsed = match Requirements::parse(text) {
            Ok(Requirements(lines)) => Ok(lines),
            Err((line, _)) => Err(line),
        };
        let expected = expected.map(|lines| lines.iter().map(|&line| line.to_owned()).collect());
        assert_eq!(parsed, expected, "{text:?}");
    }

    #[test]
    fn names_with_versions_are_taken() {
        check("", Ok(&[]));
        check("# a\n\njinja2 == 3.1 # b\n", Ok(&["jinja2 == 3.1"]));
        check("a\t# b\r\nb\t#c", Ok(&["a", "b"]));
        check("a.b_c-d", Ok(&["a.b_c-d"]));
        check(
            "a[b,c]>=1,<2; python_version > '3'",
            Ok(&["a[b,c]>=1,<2; python_version > '3'"]),
        );
    }

    #[test]
    fn what_the_sandbox_has_is_left_out() {
        check(
            "syft_event==0.4.3\nSyft._-Event\nLoguru\nuvicorn[standard]>=0.30\nattrs",
            Ok(&["attrs"]),
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "-r other.txt",
            "--index-url https://example.org",
            "a --hash=sha256:00",
            "a -r other.txt",
            "a==1 -c x",
            "a @ https://example.org/a.whl",
            "./a",
            "/a",
            "git+https://example.org/a",
            "a/b",
            "a\\",
            "a ; -r x",
            "a@file:./b",
            "a @ file:b",
            "a ${HOME}",
            "$A",
            "%A%",
            "..",
            ".",
            "-e .",
            "-e a",
            "a\x0bb",
            "a\rb",
            "a\u{2028}b",
            "evil-1.0.tar.gz",
            "evil-1.0.TAR.GZ",
            "evil-1.0.zip",
            "evil-1.0.tar.bz2",
            "evil-1.0.tar.xz",
            "evil-1.0.tgz",
            "evil-1.0-py3-none-any.whl",
            "Evil-1.0-py3-none-any.Whl",
            "evil-1.0.tar.gz[extra]",
            "evil-1.0.tar.gz ; python_version > '3'",
            "evil-1.0.tar.gz;python_version>'3'",
            "evil==1.0.zip",
            "é",
        ] {
            check(&format!("ok\n{line}"), Err(2));
        }
    }
}
