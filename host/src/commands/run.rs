//! `syft-host run`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;
use syft_protocol::retention::Retention;
use syft_protocol::watching::Retry;

use super::Exit;
use crate::app::{App, AppError};
use crate::approval::{Approvals, Said, approve};
use crate::built_app;
use crate::capability::files::FileAccess;
use crate::component;
use crate::config::{Config, Overrides};
use crate::durability::Durability;
use crate::error::CommandError;
use crate::manifest::section::SectionError;
use crate::manifest::{Files, Manifest, ManifestError};
use crate::quantity::{parse_long_time, parse_size, parse_time};
use crate::sandbox::{Limits, LoadError, Sandbox};
use crate::server::{Server, ServerOptions, Shutdown};
use crate::state::{Damaged, Store, StoreOptions};
use crate::ui::Ui;

/// Serve an app in the foreground
///
/// The app is a component file; or the folder of a guest crate or a Python program of
/// SyftEvent, which are built first. It is served until SIGINT or SIGTERM; calls in progress are finished.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Component file, folder of a guest crate, Python program, or folder with `app.py`
    app: PathBuf,

    /// Name of the app, which is its folder below `app_data` [default: of the file
    /// or of the crate]
    #[arg(long)]
    name: Option<String>,

    /// File beside a Python program that goes into the app; may be given more than once
    #[arg(long, value_name = "FILE")]
    include: Vec<String>,

    /// Show callers what went wrong inside a handler
    #[arg(long)]
    debug: bool,

    /// Do not publish `rpc.schema.json`
    #[arg(long)]
    no_schema: bool,

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

    /// Allow all files that the app asks for
    #[arg(long, help_heading = "Files")]
    allow_all_requested: bool,

    /// Allow the app to read these, as far as it asks for them; may be given more
    /// than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files")]
    allow_read: Vec<PathPattern>,

    /// Allow the app to read and write these, as far as it asks for them
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files")]
    allow_write: Vec<PathPattern>,

    /// Deny the app these with all below them, whatever else is allowed
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files")]
    deny: Vec<PathPattern>,

    /// Time before an event that failed is told again, which doubles each time
    #[arg(long, value_name = "DURATION", value_parser = parse_retry, default_value = "1s", help_heading = "Watching")]
    retry_first: Duration,

    /// Times that an event is told before it is parked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20), default_value_t = 10, help_heading = "Watching")]
    retry_attempts: u32,

    /// What survives a failure of the power
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = DurabilityArg::Batched)]
    durability: DurabilityArg,

    /// How long requests and answers are kept, such as `30d`
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time, default_value = "30d")]
    keep: Duration,

    /// How often older ones are deleted
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time, default_value = "1h")]
    sweep_every: Duration,
}

/// A host that is killed loses nothing with any of these.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityArg {
    /// Nothing is forced to the disk: the last calls may be lost, or the state ruined
    None,
    /// The state, before the answers are seen; a lost answer is given again
    Batched,
    /// The state and each answer
    Strict,
}

impl From<DurabilityArg> for Durability {
    fn from(level: DurabilityArg) -> Self {
        match level {
            DurabilityArg::None => Self::None,
            DurabilityArg::Batched => Self::Batched,
            DurabilityArg::Strict => Self::Strict,
        }
    }
}

pub(super) async fn run(
    ui: Ui,
    overrides: &Overrides,
    args: RunArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let open_files = allow_open_files();
    let source = Source::find(ui, overrides, &args.app, &args.include)?;
    let name = source.name(args.name.as_deref())?;
    let approvals = Approvals::new(&config.approvals);
    let digest = component::digest(&source.component);
    let manifest = &source.manifest;
    let approved = approve(
        ui,
        name.as_str(),
        manifest,
        &digest,
        &args.said(),
        &approvals,
    )?;
    let mut limits = args.limits(ui, manifest, approved.is_all);
    if approved.grants.approved != Files::default() {
        limits = spare_files(limits, open_files);
    }
    let sandbox = Arc::new(Sandbox::new(limits, &config.cache)?);
    fs::create_dir_all(&config.datasites)?;
    let files = FileAccess::new(&config.datasites, &approved.grants, &config.email, &name)?;
    let durability = args.durability.into();
    let kept = StoreOptions {
        keep: args.keep,
        durability,
    };
    let state =
        Store::open(&config.app_folder(&name), sandbox.limits(), &kept).map_err(explain_state)?;
    let app = App::load(
        &sandbox,
        name,
        config.email.clone(),
        files,
        state,
        &source.component,
    )
    .await
    .map_err(|error| explain(&source.path, error))?;
    let options = ServerOptions {
        datasites: config.datasites.clone(),
        folder: config.app_folder(app.name()),
        debug: args.debug,
        publish_schema: !args.no_schema,
        retention: Retention { keep: args.keep },
        sweep_every: args.sweep_every,
        durability,
        stop_within: config.stop_within.unwrap_or(sandbox.limits().time),
        retry: Retry {
            first: args.retry_first,
            attempts: args.retry_attempts,
        },
    };
    let serves = Serves::new(&app);
    let server = Server::new(app, sandbox, options).await?;
    let (stop, shutdown) = Shutdown::new();
    stop.on_signals()?;
    announce(ui, &config, &serves, server.tree().path())?;
    server.run(shutdown).await;
    Ok(Exit::Success)
}

/// Calls that hold files open would otherwise take those of others: many systems
/// give a program 1,024 unless it asks for more. Returns how many may be open.
fn allow_open_files() -> u64 {
    const WANTED: u64 = 65_536;
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(WANTED).min(WANTED);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!("no more files can be open at a time: {error}");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(WANTED)
}

/// Lowers limits to what so many open files can bear, and says so.
fn spare_files(limits: Limits, open_files: u64) -> Limits {
    let wanted = limits.concurrency;
    let limits = limits.within_open_files(open_files);
    if limits.concurrency < wanted {
        tracing::warn!(
            open_files,
            concurrency = limits.concurrency,
            "few files can be open at a time (see `ulimit -Hn`): fewer calls run at the same time"
        );
    }
    limits
}

/// What an app is there for.
struct Serves {
    app: AppName,
    endpoints: Vec<String>,
    watches: Vec<(String, Value)>,
}

impl Serves {
    fn new(app: &App) -> Self {
        let watches = app.watches().all().iter();
        Self {
            app: app.name().clone(),
            endpoints: app.router().endpoints().map(ToString::to_string).collect(),
            watches: watches.map(|it| (it.words(), it.to_json())).collect(),
        }
    }
}

fn announce(ui: Ui, config: &Config, serves: &Serves, path: &Path) -> Result<(), CommandError> {
    let (app, datasite) = (serves.app.as_str(), config.email.as_str());
    let watches: Vec<&Value> = serves.watches.iter().map(|(_, json)| json).collect();
    ui.json(&json!({
        "event": "ready",
        "app": app,
        "datasite": datasite,
        "local": config.is_local,
        "endpoints": serves.endpoints,
        "watches": watches,
        "path": path,
    }))?;
    if config.is_local {
        ui.line("No SyftBox is set up on this machine: serving a local datasite that is")?;
        ui.line("synced with nobody. Call it with `syft-host call`.")?;
    }
    ui.line(&format!(
        "Serving {app} for {datasite} in {}",
        path.display()
    ))?;
    for endpoint in &serves.endpoints {
        ui.line(&format!("  syft://{datasite}/app_data/{app}/rpc{endpoint}"))?;
    }
    for (words, _) in &serves.watches {
        ui.line(&format!("Watching {words}"))?;
    }
    Ok(())
}

impl RunArgs {
    fn said(&self) -> Said {
        Said {
            allow_all_requested: self.allow_all_requested,
            allow_read: self.allow_read.clone(),
            allow_write: self.allow_write.clone(),
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
        let most = match is_all_approved {
            true => asked,
            false => Limits {
                time: asked.time.min(usual.time),
                memory_bytes: asked.memory_bytes.min(usual.memory_bytes),
                concurrency: asked.concurrency.min(usual.concurrency),
                state_bytes: asked.state_bytes.min(usual.state_bytes),
                ..usual
            },
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

/// The app that is to be run.
struct Source {
    component: Vec<u8>,
    manifest: Manifest,
    path: PathBuf,
    /// The name of the file or of the crate.
    stem: String,
}

impl Source {
    /// Reads a component, or builds a crate or a program.
    fn find(
        ui: Ui,
        overrides: &Overrides,
        path: &Path,
        included: &[String],
    ) -> Result<Self, CommandError> {
        if built_app::is_source(path) {
            let built = built_app::build(ui, overrides, path, included)?;
            return Ok(Self {
                component: built.component,
                manifest: built.manifest,
                path: built.wasm,
                stem: built.package,
            });
        }
        let component = read_component(path, Limits::default().component_bytes)?;
        let manifest = match Manifest::from_component(&component) {
            Ok(manifest) => manifest.unwrap_or_default(),
            // Loading it says more about that.
            Err(ManifestError::Section(SectionError::Component(_))) => Manifest::default(),
            Err(error) => {
                return Err(CommandError::new(format!(
                    "cannot run {}: {error}",
                    path.display()
                )));
            }
        };
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        Ok(Self {
            component,
            manifest,
            path: path.to_owned(),
            stem: stem.unwrap_or_default().to_owned(),
        })
    }

    /// Returns the name: as the owner says, as the app says, or that of the file.
    fn name(&self, said: Option<&str>) -> Result<AppName, CommandError> {
        match (said, &self.manifest.name) {
            (None, Some(name)) => Ok(name.clone()),
            (said, _) => AppName::parse(said.unwrap_or(&self.stem))
                .map_err(|error| CommandError::from(error).hint("give the app a name with --name")),
        }
    }
}

fn read_component(path: &Path, limit: u64) -> Result<Vec<u8>, CommandError> {
    let describe = |error| CommandError::new(format!("read {}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(describe)?.len();
    if bytes > limit {
        return Err(LoadError::TooLarge { bytes, limit }.into());
    }
    fs::read(path).map_err(describe)
}

fn explain_state(error: anyhow::Error) -> CommandError {
    let is_damaged = error.is::<Damaged>();
    let error = CommandError::from(error);
    match is_damaged {
        true => error.hint("put back a copy of it, or move it away to begin with an empty state"),
        false => error,
    }
}

fn explain(path: &Path, error: AppError) -> CommandError {
    let hint = match &error {
        AppError::Load(LoadError::CoreModule) => {
            Some("build it for the target wasm32-wasip2, which makes components")
        }
        AppError::Load(LoadError::UnknownImport(_)) => Some(
            "apps can import syft:app and WASI 0.2's cli, clocks, filesystem, io, random, sockets",
        ),
        AppError::Load(LoadError::NotAnApp) => Some(
            "list its handlers with `syft_guest::app!(…)`, and build it with crate-type = [\"cdylib\"]",
        ),
        AppError::Load(LoadError::Unfit(_)) => {
            Some("build it with the syft-guest of this version of syft-host")
        }
        _ => None,
    };
    let error = CommandError::new(format!("cannot run {}: {error}", path.display()));
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn parse_call_time(text: &str) -> Result<Duration, String> {
    // The same bounds as in a manifest.
    parse_time(text)
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(600)).contains(time))
        .ok_or_else(|| "expected a time from `1ms` to `10m`".to_owned())
}

fn parse_retry(text: &str) -> Result<Duration, String> {
    parse_time(text)
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(60)).contains(time))
        .ok_or_else(|| "expected a time from `1ms` to `1m`".to_owned())
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

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}
