//! The files of a program as calls find them whose component was built without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::analysis::Analysis;
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
    /// Copies the files of a program, and those beside it that are to test it.
    pub(super) fn copy(
        draft: &Draft,
        program: &PythonProgram,
        inputs: ProgramInputs<'_>,
        test_files: &[String],
    ) -> Result<Self, CommandError> {
        let files = Self {
            folder: Scratch::new(&draft.folder)?,
        };
        let manifest = &draft.manifest;
        // Its folder keeps its name: there are programs that name themselves by it.
        let folder = files.path().join("files").join(program.folder_name()?);
        let mut all: BTreeSet<String> = draft.analysis.files.iter().cloned().collect();
        for file in test_files {
            let test = PythonProgram {
                folder: program.folder.clone(),
                file: file.clone(),
            };
            // With what it imports from beside it.
            all.extend(Analysis::of(&draft.tools, &draft.stage, &test, &[])?.files);
        }
        copy(program, &all, &folder)?;
        let about = json!({
            "file": program.file,
            "arguments": manifest.args,
            "memory": draft.memory().as_str(),
            "environment": environment(manifest, inputs.variables),
            "tests": test_files,
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

    /// Returns an empty folder beside the files.
    pub(super) fn scratch(&self) -> std::io::Result<Scratch> {
        Scratch::new(&self.folder.path().join("tests"))
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
