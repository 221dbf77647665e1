//! Whether the user agrees that a crate is built, which runs what its author wrote outside
//! of any sandbox.
//!
//! Why: docs/decisions/47-nothing-of-an-author-runs-natively.md

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use syft_manifest::Digest;
use syft_manifest::sanitize::plain;
use syft_system::{Dir, FileId, private};

use crate::error::CommandError;
use crate::ui::Ui;

/// Whether the user agreed already that a crate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NativeBuild {
    /// They are asked.
    Ask,
    /// They agreed on the command line.
    Allowed,
    /// They agreed since this command began.
    Agreed,
}

impl NativeBuild {
    /// Returns it by the option of the command line.
    pub(crate) fn by_option(is_allowed: bool) -> Self {
        if is_allowed { Self::Allowed } else { Self::Ask }
    }
}

/// What the user said about building crates.
#[derive(Debug)]
pub(crate) struct Agreement<'a> {
    pub(crate) given: NativeBuild,
    /// The private folder of which folders they agreed to for good.
    pub(crate) agreements: &'a Path,
}

impl Agreement<'_> {
    /// Finds out whether the user agrees: as they said, as they said for good before, or by
    /// asking.
    ///
    /// # Errors
    /// They do not, or are not there to be asked.
    pub(crate) fn ask(&self, ui: Ui, folder: &Path) -> Result<(), CommandError> {
        if self.given == NativeBuild::Agreed {
            return Ok(());
        }
        let folder = folder.canonicalize()?;
        let shown = plain(&folder.display().to_string());
        if self.given == NativeBuild::Allowed {
            ui.status(&format!(
                "note: building {shown} runs what its author wrote outside of any sandbox"
            ));
            return Ok(());
        }
        let lasting = self.lasting(&folder)?;
        if lasting.as_ref().is_some_and(|path| path.is_file()) {
            return Ok(());
        }
        if !ui.can_ask() {
            let message = format!(
                "building {shown} runs what its author wrote outside of any sandbox (build.rs, \
                 macros, and the like of all that it depends on), and nobody agreed to that"
            );
            return Err(CommandError::new(message)
                .hint("if you trust its author: --allow-native-build")
                .hint(
                    "otherwise ask the author for the .wasm file, which runs in a sandbox only",
                ));
        }
        ui.status(&format!("Building {shown} runs what its author wrote:"));
        ui.status("build.rs, macros, and the like of all that it depends on. That is not in a");
        ui.status("sandbox: it can read and change all that you can.");
        self.put_question(ui, &folder, lasting.as_deref())
    }

    fn put_question(
        &self,
        ui: Ui,
        folder: &Path,
        lasting: Option<&Path>,
    ) -> Result<(), CommandError> {
        let question = match lasting {
            Some(_) => "Build it? [y]es, [n]o, [a]lways for this folder:",
            None => "Build it? [y]es, [n]o:",
        };
        loop {
            match (ui.ask(question)?.as_str(), lasting) {
                ("y" | "yes", _) => return Ok(()),
                ("a" | "always", Some(path)) => {
                    private::make_folder(self.agreements)?;
                    private::write(path, folder.as_os_str().as_encoded_bytes())?;
                    return Ok(());
                }
                ("n" | "no" | "", _) => {
                    return Err(CommandError::declined("Not agreed to, so not built."));
                }
                (_, Some(_)) => ui.status("Please answer y, n or a."),
                (_, None) => ui.status("Please answer y or n."),
            }
        }
    }

    /// Returns the file that says that a folder was agreed to for good. There is none for a
    /// folder that others can change.
    fn lasting(&self, folder: &Path) -> Result<Option<PathBuf>, CommandError> {
        let metadata = fs::metadata(folder)?;
        let id = Dir::open_ambient(folder)?.look_at_itself()?.id;
        let name = Digest::of(identity(folder, &metadata, id).as_bytes());
        let may_last = private::is_ours_or_of_our_group(folder)?;
        Ok(may_last.then(|| self.agreements.join(name.as_str())))
    }
}

/// Another folder that comes to lie at the same place is another one.
fn identity(folder: &Path, metadata: &Metadata, id: FileId) -> String {
    let made = metadata.created().ok();
    let made = made.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!(
        "{:?} {} {} {:?}",
        folder.as_os_str().as_encoded_bytes(),
        id.device,
        id.file,
        made
    )
}
