//! `syft-host config`

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use syft_manifest::units::show_size;
use syft_system::private;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::settings::{
    APP_KEYS, HostSettings, KEYS, Setting, SettingKey, SettingOrigin, SettingValue,
};
use crate::supervisor::HostStatus;
use crate::ui::Ui;

/// Where editors find what can be said.
const SCHEMA_URL: &str =
    "https://raw.githubusercontent.com/OpenMined/syft-host/main/host/config.schema.json";

/// Show how `syft-host serve` serves: each setting, and where it comes from
///
/// The file is `config.toml` in the host's config folder. Options of `serve` count before it. A
/// host that serves reads it when it starts and on SIGHUP.
#[derive(Debug, Args)]
pub(super) struct ConfigCommandArgs {
    #[command(subcommand)]
    what: Option<ConfigAction>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigAction {
    /// Show all settings (without a command, too)
    Show,
    /// Print where the file is
    Path,
    /// Check the file, and end with 2 if something in it is wrong
    Check,
    /// Write a file that names all settings, none of them in force
    Init,
}

pub(super) fn config(
    ui: Ui,
    overrides: &Overrides,
    args: &ConfigCommandArgs,
) -> Result<Exit, CommandError> {
    let path = HostSettings::path()?;
    match args.what.unwrap_or(ConfigAction::Show) {
        ConfigAction::Show => show(ui, overrides, &path)?,
        ConfigAction::Path => {
            ui.json(&json!({"event": "path", "path": path, "exists": path.exists()}))?;
            ui.line(&path.display().to_string())?;
        }
        ConfigAction::Check => {
            HostSettings::load()?;
            let exists = path.exists();
            ui.json(&json!({"event": "checked", "path": path, "exists": exists}))?;
            let shown = path.display();
            ui.line(&if exists {
                format!("{shown} is as it should be.")
            } else {
                format!("There is no {shown}: the defaults count.")
            })?;
        }
        ConfigAction::Init => init(ui, overrides, &path)?,
    }
    Ok(Exit::Success)
}

fn show(ui: Ui, overrides: &Overrides, path: &Path) -> Result<(), CommandError> {
    let settings = HostSettings::load()?;
    let config = Config::load(overrides)?;
    let rows: Vec<Value> = KEYS.iter().map(|key| key_json(key, &settings)).collect();
    let of_app = |key: &str, setting: &Setting| json!({"key": key, "value": value_text(&setting.value), "from": origin(Some(setting))});
    let apps = settings.apps.iter().map(|(name, said)| {
        let said = said.iter().map(|(key, setting)| of_app(key, setting));
        json!({"app": name.as_str(), "settings": said.collect::<Vec<_>>()})
    });
    ui.json(&json!({
        "event": "config",
        "path": path,
        "exists": path.exists(),
        "email": config.email.as_str(),
        "datasites": config.datasites,
        "settings": rows,
        "apps": apps.collect::<Vec<_>>(),
    }))?;
    ui.line(&format!("Owner        {}", config.email))?;
    ui.line(&format!("Datasites    {}", config.datasites.display()))?;
    let there = if path.exists() { "" } else { " (not there)" };
    ui.line(&format!("Config file  {}{there}", path.display()))?;
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.parts();
        if of != section {
            ui.line("")?;
            ui.line(&format!("[{of}]"))?;
            section = of;
        }
        ui.line(&row(name, key.default, settings.all.get(key.name)))?;
    }
    for (app, said) in &settings.apps {
        for key in APP_KEYS {
            if let Some(setting) = said.get(key) {
                let name = format!("apps.{app}.{key}");
                ui.line("")?;
                ui.line(&row(&name, "", Some(setting)))?;
            }
        }
    }
    Ok(())
}

fn row(name: &str, default: &str, setting: Option<&Setting>) -> String {
    let default = default.trim_matches('"');
    let value = setting.map_or_else(|| default.to_owned(), |setting| value_text(&setting.value));
    format!("{name:<16} {value}  ({})", origin(setting))
}

fn key_json(key: &SettingKey, settings: &HostSettings) -> Value {
    let setting = settings.all.get(key.name);
    json!({
        "key": key.name,
        "value": setting.map(|setting| value_text(&setting.value)),
        "default": key.default,
        "from": origin(setting),
        "reloads": key.is_live,
    })
}

fn origin(setting: Option<&Setting>) -> String {
    match setting.map(|setting| setting.origin) {
        None => "default".to_owned(),
        Some(SettingOrigin::Line(line)) => format!("config.toml, line {line}"),
        Some(SettingOrigin::CommandLine) => "command line".to_owned(),
    }
}

fn value_text(value: &SettingValue) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        SettingValue::Time(time) => time_text(*time),
        SettingValue::Size(bytes) => show_size(*bytes),
        SettingValue::Count(count) => count.to_string(),
        SettingValue::Flag(flag) => flag.to_string(),
        SettingValue::Hours(hours) => hours.to_string(),
        SettingValue::Text(text) => text.clone(),
        SettingValue::Word(word) => (*word).to_owned(),
        SettingValue::Files(files) => list(files.iter().map(ToString::to_string).collect()),
        SettingValue::Hosts(hosts) => list(hosts.iter().map(ToString::to_string).collect()),
    }
}

/// Returns a time as one writes it.
fn time_text(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let units = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m"), (1, "s")];
    let unit = units
        .iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) if millis == 0 => format!("{}{name}", seconds / unit),
        _ => format!("{}ms", time.as_millis()),
    }
}

fn init(ui: Ui, overrides: &Overrides, path: &Path) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(path);
    let write = || {
        private::make_folders(folder)?;
        let mut options = private::file_options();
        let mut file = options.write(true).create_new(true).open(path)?;
        file.write_all(template().as_bytes())
    };
    match write() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let message = format!("{} is already there", path.display());
            return Err(CommandError::new(message).hint("see what it says: `syft-host config`"));
        }
        written => written
            .map_err(|error| CommandError::new(format!("write {}: {error}", path.display())))?,
    }
    ui.json(&json!({"event": "written", "path": path}))?;
    ui.line(&format!("Wrote    {}", fs::canonicalize(path)?.display()))?;
    ui.line("Take the `#` away from what you want, and see what counts with `syft-host config`.")?;
    let config = Config::load(overrides)?;
    if let Ok(Some(status)) = HostStatus::read(&config.serving) {
        ui.line(&format!(
            "The host that serves reads it with: kill -HUP {}",
            status.pid
        ))?;
    }
    Ok(())
}

/// Returns a file that names all settings and says nothing.
fn template() -> String {
    let mut text = format!(
        "#:schema {SCHEMA_URL}\n# How `syft-host serve` serves. Options of the command line count \
         before this.\n"
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.parts();
        if of != section {
            text.push_str(&format!("\n[{of}]\n"));
            section = of;
        }
        text.push_str(&format!("# {}. Default: {}\n", key.about, key.default));
        text.push_str(&format!("# {name} = {}\n", key.example));
    }
    text.push_str(
        "\n# Of one app, before what is said of all:\n# [apps.leaderboard.limits]\n# memory = \
         \"512MiB\"\n# [apps.leaderboard.deny]\n# files = [\"*/private/**\"]\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_names_all_and_says_nothing() {
        let text = template();
        let settings = HostSettings::parse(Path::new("config.toml"), &text).expect("settings");
        assert_eq!(settings, HostSettings::default());
        let said: Vec<String> = text
            .lines()
            .filter(|line| !line.starts_with("#:"))
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => rest.to_owned(),
                Some(_) => String::new(),
                None => line.to_owned(),
            })
            .collect();
        let settings = HostSettings::parse(Path::new("config.toml"), &said.join("\n"));
        let settings = settings.expect("settings");
        assert_eq!((settings.all.len(), settings.apps.len()), (KEYS.len(), 1));
    }
}
