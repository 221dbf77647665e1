//! What builds apps, which only their authors need.

use std::path::Path;

use super::Finding;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::guest_crate::TARGET;
use crate::python_app;
use crate::rust_toolchain;

const RUST: &str = "Rust";
const PYTHON: &str = "Python";

pub(super) fn examine(overrides: &Overrides) -> Vec<Finding> {
    vec![rust(), python(overrides)]
}

fn rust() -> Finding {
    match rust_toolchain::look(Path::new("/"), TARGET) {
        Ok(found) if found.has_target => {
            Finding::ok(RUST, format!("{}, with the target {TARGET}", found.version))
        }
        Ok(found) => Finding::warning(
            RUST,
            format!(
                "{} lacks the target {TARGET}, which apps in Rust are built for",
                found.version
            ),
            format!("rustup target add {TARGET}"),
        ),
        Err(error) => only_for_authors(RUST, &error),
    }
}

fn python(overrides: &Overrides) -> Finding {
    let found = Config::find_python_folder(overrides).and_then(|folder| python_app::look(&folder));
    match found {
        Ok(found) if found.has_tools => Finding::ok(
            PYTHON,
            format!("{}, and componentize-py is set up", found.version),
        ),
        Ok(found) => Finding::ok(
            PYTHON,
            format!(
                "{}; componentize-py is fetched when the first program is built",
                found.version
            ),
        ),
        Err(error) => only_for_authors(PYTHON, &error),
    }
}

fn only_for_authors(topic: &'static str, error: &CommandError) -> Finding {
    let what = format!("{error}, which only matters to build apps");
    let fixes = error.hints().to_vec();
    Finding {
        fixes,
        ..Finding::warning(topic, what, "")
    }
}
