//! The folders of the user, and those of the host in them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use syft_system::places::{HERE, Place};

use crate::error::CommandError;

pub(super) const HOME: &str = "SYFT_HOST_HOME";
pub(super) const CACHE_HOME: &str = "XDG_CACHE_HOME";
pub(super) const DATA_HOME: &str = "XDG_DATA_HOME";
pub(super) const CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// As docker and others name it.
pub(super) const DOCKER_CONFIG: &str = "DOCKER_CONFIG";

/// Where the private folders lie.
pub(super) struct Homes {
    pub(super) cache: PathBuf,
    pub(super) data: PathBuf,
    pub(super) settings: PathBuf,
}

/// Returns where docker keeps who its user is to registries. A user without a home has none.
pub(super) fn docker_config() -> Option<PathBuf> {
    let folder = match env::var_os(DOCKER_CONFIG) {
        Some(folder) => PathBuf::from(folder),
        None => home().ok()?.join(".docker"),
    };
    Some(folder.join("config.json"))
}

/// Returns the folder of what systemd starts for this user.
///
/// # Errors
/// There is no home.
#[cfg(target_os = "linux")]
pub fn user_units() -> Result<PathBuf, CommandError> {
    Ok(base(Place::Settings)?.join("systemd/user"))
}

/// Returns the folder of what is this user's on a Mac and is no document.
///
/// # Errors
/// There is no home.
#[cfg(target_os = "macos")]
pub fn user_library() -> Result<PathBuf, CommandError> {
    Ok(home()?.join("Library"))
}

pub(super) fn cache_home() -> Result<PathBuf, CommandError> {
    home_folder(Place::Cache, "cache")
}

pub(super) fn data_home() -> Result<PathBuf, CommandError> {
    home_folder(Place::Data, "data")
}

pub(super) fn config_home() -> Result<PathBuf, CommandError> {
    home_folder(Place::Settings, "config")
}

/// Returns one of the host's own folders.
fn home_folder(place: Place, name: &str) -> Result<PathBuf, CommandError> {
    if let Some(own) = env::var_os(HOME).filter(|own| !own.is_empty()) {
        return Ok(std::path::absolute(PathBuf::from(own))?.join(name));
    }
    Ok(base(place)?.join("syft-host"))
}

/// Returns a folder of all programs of this user.
fn base(place: Place) -> Result<PathBuf, CommandError> {
    let found = HERE.of_all_programs(place, home().ok(), &|name| env::var_os(name));
    // They say where it is, or the home does.
    found.map_or_else(home, Ok)
}

pub(super) fn home() -> Result<PathBuf, CommandError> {
    env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or_else(|| {
            CommandError::new("this user has no home folder").hint(format!("set {HOME}"))
        })
}

pub(super) fn expand_home(path: &Path) -> Result<PathBuf, CommandError> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(home()?.join(rest)),
        Err(_) => Ok(path.to_owned()),
    }
}

/// Resolves the links in the part of a path that exists.
fn resolve(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(ancestor), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// Makes sure that no folder of ours lies where it would be synced.
pub(super) fn not_synced(own: &[&PathBuf], datasites: &Path) -> Result<(), CommandError> {
    let synced = resolve(datasites);
    let Some(folder) = own
        .iter()
        .find(|folder| resolve(folder).starts_with(&synced))
    else {
        return Ok(());
    };
    let message = format!("{} lies inside the synced folder", folder.display());
    Err(CommandError::new(message).hint(format!(
        "set {HOME} to a folder outside {}",
        datasites.display()
    )))
}
