//! Whom the host runs for and where. The only reader of the environment.

pub mod inherited;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use syft_manifest::units::{parse_long_time, parse_size};
use syft_protocol::address::{AppName, Datasite};

use crate::error::CommandError;
use crate::sandbox::CompileLimits;

const CONFIG_PATH: &str = "SYFTBOX_CLIENT_CONFIG_PATH";
const EMAIL: &str = "SYFTBOX_EMAIL";
const DATA_DIR: &str = "SYFTBOX_DATA_DIR";
/// Set where a SyftBox client started us as one of its apps.
const APP_ID: &str = "SYFTBOX_APP_ID";
const HOME: &str = "SYFT_HOST_HOME";
const CACHE_HOME: &str = "XDG_CACHE_HOME";
const DATA_HOME: &str = "XDG_DATA_HOME";
const CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// As docker and others name it.
const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
/// What compiling a component may take, where the usual is not enough.
const COMPILE_TIME: &str = "SYFT_HOST_COMPILE_TIME";
const COMPILE_MEMORY: &str = "SYFT_HOST_COMPILE_MEMORY";
const LOG: &str = "SYFT_HOST_LOG";
const FAILPOINT: &str = "SYFT_HOST_FAILPOINT";

/// The caches below our folder of caches.
const COMPILED: &str = "compiled";
const PYTHON: &str = "python";

/// A SyftBox client kills its apps three seconds after it asked them to stop.
const STOP_UNDER_SYFTBOX: Duration = Duration::from_millis(2_500);

/// How long a config file may be cut short before that is an error.
const CUT_SHORT_FOR: Duration = Duration::from_secs(2);

/// The owner where no SyftBox is set up.
const LOCAL_OWNER: &str = "owner@local.syftbox";

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
    /// The private folder that says which apps are installed for the owner.
    pub installed: PathBuf,
    /// The private folder of the host that serves them.
    pub serving: PathBuf,
    /// The file in which docker keeps who the owner is for registries, if there is a place for it.
    pub docker_config: Option<PathBuf>,
    /// The private folder of the components of installed apps.
    pub components: PathBuf,
    /// The private folder of what the owner published last.
    pub published: PathBuf,
    /// What compiling a component may take.
    pub compile: CompileLimits,
    /// The time in which we have to end, where somebody waits for it.
    pub stop_within: Option<Duration>,
}

/// The keys of the SyftBox config file that concern us.
#[derive(Debug, Deserialize)]
struct ConfigFile {
    email: Option<String>,
    #[serde(alias = "sync_folder")]
    data_dir: Option<PathBuf>,
}

/// Returns the filter of the log, if the environment has one.
pub fn log_filter() -> Option<String> {
    env::var(LOG).or_else(|_| env::var("RUST_LOG")).ok()
}

/// Returns where the host is to crash, in tests.
pub fn failpoint() -> Option<String> {
    env::var(FAILPOINT).ok()
}

/// Returns where docker keeps who its user is to registries. A user without a home has none.
fn docker_config() -> Option<PathBuf> {
    let folder = match env::var_os(DOCKER_CONFIG) {
        Some(folder) => PathBuf::from(folder),
        None => home().ok()?.join(".docker"),
    };
    Some(folder.join("config.json"))
}

/// Returns what compiling a component may take, as far as the owner says it.
fn compile_limits() -> Result<CompileLimits, CommandError> {
    let said = |variable: &str| env::var(variable).ok().filter(|it| !it.is_empty());
    let wrong = |variable: &str, example: &str| {
        CommandError::new(format!("{variable} makes no sense")).hint(format!(
            "set it to something such as `{example}`, or not at all"
        ))
    };
    let time = said(COMPILE_TIME).map(|it| {
        let time = parse_long_time(&it)
            .ok()
            .filter(|it| *it >= Duration::from_secs(1));
        time.ok_or_else(|| wrong(COMPILE_TIME, "2m"))
    });
    let memory_bytes = said(COMPILE_MEMORY).map(|it| {
        let bytes = parse_size(&it).filter(|it| *it >= 64 << 20);
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
        let said = Said::find(overrides)?;
        let datasites = said.datasites()?;
        let email = said.email.ok_or_else(|| missing("email", "--email"))?;
        let (data, settings) = (data_home()?, config_home()?);
        let config = Self {
            email: Datasite::parse(&email)?,
            datasites,
            is_local: said.is_local,
            cache: cache_home()?.join(COMPILED),
            apps: data.join("apps"),
            approvals: settings.join("approvals"),
            trust: settings.join("trust"),
            installed: data.join("installed").join(&email),
            serving: data.join("serving").join(&email),
            docker_config: docker_config(),
            components: data.join("components").join(&email),
            published: data.join("published").join(&email),
            compile: compile_limits()?,
            stop_within: env::var_os(APP_ID).map(|_| STOP_UNDER_SYFTBOX),
        };
        config.keep_private()?;
        Ok(config)
    }

    /// Finds the folder of all datasites, where it does not matter for whom.
    ///
    /// # Errors
    /// The config is not readable, or there is no home.
    pub fn find_datasites(overrides: &Overrides) -> Result<PathBuf, CommandError> {
        Said::find(overrides)?.datasites()
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

    /// Returns the private folder of one app.
    pub fn app_folder(&self, app: &AppName) -> PathBuf {
        self.apps.join(self.email.as_str()).join(app.as_str())
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
            apps.extend(name.to_str().and_then(|name| AppName::parse(name).ok()));
        }
        apps.sort();
        Ok(apps)
    }

    /// Compiled code from a synced folder would let strangers run what they like, trusted
    /// keys would be theirs to choose, and state would be theirs to read.
    fn keep_private(&self) -> Result<(), CommandError> {
        let own = [
            &self.cache,
            &self.apps,
            &self.approvals,
            &self.trust,
            &self.installed,
            &self.serving,
            &self.components,
            &self.published,
        ];
        not_synced(&own, &self.datasites)
    }
}

fn not_synced(own: &[&PathBuf], datasites: &Path) -> Result<(), CommandError> {
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

/// What the user, the environment and the config file say.
struct Said {
    email: Option<String>,
    data_dir: Option<PathBuf>,
    is_local: bool,
}

impl Said {
    fn find(overrides: &Overrides) -> Result<Self, CommandError> {
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
        let (file_email, file_dir) = file.map_or((None, None), |it| (it.email, it.data_dir));
        let local_owner = is_local.then(|| LOCAL_OWNER.to_owned());
        Ok(Self {
            email: email.or(file_email).or(local_owner),
            data_dir: data_dir.or(file_dir),
            is_local,
        })
    }

    fn datasites(&self) -> Result<PathBuf, CommandError> {
        let data_dir = match &self.data_dir {
            Some(dir) => expand_home(dir)?,
            None if self.is_local => data_home()?.join("local"),
            None => home()?.join("SyftBox"),
        };
        Ok(std::path::absolute(data_dir)?.join("datasites"))
    }
}

fn missing(what: &str, option: &str) -> CommandError {
    CommandError::new(format!("no {what} of the owner is known"))
        .hint(format!("give {option}, or set it up with `syftbox login`"))
}

/// Reads the config file; `None` where nobody named one and there is none.
fn read_config_file(named: Option<&Path>) -> Result<Option<ConfigFile>, CommandError> {
    let named = named
        .map(Path::to_owned)
        .or_else(|| env::var_os(CONFIG_PATH).map(PathBuf::from));
    let is_named = named.is_some();
    let path = match named {
        Some(path) => expand_home(&path)?,
        None => home()?.join(".syftbox/config.json"),
    };
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
            .hint("mend it, set it up with `syftbox login`, or give --email and --data-dir"),
        }
    }
}

/// How somebody else has to start the host, so that it runs for the same owner as here.
#[derive(Debug, Clone)]
pub struct Start {
    /// This program.
    pub program: PathBuf,
    /// The options that say which SyftBox is meant, if that was said here.
    pub arguments: Vec<String>,
    /// The variables that say where the host's own folders and docker's are, if that was said here.
    pub environment: Vec<(String, String)>,
}

impl Start {
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
        let others = [COMPILE_TIME, COMPILE_MEMORY].into_iter();
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

/// Returns the folder of what systemd starts for this user.
///
/// # Errors
/// There is no home.
pub fn user_units() -> Result<PathBuf, CommandError> {
    Ok(base(CONFIG_HOME, ".config")?.join("systemd/user"))
}

fn cache_home() -> Result<PathBuf, CommandError> {
    home_folder(CACHE_HOME, ".cache", "cache")
}

fn data_home() -> Result<PathBuf, CommandError> {
    home_folder(DATA_HOME, ".local/share", "data")
}

fn config_home() -> Result<PathBuf, CommandError> {
    home_folder(CONFIG_HOME, ".config", "config")
}

/// Returns one of the host's own folders.
fn home_folder(variable: &str, below_home: &str, name: &str) -> Result<PathBuf, CommandError> {
    if let Some(own) = env::var_os(HOME).filter(|own| !own.is_empty()) {
        return Ok(std::path::absolute(PathBuf::from(own))?.join(name));
    }
    Ok(base(variable, below_home)?.join("syft-host"))
}

/// Returns a folder of all programs of this user.
fn base(variable: &str, below_home: &str) -> Result<PathBuf, CommandError> {
    let said = env::var_os(variable).map(PathBuf::from);
    match said.filter(|path| path.is_absolute()) {
        Some(base) => Ok(base),
        None => Ok(home()?.join(below_home)),
    }
}

fn home() -> Result<PathBuf, CommandError> {
    env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or_else(|| {
            CommandError::new("this user has no home folder").hint(format!("set {HOME}"))
        })
}

fn expand_home(path: &Path) -> Result<PathBuf, CommandError> {
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
