//! `run --watch`: a new build of an app takes the place of the one that is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use syft_manifest::clock::now;
use syft_manifest::sanitize::plain;
use tokio::runtime::Handle;
use tokio::task;

use super::{Exit, Observers, RunnableBuild, Runner};
use crate::app_builder::{self, NativeBuild};
use crate::error::CommandError;
use crate::prepared_app::{AppInterface, PreparedApp};
use crate::server_task::ServerTask;
use crate::source_watch::{SourceWatch, Sources};
use syft_runtime::sandbox::Compiling;
use syft_server::shutdown::Shutdown;

/// As many changed files are named.
const MAX_NAMED: usize = 3;

/// The characters of a digest by which a build is known on a terminal.
const SHORT_DIGEST: usize = 8;

/// A build that is served.
struct Serving {
    build: Arc<RunnableBuild>,
    task: ServerTask,
    interface: AppInterface,
}

/// What is served, and what keeps and tells what it does.
#[derive(Default)]
struct Watched {
    serving: Option<Serving>,
    observers: Option<Observers>,
}

/// Serves each build in the place of the one before, until it has to stop.
pub(super) async fn run(mut runner: Runner) -> Result<Exit, CommandError> {
    let sources = sources(&runner)?;
    if matches!(sources, Sources::Crates(_)) {
        // Once, and not for each build.
        let (overrides, app) = (&runner.overrides, &runner.args.app);
        app_builder::agree(runner.ui, overrides, app, runner.native)?;
        runner.native = NativeBuild::Agreed;
    }
    let runner = Arc::new(runner);
    let (stop, mut shutdown) = Shutdown::new();
    stop.on_signals()?;
    let watch = SourceWatch::new(sources, host_folders(&runner))?;
    runner.options.memory.tell();
    let mut watched = Watched::default();
    let mut changed = Vec::new();
    loop {
        watch.follow()?;
        let before = watched
            .serving
            .as_ref()
            .map(|serving| Arc::clone(&serving.build));
        let built = tokio::select! {
            built = build(&runner, before) => built,
            () = shutdown.requested() => break,
        };
        watch.forget_lock_files();
        match built {
            Ok(build) => {
                watch.add_crates(&build.crates);
                watch.follow()?;
                let served = watched.serve(&runner, build, &changed, &mut shutdown).await;
                if let Err(error) = served {
                    watched.tell_failure(&runner, &error)?;
                }
            }
            // The owner has said no, or has to do something first.
            Err(NotBuilt::Undecided(error)) if watched.serving.is_none() => return Err(error),
            Err(NotBuilt::Undecided(error) | NotBuilt::Broken(error)) => {
                watched.tell_failure(&runner, &error)?;
            }
        }
        tokio::select! {
            paths = watch.changed() => changed = paths,
            () = watched.fallen() => {
                return Err(CommandError::new("the server ended because of a fault of the host"));
            }
            () = shutdown.requested() => break,
        }
    }
    if let Some(serving) = watched.serving {
        serving.task.end(&mut shutdown).await;
    }
    if let Some(observers) = watched.observers {
        observers.end().await;
    }
    Ok(Exit::Success)
}

/// Why there is no new build.
enum NotBuilt {
    /// The sources do not build.
    Broken(CommandError),
    /// It was not decided that it may run.
    Undecided(CommandError),
}

/// Builds the app anew, on a thread that may wait for others.
async fn build(
    runner: &Arc<Runner>,
    before: Option<Arc<RunnableBuild>>,
) -> Result<RunnableBuild, NotBuilt> {
    let runner = Arc::clone(runner);
    let build = move || {
        let source = Handle::current().block_on(runner.find());
        let source = source.map_err(NotBuilt::Broken)?;
        // Where it is the same as before, nothing is asked again.
        let decided = runner.decide(source, before.as_deref());
        decided.map_err(NotBuilt::Undecided)
    };
    let built = task::spawn_blocking(build).await;
    built.map_err(|error| NotBuilt::Broken(error.into()))?
}

impl Watched {
    /// Serves a build in the place of the one before, which stops once the new one is ready. In
    /// between, requests wait in the tree. If the new one does not start, the one before does again.
    async fn serve(
        &mut self,
        runner: &Runner,
        build: RunnableBuild,
        changed: &[PathBuf],
        shutdown: &mut Shutdown,
    ) -> Result<(), CommandError> {
        let serving = self.serving.as_ref();
        if serving.is_some_and(|serving| serving.build.is_same(&build)) {
            let (build, named) = (short(&build), in_words(runner, changed));
            let text = format!("{named}, and nothing in what is served: build {build}");
            return Ok(runner.ui.line(&text)?);
        }
        let compiling = match serving {
            Some(_) => Compiling::BesideOthers,
            None => Compiling::Alone,
        };
        let mut stopped = shutdown.clone();
        let prepared = tokio::select! {
            prepared = runner.prepare(&build, build.component.clone(), compiling) => prepared?,
            () = stopped.requested() => return Ok(()),
        };
        let before = match self.serving.take() {
            Some(serving) => {
                let lines = serving.lines(runner);
                serving.task.end(shutdown).await;
                Some((serving.build, lines))
            }
            None => None,
        };
        let started = self.start(runner, prepared, Arc::new(build)).await;
        match (started, before) {
            (Ok(path), None) => self.tell_first(runner, &path),
            (Ok(_), Some((_, lines))) => self.tell_replaced(runner, &lines, changed),
            (Err(error), None) => Err(error),
            (Err(error), Some((build, _))) => {
                let component = build.component.clone();
                let prepared = runner.prepare(&build, component, Compiling::Alone).await?;
                self.start(runner, prepared, build).await?;
                Err(error)
            }
        }
    }

    /// Starts the server of a build, and returns its folder in the tree.
    async fn start(
        &mut self,
        runner: &Runner,
        prepared: PreparedApp,
        build: Arc<RunnableBuild>,
    ) -> Result<PathBuf, CommandError> {
        let interface = prepared.interface();
        let server = prepared.start(&runner.config, &runner.options).await?;
        let path = server.tree().path().to_owned();
        runner.observe(&mut self.observers, &build.name, server.load_view())?;
        self.serving = Some(Serving {
            build,
            task: ServerTask::start(server),
            interface,
        });
        Ok(path)
    }

    fn tell_first(&self, runner: &Runner, path: &Path) -> Result<(), CommandError> {
        let Some(Serving {
            build, interface, ..
        }) = &self.serving
        else {
            return Ok(());
        };
        runner.announce(&build.name, interface, path)?;
        let build = short(build);
        let text = format!("Build {build}. Watching its sources; Ctrl-C ends it.");
        Ok(runner.ui.line(&text)?)
    }

    fn tell_replaced(
        &self,
        runner: &Runner,
        before: &[String],
        changed: &[PathBuf],
    ) -> Result<(), CommandError> {
        let Some(serving) = &self.serving else {
            return Ok(());
        };
        let Serving {
            build, interface, ..
        } = serving;
        runner.ui.json(&json!({
            "event": "replaced",
            "app": build.name.as_str(),
            "sha256": build.digest,
            "changed": changed,
            "endpoints": interface.endpoints,
            "watches": interface.watches_json(),
            "schedules": interface.schedules_json(),
        }))?;
        let (build, at, named) = (short(build), time_of_day(), in_words(runner, changed));
        runner
            .ui
            .line(&format!("Build {build} is served since {at}: {named}"))?;
        let lines = serving.lines(runner);
        for line in lines.iter().filter(|_| before != lines) {
            runner.ui.line(line)?;
        }
        Ok(())
    }

    fn tell_failure(&self, runner: &Runner, error: &CommandError) -> Result<(), CommandError> {
        let (ui, serving) = (runner.ui, self.serving.as_ref());
        ui.json(&json!({
            "event": "failed",
            "error": error.to_string(),
            "serving": serving.map(|serving| &serving.build.digest),
        }))?;
        ui.error(error);
        match serving {
            Some(serving) => ui.status(&format!(
                "Build {} is served still, until another one succeeds.",
                short(&serving.build)
            )),
            None => ui.status("Nothing is served yet. It is built again when its sources change."),
        }
        Ok(())
    }

    /// Waits until a server has ended by itself, or for ever without one.
    async fn fallen(&mut self) {
        match &mut self.serving {
            Some(serving) => serving.task.ended().await,
            None => std::future::pending().await,
        }
    }
}

impl Serving {
    /// Returns its endpoints and what it watches, as they are shown.
    fn lines(&self, runner: &Runner) -> Vec<String> {
        let (owner, app) = (runner.config.email.as_str(), self.build.name.as_str());
        self.interface.to_lines(owner, app)
    }
}

impl RunnableBuild {
    /// Tells whether another one is served in the same way.
    fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.name == other.name && self.limits == other.limits
    }
}

/// Returns what is watched for an app.
fn sources(runner: &Runner) -> Result<Sources, CommandError> {
    let (app, mut files) = (&runner.args.app, runner.args.include.clone());
    if !app.exists() {
        return Err(CommandError::new(format!(
            "{}: nothing is there",
            app.display()
        )));
    }
    if let Some(folder) = app_builder::program_folder(app) {
        let beside = ["syft-app.toml", "requirements.txt", "pyproject.toml"];
        files.extend(beside.map(str::to_owned));
        return Ok(Sources::Program(folder, files));
    }
    if app.is_dir() && !app.join("Cargo.toml").exists() {
        let message = format!("{}: no app is there", app.display());
        return Err(CommandError::new(message)
            .hint("give the folder of a crate, or one with app.py; `syft-host new` makes one"));
    }
    Ok(if app.is_dir() {
        Sources::Crates(vec![app.clone()])
    } else {
        Sources::File(app.clone())
    })
}

/// Returns where the host itself and the app write.
fn host_folders(runner: &Runner) -> Vec<PathBuf> {
    let config = &runner.config;
    let own = [
        &config.datasites,
        &config.cache,
        &config.apps,
        &config.serving,
    ];
    own.iter()
        .map(|folder| {
            folder
                .canonicalize()
                .unwrap_or_else(|_| folder.to_path_buf())
        })
        .collect()
}

fn short(build: &RunnableBuild) -> String {
    build.digest.as_str().chars().take(SHORT_DIGEST).collect()
}

/// Returns which files have changed. Their names are anybody's.
fn in_words(runner: &Runner, changed: &[PathBuf]) -> String {
    let here = runner.args.app.canonicalize().unwrap_or_default();
    let folder = if here.is_dir() {
        Some(&*here)
    } else {
        here.parent()
    };
    let name = |path: &PathBuf| {
        let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
        plain(&below.unwrap_or(path).display().to_string())
    };
    let named: Vec<String> = changed.iter().take(MAX_NAMED).map(name).collect();
    let named = named.join(", ");
    match changed.len().saturating_sub(MAX_NAMED) {
        0 => format!("{named} changed"),
        more => format!("{named} and {more} more changed"),
    }
}

/// Returns the time of day, in UTC as in the log.
fn time_of_day() -> String {
    let now = now().to_string();
    let time = now.split(['T', '.', '+']).nth(1).unwrap_or_default();
    format!("{time} UTC")
}
