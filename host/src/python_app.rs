//! Builds a program of SyftEvent, which is Python, into a component.
//!
//! The program runs once while it is built, in the sandbox of the builder, and what it
//! leaves in memory becomes the component. Out here only its text is read.
//!
//! Why: docs/decisions/44-python-programs-run-once-at-build.md,
//! docs/decisions/58-starts-and-memory-of-python.md

mod analysis;
mod cache;
mod locked;
mod pip;
mod python;
mod report;
pub mod requirements;
mod stage;
mod tools;
mod wheels;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use syft_manifest::sanitize::{plain, quoted};
use syft_manifest::{
    HttpOrigin, Limits, Manifest, Problem, ProgramMemory, VariableName, WantedRules, WantedSecret,
    section,
};
use syft_protocol::grant::PathPattern;

use crate::built_app::{self, BuiltApp};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use analysis::Analysis;
use cache::{Kept, Said};
use requirements::Requirements;
use stage::{Plan, Reason, Stage};
use syft_runtime::child::End;
use tools::Tools;

pub(crate) use cache::folder as builds;
pub(crate) use tools::{delete_environment, environments, is_current_environment};
pub(crate) use wheels::Wheels;

/// The program of a folder that is given for an app.
const DEFAULT_PROGRAM: &str = "app.py";

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
    let authored = built_app::read_manifest(ui, &program.folder)?;
    let requirements = Requirements::read(&program.folder)?;
    let folder = Config::find_python_folder(overrides)?;
    let tools = Tools::make_ready(ui, &folder)?;
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
        None => (analysis.manifest(ui)?, Vec::new()),
    };
    // Its current folder, as every program of SyftEvent has one.
    manifest.files.own_folder = true;
    let mut manifest = manifest.with_args(inputs.arguments).map_err(unfit)?;
    let memory = manifest.memory.unwrap_or(ProgramMemory::Fresh);
    stage.take(program, &analysis.files, &manifest.args, memory)?;
    stage.take_environment(&manifest, inputs.variables)?;
    // A name that cannot be is found out before the long part.
    if let Some(name) = &analysis.name {
        fill(manifest.clone(), name, None)?;
    }
    let key = stage.digest(&requirements, &wheels)?;
    let wasm = cache::path(&folder, &key);
    let kept = match cache::read(&wasm)? {
        Some(kept) => kept,
        None => {
            let said = build(ui, &tools, &stage, (&requirements, &wheels), program)?;
            let component = fs::read(stage.component())?;
            cache::put(&wasm, &stage.component(), &said)?;
            Kept { component, said }
        }
    };
    // The name as it was when the program ran: its text may not show it.
    let Kept { component, said } = kept;
    let name = said.app_name;
    if manifest.access.is_empty() {
        manifest.access = wanted_rules(ui, &said.rules);
    }
    let manifest = fill(manifest, &name, analysis.description.as_deref())?;
    let component = section::embed(&component, &manifest.to_section())?;
    expect_loadable(&component)?;
    Ok(BuiltApp {
        component,
        manifest,
        warnings,
        package: name,
        wasm,
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

/// Returns the access rules that a program wrote at its start as those that it asks for.
fn wanted_rules(ui: Ui, written: &BTreeMap<String, String>) -> Vec<WantedRules> {
    let mut wanted = Vec::new();
    for (path, text) in written {
        match WantedRules::new(path, text) {
            Ok(rules) => wanted.push(rules),
            Err(problem) => ui.status(&format!(
                "note: access rules that the program writes are left out: {}",
                problem.message
            )),
        }
    }
    wanted
}

/// Builds the component, and returns what the program said of itself.
fn build(
    ui: Ui,
    tools: &Tools,
    stage: &Stage,
    (requirements, wheels): (&Requirements, &Wheels),
    program: &PythonProgram,
) -> Result<Said, CommandError> {
    let shown = program.path();
    ui.status(&format!("building {}", shown.display()));
    tools.install(requirements, wheels, &stage.packages())?;
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
    let endless = "code outside of handlers runs while the app is built: \
                   let it end with box.run_forever()";
    let shown = shown.display();
    match ended.end {
        End::Exited(0) => Ok(()),
        End::Exited(_) => {
            let said = String::from_utf8_lossy(&ended.stderr);
            Err(report::explain(ui, program, &said))
        }
        End::TooLate(limit) => {
            Err(CommandError::new(format!("{shown} did not finish within {limit:?}")).hint(endless))
        }
        End::CpuTime => Err(CommandError::new(format!(
            "{shown} used too much processor time while it was built"
        ))
        .hint(endless)),
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

    /// Returns the manifest of a program that has none: it asks to read what it watches, and to
    /// send requests where its text says.
    fn manifest(&self, ui: Ui) -> Result<Manifest, CommandError> {
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
