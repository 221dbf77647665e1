//! Builds the guests that tests run, once for all of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const TARGET: &str = "wasm32-wasip2";

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Returns a component of `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| build("tests/guests"));
    component(&FOLDER, name)
}

/// Returns a component of `examples-guest`.
pub fn example(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| build("examples-guest"));
    component(&FOLDER, name)
}

fn build(workspace: &str) -> PathBuf {
    add_target();
    let status = Command::new("cargo")
        .args(["build", "--release", "--workspace", "--target", TARGET])
        .current_dir(repository().join(workspace))
        // What cargo was told for the host is not meant for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .unwrap();
    assert!(status.success(), "{workspace} does not build");
    repository()
        .join("target/guests")
        .join(TARGET)
        .join("release")
}

/// Adds the target where rustup was told not to install by itself.
fn add_target() {
    let print = ["--print", "target-libdir", "--target", TARGET];
    let folder = Command::new("rustc").args(print).output().unwrap();
    let folder = String::from_utf8(folder.stdout).unwrap();
    if !Path::new(folder.trim()).is_dir() {
        let added = Command::new("rustup")
            .args(["target", "add", TARGET])
            .status();
        assert!(added.unwrap().success(), "the target {TARGET} is missing");
    }
}

fn component(folder: &Path, name: &str) -> PathBuf {
    let found = [name.replace('-', "_"), name.to_owned()]
        .map(|stem| folder.join(stem).with_extension("wasm"))
        .into_iter()
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no component {name} in {}", folder.display()))
}
