//! Files by which the host is started, and how those that were written here are known again.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use syft_manifest::Digest;
use syft_system::rights;

use crate::error::CommandError;

/// Line of a file that says by its digest that the rest of it is as it was written here.
const MARK: &str = "Written by `syft-host autostart`, which replaces it unless it was changed: ";

/// What text begins with that is in UTF-16.
const UTF_16: char = '\u{feff}';

/// A file by which the host is started.
pub(super) struct Starter {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) mode: u32,
    /// What to do then.
    pub(super) next: Vec<String>,
}

impl Starter {
    /// Returns what the file holds. Who begins a text with the mark of UTF-16 wants it so.
    fn bytes(&self) -> Vec<u8> {
        if self.text.starts_with(UTF_16) {
            self.text
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect()
        } else {
            self.text.clone().into_bytes()
        }
    }

    pub(super) fn write(&self, force: bool) -> Result<(), CommandError> {
        let named = |error: io::Error| {
            CommandError::from(error).about(format!("write {}", self.path.display()))
        };
        match fs::read(&self.path) {
            Ok(there) if !force && there != self.bytes() && !is_ours(&there) => {
                let message = format!(
                    "{} is there already, and not as `syft-host autostart` writes it",
                    self.path.display()
                );
                return Err(CommandError::new(message)
                    .hint("see what would be written with --print, or replace it with --force"));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
        self.replace().map_err(named)
    }

    fn replace(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.bytes())?;
        rights::set_mode(file.as_file(), self.mode)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// How a file has comments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Comment {
    /// To the end of a line that begins with `#`.
    Hash,
    /// As in XML.
    #[cfg(any(test, target_os = "macos", windows))]
    Xml,
}

impl Comment {
    fn ends(self) -> (&'static str, &'static str) {
        match self {
            Self::Hash => ("# ", ""),
            #[cfg(any(test, target_os = "macos", windows))]
            Self::Xml => ("<!-- ", " -->"),
        }
    }
}

/// Puts the mark between the parts of a file.
pub(super) fn marked(comment: Comment, before: &str, after: &str) -> String {
    let digest = Digest::of(format!("{before}{after}").as_bytes());
    let (begin, end) = comment.ends();
    format!("{before}{begin}{MARK}{digest}{end}\n{after}")
}

/// Returns the digest that a line has, if it is the mark.
fn mark_of(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let hash = line.strip_prefix("# ");
    let xml = || line.strip_prefix("<!-- ")?.strip_suffix(" -->");
    hash.or_else(xml)?.strip_prefix(MARK)
}

fn text_of(file: &[u8]) -> Option<String> {
    let units = file
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let mut bytes = [0; 2];
    let mark = UTF_16.encode_utf16(&mut [0; 1])[0];
    bytes.copy_from_slice(&mark.to_le_bytes());
    if file.starts_with(&bytes) {
        return String::from_utf16(&units.collect::<Vec<_>>()).ok();
    }
    str::from_utf8(file).ok().map(str::to_owned)
}

/// Tells whether a file is as it was written here.
fn is_ours(file: &[u8]) -> bool {
    let Some(text) = text_of(file) else {
        return false;
    };
    let Some(mark) = text.lines().find_map(mark_of) else {
        return false;
    };
    let rest = text.split_inclusive('\n');
    let rest: String = rest.filter(|line| mark_of(line).is_none()).collect();
    mark == Digest::of(rest.as_bytes()).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_wrote_from_what_somebody_changed() {
        for (comment, before, after) in [
            (Comment::Hash, "", "a\nb\n"),
            (Comment::Hash, "#!/bin/sh\n", "exec x\n"),
            (Comment::Xml, "<?xml?>\n", "<a>é</a>\n"),
        ] {
            let text = marked(comment, before, after);
            assert!(text.starts_with(before) && is_ours(text.as_bytes()));
            assert!(!is_ours(text.replace(after, "other\n").as_bytes()));
            assert!(!is_ours(format!("{text}more\n").as_bytes()));
        }
        assert!(!is_ours(b"") && !is_ours(b"exec x\n") && !is_ours(b"\xff"));
    }

    #[test]
    fn knows_what_it_wrote_in_utf_16() {
        let starter = Starter {
            path: PathBuf::new(),
            text: marked(Comment::Xml, "\u{feff}<?xml?>\n", "<a>é😀</a>\n"),
            mode: 0o600,
            next: Vec::new(),
        };
        let bytes = starter.bytes();
        assert!(bytes.starts_with(b"\xff\xfe<\0") && is_ours(&bytes));
        assert!(!is_ours(&bytes[..bytes.len() - 2]) && !is_ours(b"\xff\xfe\0\xd8"));
    }
}
