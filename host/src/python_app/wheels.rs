//! Wheels of packages for the sandbox that the index does not have.
//!
//! Their sources come from the index and are known by their hashes. Native code in Rust is
//! compiled to a library for the sandbox, which componentize-py links into the component.
//!
//! Why: docs/decisions/57-wheels-for-the-sandbox.md

mod native;
mod recipe;
mod sources;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use syft_runtime::scratch::Scratch;

use super::shipped;
use super::tools::Tools;
use crate::error::CommandError;
use crate::ui::Ui;
use recipe::{RECIPES, WheelRecipe};

/// Folders in which wheels for the sandbox are: those that were built here, and those that
/// came with this program.
#[derive(Debug)]
pub(crate) struct Wheels {
    built: PathBuf,
    shipped: Option<PathBuf>,
}

/// A wheel for the sandbox, as a list shows it.
#[derive(Debug)]
pub(crate) struct WheelState {
    /// The name of the package on the index.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// Where its wheel is.
    pub(crate) path: Option<PathBuf>,
}

impl Wheels {
    /// Returns those of a folder for what Python programs are built with.
    pub(crate) fn of(python: &Path) -> Self {
        Self {
            built: python.join("wheels"),
            shipped: shipped::folder("wheels"),
        }
    }

    /// Returns the wheels that this release works with.
    pub(crate) fn list(&self) -> Vec<WheelState> {
        let state = |recipe: &WheelRecipe| WheelState {
            name: recipe.name,
            version: recipe.version,
            path: self.find(recipe),
        };
        RECIPES.iter().map(state).collect()
    }

    /// Builds those that are not there, into a folder or where builds look for them.
    ///
    /// # Errors
    /// There is no Python or no Rust to build with, or what is built from cannot be fetched.
    pub(crate) fn build(
        &self,
        ui: Ui,
        python: &Path,
        into: Option<&Path>,
    ) -> Result<usize, CommandError> {
        let target = into.unwrap_or(&self.built);
        fs::create_dir_all(target)?;
        let is_missing = |recipe: &&WheelRecipe| match into {
            Some(folder) => !folder.join(recipe.file_name()).exists(),
            None => self.find(recipe).is_none(),
        };
        let missing: Vec<_> = RECIPES.iter().filter(is_missing).collect();
        let tools = Tools::find(ui, python)?;
        let scratch = Scratch::new(python)?;
        for recipe in &missing {
            let about = |error: CommandError| error.about(format!("build {}", recipe.name));
            build(ui, &tools, scratch.path(), recipe, target).map_err(about)?;
        }
        Ok(missing.len())
    }

    /// Returns the folders that hold wheels.
    pub(super) fn folders(&self) -> Vec<&Path> {
        let all = [Some(self.built.as_path()), self.shipped.as_deref()];
        all.into_iter()
            .flatten()
            .filter(|folder| folder.is_dir())
            .collect()
    }

    /// Tells whether a file of this name and hash is one of them.
    pub(super) fn has(&self, name: &str, sha256: &str) -> bool {
        let recipe = RECIPES.iter().find(|recipe| recipe.file_name() == name);
        let bytes = recipe.and_then(|recipe| fs::read(self.find(recipe)?).ok());
        bytes.is_some_and(|bytes| HEXLOWER.encode(&Sha256::digest(bytes)) == sha256)
    }

    /// Returns what tells these wheels from others: their names and sizes.
    pub(super) fn digest(&self) -> io::Result<String> {
        let mut hash = Sha256::new();
        for recipe in RECIPES {
            let size = match self.find(recipe) {
                Some(path) => fs::metadata(path)?.len(),
                None => 0,
            };
            hash.update(format!("{} {size}\n", recipe.file_name()));
        }
        Ok(HEXLOWER.encode(&hash.finalize()))
    }

    fn find(&self, recipe: &WheelRecipe) -> Option<PathBuf> {
        let name = recipe.file_name();
        let places = self.folders().into_iter().map(|folder| folder.join(&name));
        places.into_iter().find(|path| path.is_file())
    }
}

fn build(
    ui: Ui,
    tools: &Tools,
    scratch: &Path,
    recipe: &WheelRecipe,
    target: &Path,
) -> Result<(), CommandError> {
    let WheelRecipe { name, version, .. } = recipe;
    ui.status(&format!("building {name} {version} for the sandbox"));
    let waiting = ui.wait(&format!("fetching {name} {version}"));
    let source = sources::fetch(tools, recipe, scratch)?;
    // The build tells by itself how it goes.
    drop(waiting);
    let library = match &recipe.native {
        Some(module) => Some(native::build(ui, scratch, &source, module)?),
        None => None,
    };
    let made = scratch.join("made.whl");
    sources::pack(tools, recipe, &source, library.as_deref(), &made)?;
    // The target may be on another disk.
    let beside = Scratch::new(target)?;
    let copy = beside.path().join("made.whl");
    fs::copy(&made, &copy)?;
    fs::rename(copy, target.join(recipe.file_name()))?;
    Ok(())
}
