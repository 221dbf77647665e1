//! Compiled components on disk, so that an app starts without compiling.
//!
//! What lies here runs as native code, outside the sandbox. It is therefore only
//! ever written by this host, in a folder that nobody else may write to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use syft_manifest::Digest;
use syft_system::lock::{self, Lock};
use syft_system::private;
use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

use super::compiler::{self, CompileFailure, CompileLimits};
use super::wasi::Wasi;
use super::{Compiling, LoadError, engine};
use crate::cache_bounds::{CacheBounds, keep_within, touch};

/// A Python program has some 44 MB of code.
const BOUNDS: CacheBounds = CacheBounds {
    bytes: 4 << 30,
    age: Duration::from_secs(30 * 24 * 60 * 60),
};

/// Extensions of the files: compiled code, why a component could not be compiled, and what is
/// locked by who compiles it.
const CODE: &str = "cwasm";
const FAILED: &str = "failed";
const LOCK: &str = "lock";

/// A private folder of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Of the engines for which it compiles, one for each WASI: for others the code is of
    /// no use.
    settings: [u64; 2],
}

impl Cache {
    /// Opens the cache, making its folder if need be.
    ///
    /// # Errors
    /// The folder cannot be made, or somebody else could write to it.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        make_folder(folder)?;
        let cache = Self {
            folder: folder.to_owned(),
            settings: [engine::settings(Wasi::V0_2)?, engine::settings(Wasi::V0_3)?],
        };
        cache.keep_within_bounds();
        Ok(cache)
    }

    /// A cache that is too large is no reason to serve nothing.
    fn keep_within_bounds(&self) {
        if let Err(error) = keep_within(&self.folder, BOUNDS, SystemTime::now()) {
            tracing::warn!("compiled code that is no longer used not deleted: {error}");
        }
    }

    /// Returns the component, compiled now or before.
    ///
    /// # Errors
    /// It cannot be compiled, or does not fit into the pool of the engine.
    pub(super) fn load(
        &self,
        engine: &Engine,
        wasi: Wasi,
        bytes: &[u8],
        compiling: Compiling,
        limits: &CompileLimits,
    ) -> Result<Component, LoadError> {
        let digest = Digest::of(bytes);
        if let Some(component) = self.read(engine, wasi, &digest)? {
            return Ok(component);
        }
        // Somebody may have deleted it since.
        make_folder(&self.folder).map_err(|error| LoadError::Compiler(format!("{error:#}")))?;
        // Another host may be at it. It takes minutes of a processor, so they do it once.
        let _lock = CompileLock::take(&self.folder, &digest)
            .map_err(|error| LoadError::Compiler(format!("lock its code: {error}")))?;
        if let Some(component) = self.read(engine, wasi, &digest)? {
            return Ok(component);
        }
        let failed = self.path(&digest, wasi, FAILED);
        if let Some(failure) = CompileFailure::kept(&failed, bytes.len() as u64, limits) {
            return Err(failure.into());
        }
        let code = compiler::compile(bytes, limits, compiling, &self.folder);
        let code = code.inspect_err(|failure| failure.keep(&failed))?;
        let kept = code.keep(&self.path(&digest, wasi, CODE));
        kept.map_err(|error| LoadError::Compiler(format!("keep its code: {error}")))?;
        self.keep_within_bounds();
        let component = self.read(engine, wasi, &digest)?;
        component.ok_or_else(|| LoadError::Compiler("its code is not usable".to_owned()))
    }

    /// Returns for which WASI a component was compiled before, if it was.
    pub(super) fn has(&self, digest: &Digest) -> Option<Wasi> {
        let is_there = |wasi: &Wasi| self.path(digest, *wasi, CODE).exists();
        Wasi::ALL.into_iter().find(is_there)
    }

    /// Returns a component that was compiled before, if its code can be used.
    ///
    /// # Errors
    /// It does not fit into the pool of the engine.
    pub(super) fn read(
        &self,
        engine: &Engine,
        wasi: Wasi,
        digest: &Digest,
    ) -> Result<Option<Component>, LoadError> {
        let path = self.path(digest, wasi, CODE);
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            return Ok(None);
        };
        let is_code = || {
            let found = Engine::detect_precompiled_file(&path);
            matches!(found, Ok(Some(Precompiled::Component)))
        };
        if !metadata.is_file() || !private::is_ours_alone(&path).unwrap_or(false) || !is_code() {
            tracing::warn!("{} is not ours and not used", path.display());
            return Ok(None);
        }
        touch(&path);
        let error = match deserialize(engine, &path) {
            Ok(component) => return Ok(Some(component)),
            Err(error) => error,
        };
        // Another engine tells apart what does not fit from what is damaged.
        let other = engine::without_pool(wasi).and_then(|engine| deserialize(&engine, &path));
        if other.is_ok() {
            return Err(LoadError::Unfit(format!("{error:#}")));
        }
        tracing::warn!("{} is not usable: {error:#}", path.display());
        Ok(None)
    }

    fn path(&self, digest: &Digest, wasi: Wasi, extension: &str) -> PathBuf {
        let settings = self.settings[wasi as usize];
        let file = format!("{digest}-{settings:016x}.{extension}");
        self.folder.join(file)
    }
}

/// Makes a folder for compiled code if there is none, and checks that nobody else could write to it.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    private::make_folders(folder).with_context(|| format!("create {}", folder.display()))?;
    let is_ours = is_ours_alone(folder);
    anyhow::ensure!(
        is_ours.with_context(|| format!("look at {}", folder.display()))?,
        "{} can be written by others; compiled code is not loaded from there",
        folder.display()
    );
    Ok(())
}

/// Tells whether it is a folder, and none that a link leads to, which others cannot write to.
fn is_ours_alone(folder: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(folder)?.is_dir() && private::is_ours_alone(folder)?)
}

/// Tells whether somebody compiles a component for the cache in a folder.
pub fn is_being_compiled(folder: &Path, component: &Digest) -> bool {
    lock::is_held(&CompileLock::path(folder, component))
}

/// What the one has who compiles a component, until it is dropped.
struct CompileLock {
    path: PathBuf,
    _lock: Lock,
}

impl CompileLock {
    fn path(folder: &Path, component: &Digest) -> PathBuf {
        folder.join(format!("{component}.{LOCK}"))
    }

    /// Waits until nobody else compiles it.
    fn take(folder: &Path, component: &Digest) -> io::Result<Self> {
        let path = Self::path(folder, component);
        let lock = match lock::try_for(&path)? {
            Some(lock) => lock,
            None => {
                tracing::info!(
                    "another syft-host compiles this component: waiting for it, to use what it makes"
                );
                lock::wait_for(&path)?
            }
        };
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for CompileLock {
    /// Whoever waits for the file that is deleted finds the code; who comes later makes a new one.
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!("a lock of the compiler is left behind: {error}");
        }
    }
}

fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by a compiler of this host into a folder that only
    // this user can enter, and its name binds it to the digest of the
    // component and the settings of the engine.
    #[expect(unsafe_code, reason = "loads code that this host compiled itself")]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}
