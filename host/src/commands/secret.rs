//! `syft-host secret`

use std::io::{self, IsTerminal, Read};

use clap::{Args, Subcommand};
use serde_json::json;
use syft_manifest::{SecretValue, VariableName, WantedSecret};
use syft_protocol::address::AppName;
use zeroize::Zeroizing;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::ui::Ui;
use syft_runtime::secrets::SecretStore;

/// Manage the secrets that apps use, such as keys of services
///
/// A secret is for one app, and lies in a private folder of the host. Nothing shows it again. An
/// app gets those that its `syft-app.toml` asks for and that you allowed it.
#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    Set(SetArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Set a secret of an app
///
/// Asks for it without showing it, or reads it from standard input, to the end but for a last new
/// line. It counts from the app's next call on.
#[derive(Debug, Args)]
struct SetArgs {
    /// Name of the app
    app: String,

    /// Name of the secret, as the app asks for it: `OPENAI_API_KEY`
    #[arg(value_parser = VariableName::parse)]
    name: VariableName,
}

/// List the names of secrets: those that are set, and those that installed apps wait for
#[derive(Debug, Args)]
struct ListArgs {
    /// Name of the app [default: all apps]
    app: Option<String>,
}

/// Remove a secret of an app
///
/// It counts from the app's next call on.
#[derive(Debug, Args)]
struct RemoveArgs {
    /// Name of the app
    app: String,

    /// Name of the secret
    #[arg(value_parser = VariableName::parse)]
    name: VariableName,
}

pub(super) fn secret(
    ui: Ui,
    overrides: &Overrides,
    args: &SecretArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    match &args.command {
        SecretCommand::Set(args) => set(ui, &config, args),
        SecretCommand::List(args) => list(ui, &config, args),
        SecretCommand::Remove(args) => remove(ui, &config, args),
    }
}

fn set(ui: Ui, config: &Config, args: &SetArgs) -> Result<Exit, CommandError> {
    let SetArgs { app, name } = args;
    let app = AppName::parse(app)?;
    let text = if ui.can_ask() {
        ui.ask_secret(&format!("{name} of {app}:"))?
    } else {
        from_stdin()?
    };
    let wrong = |why| CommandError::new(format!("{name} is not set: {why}"));
    let value = SecretValue::new(text).map_err(wrong)?;
    let store = SecretStore::new(&config.app_folder(&app));
    store
        .set(name, &value)
        .map_err(|error| CommandError::from(error).about(format!("{name} is not set")))?;
    ui.json(&json!({"event": "set", "app": app.as_str(), "name": name.as_str()}))?;
    ui.line(&format!("Set {name} of {app}."))?;
    if wanted(config, &app)?.is_some_and(|wanted| !wanted.contains(name)) {
        ui.status(&format!(
            "note: {app} is installed and does not ask for {name}"
        ));
    }
    Ok(Exit::Success)
}

/// Reads what is piped in.
fn from_stdin() -> Result<Zeroizing<String>, CommandError> {
    if io::stdin().is_terminal() {
        // It would be shown while it is typed.
        let error = CommandError::new("a secret is asked for on a terminal, and stderr is none");
        return Err(error.hint("leave stderr as it is, or give it by standard input: `< FILE`"));
    }
    // One more than there may be, and the new line.
    let most = SecretValue::MAX_BYTES + 2;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    io::stdin()
        .lock()
        .take(most as u64)
        .read_to_end(&mut bytes)?;
    let text = str::from_utf8(&bytes).map_err(|_| CommandError::new("a secret is text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}

fn list(ui: Ui, config: &Config, args: &ListArgs) -> Result<Exit, CommandError> {
    let apps = match &args.app {
        Some(app) => vec![AppName::parse(app)?],
        None => {
            let mut apps = config.known_apps()?;
            apps.extend(installed_names(config)?);
            apps.sort();
            apps.dedup();
            apps
        }
    };
    let mut is_empty = true;
    for app in apps {
        let set = SecretStore::new(&config.app_folder(&app)).names()?;
        let missing = wanted(config, &app)?.unwrap_or_default();
        let missing = missing.into_iter().filter(|name| !set.contains(name));
        let set = set.iter().map(|name| (name.clone(), true));
        for (name, is_set) in set.chain(missing.map(|name| (name, false))) {
            is_empty = false;
            ui.json(&json!({"app": app.as_str(), "name": name.as_str(), "set": is_set}))?;
            let missing = if is_set {
                String::new()
            } else {
                format!("  missing: syft-host secret set {app} {name}")
            };
            ui.line(&format!("{app}  {name}{missing}"))?;
        }
    }
    if is_empty {
        ui.line("No secrets are set.")?;
    }
    Ok(Exit::Success)
}

fn remove(ui: Ui, config: &Config, args: &RemoveArgs) -> Result<Exit, CommandError> {
    let RemoveArgs { app, name } = args;
    let app = AppName::parse(app)?;
    if !SecretStore::new(&config.app_folder(&app)).remove(name)? {
        let error = CommandError::new(format!("{app} has no secret {name}"));
        return Err(error.hint(format!("which there are: `syft-host secret list {app}`")));
    }
    ui.json(&json!({"event": "removed", "app": app.as_str(), "name": name.as_str()}))?;
    ui.line(&format!("Removed {name} of {app}."))?;
    Ok(Exit::Success)
}

fn installed_names(config: &Config) -> Result<Vec<AppName>, CommandError> {
    let installer = Installer::open(config).map_err(consent::explain)?;
    Ok(installer.records().names()?)
}

/// Returns which secrets an installed app asks for and was allowed; `None` where it is not
/// installed.
fn wanted(config: &Config, app: &AppName) -> Result<Option<Vec<VariableName>>, CommandError> {
    let installer = Installer::open(config).map_err(consent::explain)?;
    let installed = installer.records().get(app)?;
    let names = |secrets: Vec<WantedSecret>| -> Vec<VariableName> {
        secrets.into_iter().map(|secret| secret.name).collect()
    };
    Ok(installed.map(|installed| names(installed.current.approved.secrets)))
}

/// Returns the commands that set what an app asks for and that is not set.
pub(super) fn to_set(
    config: &Config,
    app: &AppName,
    secrets: &[WantedSecret],
) -> Result<Vec<String>, CommandError> {
    let set = SecretStore::new(&config.app_folder(app)).names()?;
    let missing = secrets.iter().filter(|secret| !set.contains(&secret.name));
    let command = |secret: &WantedSecret| format!("syft-host secret set {app} {}", secret.name);
    Ok(missing.map(command).collect())
}
