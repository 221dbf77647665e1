//! From a component to a server that is ready: the one way for the demo, for an app that is run,
//! and for those that are installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};
use syft_manifest::worlds::{ASYNC_RPC, OFFERED_IN_WORDS, RPC, is_offered};
use syft_manifest::{
    Digest, Grants, Limits, Manifest, ManifestLimits, VariableName, WantedSchedule, WorkerNeeds,
    component,
};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::schedule::{Schedule, Timing};
use syft_protocol::schema::SchemaEntry;

use crate::asking::{Asking, AskingError};
use crate::config::Config;
use crate::error::CommandError;
use syft_runtime::cache_bounds::delete_forgotten;
use syft_runtime::capability::files::FileAccess;
use syft_runtime::capability::http::HttpAccess;
use syft_runtime::capability::messages::MessageAccess;
use syft_runtime::capability::{Advice, AppAccess, EnvironmentAccess};
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::{
    CachedProgram, LoadedProgram, ProgramCache, ProgramError, ProgramSource, compile,
};
use syft_runtime::recording::RecordedApp;
use syft_runtime::sandbox::{Compiling, LoadError, Sandbox, turn};
use syft_runtime::secrets::SecretStore;
use syft_runtime::state::{AlreadyServed, Damaged, Store};
use syft_server::app::{App, AppError, AppPlace, LoadedApp};
use syft_server::encryption::Encryption;
use syft_server::private_folder::PrivateFolder;
use syft_server::recordings::{RecordingFolder, Recordings};
use syft_server::server::{ServeOptions, Server, ServerSetup};
use syft_server::suspension::Suspended;

/// An app that is to be served.
#[derive(Debug)]
pub struct AppSpec {
    /// Its name, which is its folder below `app_data`.
    pub name: AppName,
    /// Whose component it is, if it is installed: authors take turns at the compiler.
    pub author: String,
    /// What was granted to it.
    pub grants: Grants,
    /// What its program is called with.
    pub args: Vec<String>,
    /// Its variables that are no secrets.
    pub env: BTreeMap<VariableName, String>,
    /// What its calls may use.
    pub limits: Limits,
    /// What its manifest says of its schedules.
    pub schedules: Vec<WantedSchedule>,
    /// What it needs of the machine that runs its calls.
    pub worker: WorkerNeeds,
}

/// What an app is loaded from.
pub struct AppCode {
    /// Its component.
    pub component: Vec<u8>,
    /// The digest of all that it consists of.
    pub digest: Digest,
    /// The folder of its program's files, where they are apart from the component.
    pub files: Option<PathBuf>,
}

impl From<Vec<u8>> for AppCode {
    fn from(component: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&component),
            component,
            files: None,
        }
    }
}

/// An app that is compiled and has said what it serves. Its state and folders were not touched, so
/// an older release of it can be served meanwhile.
pub struct PreparedApp {
    loaded: LoadedApp,
    grants: Grants,
    args: Vec<String>,
    env: BTreeMap<VariableName, String>,
    advice: Advice,
    worker: WorkerNeeds,
    component: Digest,
    /// Of the program, where it is apart from the component.
    program: Option<Digest>,
    recordings: Option<RecordingFolder>,
}

impl PreparedApp {
    /// Compiles a component, which stays loaded, and asks it what it serves.
    ///
    /// # Errors
    /// It is no app that could be served, or the host's own folders are not in order.
    pub async fn alone(
        config: &Config,
        memory: &Memory,
        spec: AppSpec,
        code: impl Into<AppCode>,
        compiling: Compiling,
    ) -> Result<Self, CommandError> {
        let AppCode {
            component,
            digest,
            files,
        } = code.into();
        let limits = fit(spec.limits.clone(), memory, 1);
        let sandbox = Sandbox::new(limits, config.compile.clone(), &config.cache, memory)?;
        let sandbox = match files {
            Some(files) => sandbox.with_program_files(&files)?,
            None => sandbox,
        };
        let (sandbox, of_component) = (Arc::new(sandbox), Digest::of(&component));
        let turn = turn(&spec.author).await;
        let program = compile(Arc::clone(&sandbox), component, compiling, turn).await?;
        let program = program.map_err(|error| explain(AppError::Program(error.into())))?;
        let program = LoadedProgram::new(sandbox, of_component.clone(), program);
        let program = ProgramSource::Always(Box::new(program));
        let asked = Self::ask(config, spec, program, &digest).await?;
        let is_apart = digest != of_component;
        Ok(Self {
            component: of_component,
            program: is_apart.then_some(digest),
            ..asked
        })
    }

    /// Has each call recorded, in a folder.
    #[must_use]
    pub fn record_all_in(self, folder: RecordingFolder) -> Self {
        Self {
            recordings: Some(folder),
            ..self
        }
    }

    /// Asks a component among others what it serves. It is loaded when it is used.
    ///
    /// # Errors
    /// It is no app that could be served, or the host's own folders are not in order.
    pub async fn among(
        cache: &Arc<ProgramCache>,
        config: &Config,
        memory: &Memory,
        spec: AppSpec,
        component: Digest,
    ) -> Result<Self, CommandError> {
        let limits = fit(spec.limits.clone(), memory, cache.most());
        let sandbox = Sandbox::new(limits, config.compile.clone(), &config.cache, memory)?;
        let digest = component.clone();
        let program = CachedProgram::new(cache, sandbox, &spec.name, component, &spec.author);
        let program = ProgramSource::Cached(program);
        // What takes a while and may fail comes before it is asked.
        drop(
            program
                .program()
                .await
                .map_err(|error| explain(error.into()))?,
        );
        Self::ask(config, spec, program, &digest).await
    }

    async fn ask(
        config: &Config,
        spec: AppSpec,
        program: ProgramSource,
        digest: &Digest,
    ) -> Result<Self, CommandError> {
        let AppSpec {
            name,
            grants,
            args,
            env,
            author,
            schedules,
            worker,
            ..
        } = spec;
        let asking = Asking::begin(&config.asking(), digest).await;
        let asking = asking.map_err(|error| explain_asking(&error, &name))?;
        let loaded = LoadedApp::ask(program, name, config.email.clone(), &schedules).await;
        drop(asking);
        let loaded = loaded.map_err(explain)?;
        Ok(Self {
            loaded,
            grants,
            args,
            env,
            advice: match author.as_str() {
                "" => Advice::ToAuthor,
                _ => Advice::ToOwner,
            },
            worker,
            component: digest.clone(),
            program: None,
            recordings: None,
        })
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.loaded.limits()
    }

    /// Returns what decides where calls of the app may run. Those whose writes others see at once,
    /// and those of a program that is read from a folder, run where that is.
    pub fn place(&self) -> AppPlace {
        AppPlace {
            needs: self.worker.clone(),
            is_bound_here: self.program.is_some() || self.grants.requested.immediate_writes,
        }
    }

    /// Returns what the app serves and watches.
    pub fn interface(&self) -> AppInterface {
        AppInterface::new(&self.loaded)
    }

    /// Returns the arguments, variables and secrets of the app.
    fn environment(&self, folder: &PrivateFolder) -> EnvironmentAccess {
        let (name, env) = (self.loaded.name(), self.env.clone());
        let (secrets, granted) = (SecretStore::new(folder), self.grants.secrets.clone());
        let access = EnvironmentAccess::new(name.as_str(), &self.args, env, secrets, granted);
        access.check();
        access
    }

    /// Returns what recordings say of the app.
    fn recorded(&self, config: &Config) -> RecordedApp {
        let grants = &self.grants;
        let json =
            |manifest: Manifest| serde_json::from_slice(&manifest.to_section()).unwrap_or_default();
        let limits = self.loaded.limits();
        let limits = ManifestLimits {
            time: Some(limits.time),
            memory_bytes: Some(limits.memory_bytes),
            concurrency: None,
            state_bytes: Some(limits.state_bytes),
        };
        RecordedApp {
            name: self.loaded.name().to_string(),
            datasite: config.email.to_string(),
            component: self.component.to_string(),
            program: self.program.as_ref().map(ToString::to_string),
            requested: json(Manifest {
                files: grants.requested.clone(),
                http: grants.http.requested.clone(),
                messages: grants.messages.requested.clone(),
                ..Manifest::default()
            }),
            approved: json(Manifest {
                files: grants.approved.clone(),
                http: grants.http.approved.clone(),
                messages: grants.messages.approved.clone(),
                limits,
                ..Manifest::default()
            }),
            denied: grants.denied.iter().map(ToString::to_string).collect(),
            denied_http: grants.http.denied.iter().map(ToString::to_string).collect(),
        }
    }

    /// Opens what the app keeps and its folders. Nothing is answered yet.
    ///
    /// # Errors
    /// The state is damaged, another host serves the app, or its folders cannot be made.
    pub async fn start(
        self,
        config: &Config,
        options: &ServeOptions,
    ) -> Result<Server, CommandError> {
        let name = self.loaded.name().clone();
        let folder = config.app_folder(&name);
        fs::create_dir_all(&config.datasites)?;
        let files = FileAccess::new(&config.datasites, &self.grants, &config.email, &name)?;
        let temporary = config.temporary();
        // What a host left that was killed.
        delete_forgotten(&temporary, SystemTime::now())?;
        let files = files.with_temporary(temporary)?;
        let limits = self.loaded.limits().clone();
        let http = HttpAccess::new(&self.grants.http, &limits);
        let messages = MessageAccess::new(&self.grants, &config.email, &name);
        // A damaged state is repaired first, which takes a while.
        let (place, store) = (folder.clone(), options.store.clone());
        let open = move || Store::open(&place, &limits, &store);
        let state = tokio::task::spawn_blocking(open).await?;
        let state = state.map_err(explain_state)?;
        // So is what calls before have changed in files.
        let (staged, email) = (folder.join("staged"), config.email.clone());
        let stage = move || {
            let files = files.with_staging(&staged, &email, &state)?;
            anyhow::Ok((files, state))
        };
        let (files, state) = tokio::task::spawn_blocking(stage).await??;
        let environment = self.environment(&folder);
        let (recorded, place) = (self.recorded(config), self.place());
        let recordings = match self.recordings {
            Some(folder) => Recordings::of_all(folder, recorded),
            None => Recordings::new(RecordingFolder::of(&folder), recorded),
        };
        let access = AppAccess {
            files,
            http,
            messages,
            environment,
            advice: self.advice,
        };
        let encryption = Encryption::new(config.key_places(), name.clone(), options.opened.clone());
        let app = App::new(self.loaded, access, state, encryption, options.debug);
        let app = app.with_recordings(recordings);
        let app = app.placed(&options.placement, &place);
        let setup = ServerSetup {
            datasites: config.datasites.clone(),
            folder,
            access: self.grants.access.clone(),
            options: options.clone(),
        };
        let server = Server::new(app, setup).await;
        server.map_err(|error| match error.downcast::<Suspended>() {
            Ok(suspended) => explain_suspended(&suspended, &name),
            Err(error) => error.into(),
        })
    }
}

/// Compiles a component and asks it what it serves, with nothing granted, within the host's own
/// limits whatever it wants, and without knowing who asks. What was compiled is kept for whoever
/// serves it.
///
/// # Errors
/// It cannot be served, or the host's own folders are not in order.
pub async fn try_component(
    config: &Config,
    manifest: &Manifest,
    component: Vec<u8>,
) -> Result<AppInterface, CommandError> {
    let name = manifest.name.clone();
    let name = name.map_or_else(|| AppName::parse("app"), Ok)?;
    let mut config = config.clone();
    config.email = Datasite::parse("nobody@example.org")?;
    let spec = AppSpec {
        name,
        author: String::new(),
        grants: Grants::default(),
        args: Vec::new(),
        env: BTreeMap::new(),
        limits: Limits::default(),
        schedules: manifest.schedules.clone(),
        worker: WorkerNeeds::default(),
    };
    let memory = Memory::unbounded();
    let prepared = PreparedApp::alone(&config, &memory, spec, component, Compiling::Alone);
    Ok(prepared.await?.interface())
}

/// Makes sure that a component exports handlers and imports nothing that no app can have.
/// Nothing of it is compiled.
///
/// # Errors
/// No host can serve it.
pub fn expect_app(component: &[u8]) -> Result<(), CommandError> {
    let surface = component::surface(component)?;
    let is_handler = |name: &String| [RPC, ASYNC_RPC].contains(&name.as_str());
    let error = if surface.exports.iter().any(is_handler) {
        let unknown = surface.imports.into_iter().find(|name| !is_offered(name));
        unknown.map(LoadError::UnknownImport)
    } else {
        Some(LoadError::NotAnApp)
    };
    match error {
        Some(error) => Err(explain(AppError::Program(error.into()))),
        None => Ok(()),
    }
}

/// What an app serves and watches, and when it acts.
#[derive(Debug, Clone)]
pub struct AppInterface {
    /// The paths of its endpoints.
    pub endpoints: Vec<String>,
    /// What it says of each endpoint.
    pub schema: Vec<SchemaEntry>,
    /// What it watches, in words and for scripts.
    pub watches: Vec<(String, Value)>,
    /// When it acts by the clock.
    pub schedules: Vec<Schedule>,
}

impl AppInterface {
    fn new(loaded: &LoadedApp) -> Self {
        let watches = loaded.watches().all().iter();
        let endpoints = loaded.router().endpoints();
        Self {
            endpoints: endpoints.map(ToString::to_string).collect(),
            schema: loaded.router().entries().to_vec(),
            watches: watches
                .map(|watch| (watch.words(), watch.to_json()))
                .collect(),
            schedules: loaded.schedules().all().to_vec(),
        }
    }

    /// Returns what it watches, for scripts.
    pub fn watches_json(&self) -> Vec<&Value> {
        self.watches.iter().map(|(_, json)| json).collect()
    }

    /// Returns when it acts by the clock, for scripts.
    pub fn schedules_json(&self) -> Vec<Value> {
        let schedules = self.schedules.iter();
        schedules.map(schedule_json).collect()
    }

    /// Returns it for people, as lines below the name of the app.
    pub fn to_lines(&self, datasite: &str, app: &str) -> Vec<String> {
        let url = |endpoint| format!("  syft://{datasite}/app_data/{app}/rpc{endpoint}");
        let watching = |(words, _): &(String, Value)| format!("Watching {words}");
        let endpoints = self.endpoints.iter().map(url);
        let watches = self.watches.iter().map(watching);
        let schedules = self.schedules.iter();
        let schedules = schedules.map(|schedule| format!("Scheduled {}", schedule.words()));
        endpoints.chain(watches).chain(schedules).collect()
    }
}

fn schedule_json(schedule: &Schedule) -> Value {
    let (cron, every, zone) = match schedule.timing() {
        Timing::Cron(cron) => (Some(cron.as_str()), None, Some(&schedule.zone().name)),
        Timing::Every(time) => (None, Some(time.as_secs_f64()), None),
    };
    json!({
        "name": schedule.name(),
        "cron": cron,
        "every-seconds": every,
        "time-zone": zone,
        "missed": schedule.missed().as_str(),
    })
}

/// Lowers the limits of an app to what there is for one call, and for one of so many
/// programs between calls.
fn fit(limits: Limits, memory: &Memory, n_programs: usize) -> Limits {
    let (asked, total) = (limits.memory_bytes, memory.total());
    let kept = memory.kept_by_each(n_programs);
    let limits = limits.within_memory(memory.most_of_a_call(), kept);
    let memory = limits.memory_bytes;
    if memory < asked {
        tracing::warn!(
            asked,
            memory,
            total,
            "a call gets less memory: all apps have no more"
        );
    }
    limits
}

fn explain_state(error: anyhow::Error) -> CommandError {
    let (is_damaged, is_served) = (error.is::<Damaged>(), error.is::<AlreadyServed>());
    let error = CommandError::from(error);
    if is_damaged {
        return error.hint("put back a copy of it, or move it away to begin with an empty state");
    }
    if is_served {
        return error.hint(
            "one host serves an app at a time: stop the other one (`syft-host serve` serves all \
             installed apps), or take another name",
        );
    }
    error
}

fn explain_asking(error: &AskingError, name: &AppName) -> CommandError {
    let error_in_words = CommandError::new(error.to_string());
    match error {
        AskingError::Crashes(_) => error_in_words.hint(format!(
            "wait for another release of the app, or try again with `syft-host resume {name}`"
        )),
        AskingError::Io { .. } => error_in_words,
    }
}

/// Returns that an app is not served, and what to do about it.
pub fn explain_suspended(suspended: &Suspended, name: &AppName) -> CommandError {
    CommandError::new(suspended.to_string()).hint(format!(
        "its requests wait until they expire; to serve it again: `syft-host resume {name}`"
    ))
}

fn explain(error: AppError) -> CommandError {
    let hint = match &error {
        AppError::Program(ProgramError::Load(LoadError::CoreModule)) => {
            Some("build it for the target wasm32-wasip2, which makes components")
        }
        AppError::Program(ProgramError::Load(LoadError::UnknownImport(_))) => {
            Some(OFFERED_IN_WORDS)
        }
        AppError::Program(ProgramError::Load(LoadError::NotAnApp)) => Some(
            "list its handlers with `syft_guest::app!(…)`, and build it with crate-type = [\"cdylib\"]",
        ),
        AppError::Program(ProgramError::Load(LoadError::Unfit(_))) => {
            Some("build it with the syft-guest of this version of syft-host")
        }
        AppError::Program(ProgramError::Load(LoadError::Costly(_))) => Some(
            "if you trust it, allow more with SYFT_HOST_COMPILE_TIME=5m or \
             SYFT_HOST_COMPILE_MEMORY=4GiB, and it is tried again; so it is after \
             `syft-host clean`",
        ),
        AppError::Program(ProgramError::Load(LoadError::Refused(_))) => {
            Some("its author can make it smaller; nothing that is usual comes near to that")
        }
        _ => None,
    };
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
