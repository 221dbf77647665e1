//! The programs of a Rust toolchain.

use std::path::Path;
use std::time::Duration;

use super::TARGET;
use crate::config::inherited;
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::child::{Child, ChildFolder, ChildLimits, Ended};

/// What they need of our environment: who the user is, where their toolchains and packages
/// are, and how those are fetched. Nothing else decides what is built.
const ENVIRONMENT: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "CARGO_HOME",
    "CARGO_BUILD_JOBS",
    "CARGO_HTTP_*",
    "CARGO_NET_*",
    "CARGO_REGISTRIES_*",
    "CARGO_TARGET_DIR",
    "CARGO_TERM_*",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
];

/// A build of a crate from nothing, with all that it depends on, on a slow machine.
pub(super) const BUILD: Duration = Duration::from_secs(60 * 60);

/// What fetches from a network.
pub(super) const FETCH: Duration = Duration::from_secs(15 * 60);

const ASK: Duration = Duration::from_secs(60);

/// A program of the toolchain that is to work in the folder of a crate, whose files say which
/// toolchain that is.
#[derive(Debug)]
pub(super) struct Tool<'a> {
    name: &'static str,
    child: Child<'a>,
}

impl<'a> Tool<'a> {
    pub(super) fn new(name: &'static str, folder: &'a Path) -> Result<Self, CommandError> {
        let program = inherited::find_program(name).ok_or_else(|| missing(name))?;
        let child = Child::of(&program, ChildFolder::Given(folder))
            .envs(inherited::variables(ENVIRONMENT))
            .envs(inherited::variables(inherited::NETWORK))
            .env("PATH", inherited::search_path())
            .limits(ChildLimits::default());
        Ok(Self { name, child })
    }

    pub(super) fn with(self, change: impl FnOnce(Child<'a>) -> Child<'a>) -> Self {
        Self {
            child: change(self.child),
            ..self
        }
    }

    pub(super) fn run(self, deadline: Duration) -> Result<Ended, CommandError> {
        let name = self.name;
        self.child
            .run(deadline)
            .map_err(|error| CommandError::from(error).about(format!("start {name}")))
    }
}

fn missing(name: &str) -> CommandError {
    CommandError::new(format!("{name} is not installed")).hint("install Rust: https://rustup.rs")
}

/// Adds the target to the toolchain where rustup manages it and it is missing.
pub(super) fn add_target(ui: Ui, folder: &Path) -> Result<(), CommandError> {
    let Ok(rustc) = Tool::new("rustc", folder) else {
        return Ok(());
    };
    let said = rustc
        .with(|rustc| rustc.args(["--print", "sysroot"]))
        .run(ASK)?
        .stdout;
    let said = String::from_utf8_lossy(&said);
    let sysroot = Path::new(said.trim());
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    ui.status(&format!("adding the target {TARGET} to the Rust toolchain"));
    let added = Tool::new("rustup", folder).and_then(|rustup| {
        let add = ["target", "add", TARGET];
        rustup
            .with(|rustup| rustup.args(add).show_stderr())
            .run(FETCH)
    });
    match added {
        Ok(ended) if ended.succeeded() => Ok(()),
        _ => Err(
            CommandError::new(format!("the Rust toolchain lacks the target {TARGET}"))
                .hint(format!("rustup target add {TARGET}")),
        ),
    }
}
