//! How a child ended.

use std::fmt;
use std::time::Duration;

use syft_system::process::ProcessEnd;

/// How a child ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// All that it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It used more time of the processor than it may.
    CpuTime,
    /// It wrote a larger file than it may.
    FileSize,
    /// It was ended after this time.
    TooLate(Duration),
    /// It was ended when it wrote more than these bytes to standard output.
    TooMuchOutput(usize),
}

impl Ended {
    /// Tells whether it ended by itself and with code 0.
    pub fn succeeded(&self) -> bool {
        self.end == End::Exited(0)
    }

    /// Returns the last lines of what it said on standard error, or how it ended where it
    /// said nothing or did not end by itself.
    pub fn why(&self, max_lines: usize) -> String {
        let said = String::from_utf8_lossy(&self.stderr);
        let lines: Vec<&str> = said.trim().lines().collect();
        let said = lines[lines.len().saturating_sub(max_lines)..].join("\n");
        match &self.end {
            End::Exited(_) if !said.is_empty() => said,
            end if said.is_empty() => end.to_string(),
            end => format!("{end}\n{said}"),
        }
    }
}

impl From<ProcessEnd> for End {
    fn from(end: ProcessEnd) -> Self {
        match end {
            ProcessEnd::Exited(code) => Self::Exited(code),
            ProcessEnd::Signalled(signal) => Self::Signalled(signal),
            ProcessEnd::CpuTime => Self::CpuTime,
            ProcessEnd::FileSize => Self::FileSize,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "it ended with code {code}"),
            Self::Signalled(signal) => write!(f, "it was ended by signal {signal}"),
            Self::CpuTime => f.write_str("it used more processor time than it may"),
            Self::FileSize => f.write_str("it wrote a larger file than it may"),
            Self::TooLate(deadline) => write!(f, "it did not end within {deadline:?}"),
            Self::TooMuchOutput(bytes) => write!(f, "it wrote more than {bytes} bytes"),
        }
    }
}
