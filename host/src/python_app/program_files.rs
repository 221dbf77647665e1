//! The files of a program as calls find them whose component was built without it.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::draft::Draft;
use super::stage::{copy, environment, write};
use super::{ProgramInputs, PythonProgram};
use crate::error::CommandError;
use syft_runtime::scratch::Scratch;

/// Copies of the files that a build would take, and what was found out of them. Deleted in the
/// end.
#[derive(Debug)]
pub(crate) struct ProgramFiles {
    folder: Scratch,
}

impl ProgramFiles {
    /// Copies the files of a program.
    pub(super) fn copy(
        draft: &Draft,
        program: &PythonProgram,
        inputs: ProgramInputs<'_>,
    ) -> Result<Self, CommandError> {
        let files = Self {
            folder: Scratch::new(&draft.folder)?,
        };
        let manifest = &draft.manifest;
        // Its folder keeps its name: there are programs that name themselves by it.
        let folder = files.path().join("files").join(program.folder_name()?);
        copy(program, &draft.analysis.files, &folder)?;
        let about = json!({
            "file": program.file,
            "arguments": manifest.args,
            "memory": draft.memory().as_str(),
            "environment": environment(manifest, inputs.variables),
        });
        write(
            &files.path().join("about.json"),
            about.to_string().as_bytes(),
        )?;
        Ok(files)
    }

    /// Returns the folder that calls find.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// Returns a folder for what is made while the program is tried out.
    pub(super) fn beside(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Puts what was found out where calls find it.
    pub(super) fn put_plan(&self, plan: &[u8]) -> Result<(), CommandError> {
        Ok(write(&self.path().join("plan"), plan)?)
    }
}
