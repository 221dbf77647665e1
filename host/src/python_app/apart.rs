//! Serves a program without building it: its files come to a component that was built of the
//! interpreter and its packages alone, and is the same whatever the program says.
//!
//! Why: docs/decisions/63-a-program-apart-from-its-component.md

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use syft_manifest::sanitize::plain;
use syft_manifest::units::show_mib;
use syft_manifest::{Digest, Files, Grants, Limits, Manifest};
use syft_protocol::address::{AppName, Datasite};

use super::draft::Draft;
use super::program_files::ProgramFiles;
use super::report::Report;
use super::stage::add_files;
use super::{ENDLESS, ProgramInputs, PythonProgram, cache, expect_loadable, fill, take_rules};
use crate::asking::Asking;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::capability::{AppAccess, AppIdentity};
use syft_runtime::child::End;
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::compile;
use syft_runtime::sandbox::{Admission, Compiling, Outcome, Sandbox, turn};

/// As long as a start may take that calls would have to wait for.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a program gets for its start that asks for much.
const MAX_MEMORY: usize = 1 << 30;

/// What the program's files may come to when they are compiled, and all that is said of them.
const MAX_SAID: usize = 64 << 20;

/// A program apart from its component.
pub(crate) struct ApartApp {
    /// The interpreter with the packages.
    pub(crate) base: Vec<u8>,
    pub(crate) files: ProgramFiles,
    /// Of all that decides what is served.
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    /// The name that the program gave its app.
    pub(crate) name: String,
    /// The tests that were found in the files of tests.
    pub(crate) tests: Vec<FoundTest>,
}

/// A test of a program, or a file of tests that cannot be loaded.
#[derive(Debug, Deserialize)]
pub(crate) struct FoundTest {
    /// The file and the function, or the file alone.
    pub(crate) name: String,
    /// What is to be there before it begins, by paths below the folder of all datasites: in
    /// base64, and nobody has checked any of it.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Why the file cannot be loaded.
    error: Option<Report>,
}

impl FoundTest {
    /// Returns why its file cannot be loaded, for its author.
    pub(crate) fn trouble(&self, program: &PythonProgram) -> Option<String> {
        self.error.as_ref().map(|report| report.in_words(program))
    }
}

/// What trying a program out has found out.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Fails {
        error: Report,
    },
    Starts {
        app: String,
        rules: BTreeMap<String, String>,
        /// Variables of the program that its packages have looked for too early.
        unread: Vec<String>,
        plan: String,
        tests: Vec<FoundTest>,
    },
}

/// Makes a program ready to be served without building it, or to be tested by these files beside
/// it.
///
/// # Errors
/// As when it is built.
pub(crate) async fn make_ready(
    ui: Ui,
    overrides: &Overrides,
    config: &Config,
    program: &PythonProgram,
    inputs: ProgramInputs<'_>,
    memory_bytes: Option<usize>,
    test_files: &[String],
) -> Result<ApartApp, CommandError> {
    let draft = Draft::of(ui, overrides, program, inputs)?;
    let base = base(ui, &draft)?;
    expect_loadable(&base)?;
    let files = ProgramFiles::copy(&draft, program, inputs, test_files)?;
    let sources = digest(&base, &files)?;
    let trial = Trial {
        ui,
        config,
        program,
        files: &files,
    };
    let limits = draft.manifest.limits.over(Limits::default());
    let limits = Limits {
        time: DEADLINE,
        // Nobody has approved what the program asks for yet.
        memory_bytes: memory_bytes.unwrap_or(limits.memory_bytes.min(MAX_MEMORY)),
        concurrency: 1,
        hostcall_bytes: MAX_SAID,
        ..limits
    };
    let asking = Asking::begin(&config.asking(), &sources).await;
    let asking = asking.map_err(|error| CommandError::new(error.to_string()))?;
    let TriedOut { name, rules, tests } = trial.run(base.clone(), limits).await?;
    drop(asking);
    let mut manifest = draft.manifest;
    take_rules(ui, &mut manifest, &rules);
    let manifest = fill(manifest, &name, draft.analysis.description.as_deref())?;
    let digest = with_manifest(&sources, &manifest);
    Ok(ApartApp {
        base,
        files,
        digest,
        manifest,
        name,
        tests,
    })
}

/// Returns the component of the interpreter and a program's packages: it came with this program, or
/// was built before, or is built now.
fn base(ui: Ui, draft: &Draft) -> Result<Vec<u8>, CommandError> {
    let Draft {
        folder,
        tools,
        stage,
        requirements,
        wheels,
        ..
    } = draft;
    let digest = stage.digest(requirements, wheels)?;
    if let Some(component) = cache::shipped(&digest)? {
        return Ok(component);
    }
    let wasm = cache::path(folder, &digest);
    if let Some(kept) = cache::read(&wasm)? {
        return Ok(kept.component);
    }
    // What is built twice is not the same twice, and would be compiled twice.
    let _alone = cache::alone(ui, &wasm, &requirements.in_words())?;
    if let Some(kept) = cache::read(&wasm)? {
        return Ok(kept.component);
    }
    let base = requirements.in_words();
    ui.status(&format!("building {base}, once for all changes"));
    let _waiting = ui.wait(&format!("building {base}"));
    tools.install(requirements, wheels, &stage.packages())?;
    stage.give_way()?;
    let ended = tools.componentize(stage)?;
    if !matches!(ended.end, End::Exited(0)) {
        let why = ended.why(30);
        return Err(CommandError::new(format!("{base} does not build: {why}")));
    }
    let component = stage.take_component()?;
    cache::put(&wasm, &stage.component(), cache::Said::default())?;
    Ok(component)
}

/// Returns the digest of what is served, with what it asks for: a program may compute the access
/// rules that it writes.
fn with_manifest(sources: &Digest, manifest: &Manifest) -> Digest {
    let hash = Sha256::new().chain_update(sources.as_str());
    let hash = hash.chain_update(manifest.to_section());
    Digest::from(&hash.finalize().into())
}

fn digest(base: &[u8], files: &ProgramFiles) -> Result<Digest, CommandError> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(Digest::of(base).as_str().as_bytes());
    add_files(&files.path(), &mut add)?;
    Ok(Digest::from(&hash.finalize().into()))
}

/// What a program turned out to be.
struct TriedOut {
    name: String,
    /// The access rules that it wrote, by their paths.
    rules: BTreeMap<String, String>,
    tests: Vec<FoundTest>,
}

/// Runs a program once, with nothing but its files, to find out what it serves.
struct Trial<'a> {
    ui: Ui,
    config: &'a Config,
    program: &'a PythonProgram,
    files: &'a ProgramFiles,
}

impl Trial<'_> {
    /// Puts what was found out beside the program's files.
    async fn run(&self, base: Vec<u8>, limits: Limits) -> Result<TriedOut, CommandError> {
        let outcome = self.outcome(base, limits).await?;
        let said = outcome.map_err(|outcome| self.explain(&outcome))?;
        let said = serde_json::from_slice(&said);
        let said = said.map_err(|error| self.wrong(&format!("what it says of itself: {error}")))?;
        match said {
            Said::Fails { error } => Err(error.into_error(self.ui, self.program)),
            Said::Starts {
                app,
                rules,
                unread,
                plan,
                tests,
            } => {
                for name in unread {
                    let name = plain(&name);
                    self.ui.status(&format!(
                        "note: a package read {name} when it was imported, which was too early"
                    ));
                    self.ui
                        .status("hint: --build gives variables to packages, too");
                }
                let plan = BASE64.decode(plan.as_bytes());
                let plan = plan.map_err(|error| self.wrong(&error.to_string()))?;
                self.files.put_plan(&plan)?;
                Ok(TriedOut {
                    name: app,
                    rules,
                    tests,
                })
            }
        }
    }

    async fn outcome(
        &self,
        base: Vec<u8>,
        limits: Limits,
    ) -> Result<Result<Vec<u8>, Outcome>, CommandError> {
        // Nobody, and no app that there is: what belongs to the owner is there in calls.
        let identity = AppIdentity {
            app: Arc::from("app"),
            datasite: Arc::from("nobody@example.org"),
        };
        let access = self.access(&identity)?;
        let (compile_limits, memory) = (self.config.compile.clone(), Memory::unbounded());
        let sandbox = Sandbox::new(limits, compile_limits, &self.config.cache, &memory)?;
        let sandbox = Arc::new(sandbox.with_program_files(&self.files.path())?);
        if !sandbox.is_compiled(&Digest::of(&base)) {
            self.ui
                .status("compiling Python and its packages, once for all changes");
        }
        let size = show_mib(base.len() as u64);
        let _waiting = self.ui.wait(&format!(
            "compiling Python, {size}, and starting the program"
        ));
        let turn = turn("").await;
        let program = compile(sandbox, base, Compiling::Alone, turn).await??;
        let meter = program.admit(Admission::Full).await;
        Ok(program.try_out(&identity, &meter, &access, None).await)
    }

    /// Returns a folder of its own and a temporary one, both empty.
    fn access(&self, identity: &AppIdentity) -> Result<AppAccess, CommandError> {
        let grants = Grants {
            requested: Files {
                own_folder: true,
                ..Files::default()
            },
            ..Grants::default()
        };
        let datasites = self.files.beside("datasites")?;
        let (app, datasite) = (
            AppName::parse(&identity.app)?,
            Datasite::parse(&identity.datasite)?,
        );
        let files = FileAccess::new(&datasites, &grants, &datasite, &app)?;
        Ok(AppAccess {
            files: files.with_temporary(self.files.beside("temporary")?)?,
            ..AppAccess::default()
        })
    }

    fn explain(&self, outcome: &Outcome) -> CommandError {
        let detail = outcome.detail().unwrap_or_default();
        let error = self.wrong(&detail);
        match outcome {
            Outcome::TimedOut(_) => error.hint(ENDLESS),
            Outcome::OutOfMemory(_) => error.hint("give it more with --memory"),
            _ => error,
        }
    }

    fn wrong(&self, why: &str) -> CommandError {
        let shown: &Path = &self.program.path();
        let message = format!("{} does not start: {why}", shown.display());
        CommandError::new(plain(&message))
    }
}
