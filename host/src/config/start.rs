//! How systemd or a SyftBox client has to start the host.

use std::env;
use std::path::{Path, PathBuf};

use super::homes::{CACHE_HOME, CONFIG_HOME, DATA_HOME, DOCKER_CONFIG, HOME, expand_home};
use super::settings::{CONFIG_PATH, DATA_DIR, EMAIL, SERVER_URL};
use super::{COMPILE_MEMORY, COMPILE_TIME, Overrides};
use crate::error::CommandError;

/// How somebody else has to start the host, so that it runs for the same owner as here.
#[derive(Debug, Clone)]
pub struct StartCommand {
    /// This program.
    pub program: PathBuf,
    /// The options that say which SyftBox is meant, if that was said here.
    pub arguments: Vec<String>,
    /// The variables that say where the host's own folders and docker's are, if that was said here.
    pub environment: Vec<(String, String)>,
}

impl StartCommand {
    /// Finds it out.
    ///
    /// # Errors
    /// What was said is not in UTF-8.
    pub fn find(overrides: &Overrides) -> Result<Self, CommandError> {
        let said = |option: &Option<PathBuf>, variable| {
            let said = option
                .clone()
                .or_else(|| env::var_os(variable).map(PathBuf::from));
            said.map(|path| said_path(&path)).transpose()
        };
        let email = overrides.email.clone().or_else(|| env::var(EMAIL).ok());
        let options = [
            ("--config", said(&overrides.config, CONFIG_PATH)?),
            ("--email", email),
            ("--data-dir", said(&overrides.data_dir, DATA_DIR)?),
        ];
        let named = |(option, value): (&str, Option<String>)| Some([option.to_owned(), value?]);
        let folders = [HOME, CACHE_HOME, DATA_HOME, CONFIG_HOME, DOCKER_CONFIG].into_iter();
        let set = folders.filter_map(|name| Some((name.to_owned(), env::var_os(name)?)));
        let folders = set.map(|(name, path)| Ok((name, said_path(Path::new(&path))?)));
        let others = [COMPILE_TIME, COMPILE_MEMORY, SERVER_URL].into_iter();
        let others = others.filter_map(|name| Some(Ok((name.to_owned(), env::var(name).ok()?))));
        let environment = folders.chain(others);
        Ok(Self {
            program: env::current_exe()?,
            arguments: options.into_iter().filter_map(named).flatten().collect(),
            environment: environment.collect::<Result<_, CommandError>>()?,
        })
    }
}

/// Returns a path as it has to be said in another folder.
fn said_path(path: &Path) -> Result<String, CommandError> {
    let path = std::path::absolute(expand_home(path)?)?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| CommandError::new(format!("{} is not in UTF-8", path.display())))
}
