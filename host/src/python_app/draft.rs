//! What is known of a program before it is built: its text, its manifest and its packages.

use std::path::PathBuf;

use syft_manifest::{Diagnostic, Manifest, ProgramMemory};

use super::analysis::Analysis;
use super::requirements::Requirements;
use super::stage::Stage;
use super::tools::Tools;
use super::wheels::Wheels;
use super::{ProgramInputs, PythonProgram, cache, fill, unfit};
use crate::built_app;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// A program that was read and not built.
pub(super) struct Draft {
    /// Where the builder keeps what it makes.
    pub(super) folder: PathBuf,
    pub(super) tools: Tools,
    pub(super) stage: Stage,
    pub(super) analysis: Analysis,
    pub(super) requirements: Requirements,
    pub(super) wheels: Wheels,
    pub(super) manifest: Manifest,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Draft {
    /// Reads a program, and says what is to be known of it.
    ///
    /// # Errors
    /// Its manifest is invalid, there is no Python to build with, or its text is not Python.
    pub(super) fn of(
        ui: Ui,
        overrides: &Overrides,
        program: &PythonProgram,
        inputs: ProgramInputs<'_>,
    ) -> Result<Self, CommandError> {
        let authored = built_app::read_manifest(ui, &program.folder)?;
        let requirements = Requirements::read(&program.folder)?;
        let folder = Config::find_python_folder(overrides)?;
        let tools = Tools::find(ui, &folder)?;
        cache::tidy(&folder)?;
        let stage = Stage::new(&folder)?;
        let analysis = Analysis::of(&tools, &stage, program, inputs.included)?;
        let requirements = match requirements {
            Some(requirements) => requirements,
            None => Requirements::of_program(ui, &analysis.declared, &analysis.usual)?,
        };
        let requirements = requirements.with(&analysis.implied);
        let wheels = Wheels::of(&folder);
        analysis.warn_of_files_left_out(ui);
        analysis.warn_of_what_cannot_work(ui, program);
        analysis.note_a_web_server(ui, program);
        let (mut manifest, warnings) = match authored {
            Some(authored) => authored,
            None => (analysis.manifest(ui, program)?, Vec::new()),
        };
        // Its current folder, as every program of SyftEvent has one.
        manifest.files.own_folder = true;
        let manifest = manifest.with_args(inputs.arguments).map_err(unfit)?;
        // A name that cannot be is found out before the long part.
        if let Some(name) = &analysis.name {
            fill(manifest.clone(), name, None)?;
        }
        Ok(Self {
            folder,
            tools,
            stage,
            analysis,
            requirements,
            wheels,
            manifest,
            warnings,
        })
    }

    /// Returns whether its memory is kept from one call to the next.
    pub(super) fn memory(&self) -> ProgramMemory {
        self.manifest.memory.unwrap_or(ProgramMemory::Fresh)
    }
}
