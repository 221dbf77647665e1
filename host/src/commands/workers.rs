//! `syft-host workers`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use syft_workers::accounts::{Accounts, AccountsError, ServerOptions, WorkerName};

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Manage the machines that may run calls for you
///
/// They and this host meet at a NATS server. `setup` writes its configuration and the key of this
/// host, `add` makes the key of a worker. Each worker has an account of its own, in which it sees
/// nothing but answers to what it asks.
#[derive(Debug, Args)]
pub(super) struct WorkersArgs {
    #[command(subcommand)]
    command: WorkersCommand,

    /// Folder of the keys and the configuration [default: `workers` in the host's config folder]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum WorkersCommand {
    Setup(SetupArgs),
    Add(AddArgs),
    Remove(RemoveArgs),
    #[command(visible_alias = "ls")]
    List(ListArgs),
}

/// Make the key of this host and the configuration of a NATS server
#[derive(Debug, Args)]
struct SetupArgs {
    /// Where the server listens. What others can reach takes a certificate
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4222")]
    listen: SocketAddr,

    /// Certificate of the server, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Folder in which the server keeps components [default: `jetstream` in the folder]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// Where the server tells how it is, to whoever asks, such as `127.0.0.1:8222` [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    monitor: Option<SocketAddr>,
}

/// Make the key of a worker, and let it connect
///
/// Copy the key to the worker, to be read by its user alone, and have the server read its
/// configuration again.
#[derive(Debug, Args)]
struct AddArgs {
    /// Name of the worker, such as `gpu-1`
    name: String,
}

/// Let a worker connect no more
///
/// A host that serves gives it nothing from then on. Have the server read its configuration again,
/// which ends its connections.
#[derive(Debug, Args)]
struct RemoveArgs {
    /// Name of the worker
    name: String,
}

/// List the workers that may connect
#[derive(Debug, Args)]
struct ListArgs {}

pub(super) fn workers(
    ui: Ui,
    overrides: &Overrides,
    args: &WorkersArgs,
) -> Result<Exit, CommandError> {
    let folder = Config::find_workers_folder(overrides, args.folder.as_deref())?;
    match &args.command {
        WorkersCommand::Setup(args) => setup(ui, &folder, args),
        WorkersCommand::Add(args) => add(ui, &folder, args),
        WorkersCommand::Remove(args) => remove(ui, &folder, args),
        WorkersCommand::List(_) => list(ui, &folder),
    }
}

fn setup(ui: Ui, folder: &Path, args: &SetupArgs) -> Result<Exit, CommandError> {
    let absolute = |path: &PathBuf| std::path::absolute(path);
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some((absolute(certificate)?, absolute(key)?)),
        _ => None,
    };
    let store = args.store.as_ref().map(absolute).transpose()?;
    let options = ServerOptions {
        listen: args.listen,
        tls,
        store: store.unwrap_or_else(|| folder.join("jetstream")),
        monitor: args.monitor,
    };
    let accounts = Accounts::set_up(folder, options).map_err(explain)?;
    let config = accounts.config_file();
    ui.json(&json!({"event": "set-up", "folder": folder, "config": config}))?;
    ui.line(&format!(
        "Configuration of the server  {}",
        config.display()
    ))?;
    ui.line("")?;
    ui.line("Add workers, then start the server and this host:")?;
    ui.line("  syft-host workers add NAME")?;
    ui.line(&format!("  nats-server --config {}", config.display()))?;
    ui.line(&format!(
        "  syft-host serve --workers nats://{}",
        reachable(args.listen)
    ))?;
    Ok(Exit::Success)
}

/// Returns where this host reaches a server.
fn reachable(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("HOST:{}", listen.port())
    } else {
        listen.to_string()
    }
}

fn add(ui: Ui, folder: &Path, args: &AddArgs) -> Result<Exit, CommandError> {
    let name = parse(&args.name)?;
    let key = Accounts::add(folder, &name).map_err(explain)?;
    let accounts = Accounts::open(folder).map_err(explain)?;
    let public_key = &accounts.workers()[name.as_str()];
    ui.json(&json!({
        "event": "added",
        "name": name.as_str(),
        "key": key,
        "public_key": public_key,
    }))?;
    ui.line(&format!("Key of {name}  {}", key.display()))?;
    ui.line("")?;
    ui.line("Move it to the worker, and have a running server read its configuration again:")?;
    ui.line("  nats-server --signal reload")?;
    ui.line("There:")?;
    let server = reachable(accounts.server().listen);
    let key = key.file_name().unwrap_or_default().to_string_lossy();
    ui.line(&format!(
        "  syft-host worker --server nats://{server} --key {key}"
    ))?;
    Ok(Exit::Success)
}

fn remove(ui: Ui, folder: &Path, args: &RemoveArgs) -> Result<Exit, CommandError> {
    let name = parse(&args.name)?;
    Accounts::remove(folder, &name).map_err(explain)?;
    ui.json(&json!({"event": "removed", "name": name.as_str()}))?;
    ui.line(&format!("Removed {name}. This host gives it nothing more."))?;
    ui.line("To end its connections, have the server read its configuration again:")?;
    ui.line("  nats-server --signal reload")?;
    Ok(Exit::Success)
}

fn list(ui: Ui, folder: &Path) -> Result<Exit, CommandError> {
    let accounts = Accounts::open(folder).map_err(explain)?;
    for (name, public_key) in accounts.workers() {
        ui.json(&json!({"name": name, "public_key": public_key}))?;
        ui.line(&format!("{name}  {public_key}"))?;
    }
    if accounts.workers().is_empty() {
        ui.line("No workers are added. Add one with `syft-host workers add NAME`.")?;
    }
    Ok(Exit::Success)
}

fn parse(name: &str) -> Result<WorkerName, CommandError> {
    Ok(WorkerName::parse(name)?)
}

fn explain(error: AccountsError) -> CommandError {
    let hint = match &error {
        AccountsError::NotSetUp(_) => "set them up with `syft-host workers setup`",
        AccountsError::SetUp(_) => "add workers with `syft-host workers add NAME`",
        AccountsError::Taken(_) | AccountsError::Unknown(_) => {
            "see which there are with `syft-host workers list`"
        }
        AccountsError::NotEncrypted(_) => {
            "give it a certificate with --tls-cert FILE --tls-key FILE, or listen on 127.0.0.1"
        }
        _ => return error.into(),
    };
    CommandError::from(error).hint(hint)
}
