//! Tests of a program: functions of its author's, each run in the sandbox with the program, in an
//! instance and a datasite of its own.
//!
//! Why: docs/decisions/78-tests-of-python-run-in-the-sandbox.md

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde::Deserialize;
use syft_manifest::sanitize::{plain, plain_lines};
use syft_manifest::{Grants, Limits, Manifest};
use syft_protocol::address::{AppName, Datasite};

use super::apart::{ApartApp, FoundTest};
use super::{ProgramInputs, PythonProgram, make_ready};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::capability::{AppAccess, AppIdentity, EnvironmentAccess};
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::compile;
use syft_runtime::sandbox::{Admission, Compiling, Program, Sandbox, turn};
use syft_runtime::secrets::SecretStore;

/// Whose app it is in tests.
const OWNER: &str = "owner@example.com";

/// A folder beside a program that may hold tests of it, too.
const FOLDER: &str = "tests";

/// What a test says of itself.
#[derive(Debug, Deserialize)]
struct TestReport {
    /// The error with its traceback.
    failure: Option<String>,
    output: String,
}

/// How a test went.
#[derive(Debug)]
pub(crate) struct TestResult {
    /// Its file and its function.
    pub(crate) name: String,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
    /// What the app and the test printed and logged.
    pub(crate) output: String,
    pub(crate) took: Duration,
}

/// A program with its tests.
pub(crate) struct TestedProgram {
    program: PythonProgram,
    app: ApartApp,
    sandboxed: Program,
    identity: AppIdentity,
    grants: Grants,
}

impl TestedProgram {
    /// Makes a program ready, and finds its tests.
    ///
    /// # Errors
    /// It does not start, or there are no files of tests.
    pub(crate) async fn of(
        ui: Ui,
        overrides: &Overrides,
        config: &Config,
        program: PythonProgram,
        inputs: ProgramInputs<'_>,
        limits: impl FnOnce(Limits) -> Limits,
    ) -> Result<Self, CommandError> {
        let files = test_files(&program.folder)?;
        if files.is_empty() {
            return Err(no_tests(&program));
        }
        let ready = make_ready(ui, overrides, config, &program, inputs, None, &files);
        let mut app = ready.await?;
        let limits = limits(app.manifest.limits.over(Limits::default()));
        let name = match &app.manifest.name {
            Some(name) => name.clone(),
            None => AppName::parse(&app.name)?,
        };
        let memory = Memory::unbounded();
        let sandbox = Sandbox::new(limits, config.compile.clone(), &config.cache, &memory)?;
        let sandbox = Arc::new(sandbox.with_program_files(&app.files.path())?);
        let base = std::mem::take(&mut app.base);
        let sandboxed = compile(sandbox, base, Compiling::Alone, turn("").await).await??;
        Ok(Self {
            program,
            sandboxed,
            identity: AppIdentity {
                app: Arc::from(name.as_str()),
                datasite: Arc::from(OWNER),
            },
            grants: all_files_of(&app.manifest),
            app,
        })
    }

    /// Returns the tests whose names contain a text.
    pub(crate) fn tests(&self, text: &str) -> Vec<&FoundTest> {
        let tests = self.app.tests.iter();
        tests.filter(|test| test.name.contains(text)).collect()
    }

    /// Runs a test.
    ///
    /// # Errors
    /// The host cannot.
    pub(crate) async fn run(&self, test: &FoundTest) -> Result<TestResult, CommandError> {
        let begun = Instant::now();
        let report = match test.trouble(&self.program) {
            Some(why) => TestReport {
                failure: Some(why),
                output: String::new(),
            },
            None => self.report(test).await?,
        };
        Ok(TestResult {
            name: plain(&test.name),
            failure: report.failure.map(|failure| plain_lines(&failure)),
            output: plain_lines(&report.output),
            took: begun.elapsed(),
        })
    }

    async fn report(&self, test: &FoundTest) -> Result<TestReport, CommandError> {
        let place = self.app.files.scratch()?;
        let access = match self.access(place.path(), test) {
            Ok(access) => access,
            Err(failure) => return Ok(TestReport::failed(failure.to_string())),
        };
        let meter = self.sandboxed.admit(Admission::Full).await;
        let tried = self
            .sandboxed
            .try_out(&self.identity, &meter, &access, Some(&test.name));
        Ok(match tried.await {
            Ok(said) => serde_json::from_slice(&said).unwrap_or_else(|error| {
                TestReport::failed(format!("it ended without a report: {error}"))
            }),
            Err(outcome) => {
                let detail = outcome.detail().unwrap_or_default();
                TestReport::failed(format!("{detail}\nhint: --log info shows what it printed"))
            }
        })
    }

    /// Returns what a test may reach: what the app asks for, in a datasite that is thrown away.
    fn access(&self, place: &Path, test: &FoundTest) -> Result<AppAccess, CommandError> {
        let datasites = place.join("datasites");
        let (app, owner) = (AppName::parse(&self.identity.app)?, Datasite::parse(OWNER)?);
        fs::create_dir_all(datasites.join(OWNER).join("app_data").join(app.as_str()))?;
        for (path, data) in &test.files {
            plant(&datasites, path, data)?;
        }
        let files = FileAccess::new(&datasites, &self.grants, &owner, &app)?;
        let manifest = &self.app.manifest;
        let secrets = SecretStore::new(&place.join("secrets"));
        let (args, env) = (&manifest.args, manifest.env.clone());
        Ok(AppAccess {
            files: files.with_temporary(place.join("temporary"))?,
            environment: EnvironmentAccess::new(app.as_str(), args, env, secrets, Vec::new()),
            ..AppAccess::default()
        })
    }
}

impl TestReport {
    fn failed(why: String) -> Self {
        Self {
            failure: Some(why),
            output: String::new(),
        }
    }
}

/// Grants an app all files that it asks for: they are nobody's. Requests over HTTP and messages
/// would reach servers and apps that are somebody's.
fn all_files_of(manifest: &Manifest) -> Grants {
    Grants {
        requested: manifest.files.clone(),
        approved: manifest.files.clone(),
        ..Grants::default()
    }
}

/// Writes a file that a test wants to be there. Its path is the author's.
fn plant(datasites: &Path, path: &str, data: &str) -> Result<(), CommandError> {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    let (datasite, below) = path.split_once('/').unwrap_or((path, ""));
    if Datasite::parse(datasite).is_err() || !below.split('/').all(is_name) {
        let message = format!("@files has the path {:?}", plain(path));
        return Err(CommandError::new(format!(
            "{message}: a path begins with a datasite, as in bob@example.com/public/x.json"
        )));
    }
    let data = BASE64.decode(data.as_bytes())?;
    let file = datasites.join(path);
    fs::create_dir_all(file.parent().unwrap_or(datasites))?;
    Ok(fs::write(file, data)?)
}

/// Returns the files of tests beside a program, as pytest finds them.
fn test_files(folder: &Path) -> Result<Vec<String>, CommandError> {
    let mut files = Vec::new();
    for (below, place) in [("", folder.to_owned()), ("tests/", folder.join(FOLDER))] {
        let Ok(entries) = fs::read_dir(&place) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_file() && is_of_tests(&name) {
                files.push(format!("{below}{}", name.to_string_lossy()));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_of_tests(name: &OsStr) -> bool {
    let stem = name.to_str().and_then(|name| name.strip_suffix(".py"));
    stem.is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}

fn no_tests(program: &PythonProgram) -> CommandError {
    let folder = program.folder.display();
    CommandError::new(format!("{folder}: there are no tests")).hint(
        "write functions whose names begin with test_ into a file test_app.py beside the program: \
         docs/python.md shows some",
    )
}
