//! `syft-host run`

mod args;
mod observers;
mod source;
mod watching;

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use serde_json::json;
use syft_manifest::units::show_mib;
use syft_manifest::{Digest, Limits, Manifest, VariableName};
use syft_protocol::address::AppName;
use syft_system::{private, shortcomings};

use super::Exit;
use super::serve_args::{log_bounds, serve_options};
use super::serve_workers::{connect_workers, placement};
use super::signature_check::{check_name, vouch};
use crate::activity::{Activity, LogBounds};
use crate::app_builder::{NativeBuild, ProgramFiles};
use crate::approval::{Approvals, Approved, approve};
use crate::config::{Config, Overrides, TraceTarget};
use crate::error::CommandError;
use crate::open_files::{allow_open_files, spare_files};
use crate::prepared_app::{AppCode, AppInterface, AppSpec, PreparedApp, explain_suspended};
use crate::settings::HostSettings;
use crate::ui::Ui;
use crate::workers_link::WorkersLink;
use args::variables;
pub(super) use args::{RunArgs, parse_call_time};
use observers::Observers;
use source::Source;
use syft_runtime::sandbox::{Compiling, is_being_compiled};
use syft_server::recordings::{MAX_CALLS, RecordingFolder};
use syft_server::server::ServeOptions;
use syft_server::shutdown::Shutdown;
use syft_server::suspension;

/// Files that an app may have open at most, all its calls together.
const OPEN_FILES: u64 = 65_536;

pub(super) async fn run(
    ui: Ui,
    overrides: &Overrides,
    activity: &Activity,
    args: RunArgs,
) -> Result<Exit, CommandError> {
    let runner = Runner::new(ui, overrides, activity, args).await?;
    if runner.args.watch {
        return watching::run(runner).await;
    }
    let source = runner.find().await?;
    let mut build = runner.decide(source, None)?;
    runner.options.memory.tell();
    let component = mem::take(&mut build.component);
    let prepared = runner.prepare(&build, component, Compiling::Alone).await?;
    let interface = prepared.interface();
    let server = prepared.start(&runner.config, &runner.options).await?;
    let mut observers = None;
    runner.observe(&mut observers, &build.name, server.load_view())?;
    let (stop, shutdown) = Shutdown::new();
    stop.on_signals()?;
    runner.announce(&build.name, &interface, server.tree().path())?;
    // Among the tasks that it starts: from a thread of its own it would wake another for each.
    tokio::spawn(server.run(shutdown)).await?;
    if let Some(observers) = observers {
        observers.end().await;
    }
    Ok(Exit::Success)
}

/// What an app is run with, however often it is built.
struct Runner {
    ui: Ui,
    overrides: Overrides,
    activity: Activity,
    trace_target: Option<TraceTarget>,
    log_bounds: LogBounds,
    config: Config,
    args: RunArgs,
    options: ServeOptions,
    /// What gives calls to other machines, if there may be any.
    workers: Option<WorkersLink>,
    open_files: u64,
    native: NativeBuild,
}

/// An app that may be served: it is built, and its owner has decided what it gets.
struct RunnableBuild {
    name: AppName,
    component: Vec<u8>,
    digest: Digest,
    /// Those of a Python program that is not built, as long as it is served.
    files: Option<ProgramFiles>,
    manifest: Manifest,
    approved: Approved,
    limits: Limits,
    env: BTreeMap<VariableName, String>,
    /// Folders of crates that it was built of.
    crates: Vec<PathBuf>,
}

impl Runner {
    async fn new(
        ui: Ui,
        overrides: &Overrides,
        activity: &Activity,
        args: RunArgs,
    ) -> Result<Self, CommandError> {
        let config = Config::load(overrides)?;
        let mut said = HostSettings::default();
        args.shared.over(&mut said);
        let trace_target = TraceTarget::find(said.text("serve.otlp"))?;
        let open_files = allow_open_files(OPEN_FILES);
        let workers = connect_workers(&said, activity).await?;
        let options = ServeOptions {
            stop_within: config.stop_within,
            placement: placement(&said, workers.as_ref()),
            ..serve_options(&said)
        };
        let native = NativeBuild::by_option(args.allow_native_build);
        Ok(Self {
            ui,
            overrides: overrides.clone(),
            log_bounds: log_bounds(&said),
            activity: activity.clone(),
            trace_target,
            config,
            args,
            options,
            workers,
            open_files,
            native,
        })
    }

    async fn find(&self) -> Result<Source, CommandError> {
        let (ui, native) = (self.ui, self.native);
        Source::find(ui, &self.overrides, &self.config, &self.args, native).await
    }

    /// Finds out what an app gets. Who asks for the same as the build before gets the same.
    fn decide(
        &self,
        source: Source,
        before: Option<&RunnableBuild>,
    ) -> Result<RunnableBuild, CommandError> {
        let (ui, config, args) = (self.ui, &self.config, &self.args);
        let name = source.name(args.name.as_deref())?;
        self.activity.only_app(&name);
        let wrong =
            |error: CommandError| error.about(format!("cannot run {}", source.path.display()));
        let standing = if source.is_own && !args.require_signature {
            None
        } else {
            let (required, lookalike) = (args.require_signature, args.accept_lookalike);
            vouch(ui, config, &source.component, required, lookalike).map_err(wrong)?
        };
        check_name(config, &name, standing.as_ref()).map_err(wrong)?;
        let manifest = &source.manifest;
        let known = before.filter(|before| source.is_own && before.asks_as(&name, manifest));
        let approved = match known {
            Some(before) => before.approved.clone(),
            None => {
                let digest = source.digest.to_string();
                let approvals = Approvals::new(&config.approvals);
                approve(
                    ui,
                    name.as_str(),
                    manifest,
                    &digest,
                    &args.flags(),
                    &approvals,
                )?
            }
        };
        let limits = args.limits(ui, manifest, approved.is_all);
        let env = variables(manifest, &args.env)?;
        if let Some(suspended) = suspension::suspended(&config.app_folder(&name))? {
            return Err(wrong(explain_suspended(&suspended, &name)));
        }
        Ok(RunnableBuild {
            name,
            component: source.component,
            digest: source.digest,
            files: source.files,
            manifest: source.manifest,
            approved,
            limits,
            env,
            crates: source.crates,
        })
    }

    async fn prepare(
        &self,
        build: &RunnableBuild,
        component: Vec<u8>,
        compiling: Compiling,
    ) -> Result<PreparedApp, CommandError> {
        let mut grants = build.approved.grants.clone();
        // What no app gets, this one does not get either.
        HostSettings::load()?
            .rules_of(&build.name)
            .deny(&mut grants);
        let spec = AppSpec {
            name: build.name.clone(),
            author: String::new(),
            limits: spare_files(build.limits.clone(), &grants, self.open_files),
            grants,
            args: build.manifest.args.clone(),
            env: build.env.clone(),
            schedules: build.manifest.schedules.clone(),
            worker: build.manifest.worker.clone(),
        };
        let code = AppCode {
            component,
            digest: build.digest.clone(),
            files: build.files.as_ref().map(ProgramFiles::path),
        };
        let offered = self.workers.as_ref().map(|_| code.component.clone());
        let memory = &self.options.memory;
        let _waiting = self
            .ui
            .wait(&self.what_takes_long(&build.name, &code.component));
        let prepared = PreparedApp::alone(&self.config, memory, spec, code, compiling).await;
        let wrong =
            |error: CommandError| error.about(format!("cannot run {}", self.args.app.display()));
        let prepared = prepared.map_err(wrong)?;
        self.offer(&build.name, &prepared, offered);
        match &self.args.record {
            Some(folder) => {
                Ok(prepared.record_all_in(self.recordings(&build.name, folder.as_deref())?))
            }
            None => Ok(prepared),
        }
    }

    /// Has workers made ready for an app whose calls they may run.
    fn offer(&self, app: &AppName, prepared: &PreparedApp, component: Option<Vec<u8>>) {
        let is_for_workers = self.options.placement.is_for_workers(&prepared.place());
        match (&self.workers, component) {
            (Some(workers), Some(component)) if is_for_workers => {
                workers.offer(app, component, prepared.limits());
            }
            (Some(workers), _) => workers.withdraw(app),
            (None, _) => {}
        }
    }

    /// Returns where calls are recorded, and says so.
    fn recordings(
        &self,
        app: &AppName,
        said: Option<&Path>,
    ) -> Result<RecordingFolder, CommandError> {
        let folder = match said {
            Some(folder) => RecordingFolder::at(self.config.private_path(folder)?),
            None => RecordingFolder::of(&self.config.app_folder(app)),
        };
        let wrong = |error: io::Error| {
            let shown = folder.path().display();
            CommandError::new(format!("cannot record into {shown}: {error}"))
        };
        private::make_folder(folder.path()).map_err(wrong)?;
        self.ui.status(&format!(
            "recording up to {MAX_CALLS} calls, with private data, in {}",
            folder.path().display()
        ));
        Ok(folder)
    }

    /// Returns what a terminal shows while an app is loaded.
    fn what_takes_long(&self, app: &AppName, component: &[u8]) -> String {
        let folder = &self.config.cache;
        if self.ui.is_watched() && is_being_compiled(folder, &Digest::of(component)) {
            return format!("waiting for another syft-host, which compiles {app}");
        }
        format!("compiling {app}, {}", show_mib(component.len() as u64))
    }

    /// Says what is served, and where.
    fn announce(
        &self,
        app: &AppName,
        interface: &AppInterface,
        path: &Path,
    ) -> Result<(), CommandError> {
        announce(self.ui, &self.config, app, interface, path)
    }
}

impl RunnableBuild {
    /// Tells whether an app asks for what this one asks for.
    fn asks_as(&self, name: &AppName, manifest: &Manifest) -> bool {
        let ours = &self.manifest;
        self.name == *name
            && ours.files == manifest.files
            && ours.http == manifest.http
            && ours.messages == manifest.messages
            && ours.secrets == manifest.secrets
            && ours.access == manifest.access
            && ours.limits == manifest.limits
    }
}

fn announce(
    ui: Ui,
    config: &Config,
    app: &AppName,
    interface: &AppInterface,
    path: &Path,
) -> Result<(), CommandError> {
    let (app, datasite) = (app.as_str(), config.email.as_str());
    ui.json(&json!({
        "event": "ready",
        "app": app,
        "datasite": datasite,
        "local": config.is_local,
        "endpoints": interface.endpoints,
        "watches": interface.watches_json(),
        "schedules": interface.schedules_json(),
        "path": path,
    }))?;
    say_where(ui, config)?;
    ui.line(&format!(
        "Serving {app} for {datasite} in {}",
        path.display()
    ))?;
    for line in interface.to_lines(datasite, app) {
        ui.line(&line)?;
    }
    Ok(())
}

/// Says what is not as elsewhere: what this system cannot do, and where nothing is synced.
pub(super) fn say_where(ui: Ui, config: &Config) -> io::Result<()> {
    for missing in shortcomings() {
        ui.status(&format!("note: on this system, {missing}"));
    }
    if config.is_local {
        ui.line("No SyftBox is set up on this machine: serving a local datasite that is")?;
        ui.line("synced with nobody. Call it with `syft-host call`.")?;
    }
    Ok(())
}
