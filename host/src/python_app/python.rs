//! The Python of this machine, and how ours are started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::config::inherited;
use crate::error::CommandError;
use syft_runtime::child::{Child, ChildFolder};

/// The oldest that componentize-py runs on, and our pip.
const OLDEST: (u32, u32) = (3, 10);

const ASK: &str = "import json, sys; \
    print(json.dumps([sys.version_info[:2], sys.executable, sys.base_prefix, sys.version]))";

const DEADLINE: Duration = Duration::from_secs(60);

/// What a Python may need that is chosen by a script of pyenv.
const ENVIRONMENT: &[&str] = &["HOME", "PYENV_ROOT", "PYENV_VERSION"];

/// The Python of this machine.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) program: PathBuf,
    /// What tells it from others.
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
struct Said((u32, u32), PathBuf, String, String);

/// Returns a child of a Python that takes nothing from its environment, its user's packages
/// or the folder that it works in.
pub(super) fn isolated<'a>(program: &Path, folder: ChildFolder<'a>) -> Child<'a> {
    Child::of(program, folder).args(["-I", "-B", "-X", "utf8"])
}

impl Python {
    /// Finds it.
    ///
    /// # Errors
    /// Python is not installed, or too old.
    pub(super) fn find(place: &Path) -> Result<Self, CommandError> {
        let hint = |error: CommandError| {
            let (major, minor) = OLDEST;
            error.hint(format!(
                "Python programs are built with Python {major}.{minor} or newer: install it as `python3`"
            ))
        };
        for name in ["python3", "python"] {
            let Some(Said(numbers, program, prefix, version)) = ask(name, place)? else {
                continue;
            };
            if numbers < OLDEST {
                let message = format!("{name} is Python {}.{}", numbers.0, numbers.1);
                return Err(hint(CommandError::new(message)));
            }
            let version = format!("{prefix} {version}");
            return Ok(Self { program, version });
        }
        Err(hint(CommandError::new("Python is not installed")))
    }
}

/// Asks the program of this name which Python it is. Returns `None` if it is not installed.
fn ask(name: &str, place: &Path) -> Result<Option<Said>, CommandError> {
    let Some(program) = inherited::find_program(name) else {
        return Ok(None);
    };
    let asked = isolated(&program, ChildFolder::EmptyIn(place))
        .args(["-c", ASK])
        .envs(inherited::variables(ENVIRONMENT))
        .env("PATH", inherited::search_path())
        .run(DEADLINE)?;
    let said = serde_json::from_slice(&asked.stdout).ok();
    Ok(said.filter(|_| asked.succeeded()))
}
