//! Compiled components on disk, so that an app starts without compiling.
//!
//! What lies here runs as native code, outside the sandbox. It is therefore only
//! ever written by this host, in a folder that nobody else may write to.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine;
use crate::cache_bounds::{Bounds, keep_within, touch};
use crate::digest::Digest;
use crate::private::is_ours_alone;
use crate::scratch::Scratch;

/// A Python program has some 44 MB of code.
const BOUNDS: Bounds = Bounds {
    bytes: 4 << 30,
    age: Duration::from_secs(30 * 24 * 60 * 60),
};

/// A private folder of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Of the engines for which it compiles: for others the code is of no use.
    settings: u64,
}

impl Cache {
    /// Opens the cache, making its folder if need be.
    ///
    /// # Errors
    /// The folder cannot be made, or somebody else could write to it.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("create {}", folder.display()))?;
        let metadata = fs::symlink_metadata(folder)
            .with_context(|| format!("look at {}", folder.display()))?;
        anyhow::ensure!(
            metadata.is_dir() && is_ours_alone(&metadata),
            "{} can be written by others; compiled code is not loaded from there",
            folder.display()
        );
        let cache = Self {
            folder: folder.to_owned(),
            settings: engine::settings()?,
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
    /// The bytes are no valid component. A cache that cannot be read or written
    /// is no error: the component is compiled.
    pub(super) fn load(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        let digest = Digest::of(bytes);
        if let Some(component) = self.read(engine, &digest) {
            return Ok(component);
        }
        let component = Component::from_binary(engine, bytes)?;
        if let Err(error) = self.write(&component, &self.path(&digest)) {
            tracing::warn!("compiled component not cached: {error:#}");
        }
        Ok(component)
    }

    /// Tells whether a component was compiled before.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).exists()
    }

    /// Returns a component that was compiled before, if it can be used.
    pub(super) fn read(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let metadata = fs::symlink_metadata(&path).ok()?;
        if !metadata.is_file() || !is_ours_alone(&metadata) {
            tracing::warn!("{} is not ours and not used", path.display());
            return None;
        }
        touch(&path);
        // SAFETY: the file was written by `write` below in a folder that only
        // this user can enter, and its name binds it to the digest of the
        // component and the settings of the engine.
        #[expect(unsafe_code, reason = "loads code that this host compiled itself")]
        let component = unsafe { Component::deserialize_file(engine, &path) };
        component
            .inspect_err(|error| tracing::warn!("{} is not usable: {error:#}", path.display()))
            .ok()
    }

    fn write(&self, component: &Component, path: &Path) -> anyhow::Result<()> {
        let code = component.serialize()?;
        let scratch = Scratch::new(&self.folder)?;
        let draft = scratch.path().join("code");
        let mut file = File::create_new(&draft)?;
        file.write_all(&code)?;
        // After a power failure a half file would be run as it is.
        file.sync_all()?;
        fs::rename(&draft, path)?;
        self.keep_within_bounds();
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let file = format!("{digest}-{:016x}.cwasm", self.settings);
        self.folder.join(file)
    }
}
