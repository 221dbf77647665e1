//! What the user, the environment and SyftBox's config file say.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Overrides;
use super::homes::{data_home, expand_home, home};
use crate::error::CommandError;

pub(super) const CONFIG_PATH: &str = "SYFTBOX_CLIENT_CONFIG_PATH";
pub(super) const EMAIL: &str = "SYFTBOX_EMAIL";
pub(super) const DATA_DIR: &str = "SYFTBOX_DATA_DIR";
pub(super) const SERVER_URL: &str = "SYFTBOX_SERVER_URL";

/// How long a config file may be cut short before that is an error.
const CUT_SHORT_FOR: Duration = Duration::from_secs(2);

/// The owner where no SyftBox is set up.
const LOCAL_OWNER: &str = "owner@local.syftbox";

/// The keys of the SyftBox config file that concern us.
#[derive(Debug, Default, Deserialize)]
struct ConfigFile {
    email: Option<String>,
    #[serde(alias = "sync_folder")]
    data_dir: Option<PathBuf>,
    server_url: Option<String>,
}

/// What the user, the environment and the config file say.
pub(super) struct Settings {
    pub(super) email: Option<String>,
    data_dir: Option<PathBuf>,
    pub(super) server_url: Option<String>,
    pub(super) is_local: bool,
}

impl Settings {
    pub(super) fn find(overrides: &Overrides) -> Result<Self, CommandError> {
        let email = overrides.email.clone().or_else(|| env::var(EMAIL).ok());
        let data_dir = overrides
            .data_dir
            .clone()
            .or_else(|| env::var_os(DATA_DIR).map(PathBuf::from));
        let file = match (&email, &data_dir) {
            (Some(_), Some(_)) => None,
            _ => read_config_file(overrides.config.as_deref())?,
        };
        let is_local = file.is_none() && email.is_none() && data_dir.is_none();
        // Who says all else need not have the file, nor a whole one.
        let file = file.or_else(|| glance_at(overrides.config.as_deref()));
        let file = file.unwrap_or_default();
        let local_owner = is_local.then(|| LOCAL_OWNER.to_owned());
        Ok(Self {
            email: email.or(file.email).or(local_owner),
            data_dir: data_dir.or(file.data_dir),
            server_url: env::var(SERVER_URL).ok().or(file.server_url),
            is_local,
        })
    }

    pub(super) fn datasites(&self) -> Result<PathBuf, CommandError> {
        let data_dir = match &self.data_dir {
            Some(dir) => expand_home(dir)?,
            None if self.is_local => data_home()?.join("local"),
            None => home()?.join("SyftBox"),
        };
        Ok(std::path::absolute(data_dir)?.join("datasites"))
    }
}

pub(super) fn missing(what: &str, option: &str) -> CommandError {
    CommandError::new(format!("no {what} of the owner is known"))
        .hint(format!("give {option}, or set it up with `syftbox login`"))
}

/// Reads the config file, if there is one that can be read.
fn glance_at(named: Option<&Path>) -> Option<ConfigFile> {
    let (path, _) = config_path(named).ok()?;
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Returns where the config file is, and whether somebody named it.
fn config_path(named: Option<&Path>) -> Result<(PathBuf, bool), CommandError> {
    let named = named
        .map(Path::to_owned)
        .or_else(|| env::var_os(CONFIG_PATH).map(PathBuf::from));
    Ok(match named {
        Some(path) => (expand_home(&path)?, true),
        None => (home()?.join(".syftbox/config.json"), false),
    })
}

/// Reads the config file; `None` where nobody named one and there is none.
fn read_config_file(named: Option<&Path>) -> Result<Option<ConfigFile>, CommandError> {
    let (path, is_named) = config_path(named)?;
    let legacy = path.with_file_name("client_config.json");
    for path in [&path, &legacy] {
        match parse_config_file(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.explain(path)),
        }
    }
    if is_named {
        Err(
            CommandError::new(format!("there is no config file {}", path.display()))
                .hint("set one up with `syftbox login`, or give --email and --data-dir"),
        )
    } else {
        Ok(None)
    }
}

/// SyftBox rewrites its config in place at each start, so an early look may see a part of
/// it, or nothing. That is read again for a while.
fn parse_config_file(path: &Path) -> Result<ConfigFile, ConfigFileError> {
    let give_up = Instant::now() + CUT_SHORT_FOR;
    loop {
        let text = fs::read_to_string(path).map_err(ConfigFileError::Read)?;
        match serde_json::from_str(&text) {
            Ok(file) => return Ok(file),
            Err(error) if !error.is_eof() => return Err(ConfigFileError::Parse(error)),
            Err(error) if give_up <= Instant::now() => return Err(ConfigFileError::Parse(error)),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Why a config file is of no use.
enum ConfigFileError {
    Read(std::io::Error),
    Parse(serde_json::Error),
}

impl ConfigFileError {
    fn is_not_found(&self) -> bool {
        matches!(self, Self::Read(error) if error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Says what to do about it.
    fn explain(self, path: &Path) -> CommandError {
        let path = path.display();
        match self {
            Self::Read(error) => {
                CommandError::new(format!("cannot read the config {path}: {error}"))
                    .hint("make it readable, or give --email and --data-dir")
            }
            Self::Parse(error) if error.is_eof() => {
                CommandError::new(format!("the config {path} is cut short: {error}")).hint(
                    "a SyftBox client that failed while it started may have left it so: start it \
                     again, set it up with `syftbox login`, or give --email and --data-dir",
                )
            }
            Self::Parse(error) => CommandError::new(format!(
                "the config {path} is no config of SyftBox: {error}"
            ))
            .hint("fix it, set it up with `syftbox login`, or give --email and --data-dir"),
        }
    }
}
