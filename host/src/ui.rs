//! The only place that prints. Results go to stdout, everything else to stderr.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

use serde_json::Value;
use syft_manifest::sanitize::{plain, plain_json};
use syft_system::terminal::HiddenInput;
use zeroize::Zeroizing;

use crate::error::{CommandError, ReaderGone};
use crate::layout::{lay_out, one_line, width};
use crate::paint::Paint;
use crate::progress::{self, Waiting};

/// The most bytes of a line that terminals give, which they give at once.
const MAX_LINE: usize = 4_096;

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
        if self.json {
            Ok(())
        } else {
            let text = lay_out(text, width(io::stdout()));
            print(Paint::of_stdout().text(&text).as_bytes(), b"\n")
        }
    }

    /// Prints a result for scripts, as one line of JSON; people do not get it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn json(self, value: &Value) -> io::Result<()> {
        if self.json {
            print(plain_json(value).as_bytes(), b"\n")
        } else {
            Ok(())
        }
    }

    /// Clears a terminal for what is shown next; of what is no terminal, nothing is cleared.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn clear(self) -> io::Result<()> {
        if self.json || !io::stdout().is_terminal() {
            return Ok(());
        }
        print(b"\x1b[H\x1b[2J", b"")
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn bytes(self, bytes: &[u8]) -> io::Result<()> {
        let end: &[u8] = if bytes.ends_with(b"\n") { b"" } else { b"\n" };
        print(bytes, end)
    }

    /// Tells the user how things go. That nobody reads it is no error.
    pub fn status(self, text: &str) {
        let text = Paint::of_stderr().text(&lay_out(text, width(io::stderr())));
        progress::aside(|| drop(writeln!(io::stderr(), "{text}")));
    }

    /// Begins to wait for something that may take more than a second, and tells a terminal for what.
    pub fn wait(self, what: &str) -> Waiting {
        if self.json {
            return Waiting::untold();
        }
        Waiting::told(one_line(&plain(what)))
    }

    /// Tells whether a person sees how things go.
    pub fn is_watched(self) -> bool {
        io::stderr().is_terminal()
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
        let question = lay_out(question, width(&stderr));
        write!(stderr, "{} ", Paint::of_stderr().question(&question))?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    /// Asks a question whose answer is not shown.
    ///
    /// # Errors
    /// Nobody can be asked any more.
    pub fn ask_secret(self, question: &str) -> io::Result<Zeroizing<String>> {
        let mut stderr = io::stderr().lock();
        let mut line = Zeroizing::new([0; MAX_LINE]);
        let read = {
            // Before the question, which a fast answer may follow.
            let mut hidden = HiddenInput::begin()?;
            write!(stderr, "{question} ")?;
            stderr.flush()?;
            hidden.read(&mut *line)
        };
        // The user's own new line was not shown either.
        writeln!(stderr)?;
        let text = str::from_utf8(&line[..read?]).map_err(io::Error::other)?;
        // Spaces belong to it.
        let text = text.trim_end_matches(['\r', '\n']);
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Tells the user what went wrong and what to do about it. An error may quote anybody. What the
    /// user did not want is no error.
    pub fn error(self, error: &CommandError) {
        match error.as_declined() {
            Some(what) => self.status(what),
            None => self.status(&in_lines(&format!("error: {error}"))),
        }
        for hint in error.hints() {
            self.status(&in_lines(&format!("hint: {hint}")));
        }
    }
}

/// Returns a message with its lines further in than where it begins, so that what it
/// quotes is not taken for another one.
fn in_lines(message: &str) -> String {
    let lines: Vec<&str> = message.trim_end().lines().collect();
    lines.join("\n  ")
}

fn print(bytes: &[u8], end: &[u8]) -> io::Result<()> {
    let written = progress::aside(|| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.write_all(end)?;
        stdout.flush()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => io::Error::new(ErrorKind::BrokenPipe, ReaderGone),
        _ => error,
    })
}
