//! `syft-host run`

mod source;
mod watching;

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use syft_manifest::units::{parse_size, parse_time, show_mib};
use syft_manifest::{Digest, HttpOrigin, Limits, Manifest, VariableName, private_dir};
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::Exit;
use super::serve_args::{SharedServeArgs, log_bounds, serve_options};
use super::signature_check::{check_name, vouch};
use crate::activity::{Activity, LogBounds, StatusSocket};
use crate::app_builder::{NativeBuild, ProgramFiles};
use crate::approval::{ApprovalFlags, Approvals, Approved, approve};
use crate::config::{Config, Overrides, TraceTarget};
use crate::error::CommandError;
use crate::open_files::{allow_open_files, spare_files};
use crate::prepared_app::{AppCode, AppInterface, AppSpec, PreparedApp, explain_suspended};
use crate::settings::HostSettings;
use crate::traces::Traces;
use crate::ui::Ui;
use source::Source;
use syft_runtime::sandbox::Compiling;
use syft_server::recordings::{MAX_CALLS, RecordingFolder};
use syft_server::server::{LoadView, ServeOptions};
use syft_server::shutdown::Shutdown;
use syft_server::suspension;

/// Files that an app may have open at most, all its calls together.
const OPEN_FILES: u64 = 65_536;

/// Serve an app in the foreground
///
/// The app is a component file, the folder of a guest crate, or a SyftEvent program in Python.
/// Crates are built first. A program is not, unless you say so: the Python that it runs on is
/// built once, and the program starts in each call. The app is served until SIGINT or SIGTERM;
/// calls in progress are finished. It needs no signature and gets only what is allowed here. If
/// it has a signature, the signature must be valid.
///
/// Building a crate runs code of its author outside of any sandbox (`build.rs` and macros, also
/// of its dependencies). You are asked before, unless you approved the folder for good. Python
/// programs and components never run outside of a sandbox.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Component file, folder of a guest crate, Python program, or folder with `app.py`
    #[arg(default_value = ".", value_name = "PATH")]
    app: PathBuf,

    /// Build the app again when its sources change, and serve the new build in the place of the
    /// one before. No request is lost meanwhile, and one that does not build changes nothing
    #[arg(long, short)]
    watch: bool,

    /// Name of the app, which is its folder below `app_data` [default: of the file
    /// or of the crate]
    #[arg(long)]
    name: Option<String>,

    /// File beside a Python program that goes into the app; may be given more than once
    #[arg(long, value_name = "FILE")]
    include: Vec<String>,

    /// Arguments of a Python program, after `--`: what it finds in `sys.argv`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,

    /// Build a Python program as `syft-host build` does, and serve that: it takes a minute after
    /// each change, and calls are faster
    #[arg(long)]
    build: bool,

    /// Build a crate without asking, although that runs code of its author outside of any
    /// sandbox: `build.rs` and macros, also of its dependencies
    #[arg(long)]
    allow_native_build: bool,

    /// Time a call may take, such as `500ms` or `10s`
    #[arg(long, value_name = "DURATION", value_parser = parse_call_time, help_heading = "Limits")]
    time: Option<Duration>,

    /// Memory a call may use, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_memory, help_heading = "Limits")]
    memory: Option<usize>,

    /// Calls that run at the same time
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Limits")]
    concurrency: Option<usize>,

    /// What the app may keep between calls, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_state, help_heading = "Limits")]
    state: Option<u64>,

    /// Environment variable of the app, in the place of what its `syft-app.toml` says; may be
    /// given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(VariableName, String)>,

    /// Allow all that the app asks for: files, HTTP requests, secrets, access rules and limits
    #[arg(long, help_heading = "Files, HTTP and secrets")]
    allow_all_requested: bool,

    /// Allow the app to read these, if it asks for them; may be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    allow_read: Vec<PathPattern>,

    /// Allow the app to read and write these, if it asks for them
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    allow_write: Vec<PathPattern>,

    /// Allow the app to send HTTP requests there, if it asks for that; may be given more than once
    #[arg(long, value_name = "ORIGIN", value_parser = HttpOrigin::parse, help_heading = "Files, HTTP and secrets")]
    allow_http: Vec<HttpOrigin>,

    /// Allow the app this secret, which `syft-host secret set` sets, if it asks for it; may be
    /// given more than once
    #[arg(long, value_name = "NAME", value_parser = VariableName::parse, help_heading = "Files, HTTP and secrets")]
    allow_secret: Vec<VariableName>,

    /// Allow these access rules of the app's own folder, if it asks for them, by the path of their
    /// file in it; may be given more than once
    #[arg(long, value_name = "PATH", help_heading = "Files, HTTP and secrets")]
    allow_access: Vec<String>,

    /// Deny the app these files and everything below them, whatever else is allowed
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    deny: Vec<PathPattern>,

    /// Record its calls, each in a file that `syft-host replay` runs again [default folder: the
    /// app's private one]. They hold private data
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    record: Option<Option<PathBuf>>,

    /// Refuse the app unless its author, whose key is known, has signed it as the trust policy
    /// requires
    #[arg(long)]
    require_signature: bool,

    /// Run the app of an author who is not trusted yet although their name looks like that of
    /// one who is
    #[arg(long)]
    accept_lookalike: bool,

    #[command(flatten)]
    shared: SharedServeArgs,
}

pub(super) async fn run(
    ui: Ui,
    overrides: &Overrides,
    activity: &Activity,
    args: RunArgs,
) -> Result<Exit, CommandError> {
    let runner = Runner::new(ui, overrides, activity, args)?;
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

/// What keeps and tells what an app does.
struct Observers {
    app: AppName,
    status: StatusSocket,
    traces: Option<Traces>,
}

impl Observers {
    async fn end(self) {
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}

impl Runner {
    fn new(
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
        let options = ServeOptions {
            stop_within: config.stop_within,
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
        };
        let code = AppCode {
            component,
            digest: build.digest.clone(),
            files: build.files.as_ref().map(ProgramFiles::path),
        };
        let memory = &self.options.memory;
        let size = show_mib(code.component.len() as u64);
        let _waiting = self.ui.wait(&format!("compiling {}, {size}", build.name));
        let prepared = PreparedApp::alone(&self.config, memory, spec, code, compiling).await;
        let wrong =
            |error: CommandError| error.about(format!("cannot run {}", self.args.app.display()));
        let prepared = prepared.map_err(wrong)?;
        match &self.args.record {
            Some(folder) => {
                Ok(prepared.record_all_in(self.recordings(&build.name, folder.as_deref())?))
            }
            None => Ok(prepared),
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
        private_dir::make_folder(folder.path()).map_err(wrong)?;
        self.ui.status(&format!(
            "recording up to {MAX_CALLS} calls, with private data, in {}",
            folder.path().display()
        ));
        Ok(folder)
    }

    /// Has what an app does kept and told, once nobody else serves it. Another build of an app is
    /// the same app.
    fn observe(
        &self,
        observers: &mut Option<Observers>,
        app: &AppName,
        load: LoadView,
    ) -> Result<(), CommandError> {
        let (config, activity) = (&self.config, &self.activity);
        activity.serving(app, None, load);
        match observers {
            Some(observers) if observers.app == *app => {}
            Some(observers) => {
                observers.status = StatusSocket::open(&config.app_folder(app), activity)?;
                observers.app = app.clone();
            }
            None => {
                activity.start(config.logs(), self.log_bounds)?;
                let traces = self.trace_target.as_ref();
                let traces = traces.map(|target| Traces::start(target, activity));
                *observers = Some(Observers {
                    app: app.clone(),
                    status: StatusSocket::open(&config.app_folder(app), activity)?,
                    traces: traces.transpose()?,
                });
            }
        }
        Ok(())
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
        "path": path,
    }))?;
    say_if_local(ui, config)?;
    ui.line(&format!(
        "Serving {app} for {datasite} in {}",
        path.display()
    ))?;
    for line in interface.to_lines(datasite, app) {
        ui.line(&line)?;
    }
    Ok(())
}

/// Says so where nothing of it is synced.
pub(super) fn say_if_local(ui: Ui, config: &Config) -> io::Result<()> {
    if config.is_local {
        ui.line("No SyftBox is set up on this machine: serving a local datasite that is")?;
        ui.line("synced with nobody. Call it with `syft-host call`.")?;
    }
    Ok(())
}

impl RunArgs {
    fn flags(&self) -> ApprovalFlags {
        ApprovalFlags {
            allow_all_requested: self.allow_all_requested,
            allow_read: self.allow_read.clone(),
            allow_write: self.allow_write.clone(),
            allow_http: self.allow_http.clone(),
            allow_secret: self.allow_secret.clone(),
            allow_access: self.allow_access.clone(),
            deny: self.deny.clone(),
        }
    }

    /// Returns the limits: as the owner says; else as the app asks, which is more
    /// than usual only where the owner approved all that it asks for.
    fn limits(&self, ui: Ui, manifest: &Manifest, is_all_approved: bool) -> Limits {
        let usual = Limits::default();
        let asked = manifest.limits.over(usual.clone());
        let is_more = asked.time > usual.time
            || asked.memory_bytes > usual.memory_bytes
            || asked.concurrency > usual.concurrency
            || asked.state_bytes > usual.state_bytes;
        if is_more && !is_all_approved {
            ui.status("note: the app asks for more than the usual limits and does not get it");
            ui.status(
                "hint: allow it with --allow-all-requested, or set --time, --memory, \
                 --concurrency, --state",
            );
        }
        let most = if is_all_approved {
            asked
        } else {
            Limits {
                time: asked.time.min(usual.time),
                memory_bytes: asked.memory_bytes.min(usual.memory_bytes),
                concurrency: asked.concurrency.min(usual.concurrency),
                state_bytes: asked.state_bytes.min(usual.state_bytes),
                ..usual
            }
        };
        Limits {
            time: self.time.unwrap_or(most.time),
            memory_bytes: self.memory.unwrap_or(most.memory_bytes),
            concurrency: self.concurrency.unwrap_or(most.concurrency),
            state_bytes: self.state.unwrap_or(most.state_bytes),
            ..most
        }
    }
}

/// Returns the variables of an app: its own, with those that the owner gives.
fn variables(
    manifest: &Manifest,
    given: &[(VariableName, String)],
) -> Result<BTreeMap<VariableName, String>, CommandError> {
    let mut variables = manifest.env.clone();
    for (name, value) in given {
        if manifest.secrets.iter().any(|secret| secret.name == *name) {
            let error = CommandError::new(format!("{name} is a secret of the app"));
            return Err(error.hint(format!("set it with: syft-host secret set APP {name}")));
        }
        variables.insert(name.clone(), value.clone());
    }
    Ok(variables)
}

pub(super) fn parse_call_time(text: &str) -> Result<Duration, String> {
    // The same bounds as in a manifest.
    parse_time(text)
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(600)).contains(time))
        .ok_or_else(|| "expected a time from `1ms` to `10m`".to_owned())
}

fn parse_memory(text: &str) -> Result<usize, String> {
    parse_size(text)
        .filter(|bytes| (1 << 20..=4 << 30).contains(bytes))
        .ok_or_else(|| "expected a size from `1MiB` to `4GiB`".to_owned())
}

fn parse_state(text: &str) -> Result<u64, String> {
    parse_size(text)
        .map(|bytes| bytes as u64)
        .filter(|bytes| (1 << 20..=16 << 30).contains(bytes))
        .ok_or_else(|| "expected a size from `1MiB` to `16GiB`".to_owned())
}

fn parse_variable(text: &str) -> Result<(VariableName, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected `NAME=VALUE`")?;
    let name = VariableName::parse(name).map_err(|error| error.to_string())?;
    Ok((name, value.to_owned()))
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}
