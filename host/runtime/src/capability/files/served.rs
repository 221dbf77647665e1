//! Files for a call that runs on another machine.

use super::Guard;
use crate::wire::{FileCall, FileEffect, FileReply};

impl Guard {
    /// Answers what a worker asks about files.
    pub(crate) async fn answer(&self, call: FileCall) -> FileReply {
        match call {}
    }

    /// Takes what the call changed in files, as if it had changed it here.
    ///
    /// # Errors
    /// Something of it is refused: what, in words.
    pub(crate) fn take_effects(&self, effects: Vec<FileEffect>) -> Result<(), String> {
        effects.into_iter().try_for_each(|effect| match effect {})
    }
}
