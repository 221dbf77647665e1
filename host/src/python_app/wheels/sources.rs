//! Fetches the sources of a package, and packs a wheel: by Python, without running any of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::recipe::WheelRecipe;
use crate::error::CommandError;
use crate::python_app::tools::Tools;

/// Makes wheels, by the Python and the pip of ours.
const SCRIPT: &str = include_str!("make_wheel.py");

const FETCH: Duration = Duration::from_secs(15 * 60);
const PACK: Duration = Duration::from_secs(2 * 60);

const MAX_LINES: usize = 8;

/// Downloads the sources of a package and unpacks them. Returns their folder.
pub(super) fn fetch(
    tools: &Tools,
    recipe: &WheelRecipe,
    into: &Path,
) -> Result<PathBuf, CommandError> {
    let archive = format!("{}.tar.gz", recipe.source());
    let ended = tools.pip()?.script(
        SCRIPT,
        &["fetch", recipe.name, &archive, recipe.sha256],
        into,
        FETCH,
    )?;
    if !ended.succeeded() {
        return Err(
            CommandError::new(format!("get {archive}: {}", ended.why(MAX_LINES)))
                .hint("it comes from PyPI, or the index that pip is configured with"),
        );
    }
    Ok(into.join(recipe.source()))
}

/// Packs a wheel of sources and the native module that was built of them.
pub(super) fn pack(
    tools: &Tools,
    recipe: &WheelRecipe,
    source: &Path,
    library: Option<&Path>,
    wheel: &Path,
) -> Result<(), CommandError> {
    let mut extra = json!({});
    if let (Some(module), Some(library)) = (&recipe.native, library) {
        extra[module.place()] = json!(library);
        if let Some(package) = &module.package {
            extra[package.file] = json!(package.text);
        }
    }
    let described = json!({
        "distribution": recipe.distribution,
        "version": recipe.version,
        "root": recipe.root,
        "packages": recipe.packages,
        "tag": recipe.tag(),
        "is_pure": recipe.native.is_none(),
        "extra": extra,
    });
    let ended = tools
        .script(SCRIPT)?
        .arg("pack")
        .arg(source)
        .arg(described.to_string())
        .arg(wheel)
        .run(PACK)?;
    if !ended.succeeded() {
        let why = ended.why(MAX_LINES);
        return Err(CommandError::new(format!("pack a wheel: {why}")));
    }
    Ok(())
}
