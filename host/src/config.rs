//! Whom the host runs for and where. The only reader of the environment.

mod homes;
pub mod inherited;
mod loopback_address;
mod own_keys;
mod settings;
mod start;
mod traces;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syft_manifest::units::{parse_long_time, parse_size};
use syft_protocol::address::{AppName, Datasite};

#[cfg(target_os = "macos")]
pub use homes::user_library;
#[cfg(target_os = "linux")]
pub use homes::user_units;
pub use loopback_address::LoopbackAddress;
pub use start::StartCommand;
pub use traces::TraceTarget;

use crate::activity::LogFolder;
use crate::error::CommandError;
use homes::{Homes, cache_home, config_home, data_home, docker_config, not_synced};
use own_keys::ServerUrl;
use settings::{Settings, missing};
use syft_runtime::sandbox::CompileLimits;
use syft_server::encryption::KeyPlaces;
use syft_server::private_folder::PrivateFolder;

/// Set where a SyftBox client started us as one of its apps.
const APP_ID: &str = "SYFTBOX_APP_ID";
/// What compiling a component may take, where the usual is not enough.
const COMPILE_TIME: &str = "SYFT_HOST_COMPILE_TIME";
const COMPILE_MEMORY: &str = "SYFT_HOST_COMPILE_MEMORY";
const LOG: &str = "SYFT_HOST_LOG";
const FAILPOINT: &str = "SYFT_HOST_FAILPOINT";

/// The caches below our folder of caches.
const COMPILED: &str = "compiled";
const PYTHON: &str = "python";
/// The logs below our folder of data.
const LOGS: &str = "logs";

/// A SyftBox client kills its apps three seconds after it asked them to stop.
const STOP_UNDER_SYFTBOX: Duration = Duration::from_millis(2_500);

/// What the user says about which SyftBox is meant. It counts before the
/// environment and the config file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The SyftBox config file.
    pub config: Option<PathBuf>,
    /// The email of the owner.
    pub email: Option<String>,
    /// The folder that holds `datasites`.
    pub data_dir: Option<PathBuf>,
}

/// Whom the host runs for, and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// The owner.
    pub email: Datasite,
    /// The folder of all datasites.
    pub datasites: PathBuf,
    /// No SyftBox is set up on this machine, so nothing is synced with anybody.
    pub is_local: bool,
    /// The private folder of compiled components.
    pub cache: PathBuf,
    /// The private folder of what apps keep between calls.
    pub apps: PathBuf,
    /// The private folder of what the owner approved for good.
    pub approvals: PathBuf,
    /// The private folder of whose keys are trusted.
    pub trust: PathBuf,
    /// The private folder of which keys senders have.
    pub senders: PathBuf,
    /// The SyftBox server, by which the release tells the keys of its users apart.
    server: ServerUrl,
    /// The private folder that says which apps are installed for the owner.
    pub installed: PathBuf,
    /// The private folder of the host that serves them.
    pub serving: PathBuf,
    /// The file in which docker keeps who the owner is for registries, if there is a place for it.
    pub docker_config: Option<PathBuf>,
    /// The private folder of the components of installed apps.
    pub components: PathBuf,
    /// The private folder of the logs of apps.
    pub logs: PathBuf,
    /// The private folder of what the owner published last.
    pub published: PathBuf,
    /// What compiling a component may take.
    pub compile: CompileLimits,
    /// The time in which we have to end, where somebody waits for it.
    pub stop_within: Option<Duration>,
}

/// Returns the filter of the log, if the environment has one.
pub fn log_filter() -> Option<String> {
    env::var(LOG).or_else(|_| env::var("RUST_LOG")).ok()
}

/// Returns where the host is to crash, in tests.
pub fn failpoint() -> Option<String> {
    env::var(FAILPOINT).ok()
}

/// Returns what compiling a component may take, as the owner sets it.
fn compile_limits() -> Result<CompileLimits, CommandError> {
    let said = |variable: &str| env::var(variable).ok().filter(|value| !value.is_empty());
    let wrong = |variable: &str, example: &str| {
        CommandError::new(format!("{variable} is invalid")).hint(format!(
            "set it to something such as `{example}`, or not at all"
        ))
    };
    let time = said(COMPILE_TIME).map(|text| {
        let time = parse_long_time(&text)
            .ok()
            .filter(|time| *time >= Duration::from_secs(1));
        time.ok_or_else(|| wrong(COMPILE_TIME, "2m"))
    });
    let memory_bytes = said(COMPILE_MEMORY).map(|text| {
        let bytes = parse_size(&text).filter(|bytes| *bytes >= 64 << 20);
        let bytes = bytes.ok_or_else(|| wrong(COMPILE_MEMORY, "2GiB"))?;
        Ok::<_, CommandError>(bytes as u64)
    });
    Ok(CompileLimits {
        time: time.transpose()?,
        memory_bytes: memory_bytes.transpose()?,
    })
}

impl Config {
    /// Finds out whom the host runs for: as the user says, else by the environment,
    /// else by the config file as the released clients find it, else as a local
    /// owner.
    ///
    /// # Errors
    /// The config is not readable or incomplete, or the host's own folder would
    /// be synced.
    pub fn load(overrides: &Overrides) -> Result<Self, CommandError> {
        let said = Settings::find(overrides)?;
        let datasites = said.datasites()?;
        let email = said.email.ok_or_else(|| missing("email", "--email"))?;
        let homes = Homes {
            cache: cache_home()?,
            data: data_home()?,
            settings: config_home()?,
        };
        let config = Self {
            server: ServerUrl::parse(said.server_url.as_deref())?,
            is_local: said.is_local,
            docker_config: docker_config(),
            stop_within: env::var_os(APP_ID).map(|_| STOP_UNDER_SYFTBOX),
            ..Self::new(Datasite::parse(&email)?, datasites, &homes)?
        };
        config.keep_private()?;
        Ok(config)
    }

    /// Returns a configuration that has everything in one folder, which is thrown away later.
    ///
    /// # Errors
    /// The environment says something about compiling that makes no sense.
    pub fn throw_away(owner: Datasite, folder: &Path) -> Result<Self, CommandError> {
        let homes = Homes {
            cache: folder.join("cache"),
            data: folder.join("data"),
            settings: folder.join("settings"),
        };
        Self::new(owner, folder.join("datasites"), &homes)
    }

    fn new(email: Datasite, datasites: PathBuf, homes: &Homes) -> Result<Self, CommandError> {
        let of_owner = |folder: &str| homes.data.join(folder).join(email.as_str());
        Ok(Self {
            datasites,
            is_local: true,
            cache: homes.cache.join(COMPILED),
            apps: homes.data.join("apps"),
            approvals: homes.settings.join("approvals"),
            trust: homes.settings.join("trust"),
            senders: homes.settings.join("senders"),
            server: ServerUrl::parse(None)?,
            installed: of_owner("installed"),
            serving: of_owner("serving"),
            docker_config: None,
            components: of_owner("components"),
            logs: of_owner(LOGS),
            published: of_owner("published"),
            compile: compile_limits()?,
            stop_within: None,
            email,
        })
    }

    /// Finds the folder of all datasites, where it does not matter for whom.
    ///
    /// # Errors
    /// The config is not readable, or there is no home.
    pub fn find_datasites(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        Settings::find(overrides)?.datasites()
    }

    /// Finds the private folder of what Python programs are built with, where it does
    /// not matter for whom.
    ///
    /// # Errors
    /// The config is not readable, or the folder would be synced.
    pub fn find_python_folder(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        let folder = cache_home()?.join(PYTHON);
        not_synced(&[&folder], &Self::find_datasites(overrides)?)?;
        Ok(folder)
    }

    /// Finds the private folders of what can be made again: compiled code, and what Python
    /// programs are built with.
    ///
    /// # Errors
    /// The config is not readable, or one of them would be synced.
    pub fn find_caches(overrides: &Overrides) -> Result<[PathBuf; 2], CommandError> {
        let caches = [cache_home()?.join(COMPILED), cache_home()?.join(PYTHON)];
        not_synced(&caches.each_ref(), &Self::find_datasites(overrides)?)?;
        Ok(caches)
    }

    /// Returns what compiling a component may take, where it does not matter for whom.
    ///
    /// # Errors
    /// The environment says something about it that makes no sense.
    pub fn find_compile_limits() -> Result<CompileLimits, CommandError> {
        compile_limits()
    }

    /// Finds the private folder of what a worker keeps of its owner's apps and files.
    ///
    /// # Errors
    /// The config is not readable, or the folder would be synced.
    pub fn find_worker_cache(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        let folder = cache_home()?.join("worker");
        not_synced(&[&folder], &Self::find_datasites(overrides)?)?;
        Ok(folder)
    }

    /// Returns where the keys of workers lie, unless the user says something else.
    ///
    /// # Errors
    /// The user has no home.
    pub fn workers_folder() -> Result<PathBuf, CommandError> {
        Ok(config_home()?.join("workers"))
    }

    /// Finds the private folder of the keys of workers.
    ///
    /// # Errors
    /// The config is not readable, or the folder would be synced.
    pub fn find_workers_folder(
        overrides: &Overrides,
        said: Option<&Path>,
    ) -> Result<PathBuf, CommandError> {
        let folder = match said {
            Some(folder) => std::path::absolute(folder)?,
            None => Self::workers_folder()?,
        };
        not_synced(&[&folder], &Self::find_datasites(overrides)?)?;
        Ok(folder)
    }

    /// Finds the file that says how the owner wants apps to be served.
    ///
    /// # Errors
    /// The user has no home.
    pub fn settings_file() -> Result<PathBuf, CommandError> {
        Ok(config_home()?.join("config.toml"))
    }

    /// Finds the private folder of the logs of all owners.
    ///
    /// # Errors
    /// The config is not readable, or the folder would be synced.
    pub fn find_logs(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        let folder = data_home()?.join(LOGS);
        not_synced(&[&folder], &Self::find_datasites(overrides)?)?;
        Ok(folder)
    }

    /// Finds the private folder of which crates the user agreed to build, where it does not
    /// matter for whom.
    ///
    /// # Errors
    /// The config is not readable, or the folder would be synced.
    pub fn find_agreements(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        let folder = config_home()?.join("builds");
        not_synced(&[&folder], &Self::find_datasites(overrides)?)?;
        Ok(folder)
    }

    /// Finds where a secret key is to lie: where the user says, or in a private folder.
    ///
    /// # Errors
    /// The config is not readable, or the key would be synced.
    pub fn find_key_file(
        overrides: &Overrides,
        said: Option<&Path>,
    ) -> Result<PathBuf, CommandError> {
        let path = match said {
            Some(path) => std::path::absolute(path)?,
            None => config_home()?.join("keys/signing"),
        };
        not_synced(&[&path], &Self::find_datasites(overrides)?)?;
        Ok(path)
    }

    /// Returns a path that the user named for something private.
    ///
    /// # Errors
    /// It would be synced.
    pub fn private_path(&self, said: &Path) -> Result<PathBuf, CommandError> {
        let path = std::path::absolute(said)?;
        not_synced(&[&path], &self.datasites)?;
        Ok(path)
    }

    /// Returns the private folder of one app.
    pub fn app_folder(&self, app: &AppName) -> PrivateFolder {
        PrivateFolder::new(self.apps.join(self.email.as_str()).join(app.file_name()))
    }

    /// Returns where the owner's keys for encrypted requests are, and those of senders.
    pub fn key_places(&self) -> KeyPlaces {
        KeyPlaces {
            datasites: self.datasites.clone(),
            owner: self.email.clone(),
            own_keys: self.server.own_keys(&self.datasites, &self.email),
            server_host: self.server.host().to_owned(),
            senders: self.senders.clone(),
        }
    }

    /// Returns the logs of apps.
    pub fn logs(&self) -> LogFolder {
        LogFolder::new(self.logs.clone())
    }

    /// Returns the private folder of what calls have only as long as they run.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.cache.with_file_name("temporary")
    }

    /// Returns the private folder that says which components are being asked what they serve.
    pub(crate) fn asking(&self) -> PathBuf {
        self.serving.join("asking")
    }

    /// Returns the apps that have a private folder, by name.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn known_apps(&self) -> Result<Vec<AppName>, CommandError> {
        let entries = match fs::read_dir(self.apps.join(self.email.as_str())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut apps = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            apps.extend(name.to_str().and_then(AppName::of_file_name));
        }
        apps.sort();
        Ok(apps)
    }

    /// Compiled code from a synced folder would let strangers run what they like, trusted
    /// keys would be theirs to choose, and state would be theirs to read.
    fn keep_private(&self) -> Result<(), CommandError> {
        let own_keys = self.key_places().own_keys;
        let own = [
            &own_keys,
            &self.senders,
            &self.cache,
            &self.apps,
            &self.approvals,
            &self.trust,
            &self.installed,
            &self.serving,
            &self.components,
            &self.logs,
            &self.published,
        ];
        not_synced(&own, &self.datasites)
    }
}
