//! Why a program does not build, as its author reads it.

use serde::Deserialize;
use syft_manifest::sanitize::{plain, plain_lines};

use super::PythonProgram;
use crate::error::CommandError;
use crate::ui::Ui;

/// How the line begins on which our side in the builder's sandbox says what is wrong.
const MARK: &str = "@syft-host-error@";

/// The most that is shown of what only the builder itself says.
const MAX_LINES: usize = 30;

/// What is wrong with a program, as our side in the sandbox says it.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    kind: String,
    message: String,
    file: Option<String>,
    line: u64,
    source: String,
    hint: Option<String>,
    traceback: String,
}

/// Returns the error, after saying on stderr where it came from.
pub(super) fn explain(ui: Ui, program: &PythonProgram, output: &str) -> CommandError {
    let mut reports = output.lines().filter_map(|line| {
        let json = &line[line.find(MARK)? + MARK.len()..];
        serde_json::from_str::<Report>(json).ok()
    });
    // What the program prints itself comes before.
    match reports.next_back() {
        Some(report) => report.into_error(ui, program),
        None => CommandError::new(format!("componentize-py failed: {}", plain(&cut(output)))),
    }
}

/// The program's author wrote all of this: none of it may steer a terminal.
impl Report {
    /// Returns it with where it came from.
    pub(super) fn in_words(&self, program: &PythonProgram) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("\nhint: {hint}"));
        let trace = if self.traceback.is_empty() {
            self.message(program)
        } else {
            self.traceback.trim_end().to_owned()
        };
        plain_lines(&format!("{trace}{}", hint.unwrap_or_default()))
    }

    /// Returns it as an error, after showing where it came from.
    pub(super) fn into_error(self, ui: Ui, program: &PythonProgram) -> CommandError {
        if !self.traceback.is_empty() {
            ui.status(&plain_lines(&self.traceback));
        }
        let error = CommandError::new(plain(&self.message(program)));
        match self.hint {
            Some(hint) => error.hint(plain(&hint)),
            None => error,
        }
    }

    /// Returns it on one line, as its author reads it.
    fn message(&self, program: &PythonProgram) -> String {
        let place = match &self.file {
            Some(file) if self.line > 0 => {
                format!("{}:{}: ", program.beside(file).display(), self.line)
            }
            _ => String::new(),
        };
        let source = match self.source.as_str() {
            "" => String::new(),
            source => format!(": {source}"),
        };
        format!("{place}{}: {}{source}", self.kind, self.message)
    }
}

/// Cuts the stack of the builder off.
fn cut(output: &str) -> String {
    let said = output.split("Stack backtrace:").next().unwrap_or_default();
    let lines: Vec<&str> = said.trim().lines().collect();
    lines[lines.len().saturating_sub(MAX_LINES)..].join("\n")
}
