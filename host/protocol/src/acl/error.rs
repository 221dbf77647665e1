//! Why a permission file, or its place, is not taken.

/// A permission file that was not read, or has no place. Where something is
/// decided by it, [`RuleSet::closed`](super::RuleSet::closed) is to take its
/// place: what its author meant is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// It is no YAML.
    #[error("line {line}: invalid YAML: {problem}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, in one short line.
        problem: String,
    },
    /// It is YAML, but no permission file.
    #[error("line {line}: {problem}")]
    Shape {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, in one short line.
        problem: String,
    },
    /// It is more than is read of strangers.
    #[error("more than {limit} {what}")]
    TooMuch {
        /// The most that is read.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// It uses a part of YAML that is not read, since the server may read it
    /// differently or not at all.
    #[error("line {line}: {what} is not supported")]
    Unsupported {
        /// The line, counted from 1.
        line: usize,
        /// Which part.
        what: String,
    },
    /// It holds bytes that are in no text.
    #[error("line {line}: {problem}, so it is damaged")]
    Damaged {
        /// The line, counted from 1.
        line: usize,
        /// What it holds.
        problem: &'static str,
    },
    /// The folder cannot hold a permission file.
    #[error("`{folder}` {problem}, so it can hold no permission file")]
    Folder {
        /// The folder, cut.
        folder: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl AclError {
    /// Returns whether the SyftBox server, given the same file, refuses it too
    /// and decides by what it has: the rules from before or, once it was started
    /// again, those of the nearest file above.
    pub fn server_refuses(&self) -> bool {
        matches!(self, AclError::Syntax { .. } | AclError::Shape { .. })
    }
}
