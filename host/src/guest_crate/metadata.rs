//! What cargo knows about a guest crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use syft_manifest::Manifest;

use super::TARGET;

use crate::error::CommandError;
use crate::rust_toolchain::{FETCH, RustTool};

/// What cargo says of a crate with thousands of others below it.
const MAX_BYTES: usize = 64 << 20;

/// What cargo knows about a crate and what it is built from.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Its `Cargo.toml`.
    pub(super) manifest: PathBuf,
    pub(super) package: Package,
    all: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    version: semver::Version,
    description: Option<String>,
    manifest_path: PathBuf,
    /// Absent for a folder of this machine.
    source: Option<String>,
    #[serde(default)]
    targets: Vec<CrateTarget>,
}

#[derive(Debug, Clone, Deserialize)]
struct CrateTarget {
    name: String,
    #[serde(default)]
    crate_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Output {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

/// The part of a line of `cargo build --message-format=json` that we need.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Metadata {
    /// Asks cargo.
    pub(super) fn read(manifest: &Path) -> Result<Self, CommandError> {
        let folder = manifest.parent().unwrap_or(manifest);
        let cargo = RustTool::new("cargo", folder)?.with(|cargo| {
            cargo
                .args(["metadata", "--format-version", "1"])
                .args(["--filter-platform", TARGET, "--manifest-path"])
                .arg(manifest)
                .stdout_bytes(MAX_BYTES)
                .show_stderr()
        });
        let ended = cargo.run(FETCH)?;
        let unreadable =
            || CommandError::new(format!("{} is not a valid crate", manifest.display()));
        if !ended.succeeded() {
            return Err(unreadable());
        }
        let Output {
            packages,
            workspace_root,
            target_directory,
        } = serde_json::from_slice(&ended.stdout)?;
        let package = packages
            .iter()
            .find(|package| package.manifest_path == manifest)
            .ok_or_else(|| unreadable().hint("give the folder of one crate of the workspace"))?;
        Ok(Self {
            manifest: manifest.to_owned(),
            package: package.clone(),
            all: packages,
            workspace_root,
            target_directory,
        })
    }

    /// Returns where cargo is to build: apart from the author's own builds, and from other
    /// workspaces of the same target folder. The flags name the folders of each, so in one
    /// place each build would undo the other's.
    pub(super) fn target_folder(&self) -> PathBuf {
        let workspace = self.workspace_root.file_name().unwrap_or_default();
        self.target_directory.join("syft-host").join(workspace)
    }

    /// Returns the name of the library that becomes the component.
    pub(super) fn library(&self) -> &str {
        let is_library = |target: &&CrateTarget| target.crate_types.iter().any(|it| it == "cdylib");
        let library = self.package.targets.iter().find(is_library);
        library.map_or(&self.package.name, |library| &library.name)
    }

    /// Returns the folders of those crates that lie on this machine: others do not change.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let here = self.all.iter().filter(|package| package.source.is_none());
        let folders = here.filter_map(|package| package.manifest_path.parent());
        folders.map(Path::to_owned).collect()
    }

    /// Returns the component among what cargo says that it built.
    pub(super) fn component(&self, said: &[u8]) -> Option<PathBuf> {
        said.split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
            .filter(|message| message.reason == "compiler-artifact")
            .filter(|message| message.manifest_path.as_deref() == Some(self.manifest.as_path()))
            .flat_map(|message| message.filenames)
            .rfind(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "wasm")
            })
    }

    /// Returns rustc flags, as a list of TOML, that keep the paths of the sources out of
    /// what is built from them.
    pub(super) fn remap_flags(&self, standard_library: Option<(PathBuf, String)>) -> String {
        // rustc takes the last that fits: the longest, by their order.
        let mut places = BTreeMap::from_iter(standard_library);
        places.insert(self.target_folder(), "/target".to_owned());
        for package in &self.all {
            let folder = package.manifest_path.parent().unwrap_or(Path::new("/"));
            let is_of_registry = package
                .source
                .as_ref()
                .is_some_and(|source| source.contains("registry+"));
            match folder.parent() {
                Some(registry) if is_of_registry => {
                    places.insert(registry.to_owned(), "/registry".to_owned())
                }
                _ => {
                    let Package { name, version, .. } = package;
                    places.insert(folder.to_owned(), format!("/{name}-{version}"))
                }
            };
        }
        let flags = places
            .iter()
            .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
        // Strings of JSON are strings of TOML.
        serde_json::Value::from_iter(flags).to_string()
    }

    /// Returns the manifest, completed by what `Cargo.toml` says.
    pub(super) fn fill(&self, manifest: Manifest) -> Result<Manifest, CommandError> {
        let Package {
            name,
            version,
            description,
            ..
        } = &self.package;
        manifest
            .or_of_crate(name, version, description.as_deref())
            .map_err(|error| {
                CommandError::from(error)
                    .hint("give the app a name in syft-app.toml: [app] name = \"…\"")
            })
    }
}
