//! The programs that are compared, ready to be run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::json;
use syft_manifest::{Files, Manifest, section};
use syft_protocol::grant::PathPattern;

use crate::server::Server;
use crate::site::{APP, OWNER, Place, Site};
use crate::support::guests;
use crate::venv;

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Ours(Guest),
    /// The released Python server.
    SyftEvent {
        python: &'static Path,
        /// The handler that it registers.
        what: &'static str,
    },
}

/// A component that is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    component: PathBuf,
    options: &'static [&'static str],
    /// It is compiled anew at each start.
    is_cold: bool,
}

impl Program {
    /// Starts it, to serve a site.
    pub(crate) fn start(&self, site: &Site) -> anyhow::Result<Server> {
        let command = match self {
            Self::Ours(guest) => guest.command(site),
            Self::SyftEvent { python, what } => syft_event(site, python, what)?,
        };
        Server::start(command, site)
    }
}

impl Guest {
    /// Returns a component, compiled.
    fn new(component: PathBuf) -> anyhow::Result<Self> {
        let guest = Self {
            component,
            options: &[],
            is_cold: false,
        };
        let site = Site::new(Place::Memory)?;
        Server::start(guest.command(&site), &site)?;
        Ok(guest)
    }

    pub(crate) fn with(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn cold(self) -> Self {
        Self {
            is_cold: true,
            ..self
        }
    }

    /// What an app keeps lies in the home, so beside the data folder.
    fn command(&self, site: &Site) -> Command {
        let cache = if self.is_cold {
            site.path().join("cache")
        } else {
            cache()
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_syft-host"));
        command
            .env_clear()
            .env("HOME", site.path())
            .env("XDG_CACHE_HOME", cache)
            .arg("run")
            .arg(&self.component)
            .args(["--json", "--log", "warn", "--name", APP])
            .args(["--allow-all-requested", "--email", OWNER, "--data-dir"])
            .arg(site.data_dir())
            .args(self.options);
        command
    }
}

/// Where the components that are measured, and their compiled code, are kept from one
/// round to the next.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-cache")
}

/// It does not log what it answers wrongly: we count that.
fn syft_event(site: &Site, python: &Path, what: &str) -> anyhow::Result<Command> {
    let config = site.path().join("config.json");
    let content = json!({
        "data_dir": site.data_dir(),
        "email": OWNER,
        "server_url": "http://127.0.0.1:9/",
        "client_url": "http://127.0.0.1:9/",
    });
    fs::write(&config, content.to_string())?;
    let mut command = Command::new(python);
    command
        .arg(guests::repository().join("tests/benches/suite/peer.py"))
        .arg(what)
        .env("HOME", site.path())
        .env("LOGURU_LEVEL", "CRITICAL")
        .env("SYFTBOX_CLIENT_CONFIG_PATH", config);
    Ok(command)
}

/// Returns the released server, where there is a Python that it runs on.
pub(crate) fn syft_event_for(what: &'static str) -> Option<Program> {
    let python = venv::python()?;
    Some(Program::SyftEvent { python, what })
}

/// Returns a component of `tests/guests`.
pub(crate) fn test_guest(name: &str) -> anyhow::Result<Guest> {
    Guest::new(guests::guest(name))
}

/// Returns a component of `examples-guest`.
pub(crate) fn example(name: &str) -> anyhow::Result<Guest> {
    Guest::new(guests::example(name))
}

/// Builds the guest that is written in Python.
pub(crate) fn python_guest() -> anyhow::Result<Guest> {
    fs::create_dir_all(cache())?;
    let component = cache().join("hello_guest.wasm");
    let program = guests::repository().join("tests/benches/suite/hello_guest.py");
    let status = Command::new(env!("CARGO_BIN_EXE_syft-host"))
        .arg("build")
        .arg(program)
        .arg("-o")
        .arg(&component)
        .env("XDG_CACHE_HOME", cache())
        .status()?;
    ensure!(status.success(), "the Python guest does not build");
    Guest::new(component)
}

/// Returns the guest that copies files: `watcher`, told what to watch.
pub(crate) fn copying_guest() -> anyhow::Result<Guest> {
    const MARK: &[u8] = b"SETTINGS OF THE WATCHER\n";
    let settings = b"\ncreated modified moved\t{datasite}/public/*copy.txt";
    let mut bytes = fs::read(guests::guest("watcher"))?;
    let at = bytes.windows(MARK.len()).position(|window| window == MARK);
    let at = at.context("the guest has no place for its settings")?;
    bytes[at..][..MARK.len()].fill(b' ');
    bytes[at..][..settings.len()].copy_from_slice(settings);
    let public = [PathPattern::parse("{datasite}/public/*")?];
    let manifest = Manifest {
        files: Files {
            read: public.to_vec(),
            write: public.to_vec(),
            ..Files::default()
        },
        ..Manifest::default()
    };
    let bytes = section::embed(&bytes, &manifest.to_section())?;
    fs::create_dir_all(cache())?;
    let path = cache().join("copying_guest.wasm");
    fs::write(&path, bytes)?;
    Guest::new(path)
}
