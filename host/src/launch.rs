//! From a component to a server that is ready: the one way, for an app that is run and for
//! those that are installed.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use syft_manifest::Limits;
use syft_protocol::address::AppName;
use syft_protocol::file_events::RetryPolicy;
use syft_protocol::retention::Retention;

use crate::app::{App, AppError, LoadedApp};
use crate::asking::{Asking, AskingError};
use crate::capability::files::{FileAccess, Grants};
use crate::config::Config;
use crate::digest::Digest;
use crate::durability::Durability;
use crate::error::CommandError;
use crate::manifest::Files;
use crate::memory::Memory;
use crate::program_cache::{
    CachedProgram, LoadedProgram, ProgramCache, ProgramError, ProgramSource, compile,
};
use crate::sandbox::{Compiling, LoadError, Sandbox, turn};
use crate::server::{Server, ServerOptions};
use crate::state::{AlreadyServed, Damaged, Store, StoreOptions};
use crate::suspension::Suspended;

/// An app that is to be served.
#[derive(Debug)]
pub struct Plan {
    /// Its name, which is its folder below `app_data`.
    pub name: AppName,
    /// What was granted to it.
    pub grants: Grants,
    /// What its calls may use.
    pub limits: Limits,
}

/// How apps are served, whichever they are.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Callers see what went wrong inside a handler.
    pub debug: bool,
    /// Publish `rpc.schema.json`.
    pub publish_schema: bool,
    /// What all apps together may take.
    pub memory: Memory,
    /// What is forced to the disk.
    pub durability: Durability,
    /// How long requests and their answers are kept.
    pub keep: Duration,
    /// How often old ones are deleted.
    pub sweep_every: Duration,
    /// When an event is delivered again that an app failed to take.
    pub retry: RetryPolicy,
}

/// An app that is compiled and has said what it serves. Nothing of its own was touched: an
/// older release of it can be served meanwhile.
pub struct Prepared {
    loaded: LoadedApp,
    grants: Grants,
}

impl Prepared {
    /// Compiles a component of an author, which stays loaded, and asks it what it serves.
    ///
    /// # Errors
    /// It is no app that could be served, or the host's own folders are not in order.
    pub async fn alone(
        config: &Config,
        memory: &Memory,
        plan: Plan,
        component: Vec<u8>,
        compiling: Compiling,
        author: &str,
    ) -> Result<Self, CommandError> {
        let limits = fit(plan.limits, memory, 1);
        let sandbox = Sandbox::new(limits, config.compile.clone(), &config.cache, memory)?;
        let (sandbox, digest) = (Arc::new(sandbox), Digest::of(&component));
        let turn = turn(author).await;
        let program = compile(Arc::clone(&sandbox), component, compiling, turn).await?;
        let program = program.map_err(|error| explain(AppError::Program(error.into())))?;
        let program = LoadedProgram::new(sandbox, digest.clone(), program);
        let program = ProgramSource::Always(Box::new(program));
        Self::ask(config, plan.name, plan.grants, program, &digest).await
    }

    /// Asks a component of an author among others what it serves. It is loaded when it is used.
    ///
    /// # Errors
    /// It is no app that could be served, or the host's own folders are not in order.
    pub async fn among(
        cache: &Arc<ProgramCache>,
        config: &Config,
        memory: &Memory,
        plan: Plan,
        component: Digest,
        author: &str,
    ) -> Result<Self, CommandError> {
        let limits = fit(plan.limits, memory, cache.most());
        let sandbox = Sandbox::new(limits, config.compile.clone(), &config.cache, memory)?;
        let digest = component.clone();
        let program = CachedProgram::new(cache, sandbox, &plan.name, component, author);
        let program = ProgramSource::Cached(program);
        // What takes a while and may fail comes before it is asked.
        drop(
            program
                .program()
                .await
                .map_err(|error| explain(error.into()))?,
        );
        Self::ask(config, plan.name, plan.grants, program, &digest).await
    }

    async fn ask(
        config: &Config,
        name: AppName,
        grants: Grants,
        program: ProgramSource,
        digest: &Digest,
    ) -> Result<Self, CommandError> {
        let asking = Asking::begin(&config.asking(), digest).await;
        let asking = asking.map_err(|error| explain_asking(&error, &name))?;
        let loaded = LoadedApp::ask(program, name, config.email.clone()).await;
        drop(asking);
        let loaded = loaded.map_err(explain)?;
        Ok(Self { loaded, grants })
    }

    /// Returns what the app is there for.
    pub fn serves(&self) -> Serves {
        Serves::new(&self.loaded)
    }

    /// Opens what the app keeps and its folders. Nothing is answered yet.
    ///
    /// # Errors
    /// The state is damaged, another host serves the app, or its folders cannot be made.
    pub async fn start(self, config: &Config, manner: &Manner) -> Result<Server, CommandError> {
        let name = self.loaded.name().clone();
        let folder = config.app_folder(&name);
        fs::create_dir_all(&config.datasites)?;
        let files = FileAccess::new(&config.datasites, &self.grants, &config.email, &name)?;
        let kept = StoreOptions {
            keep: manner.keep,
            durability: manner.durability,
        };
        let limits = self.loaded.limits().clone();
        let stop_within = config.stop_within.unwrap_or(limits.time);
        // It may have to be mended first, which takes a while.
        let place = folder.clone();
        let open = move || Store::open(&place, &limits, &kept);
        let state = tokio::task::spawn_blocking(open).await?;
        let state = state.map_err(explain_state)?;
        let app = App::new(self.loaded, files, state);
        let options = ServerOptions {
            datasites: config.datasites.clone(),
            folder,
            debug: manner.debug,
            publish_schema: manner.publish_schema,
            retention: Retention { keep: manner.keep },
            sweep_every: manner.sweep_every,
            durability: manner.durability,
            stop_within,
            retry: manner.retry,
        };
        let server = Server::new(app, options).await;
        server.map_err(|error| match error.downcast::<Suspended>() {
            Ok(suspended) => explain_suspended(&suspended, &name),
            Err(error) => error.into(),
        })
    }
}

/// What an app is there for.
#[derive(Debug, Clone)]
pub struct Serves {
    /// The paths of its endpoints.
    pub endpoints: Vec<String>,
    /// What it watches, in words and for scripts.
    pub watches: Vec<(String, Value)>,
}

impl Serves {
    fn new(loaded: &LoadedApp) -> Self {
        let watches = loaded.watches().all().iter();
        let endpoints = loaded.router().endpoints();
        Self {
            endpoints: endpoints.map(ToString::to_string).collect(),
            watches: watches.map(|it| (it.words(), it.to_json())).collect(),
        }
    }

    /// Returns what it watches, for scripts.
    pub fn watches_json(&self) -> Vec<&Value> {
        self.watches.iter().map(|(_, json)| json).collect()
    }

    /// Returns it for people, as lines below the name of the app.
    pub fn to_lines(&self, datasite: &str, app: &str) -> Vec<String> {
        let url = |endpoint| format!("  syft://{datasite}/app_data/{app}/rpc{endpoint}");
        let watching = |(words, _): &(String, Value)| format!("Watching {words}");
        let endpoints = self.endpoints.iter().map(url);
        endpoints.chain(self.watches.iter().map(watching)).collect()
    }
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

/// Calls that hold files open would otherwise take those of others: many systems give a
/// program 1,024 unless it asks for more. Returns how many may be open.
pub fn allow_open_files(wanted: u64) -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(wanted).min(wanted);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!("no more files can be open at a time: {error}");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}

/// Lowers the limits of an app that may open files to what so many open files can bear, and
/// says so.
pub fn spare_files(limits: Limits, grants: &Grants, open_files: u64) -> Limits {
    if grants.approved == Files::default() {
        return limits;
    }
    let wanted = limits.concurrency;
    let limits = limits.within_open_files(open_files);
    if limits.concurrency < wanted {
        tracing::warn!(
            open_files,
            concurrency = limits.concurrency,
            "few files can be open at a time (see `ulimit -Hn`): fewer calls run at the same time"
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
            "wait for another release of it, or try it again with `syft-host resume {name}`"
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
        AppError::Program(ProgramError::Load(LoadError::UnknownImport(_))) => Some(
            "apps can import syft:app and WASI 0.2's cli, clocks, filesystem, io, random, sockets",
        ),
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
