//! Builds a program of SyftEvent, which is Python, into a component.
//!
//! The program runs once while it is built, in the sandbox of the builder, and what it
//! leaves in memory becomes the component. Out here only its text is read.
//!
//! Why: docs/decisions/44-python-programs-run-once-at-build.md,
//! docs/decisions/58-starts-and-memory-of-python.md

mod analysis;
mod apart;
mod cache;
mod draft;
mod locked;
mod one_module;
mod pip;
mod program_files;
mod python;
mod report;
pub mod requirements;
mod shipped;
mod stage;
mod testing;
mod tools;
mod wheels;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use syft_manifest::sanitize::{plain, quoted};
use syft_manifest::{
    HttpOrigin, Limits, Manifest, Problem, ProgramMemory, VariableName, WantedRules, WantedSecret,
    section,
};
use syft_protocol::grant::PathPattern;

use crate::built_app::BuiltApp;
use crate::config::Overrides;
use crate::error::CommandError;
use crate::ui::Ui;
use analysis::Analysis;
use cache::{Kept, Said};
use draft::Draft;
use stage::{Plan, Reason, Stage, environment};
use syft_runtime::child::End;
use tools::Tools;

pub(crate) use apart::{ApartApp, make_ready};
pub(crate) use cache::folder as builds;
pub(crate) use program_files::ProgramFiles;
pub(crate) use testing::{TestResult, TestedProgram};
pub(crate) use tools::{delete_environment, environments, is_current_environment, look};
pub(crate) use wheels::Wheels;

/// The program of a folder that is given for an app.
const DEFAULT_PROGRAM: &str = "app.py";

const ENDLESS: &str = "code outside of handlers runs while the app is built: let it end with \
                       box.run_forever()";

/// What a program is built with beside its own text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProgramInputs<'a> {
    /// Files beside it that go into the app.
    pub(crate) included: &'a [String],
    /// Its command line arguments.
    pub(crate) arguments: &'a [String],
    /// Environment variables that the owner gives it, in the place of its own.
    pub(crate) variables: &'a [(VariableName, String)],
}

/// A Python program.
#[derive(Debug)]
pub(crate) struct PythonProgram {
    folder: PathBuf,
    /// Its file in the folder.
    file: String,
}

/// Returns the program at a path: a Python file, or a folder with `app.py` that is no
/// crate.
pub(crate) fn find(path: &Path) -> Option<PythonProgram> {
    if path.is_dir() {
        let is_program = path.join(DEFAULT_PROGRAM).is_file() && !path.join("Cargo.toml").exists();
        return is_program.then(|| PythonProgram {
            folder: path.to_owned(),
            file: DEFAULT_PROGRAM.to_owned(),
        });
    }
    let is_program = path.extension().is_some_and(|extension| extension == "py") && path.is_file();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    is_program.then_some(PythonProgram {
        folder: folder.to_owned(),
        file: path.file_name()?.to_str()?.to_owned(),
    })
}

/// Builds a program and embeds its manifest: the author's, or one made from the program's
/// text. Takes the component from the cache if it was built from the same files before.
///
/// # Errors
/// The manifest is invalid, which is checked first; there is no Python to build with; or
/// the program does not run.
pub(crate) fn build_app(
    ui: Ui,
    overrides: &Overrides,
    program: &PythonProgram,
    inputs: ProgramInputs<'_>,
) -> Result<BuiltApp, CommandError> {
    let draft = Draft::of(ui, overrides, program, inputs)?;
    let Draft {
        folder,
        stage,
        analysis,
        requirements,
        wheels,
        manifest,
        ..
    } = &draft;
    stage.take(program, &analysis.files, &manifest.args, draft.memory())?;
    stage.take_environment(&environment(manifest, inputs.variables))?;
    let wasm = cache::path(folder, &stage.digest(requirements, wheels)?);
    let kept = match cache::read(&wasm)? {
        Some(kept) => kept,
        None => {
            let said = build(ui, &draft, program)?;
            let component = stage.take_component()?;
            cache::put(&wasm, &stage.component(), said.clone())?;
            Kept { component, said }
        }
    };
    // The name as it was when the program ran: its text may not show it.
    let Kept { component, said } = kept;
    let name = said.app_name;
    let mut manifest = draft.manifest;
    take_rules(ui, &mut manifest, &said.rules);
    let manifest = fill(manifest, &name, draft.analysis.description.as_deref())?;
    let component = section::embed(&component, &manifest.to_section())?;
    expect_loadable(&component)?;
    Ok(BuiltApp {
        component,
        manifest,
        warnings: draft.warnings,
        package: name,
        wasm,
        crates: Vec::new(),
    })
}

/// Says now what would be said when the component is loaded.
fn expect_loadable(component: &[u8]) -> Result<(), CommandError> {
    let (bytes, limit) = (component.len() as u64, Limits::default().component_bytes);
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("the component has {bytes} bytes; at most {limit} are allowed");
    Err(CommandError::new(message).hint("leave packages out that the program does not need"))
}

/// Has a program ask for the access rules that it wrote at its start, unless its manifest asks for
/// others.
fn take_rules(ui: Ui, manifest: &mut Manifest, written: &BTreeMap<String, String>) {
    let (elsewhere, own): (Vec<_>, Vec<_>) =
        written.iter().partition(|(path, _)| path.starts_with('/'));
    for (path, _) in elsewhere {
        ui.status(&format!(
            "note: access rules that the program writes are left out: {}",
            plain(path)
        ));
        ui.status(
            "hint: an app asks for those of its own folder alone; who owns the datasite can put \
             the file there",
        );
    }
    if !manifest.access.is_empty() {
        return;
    }
    for (path, text) in own {
        match WantedRules::new(path, text) {
            Ok(rules) => manifest.access.push(rules),
            Err(problem) => ui.status(&format!(
                "note: access rules that the program writes are left out: {}",
                problem.message
            )),
        }
    }
}

/// Builds the component, and returns what the program said of itself.
fn build(ui: Ui, draft: &Draft, program: &PythonProgram) -> Result<Said, CommandError> {
    let (tools, stage) = (&draft.tools, &draft.stage);
    let shown = program.path();
    ui.status(&format!("building {}", shown.display()));
    let _waiting = ui.wait(&format!(
        "building {} with componentize-py",
        shown.display()
    ));
    tools.install(&draft.requirements, &draft.wheels, &stage.packages())?;
    stage.give_way()?;
    componentize(ui, tools, stage, program)?;
    let plan = stage.plan()?;
    if let Some(plan) = &plan {
        say_why(ui, program, plan);
        componentize(ui, tools, stage, program)?;
    }
    Ok(Said {
        app_name: stage.app_name()?,
        rules: plan.map(|plan| plan.rules).unwrap_or_default(),
        ..Said::default()
    })
}

fn say_why(ui: Ui, program: &PythonProgram, plan: &Plan) {
    const MAX_SHOWN: usize = 3;
    let shown = plain(&program.path().display().to_string());
    ui.status(&format!(
        "note: {shown} starts in each call, for its start needs what only a call has:"
    ));
    for Reason { what, line } in plan.reasons.iter().take(MAX_SHOWN) {
        ui.status(&quoted(&format!("{line} {what}")));
    }
}

/// Runs the builder, and says what is wrong with the program if it fails.
fn componentize(
    ui: Ui,
    tools: &Tools,
    stage: &Stage,
    program: &PythonProgram,
) -> Result<(), CommandError> {
    let shown = program.path();
    let ended = tools.componentize(stage)?;
    let shown = shown.display();
    match ended.end {
        End::Exited(0) => Ok(()),
        End::Exited(_) => {
            let said = String::from_utf8_lossy(&ended.stderr);
            Err(report::explain(ui, program, &said))
        }
        End::TooLate(limit) => {
            Err(CommandError::new(format!("{shown} did not finish within {limit:?}")).hint(ENDLESS))
        }
        End::CpuTime => Err(CommandError::new(format!(
            "{shown} used too much processor time while it was built"
        ))
        .hint(ENDLESS)),
        end => Err(CommandError::new(format!("{shown} does not build: {end}"))),
    }
}

fn unfit(problem: Problem) -> CommandError {
    CommandError::new(problem.message).hint(problem.help)
}

fn fill(
    manifest: Manifest,
    name: &str,
    description: Option<&str>,
) -> Result<Manifest, CommandError> {
    manifest.or_of_program(name, description).map_err(|error| {
        CommandError::from(error).hint("give the app another name: box = SyftEvents(\"my_app\")")
    })
}

impl PythonProgram {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self) -> PathBuf {
        self.beside(&self.file)
    }

    /// Returns the name of its folder.
    fn folder_name(&self) -> Result<String, CommandError> {
        let whole = self.folder.canonicalize()?;
        let name = whole.file_name().and_then(OsStr::to_str);
        Ok(name.unwrap_or("program").to_owned())
    }

    /// Returns the path of one of its files, as a message shows it.
    fn beside(&self, file: &str) -> PathBuf {
        if self.folder == Path::new(".") {
            PathBuf::from(file)
        } else {
            self.folder.join(file)
        }
    }
}

impl Analysis {
    fn warn_of_files_left_out(&self, ui: Ui) {
        for file in &self.left_out {
            let file = plain(file);
            ui.status(&format!(
                "note: the program names {file}, which lies beside it and is not included"
            ));
            ui.status(&format!(
                "hint: to give it to everyone who gets the app: --include {file}"
            ));
        }
    }

    fn warn_of_what_cannot_work(&self, ui: Ui, program: &PythonProgram) {
        if self.cannot.is_empty() {
            return;
        }
        ui.status("note: some of what the program calls cannot work in the sandbox:");
        for cannot in &self.cannot {
            ui.status(&quoted(&cannot.in_words(program)));
        }
    }

    fn note_a_web_server(&self, ui: Ui, program: &PythonProgram) {
        if let Some((file, line)) = &self.web_server {
            let file = program.beside(file).display().to_string();
            ui.status(&format!(
                "note: {}:{line}: no web server runs here, so the app has no pages: what it binds \
                 to SyftBox is answered",
                plain(&file)
            ));
        }
    }

    fn note_a_hidden_message(&self, ui: Ui, program: &PythonProgram) {
        if let Some((file, line)) = &self.hidden_message {
            let file = program.beside(file).display().to_string();
            ui.status(&format!(
                "note: {}:{line}: to whom this message goes is computed, so it cannot be read from \
                 the program's text",
                plain(&file)
            ));
            ui.status(
                "hint: ask for it in a syft-app.toml beside it: [messages] \
                 send = [\"*/app_data/NAME/rpc/**\"]",
            );
        }
    }

    /// Returns the manifest of a program that has none: it asks to read what it watches, and to
    /// send requests and messages where its text says.
    fn manifest(&self, ui: Ui, program: &PythonProgram) -> Result<Manifest, CommandError> {
        let mut manifest = Manifest {
            // As the program has it under SyftEvent.
            memory: Some(ProgramMemory::Kept),
            ..Manifest::default()
        };
        for pattern in &self.reads {
            match PathPattern::parse(pattern) {
                Ok(pattern) => manifest.files.read.push(pattern),
                Err(error) => ui.status(&format!(
                    "note: the app cannot be granted to read what it watches by {pattern:?}: {error}"
                )),
            }
        }
        let origins = self.origins.iter();
        manifest.http.allow = origins
            .filter_map(|origin| HttpOrigin::parse(origin).ok())
            .collect();
        let sends = self.sends.iter();
        manifest.messages.send = sends
            .filter_map(|pattern| PathPattern::parse(pattern).ok())
            .collect();
        self.note_a_hidden_message(ui, program);
        let names = self.variables.iter();
        let names = names.filter_map(|name| VariableName::parse(name).ok());
        manifest.secrets = names
            .map(|name| WantedSecret { name, sent: None })
            .collect();
        if self.n_hidden_watches > 0 {
            ui.status(&format!(
                "note: {} of its watches are computed, so they cannot be read from its text",
                self.n_hidden_watches
            ));
            ui.status(
                "hint: ask for these files in a syft-app.toml beside it: [files] read = [\"…\"]",
            );
        }
        // As one would write it, with all that is checked about lists of patterns.
        Ok(Manifest::from_section(&manifest.to_section())?)
    }
}
