//! Why a permission file, or its place, is not taken.

/// A permission file that was not read, or has no place.
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
    /// It uses a part of YAML that is not read.
    #[error("line {line}: {what} is not supported")]
    Unsupported {
        /// The line, counted from 1.
        line: usize,
        /// Which part.
        what: String,
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
    /// Returns whether the SyftBox server reads the file all the same.
    ///
    /// What the server does not load is absent: the nearest file above
    /// decides. What only we do not read must not open the folder, so
    /// [`RuleSet::closed`](super::RuleSet::closed) takes its place.
    pub fn server_loads(&self) -> bool {
        match self {
            AclError::TooMuch { .. } | AclError::Unsupported { .. } => true,
            AclError::Syntax { .. } | AclError::Shape { .. } | AclError::Folder { .. } => false,
        }
    }
}
