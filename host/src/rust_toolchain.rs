//! The programs of a Rust toolchain.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
pub(crate) const BUILD: Duration = Duration::from_secs(60 * 60);

/// What fetches from a network.
pub(crate) const FETCH: Duration = Duration::from_secs(15 * 60);

const ASK: Duration = Duration::from_secs(60);

/// A program of the toolchain that is to work in the folder of a crate, whose files say which
/// toolchain that is.
#[derive(Debug)]
pub(crate) struct RustTool<'a> {
    name: &'static str,
    child: Child<'a>,
}

impl<'a> RustTool<'a> {
    pub(crate) fn new(name: &'static str, folder: &'a Path) -> Result<Self, CommandError> {
        let program = inherited::find_program(name).ok_or_else(|| missing(name))?;
        let child = Child::of(&program, ChildFolder::Given(folder))
            .envs(inherited::variables(ENVIRONMENT))
            .envs(inherited::variables(inherited::NETWORK))
            .env("PATH", inherited::search_path())
            .limits(ChildLimits::default());
        Ok(Self { name, child })
    }

    pub(crate) fn with(self, change: impl FnOnce(Child<'a>) -> Child<'a>) -> Self {
        Self {
            child: change(self.child),
            ..self
        }
    }

    pub(crate) fn run(self, deadline: Duration) -> Result<Ended, CommandError> {
        let name = self.name;
        self.child
            .run(deadline)
            .map_err(|error| CommandError::from(error).about(format!("start {name}")))
    }
}

fn missing(name: &str) -> CommandError {
    CommandError::new(format!("{name} is not installed")).hint("install Rust: https://rustup.rs")
}

/// The toolchain of a folder, as it is.
pub(crate) struct FoundToolchain {
    /// What rustc says of itself.
    pub(crate) version: String,
    /// It builds for the target that was asked for.
    pub(crate) has_target: bool,
}

/// Looks at the toolchain without fetching anything of it.
///
/// # Errors
/// There is none, or it does not run.
pub(crate) fn look(folder: &Path, target: &str) -> Result<FoundToolchain, CommandError> {
    RustTool::new("cargo", folder)?;
    if is_unused_rustup() {
        return Err(CommandError::new("rustup has no toolchain yet").hint("rustup default stable"));
    }
    let ask = |what: &[&str]| {
        let rustc = RustTool::new("rustc", folder)?;
        let rustc = rustc.with(|rustc| rustc.env("RUSTUP_AUTO_INSTALL", "0").args(what));
        let ended = rustc.run(ASK)?;
        if ended.succeeded() {
            return Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned());
        }
        Err(
            CommandError::new(format!("rustc does not run: {}", ended.why(2)))
                .hint("install Rust: https://rustup.rs, then `rustup default stable`"),
        )
    };
    let version = ask(&["--version"])?;
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
    let has_target = sysroot.join("lib/rustlib").join(target).is_dir();
    Ok(FoundToolchain {
        version,
        has_target,
    })
}

/// Tells whether the programs are those of a rustup that this user has not used yet: each of them
/// would write its settings.
fn is_unused_rustup() -> bool {
    let variables = inherited::variables(&["RUSTUP_HOME", "HOME"]);
    let value = |name: &str| {
        let mut named = variables.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| PathBuf::from(value))
    };
    let home = value("RUSTUP_HOME").or_else(|| Some(value("HOME")?.join(".rustup")));
    let has_settings = home.is_some_and(|home| home.join("settings.toml").exists());
    inherited::find_program("rustup").is_some() && !has_settings
}

/// Adds a target to the toolchain where rustup manages it and it is missing.
pub(crate) fn add_target(ui: Ui, folder: &Path, target: &str) -> Result<(), CommandError> {
    let add = ["target", "add", target];
    add_part(ui, folder, &format!("target {target}"), target, &add)
}

/// Adds the sources of the standard library to the toolchain where rustup manages it and
/// they are missing.
pub(crate) fn add_sources(ui: Ui, folder: &Path) -> Result<(), CommandError> {
    let add = ["component", "add", "rust-src"];
    add_part(ui, folder, "component rust-src", "src/rust/library", &add)
}

/// Adds a part whose files lie in a folder of the toolchain's libraries.
fn add_part(
    ui: Ui,
    folder: &Path,
    name: &str,
    files: &str,
    add: &[&str],
) -> Result<(), CommandError> {
    let Some(sysroot) = sysroot(folder)? else {
        return Ok(());
    };
    if sysroot.join("lib/rustlib").join(files).is_dir() {
        return Ok(());
    }
    ui.status(&format!("adding the {name} to the Rust toolchain"));
    let added = RustTool::new("rustup", folder).and_then(|rustup| {
        rustup
            .with(|rustup| rustup.args(add).show_stderr())
            .run(FETCH)
    });
    match added {
        Ok(ended) if ended.succeeded() => Ok(()),
        _ => Err(
            CommandError::new(format!("the Rust toolchain lacks the {name}"))
                .hint(format!("rustup {}", add.join(" "))),
        ),
    }
}

/// Returns where the toolchain is, if there is one.
pub(crate) fn sysroot(folder: &Path) -> Result<Option<PathBuf>, CommandError> {
    let Ok(rustc) = RustTool::new("rustc", folder) else {
        return Ok(None);
    };
    let said = rustc
        .with(|rustc| rustc.args(["--print", "sysroot"]))
        .run(ASK)?
        .stdout;
    Ok(Some(PathBuf::from(String::from_utf8_lossy(&said).trim())))
}

/// Returns where the sources of the standard library would be, and how rustc names them where
/// they are not: a toolchain with them is to build the same as one without.
pub(crate) fn standard_library(folder: &Path) -> Result<Option<(PathBuf, String)>, CommandError> {
    let Some(sysroot) = sysroot(folder)? else {
        return Ok(None);
    };
    let said = RustTool::new("rustc", folder)?
        .with(|rustc| rustc.arg("-vV"))
        .run(ASK)?
        .stdout;
    let said = String::from_utf8_lossy(&said);
    let mut lines = said.lines();
    let commit = lines.find_map(|line| line.strip_prefix("commit-hash: "));
    let sources = sysroot.join("lib/rustlib/src/rust");
    Ok(commit.map(|commit| (sources, format!("/rustc/{commit}"))))
}
