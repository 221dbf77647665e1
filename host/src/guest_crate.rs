//! Builds a guest crate into a component.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::CommandError;
use crate::ui::Ui;

const TARGET: &str = "wasm32-wasip2";

/// A component that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The name of the package.
    pub(crate) package: String,
    /// The component.
    pub(crate) wasm: PathBuf,
}

/// A line of `cargo build --message-format=json`, as far as we need it.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the crate in a folder.
///
/// # Errors
/// There is no crate, it does not compile, or it makes no component.
pub(crate) fn build(ui: Ui, folder: &Path) -> Result<Built, CommandError> {
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().map_err(|error| {
        CommandError::new(format!("{}: {error}", manifest.display()))
            .hint("give a .wasm file, or the folder of a guest crate")
    })?;
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
        .arg(&manifest)
        // The toolchain file of the guest's folder counts, not that of ours.
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(|error| {
        CommandError::new(format!("start cargo: {error}")).hint("install Rust: https://rustup.rs")
    })?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let wasm = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Message>(&line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.manifest_path.as_deref() == Some(manifest.as_path()))
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
    let package = package_name(&manifest)?;
    Ok(Built { package, wasm })
}

fn package_name(manifest: &Path) -> Result<String, CommandError> {
    #[derive(Deserialize)]
    struct Manifest {
        package: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
    }
    let text = std::fs::read_to_string(manifest)?;
    let manifest: Manifest = toml::from_str(&text)?;
    Ok(manifest.package.name)
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
