//! Builds a guest crate into a component.

mod metadata;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::built_app::{self, BuiltApp};
use crate::error::CommandError;
use crate::manifest::section;
use crate::ui::Ui;
use metadata::Metadata;

const TARGET: &str = "wasm32-wasip2";

/// A component that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The name of the package.
    pub(crate) package: String,
    /// The component, without a manifest.
    pub(crate) wasm: PathBuf,
}

/// Builds the crate in a folder and embeds its manifest. The same sources give the
/// same bytes, in this checkout and in another.
///
/// # Errors
/// The manifest is none, which is found out first, or [`build`] fails.
pub(crate) fn build_app(ui: Ui, folder: &Path) -> Result<BuiltApp, CommandError> {
    let (manifest, warnings) = built_app::read_manifest(ui, folder)?.unwrap_or_default();
    let metadata = read_metadata(folder)?;
    let manifest = metadata.fill(manifest)?;
    let Built { package, wasm } = build_with(ui, folder, &metadata)?;
    let describe = |error| CommandError::new(format!("{}: {error}", wasm.display()));
    let component = fs::read(&wasm).map_err(describe)?;
    let component = section::embed(&component, &manifest.to_section())?;
    Ok(BuiltApp {
        component,
        manifest,
        warnings,
        package,
        wasm,
    })
}

/// Builds the crate in a folder.
///
/// # Errors
/// There is no crate, it does not compile, or it makes no component.
pub(crate) fn build(ui: Ui, folder: &Path) -> Result<Built, CommandError> {
    build_with(ui, folder, &read_metadata(folder)?)
}

fn read_metadata(folder: &Path) -> Result<Metadata, CommandError> {
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().map_err(|error| {
        CommandError::new(format!("{}: {error}", manifest.display()))
            .hint("give a .wasm file, a Python program, or the folder of a guest crate")
    })?;
    Metadata::read(&manifest)
}

/// A line of `cargo build --message-format=json`, as far as we need it.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

fn build_with(ui: Ui, folder: &Path, metadata: &Metadata) -> Result<Built, CommandError> {
    ui.status(&format!("building {}", folder.display()));
    add_target(ui, folder)?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", TARGET])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(&metadata.manifest)
        .arg("--config")
        .arg(format!(
            "target.{TARGET}.rustflags={}",
            metadata.remap_flags()
        ))
        .arg("--target-dir")
        .arg(metadata.target_folder())
        // What cargo was told for the host is not meant for guests, and would
        // count in place of our own flags.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // The toolchain file of the guest's folder counts, not that of ours.
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(no_cargo)?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let wasm = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Message>(&line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.manifest_path.as_deref() == Some(metadata.manifest.as_path()))
        .flat_map(|message| message.filenames)
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .last();
    if !child.wait()?.success() {
        return Err(CommandError::new(format!(
            "{} does not build",
            folder.display()
        )));
    }
    let wasm = wasm.ok_or_else(|| {
        CommandError::new(format!("{} makes no component", folder.display()))
            .hint("add to its Cargo.toml: [lib] crate-type = [\"cdylib\"]")
    })?;
    let package = metadata.package.name.clone();
    Ok(Built { package, wasm })
}

fn no_cargo(error: std::io::Error) -> CommandError {
    CommandError::new(format!("start cargo: {error}")).hint("install Rust: https://rustup.rs")
}

/// Adds the target to the toolchain where rustup manages it and it is missing.
fn add_target(ui: Ui, folder: &Path) -> Result<(), CommandError> {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(folder)
        .output();
    let Ok(sysroot) = sysroot else {
        return Ok(());
    };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    ui.status(&format!("adding the target {TARGET} to the Rust toolchain"));
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(folder)
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(
            CommandError::new(format!("the Rust toolchain lacks the target {TARGET}"))
                .hint(format!("rustup target add {TARGET}")),
        ),
    }
}
