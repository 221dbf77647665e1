//! `syft-host run`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use syft_protocol::address::AppName;
use syft_protocol::retention::{Retention, parse_interval};

use super::Exit;
use crate::app::{App, AppError};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::guest_crate;
use crate::sandbox::{Limits, LoadError, Sandbox};
use crate::server::{Server, ServerOptions, Shutdown};
use crate::ui::Ui;

/// Serve an app in the foreground
///
/// The app is a component file, or the folder of a guest crate, which is built
/// first. It is served until SIGINT or SIGTERM; calls in progress are finished.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Component file, or folder of a guest crate
    app: PathBuf,

    /// Name of the app, which is its folder below `app_data` [default: of the file
    /// or of the crate]
    #[arg(long)]
    name: Option<String>,

    /// Show callers what went wrong inside a handler
    #[arg(long)]
    debug: bool,

    /// Do not publish `rpc.schema.json`
    #[arg(long)]
    no_schema: bool,

    /// Time a call may take, such as `500ms` or `10s`
    #[arg(long, value_name = "DURATION", value_parser = parse_time, help_heading = "Limits")]
    time: Option<Duration>,

    /// Memory a call may use, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Limits")]
    memory: Option<usize>,

    /// Calls that run at the same time
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Limits")]
    concurrency: Option<usize>,

    /// How long requests and answers are kept, such as `30d`
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, default_value = "30d")]
    keep: Duration,

    /// How often older ones are deleted
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, default_value = "1h")]
    sweep_every: Duration,
}

pub(super) async fn run(
    ui: Ui,
    overrides: &Overrides,
    args: RunArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let (name, component) = find_app(ui, &args)?;
    let limits = args.limits();
    let bytes = read_component(&component, limits.component_bytes)?;
    let sandbox = Arc::new(Sandbox::new(limits, &config.cache)?);
    let app = App::load(&sandbox, name, config.email.clone(), &bytes)
        .await
        .map_err(|error| explain(&component, error))?;
    let options = ServerOptions {
        datasites: config.datasites.clone(),
        debug: args.debug,
        publish_schema: !args.no_schema,
        retention: Retention { keep: args.keep },
        sweep_every: args.sweep_every,
        stop_within: config.stop_within.unwrap_or(sandbox.limits().time),
    };
    let endpoints: Vec<String> = app.router().endpoints().map(ToString::to_string).collect();
    let name = app.name().clone();
    let server = Server::new(app, sandbox, options)?;
    let (stop, shutdown) = Shutdown::new();
    stop.on_signals()?;
    announce(ui, &config, &name, &endpoints, server.tree().path())?;
    server.run(shutdown).await;
    Ok(Exit::Success)
}

fn announce(
    ui: Ui,
    config: &Config,
    name: &AppName,
    endpoints: &[String],
    path: &Path,
) -> Result<(), CommandError> {
    let (app, datasite) = (name.as_str(), config.email.as_str());
    ui.json(&json!({
        "event": "ready",
        "app": app,
        "datasite": datasite,
        "local": config.is_local,
        "endpoints": endpoints,
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
    for endpoint in endpoints {
        ui.line(&format!("  syft://{datasite}/app_data/{app}/rpc{endpoint}"))?;
    }
    Ok(())
}

impl RunArgs {
    fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            time: self.time.unwrap_or(default.time),
            memory_bytes: self.memory.unwrap_or(default.memory_bytes),
            concurrency: self.concurrency.unwrap_or(default.concurrency),
            ..default
        }
    }
}

/// Returns the name and the component file of the app, built now if it is a crate.
fn find_app(ui: Ui, args: &RunArgs) -> Result<(AppName, PathBuf), CommandError> {
    let (name, component) = match args.app.is_dir() {
        true => {
            let built = guest_crate::build(ui, &args.app)?;
            (built.package, built.wasm)
        }
        false => {
            let stem = args.app.file_stem().and_then(|stem| stem.to_str());
            (stem.unwrap_or_default().to_owned(), args.app.clone())
        }
    };
    let name = AppName::parse(args.name.as_deref().unwrap_or(&name))
        .map_err(|error| CommandError::from(error).hint("give the app a name with --name"))?;
    Ok((name, component))
}

fn read_component(path: &Path, limit: u64) -> Result<Vec<u8>, CommandError> {
    let describe = |error| CommandError::new(format!("read {}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(describe)?.len();
    if bytes > limit {
        return Err(LoadError::TooLarge { bytes, limit }.into());
    }
    fs::read(path).map_err(describe)
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

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = match text.strip_suffix("ms") {
        Some(number) => number.parse().map(Duration::from_millis).ok(),
        None => parse_interval(text).ok(),
    };
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a time such as `500ms`, `10s` or `2m`".to_owned())
}

fn parse_size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let bytes = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))
        .and_then(|(number, shift)| number.parse::<usize>().ok()?.checked_mul(1 << shift));
    match bytes {
        Some(bytes) if (1 << 16..=4 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("expected a size from `64KiB` to `4GiB`, such as `64MiB`".to_owned()),
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}
