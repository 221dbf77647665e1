//! What of our own environment other programs are given, and where they are found.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::path::PathBuf;

use syft_system::rights::{Right, may};

/// The variable that says where programs lie.
const SEARCH_PATH: &str = "PATH";

/// Without these, programs of Windows do not start, or find no place for temporary files.
const ALWAYS: &[&str] = if cfg!(windows) {
    &["SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "USERPROFILE"]
} else {
    &[]
};

/// How programs reach the network here.
pub const NETWORK: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Returns those of these variables that are set. A name that ends with `*` stands for all
/// that begin so. On Windows there are some more, without which no program runs.
pub fn variables(names: &[&str]) -> Vec<(OsString, OsString)> {
    let is_meant = |name: &str| {
        names.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *known,
        }) || ALWAYS.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(is_meant))
        .collect()
}

/// Returns where programs lie: whole paths only, since all others depend on the current
/// folder, which may be anybody's.
pub fn search_path() -> OsString {
    env::join_paths(search_folders()).unwrap_or_default()
}

/// Returns the path of a program that is found by its name.
pub fn find_program(name: &str) -> Option<PathBuf> {
    search_folders()
        .map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")))
        .find(|path| path.is_file() && may(path, Right::Run))
}

fn search_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os(SEARCH_PATH).unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.into_iter().filter(|folder| folder.is_absolute())
}

/// Returns where the user keeps who they are to hosts of a network.
pub fn netrc() -> Option<PathBuf> {
    let said = env::var_os("NETRC").map(PathBuf::from);
    let path = said.or_else(|| Some(env::home_dir()?.join(".netrc")))?;
    (path.is_absolute() && path.is_file()).then_some(path)
}
