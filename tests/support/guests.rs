//! Builds the guests that tests run, once for all of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

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

/// Guests of both workspaces share one target folder, beside that of the host.
fn build(workspace: &str) -> PathBuf {
    let target = repository().join("target/guests");
    let status = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--target",
            "wasm32-wasip2",
            "--workspace",
        ])
        .current_dir(repository().join(workspace))
        .env("CARGO_TARGET_DIR", &target)
        // What cargo sets for tests of the host is not meant for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .unwrap();
    assert!(
        status.success(),
        "{workspace} does not build; is the target there? rustup target add wasm32-wasip2"
    );
    target.join("wasm32-wasip2/release")
}

fn component(folder: &Path, name: &str) -> PathBuf {
    let found = [name.replace('-', "_"), name.to_owned()]
        .map(|stem| folder.join(stem).with_extension("wasm"))
        .into_iter()
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no component {name} in {}", folder.display()))
}
