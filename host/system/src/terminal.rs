//! The terminal that a user sits at.

use std::fs::File;
use std::io::{self, Read};

/// What may be a terminal: a standard stream.
#[cfg(unix)]
pub use std::os::fd::AsFd as AsTerminal;
/// What may be a terminal: a standard stream.
#[cfg(windows)]
pub use std::os::windows::io::AsHandle as AsTerminal;

/// Returns how many columns it has, if it is a terminal.
#[cfg(unix)]
pub fn columns(stream: &impl AsTerminal) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(size.ws_col.into())
}

/// Returns how many columns it has, if it is a terminal.
#[cfg(windows)]
pub fn columns(stream: &impl AsTerminal) -> Option<usize> {
    crate::windows::columns(stream)
}

/// The terminal of standard input, which does not show what is typed, until this is dropped.
#[derive(Debug)]
pub struct HiddenInput {
    terminal: File,
    #[cfg(unix)]
    before: rustix::termios::Termios,
    #[cfg(windows)]
    before: u32,
}

impl HiddenInput {
    /// Hides what is typed from now on, and forgets what was typed before.
    ///
    /// # Errors
    /// Standard input is no terminal.
    #[cfg(unix)]
    pub fn begin() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let terminal = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }

    /// Hides what is typed from now on, and forgets what was typed before.
    ///
    /// # Errors
    /// Standard input is no terminal.
    #[cfg(windows)]
    pub fn begin() -> io::Result<Self> {
        let terminal = File::from(io::stdin().as_handle().try_clone_to_owned()?);
        let before = crate::windows::hide_input(&terminal)?;
        Ok(Self { terminal, before })
    }

    /// Reads a line. No buffer of the standard library has it, which nobody would clear.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.terminal.read(bytes)
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use rustix::termios::{OptionalActions, tcsetattr};
            tcsetattr(&self.terminal, OptionalActions::Now, &self.before).ok();
        }
        #[cfg(windows)]
        crate::windows::show_input(&self.terminal, self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_no_terminal() {
        let file = tempfile::tempfile().expect("a file");
        assert_eq!(columns(&file), None);
    }
}
