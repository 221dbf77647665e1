//! The programs that are compared, ready to be run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::ensure;
use serde_json::json;
use syft_manifest::{Files, Manifest, section};
use syft_protocol::grant::PathPattern;

use crate::case::{BUILD, Measured, SIZE};
use crate::collector;
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
    /// Where the host sends traces.
    collector: Option<&'static str>,
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
            collector: None,
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

    pub(crate) fn traced(self) -> anyhow::Result<Self> {
        let collector = Some(collector::url()?);
        Ok(Self { collector, ..self })
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
        if let Some(url) = self.collector {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
        }
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

/// Builds a guest that is written in Python.
pub(crate) fn python_guest(name: &str) -> anyhow::Result<Guest> {
    Guest::new(build_python(name)?)
}

/// Makes what guests with a model of pydantic are built with, which takes minutes once.
pub(crate) fn make_wheels() -> anyhow::Result<()> {
    let status = syft_host().args(["wheels", "build"]).status()?;
    ensure!(status.success(), "the wheels do not build");
    Ok(())
}

/// Times the build of a guest in Python of which nothing is kept but the builder and wheels.
pub(crate) fn time_build(name: &str) -> anyhow::Result<Measured> {
    let kept = cache().join("syft-host/python/components");
    if kept.exists() {
        fs::remove_dir_all(kept)?;
    }
    let start = Instant::now();
    let component = build_python(name)?;
    let took = start.elapsed().as_secs_f64();
    let size = fs::metadata(component)?.len() as f64 / 1e6;
    Ok(Measured::new(0).with(&BUILD, took).with(&SIZE, size))
}

fn build_python(name: &str) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(cache())?;
    let component = cache().join(name).with_extension("wasm");
    let folder = guests::repository().join("tests/benches/suite");
    let status = syft_host()
        .arg("build")
        .arg(folder.join(name).with_extension("py"))
        .arg("-o")
        .arg(&component)
        .status()?;
    ensure!(status.success(), "the Python guest {name} does not build");
    Ok(component)
}

fn syft_host() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syft-host"));
    command.env("XDG_CACHE_HOME", cache());
    command
}

/// Returns the guest that copies files, with the right to do so.
pub(crate) fn copying_guest() -> anyhow::Result<Guest> {
    let bytes = fs::read(guests::guest("copier"))?;
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
