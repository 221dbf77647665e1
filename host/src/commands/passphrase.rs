//! Where the passphrase of a key comes from.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::CommandError;
use crate::ui::Ui;

/// Where the passphrase of a key comes from: a file, or whoever sits there.
pub(super) struct Passphrase<'a> {
    ui: Ui,
    file: Option<&'a Path>,
    /// What was given last, so that nobody is asked twice who has one for all their keys.
    given: RefCell<Option<Zeroizing<String>>>,
}

impl<'a> Passphrase<'a> {
    pub(super) fn new(ui: Ui, file: Option<&'a Path>) -> Self {
        Self {
            ui,
            file,
            given: RefCell::default(),
        }
    }

    /// Tells whether a person is asked.
    pub(super) fn is_asked(&self) -> bool {
        self.file.is_none()
    }

    /// Returns what was given last in this command, if anything was.
    pub(super) fn given(&self) -> Option<Zeroizing<String>> {
        self.given.borrow().clone()
    }

    /// Returns the passphrase. Where nobody can be asked, that and another option are the
    /// way.
    pub(super) fn get(
        &self,
        question: &str,
        other_option: &str,
    ) -> Result<Zeroizing<String>, CommandError> {
        if let Some(file) = self.file {
            return first_line(file);
        }
        if !self.ui.can_ask() {
            return Err(CommandError::new(
                "a passphrase is needed, and there is no terminal to ask on",
            )
            .hint(format!("give --passphrase-file FILE, or {other_option}")));
        }
        let passphrase = self.ui.ask_secret(question)?;
        self.given.replace(Some(passphrase.clone()));
        Ok(passphrase)
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, CommandError> {
    let text = fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| CommandError::new(format!("read {}: {error}", file.display())))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}
