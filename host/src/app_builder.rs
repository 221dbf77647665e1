//! Builds an app from its sources, whatever language they are in.

use std::path::{Path, PathBuf};

use syft_manifest::Limits;

use crate::agreement::Agreement;
pub(crate) use crate::agreement::NativeBuild;
use crate::built_app::{self, BuiltApp};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use crate::{guest_crate, python_app};

pub(crate) use python_app::{ApartApp, ProgramFiles, ProgramInputs, TestResult, TestedProgram};

/// Returns whether a path holds sources and not a component.
pub(crate) fn is_source(path: &Path) -> bool {
    path.is_dir() || python_app::find(path).is_some()
}

/// Returns whether a path holds a Python program.
pub(crate) fn is_program(path: &Path) -> bool {
    python_app::find(path).is_some()
}

/// Returns the Python program at a path with its tests, if there is a program.
///
/// # Errors
/// It does not start, or there are no tests.
pub(crate) async fn tested_program(
    ui: Ui,
    overrides: &Overrides,
    config: &Config,
    path: &Path,
    inputs: ProgramInputs<'_>,
    limits: impl FnOnce(Limits) -> Limits,
) -> Result<Option<TestedProgram>, CommandError> {
    let Some(program) = python_app::find(path) else {
        return Ok(None);
    };
    let tested = TestedProgram::of(ui, overrides, config, program, inputs, limits);
    tested.await.map(Some)
}

/// Runs the tests of the guest crate in a folder by cargo, and returns what they say and whether
/// they pass.
///
/// # Errors
/// There is no crate, the user does not agree to the build, or it does not build.
pub(crate) fn test_crate(
    ui: Ui,
    overrides: &Overrides,
    folder: &Path,
    filter: Option<&str>,
    native: NativeBuild,
) -> Result<(Vec<u8>, bool), CommandError> {
    let agreements = Config::find_agreements(overrides)?;
    let agreement = Agreement {
        given: native,
        agreements: &agreements,
    };
    guest_crate::test(ui, folder, filter, &agreement)
}

/// Returns the folder of the Python program at a path, if there is one.
pub(crate) fn program_folder(path: &Path) -> Option<PathBuf> {
    python_app::find(path).map(|program| program.folder().to_owned())
}

/// Asks the user whether the crate in a folder may be built, if there is one and they did not say.
///
/// # Errors
/// They do not agree, or are not there to be asked.
pub(crate) fn agree(
    ui: Ui,
    overrides: &Overrides,
    folder: &Path,
    native: NativeBuild,
) -> Result<(), CommandError> {
    let agreements = Config::find_agreements(overrides)?;
    let agreement = Agreement {
        given: native,
        agreements: &agreements,
    };
    agreement.ask(ui, folder)
}

fn is_component(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|end| end == "wasm")
}

/// Makes the Python program at a path ready to be served without building it, if there is one. A
/// start of it may use so much memory, or else as much as it asks for.
///
/// # Errors
/// As [`build`].
pub(crate) async fn make_ready(
    ui: Ui,
    overrides: &Overrides,
    config: &Config,
    path: &Path,
    inputs: ProgramInputs<'_>,
    memory_bytes: Option<usize>,
) -> Result<Option<ApartApp>, CommandError> {
    let Some(program) = python_app::find(path) else {
        return Ok(None);
    };
    let ready = python_app::make_ready(ui, overrides, config, &program, inputs, memory_bytes, &[]);
    ready.await.map(Some)
}

/// Builds the Python program or the guest crate at a path, or gives the component there its
/// manifest. Of the files beside a program
/// it takes modules, and those that are included. A crate is built once the user agreed.
///
/// # Errors
/// There is neither, its manifest is invalid, the user does not agree to the build, or the
/// build fails.
pub(crate) fn build(
    ui: Ui,
    overrides: &Overrides,
    path: &Path,
    inputs: ProgramInputs<'_>,
    native: NativeBuild,
) -> Result<BuiltApp, CommandError> {
    match python_app::find(path) {
        Some(program) => python_app::build_app(ui, overrides, &program, inputs),
        None if is_component(path) => built_app::of_component(ui, path),
        None if !inputs.arguments.is_empty() => Err(CommandError::new(
            "arguments after -- are for Python programs only",
        )),
        None if !inputs.included.is_empty() => {
            Err(CommandError::new("--include is for Python programs only")
                .hint("a crate embeds files by include_str! or include_bytes!"))
        }
        None => {
            let agreements = Config::find_agreements(overrides)?;
            let agreement = Agreement {
                given: native,
                agreements: &agreements,
            };
            guest_crate::build_app(ui, path, &agreement)
        }
    }
}
