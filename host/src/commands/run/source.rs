//! What `run` is given: a component, a crate that is built, or a program that is made ready.

use std::fs;
use std::path::{Path, PathBuf};

use syft_manifest::section::SectionError;
use syft_manifest::{Digest, Limits, Manifest, ManifestError};
use syft_protocol::address::AppName;

use super::RunArgs;
use crate::app_builder::{self, ApartApp, NativeBuild, ProgramFiles, ProgramInputs};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::sandbox::LoadError;

/// The app that is to be run.
pub(super) struct Source {
    pub(super) component: Vec<u8>,
    /// Of all that the app consists of.
    pub(super) digest: Digest,
    /// Those of a Python program that is not built, as long as it is served.
    pub(super) files: Option<ProgramFiles>,
    /// It was built here, so nobody else has to vouch for it.
    pub(super) is_own: bool,
    pub(super) manifest: Manifest,
    pub(super) path: PathBuf,
    /// The name of the file or of the crate.
    pub(super) stem: String,
    /// Folders of crates that it was built of.
    pub(super) crates: Vec<PathBuf>,
}

impl Source {
    /// Reads a component, builds a crate or a program, or makes a program ready.
    pub(super) async fn find(
        ui: Ui,
        overrides: &Overrides,
        config: &Config,
        args: &RunArgs,
        native: NativeBuild,
    ) -> Result<Self, CommandError> {
        let path = &args.app;
        if app_builder::is_source(path) {
            let inputs = ProgramInputs {
                included: &args.include,
                arguments: &args.arguments,
                variables: &args.env,
            };
            if !args.build {
                let ready =
                    app_builder::make_ready(ui, overrides, config, path, inputs, args.memory);
                if let Some(app) = ready.await? {
                    // Who changes it all the time knows.
                    if args.watch {
                        return Ok(Self::of_program(app, path));
                    }
                    ui.status(
                        "note: the program is not built, so it starts in each call: calls are \
                         faster with --build",
                    );
                    return Ok(Self::of_program(app, path));
                }
            }
            let built = app_builder::build(ui, overrides, path, inputs, native)?;
            return Ok(Self {
                digest: Digest::of(&built.component),
                files: None,
                component: built.component,
                is_own: true,
                manifest: built.manifest,
                path: built.wasm,
                stem: built.package,
                crates: built.crates,
            });
        }
        if !args.arguments.is_empty() {
            return Err(CommandError::new(
                "arguments after -- are for Python programs: a component has those that it was \
                 built with",
            ));
        }
        let component = read_component(path, Limits::default().component_bytes)?;
        let manifest = match Manifest::from_component(&component) {
            Ok(manifest) => manifest.unwrap_or_default(),
            // Loading it says more about that.
            Err(ManifestError::Section(SectionError::Component(_))) => Manifest::default(),
            Err(error) => {
                return Err(CommandError::new(format!(
                    "cannot run {}: {error}",
                    path.display()
                )));
            }
        };
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        Ok(Self {
            digest: Digest::of(&component),
            files: None,
            component,
            is_own: false,
            manifest,
            path: path.to_owned(),
            stem: stem.unwrap_or_default().to_owned(),
            crates: Vec::new(),
        })
    }

    /// Returns a program that is not built.
    fn of_program(app: ApartApp, path: &Path) -> Self {
        Self {
            component: app.base,
            digest: app.digest,
            files: Some(app.files),
            is_own: true,
            manifest: app.manifest,
            path: path.to_owned(),
            stem: app.name,
            crates: Vec::new(),
        }
    }

    /// Returns the name: as the owner says, as the app says, or that of the file.
    pub(super) fn name(&self, said: Option<&str>) -> Result<AppName, CommandError> {
        match (said, &self.manifest.name) {
            (None, Some(name)) => Ok(name.clone()),
            (said, _) => AppName::parse(said.unwrap_or(&self.stem))
                .map_err(|error| CommandError::from(error).hint("give the app a name with --name")),
        }
    }
}

fn read_component(path: &Path, limit: u64) -> Result<Vec<u8>, CommandError> {
    let describe = |error| CommandError::new(format!("read {}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(describe)?.len();
    if bytes > limit {
        return Err(LoadError::TooLarge { bytes, limit }.into());
    }
    fs::read(path).map_err(describe)
}
