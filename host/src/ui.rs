//! The only place that prints. Results go to stdout, everything else to stderr.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use crate::error::CommandError;
use crate::plain::{plain_json, plain_lines};

/// How a command speaks.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    json: bool,
}

impl Ui {
    /// Returns a voice for people, or for scripts.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Tells whether scripts read the results.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a line of the result for people; scripts do not get it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn line(self, text: &str) -> io::Result<()> {
        match self.json {
            true => Ok(()),
            false => print(text.as_bytes(), b"\n"),
        }
    }

    /// Prints a result for scripts, as one line of JSON; people do not get it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn json(self, value: &Value) -> io::Result<()> {
        match self.json {
            true => print(plain_json(value).as_bytes(), b"\n"),
            false => Ok(()),
        }
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn bytes(self, bytes: &[u8]) -> io::Result<()> {
        let end: &[u8] = match bytes.ends_with(b"\n") {
            true => b"",
            false => b"\n",
        };
        print(bytes, end)
    }

    /// Tells the user how things go. That nobody reads it is no error.
    pub fn status(self, text: &str) {
        drop(writeln!(io::stderr(), "{text}"));
    }

    /// Tells whether a person is there to be asked.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question and returns the answer, empty where there is none.
    ///
    /// # Errors
    /// Nobody can be asked any more.
    pub fn ask(self, question: &str) -> io::Result<String> {
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} ")?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    /// Tells the user what went wrong and what to do about it. An error may quote anybody.
    pub fn error(self, error: &CommandError) {
        self.status(&plain_lines(&format!("error: {error}")));
        for hint in error.hints() {
            self.status(&plain_lines(&format!("hint: {hint}")));
        }
    }
}

fn print(bytes: &[u8], end: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.write_all(end)?;
    stdout.flush()
}
