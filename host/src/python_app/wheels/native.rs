//! Compiles a Python module in Rust to a library that componentize-py can link.

use std::fs;
use std::path::{Path, PathBuf};

use syft_runtime::child::End;

use super::recipe::NativeModule;
use crate::error::CommandError;
use crate::rust_toolchain::{self, RustTool, add_sources};
use crate::ui::Ui;

const TARGET: &str = "wasm32-wasip1";

/// What PyO3 is told of the Python in components, which it cannot ask.
const PYO3: &str = "\
implementation=CPython
version=3.14
shared=true
abi3=false
pointer_width=32
suppress_build_script_link_lines=true
";

/// An archive without a member. The standard library asks for one of this name; the C library
/// itself is in the component already.
const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// Settings of the profile, whatever the crate says. A module that panics ends its call.
const PROFILE: &[&str] = &[
    "opt-level=\"s\"",
    "panic=\"abort\"",
    "lto=\"fat\"",
    "codegen-units=1",
    "strip=true",
    "debug=false",
];

/// Builds a module of the sources in a folder, which lies in a scratch folder that builds share.
/// Returns its library.
pub(super) fn build(
    ui: Ui,
    scratch: &Path,
    source: &Path,
    module: &NativeModule,
) -> Result<PathBuf, CommandError> {
    add_sources(ui, source)?;
    stand_alone(&source.join("Cargo.toml"))?;
    let [config, libraries, target] =
        ["pyo3", "libraries", "target"].map(|name| scratch.join(name));
    fs::write(&config, PYO3)?;
    fs::create_dir_all(&libraries)?;
    fs::write(libraries.join("libc.a"), EMPTY_ARCHIVE)?;
    let cargo = RustTool::new("cargo", source)?.with(|mut cargo| {
        for setting in PROFILE {
            cargo = cargo.args(["--config", &format!("profile.release.{setting}")]);
        }
        cargo
            .args(["build", "--release", "--lib", "--locked", "--quiet"])
            .args(["--target", TARGET])
            // The standard library of the toolchain is not position-independent.
            .args(["-Z", "build-std=std,panic_abort", "--manifest-path"])
            .arg(source.join(module.manifest))
            .arg("--target-dir")
            .arg(&target)
            // By this a stable toolchain builds the standard library, too.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PYO3_CONFIG_FILE", &config)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(scratch, &libraries))
            .show_stderr()
    });
    let ended = cargo.run(rust_toolchain::BUILD)?;
    match ended.end {
        End::Exited(0) => {}
        End::Exited(_) => return Err(CommandError::new("it does not compile")),
        end => return Err(CommandError::new(format!("it does not compile: {end}"))),
    }
    let file = format!("{}.wasm", module.library);
    Ok(target.join(TARGET).join("release").join(file))
}

/// Makes a manifest the root of its workspace, for the cache may lie in somebody's project.
fn stand_alone(manifest: &Path) -> Result<(), CommandError> {
    let mut text = fs::read_to_string(manifest)?;
    if !text.lines().any(|line| line.starts_with("[workspace")) {
        text.push_str("\n[workspace]\n");
        fs::write(manifest, text)?;
    }
    Ok(())
}

/// The same for all, so that they share a standard library.
fn flags(scratch: &Path, libraries: &Path) -> String {
    let flags = [
        "-Clink-self-contained=no".to_owned(),
        "-Crelocation-model=pic".to_owned(),
        "-Clink-arg=--experimental-pic".to_owned(),
        "-Clink-arg=--shared".to_owned(),
        "-Clink-arg=--unresolved-symbols=import-dynamic".to_owned(),
        // Else each function of the module is exported by its name, and imported by wasmtime
        // into each instance.
        "-Zdefault-visibility=hidden".to_owned(),
        format!("-L{}", libraries.display()),
        // Nothing of this machine is in what is built.
        format!("--remap-path-prefix={}=/build", scratch.display()),
    ];
    flags.join("\u{1f}")
}
