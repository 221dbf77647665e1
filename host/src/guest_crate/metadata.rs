//! What cargo knows about a guest crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{TARGET, no_cargo};
use crate::error::CommandError;
use crate::manifest::Manifest;

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
    /// Nothing for a folder of this machine.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Output {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Metadata {
    /// Asks cargo.
    pub(super) fn read(manifest: &Path) -> Result<Self, CommandError> {
        let folder = manifest.parent().unwrap_or(manifest);
        let output = Command::new("cargo")
            .args(["metadata", "--format-version", "1"])
            .args(["--filter-platform", TARGET, "--manifest-path"])
            .arg(manifest)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(no_cargo)?;
        let unreadable = || CommandError::new(format!("{} is no crate", manifest.display()));
        if !output.status.success() {
            return Err(unreadable());
        }
        let Output {
            packages,
            workspace_root,
            target_directory,
        } = serde_json::from_slice(&output.stdout)?;
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

    /// Returns where cargo is to build: apart from the author's own builds, and
    /// from workspaces that share a target folder. With other flags each build
    /// would undo the other's.
    pub(super) fn target_folder(&self) -> PathBuf {
        let workspace = self.workspace_root.file_name().unwrap_or_default();
        self.target_directory.join("syft-host").join(workspace)
    }

    /// Returns rustc flags, as a list of TOML, under which nothing of where the
    /// sources lie gets into what is built from them.
    pub(super) fn remap_flags(&self) -> String {
        // rustc takes the last that fits: the longest, by their order.
        let mut places = BTreeMap::new();
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

    /// Returns the manifest with what the crate says where it says nothing.
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
