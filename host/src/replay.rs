//! Runs a recorded call again: with nothing but what its recording has, in a place that is thrown
//! away.
//!
//! Why: docs/decisions/79-a-replayed-call-runs-in-the-world-of-its-recording.md

mod difference;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use syft_manifest::{Digest, Limits};
use syft_protocol::address::{AppName, Datasite};
use syft_system::private;

use crate::config::Config;
use crate::error::CommandError;
use crate::installed::Components;
pub use difference::{Difference, DifferentPart};
use syft_runtime::durability::Durability;
use syft_runtime::memory::Memory;
use syft_runtime::program_cache::compile;
use syft_runtime::recording::{Lack, MAX_FILE_BYTES, Recording};
use syft_runtime::sandbox::{Admission, Compiling, Program, Sandbox, turn};
use syft_runtime::state::{Store, StoreOptions};
use syft_runtime::{capability::AppIdentity, sandbox::LoadError};
use world::World;

/// What a call runs again with, if not with what it ran with.
pub struct OtherCode {
    /// The component.
    pub component: Vec<u8>,
    /// The folder of its program's files, where they are apart from the component.
    pub files: Option<PathBuf>,
}

/// A call that ran again.
pub struct Replayed {
    /// Its recording this time.
    pub recording: Recording,
    /// What it asked for that the recording does not have.
    pub lacks: Vec<Lack>,
}

/// Reads a file with a recording. It may be anybody's.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> Result<Recording, CommandError> {
    let shown = path.display();
    let read = private::read(path, MAX_FILE_BYTES as u64);
    let read = read.map_err(|error| CommandError::new(format!("read {shown}: {error}")))?;
    let json = read.ok_or_else(|| CommandError::new(format!("{shown} is not there")))?;
    Recording::from_json(&json)
        .map_err(|error| CommandError::new(format!("cannot replay {shown}: {error}")))
}

/// Runs the call of a recording again.
///
/// # Errors
/// The recording makes no sense, the component is not there any more, or the machine cannot.
pub async fn replay(
    config: &Config,
    recording: &Recording,
    other: Option<OtherCode>,
) -> Result<Replayed, CommandError> {
    let identity = identity(recording)?;
    let world = World::lay_out(recording)?;
    let limits = world.limits();
    let memory = Memory::unbounded();
    let sandbox = |files: Option<&Path>| -> Result<Sandbox, CommandError> {
        let sandbox = Sandbox::new(
            limits.clone(),
            config.compile.clone(),
            &config.cache,
            &memory,
        )?;
        Ok(match files {
            Some(files) => sandbox.with_program_files(files)?,
            None => sandbox,
        })
    };
    let program = match other {
        Some(OtherCode { component, files }) => load(sandbox(files.as_deref())?, component).await?,
        None => recorded(config, recording, sandbox(None)?).await?,
    };
    let options = StoreOptions {
        durability: Durability::None,
        ..StoreOptions::default()
    };
    let store = Arc::new(Store::open(&world.state_folder(), &limits, &options)?);
    store.fill(&limits, &world.state()).await?;
    let access = world.access()?;
    let recorder = program.recorder_again(recording);
    let recorder = recorder.ok_or_else(|| CommandError::new("there is no memory for a replay"))?;
    let meter = program.admit(Admission::Full).await;
    let request = recording.request.to_request();
    let call = |state| {
        let (program, identity, meter, access) = (&program, &identity, &meter, &access);
        let (request, recorder) = (&request, &recorder);
        async move {
            let called = program.call(identity, meter, access, state, request, Some(recorder));
            let (_, state, _) = called.await;
            ((), state)
        }
    };
    store.transact(&limits, call, |()| false).await?;
    let lacks = recorder.lacks();
    let again = recorder.to_json(recording.app.clone(), recording.at);
    let again = again.map_err(|why| CommandError::new(format!("cannot compare: {why}")))?;
    Ok(Replayed {
        recording: Recording::from_json(&again)?,
        lacks,
    })
}

fn identity(recording: &Recording) -> Result<AppIdentity, CommandError> {
    let app = AppName::parse(&recording.app.name)?;
    let datasite = Datasite::parse(&recording.app.datasite)?;
    Ok(AppIdentity {
        app: Arc::from(app.as_str()),
        datasite: Arc::from(datasite.as_str()),
    })
}

/// Returns the program that the call ran with, if it is on this machine still.
async fn recorded(
    config: &Config,
    recording: &Recording,
    sandbox: Sandbox,
) -> Result<Program, CommandError> {
    let app = &recording.app;
    if app.program.is_some() {
        let error = CommandError::new(
            "the call ran with a Python program that was not built, which no recording has",
        );
        return Err(error.hint("name it: --with app.py, or --with FOLDER"));
    }
    let digest = Digest::parse(&app.component).map_err(CommandError::new)?;
    if let Some(program) = sandbox.reload(&digest)? {
        return Ok(program);
    }
    let components = Components::open(&config.components)?;
    if components.path(&digest).exists() {
        let component = components.read(&digest, Limits::default().component_bytes)?;
        return load(sandbox, component).await;
    }
    let error = CommandError::new(format!(
        "the component that the call ran with is not on this machine any more: sha256 {digest}"
    ));
    Err(error.hint("name it, or another one, with --with COMPONENT, or an app with --with APP"))
}

async fn load(sandbox: Sandbox, component: Vec<u8>) -> Result<Program, CommandError> {
    let turn = turn("").await;
    let compiled = compile(Arc::new(sandbox), component, Compiling::Alone, turn).await?;
    compiled.map_err(|error: LoadError| error.into())
}
