//! What the text of a program says of it.

use std::path::absolute;
use std::time::Duration;

use serde::Deserialize;

use super::PythonProgram;
use super::stage::Stage;
use super::tools::Tools;
use crate::error::CommandError;

/// Only the text is read.
const DEADLINE: Duration = Duration::from_secs(120);

const MAX_LINES: usize = 20;

/// What the text of a program says of it.
#[derive(Debug, Deserialize)]
pub(super) struct Analysis {
    /// The name that it gives its app.
    pub(super) name: Option<String>,
    /// The first line of its documentation.
    pub(super) description: Option<String>,
    /// What it has to read for what it watches.
    pub(super) reads: Vec<String>,
    /// How many of its watches are computed.
    pub(super) n_hidden_watches: usize,
    /// The file and the line in which it starts a web server.
    pub(super) web_server: Option<(String, u64)>,
    /// Packages that come with SyftEvent, and that it imports.
    pub(super) implied: Vec<String>,
    /// Requirements that it says of itself, beside a `requirements.txt`.
    pub(super) declared: Vec<String>,
    /// Packages that are known by the modules that it imports.
    pub(super) usual: Vec<String>,
    /// Which files belong to it, below its folder.
    pub(super) files: Vec<String>,
    /// What it calls that cannot work in a sandbox.
    pub(super) cannot: Vec<Cannot>,
    /// Environment variables that it wants and that may be secrets.
    pub(super) variables: Vec<String>,
    /// Where it sends HTTP requests, as far as that is plain to see.
    pub(super) origins: Vec<String>,
    /// To which endpoints it sends messages, as patterns, as far as that is plain to see.
    pub(super) sends: Vec<String>,
    /// The file and the line of a first message, where it is of none.
    pub(super) hidden_message: Option<(String, u64)>,
    /// Files beside it that its text names, and that are not included.
    pub(super) left_out: Vec<String>,
}

/// A call in a program that cannot work in a sandbox.
#[derive(Debug, Deserialize)]
pub(super) struct Cannot {
    file: String,
    line: u64,
    name: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Unfit {
    message: String,
    file: Option<String>,
    line: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Unfit { error: Unfit },
    Fit(Box<Analysis>),
}

impl Analysis {
    /// Reads a program and what it imports, without running any of it.
    ///
    /// # Errors
    /// It is not Python, or too long.
    pub(super) fn of(
        tools: &Tools,
        stage: &Stage,
        program: &PythonProgram,
        included: &[String],
    ) -> Result<Self, CommandError> {
        let ended = tools
            .analyse(stage)
            .arg(absolute(&program.folder)?)
            .arg(&program.file)
            .args(included)
            .run(DEADLINE)?;
        let Ok(said) = serde_json::from_slice(&ended.stdout) else {
            return Err(CommandError::new(format!(
                "cannot read {}: {}",
                program.path().display(),
                ended.why(MAX_LINES)
            )));
        };
        match said {
            Said::Fit(analysis) => Ok(*analysis),
            Said::Unfit { error } => Err(error.into_error(program)),
        }
    }
}

impl Cannot {
    /// Returns it as its author reads it.
    pub(super) fn in_words(&self, program: &PythonProgram) -> String {
        let Self {
            file,
            line,
            name,
            why,
        } = self;
        format!("{}:{line} {name}: {why}", program.beside(file).display())
    }
}

impl Unfit {
    fn into_error(self, program: &PythonProgram) -> CommandError {
        let Self {
            message,
            file,
            line,
        } = self;
        let place = match (file, line) {
            (Some(file), Some(line)) => {
                format!("{}:{line}: ", program.beside(&file).display())
            }
            _ => String::new(),
        };
        CommandError::new(format!("{place}{message}"))
    }
}
