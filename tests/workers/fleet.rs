//! A NATS server, workers, and a host that serves signed apps.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use syft_manifest::{Manifest, WorkerNeeds, section};

use crate::support::host::{Ended, as_owner, output, shared_cache};
use crate::support::installed::{Installation, Serving};
use crate::support::nats::NatsServer;
use crate::support::people::Person;
use crate::support::site::Site;
use crate::support::wait_for;

/// What is needed for calls on workers.
pub(super) struct Fleet<'a> {
    pub(super) server: NatsServer,
    pub(super) author: Person,
    pub(super) site: &'a Site,
}

impl<'a> Fleet<'a> {
    /// Starts a server with an account for each of these workers.
    pub(super) fn start(site: &'a Site, workers: &[&str]) -> Option<Self> {
        let server = NatsServer::start(site.path(), workers)?;
        Some(Self::of(site, server))
    }

    pub(super) fn of(site: &'a Site, server: NatsServer) -> Self {
        Self {
            server,
            author: Person::new(site, "author@example.com", 31),
            site,
        }
    }

    /// Serves what is installed, and gives calls to workers.
    pub(super) fn serve(&self, options: &[&str]) -> Serving {
        let url = self.server.url();
        let folder = self.server.folder().to_str().unwrap();
        let workers = ["--workers", &url, "--workers-folder", folder];
        Serving::start(self.site, &[&workers, options].concat())
    }

    /// Returns what `status` says of workers.
    pub(super) fn workers(&self) -> Value {
        let ended = as_owner(self.site, &["status", "--json"]).succeeded();
        let lines = ended.stdout.lines();
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["event"] == "workers").unwrap()
    }

    /// Waits until a worker runs a call. Returns its name.
    pub(super) fn running(&self) -> String {
        wait_for("a worker that runs a call", || {
            let workers = self.workers();
            let mut workers = workers["workers"].as_array().unwrap().iter();
            let running = workers.find(|worker| worker["running"] != 0)?;
            running["name"].as_str().map(str::to_owned)
        })
    }

    /// Returns how many calls a worker has ended.
    pub(super) fn done_by(&self, name: &str) -> u64 {
        let workers = self.workers();
        let mut workers = workers["workers"].as_array().unwrap().iter();
        let worker = workers.find(|worker| worker["name"] == name);
        worker.map_or(0, |worker| worker["finished"].as_u64().unwrap())
    }
}

/// Installs an app that asks for workers, signed by the author.
pub(super) fn app(fleet: &Fleet<'_>, name: &str, guest: &Path, toml: &str) -> Vec<u8> {
    let toml = format!(
        "[app]\nname = '{name}'\nversion = '0.0.1'\nsequence = 1\nauthor = '{}'\n{toml}\n[worker]\n\
         cpu = true\n",
        fleet.author.email
    );
    let path = fleet.author.signed(fleet.site, guest, &toml);
    let bytes = fs::read(path).unwrap();
    install(fleet, name, &bytes);
    bytes
}

/// Installs an app that asks for workers, and that nobody has signed.
pub(super) fn unsigned_app(fleet: &Fleet<'_>, name: &str, guest: &Path) -> Vec<u8> {
    let manifest = Manifest {
        worker: WorkerNeeds {
            cpu: true,
            ..WorkerNeeds::default()
        },
        ..Manifest::default()
    };
    let bytes = section::embed(&fs::read(guest).unwrap(), &manifest.to_section()).unwrap();
    install(fleet, name, &bytes);
    bytes
}

/// Installs a component, with all that it asks for.
fn install(fleet: &Fleet<'_>, name: &str, component: &[u8]) {
    let approved = Manifest::from_component(component).unwrap().unwrap();
    let installation = Installation::new(fleet.site);
    installation.put_with(name, component, |installed| {
        installed.current.approved = approved;
    });
}

/// `syft-host worker`, until it is dropped.
pub(super) struct Worker {
    pub(super) name: String,
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts one, which waits for calls.
    pub(super) fn start(fleet: &Fleet<'_>, name: &str, options: &[&str]) -> Self {
        Self::spawn(
            fleet,
            name,
            command(fleet, name, &fleet.server.url(), options),
        )
    }

    fn spawn(fleet: &Fleet<'_>, name: &str, mut command: Command) -> Self {
        let log = fleet.site.path().join(format!("worker-{name}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let child = command.stdout(Stdio::null()).stderr(file.unwrap()).spawn();
        let worker = Self {
            name: name.to_owned(),
            child: child.unwrap(),
            log,
        };
        worker.wait_for_log("a worker begins");
        worker
    }

    /// Starts one that has nothing of earlier ones.
    pub(super) fn start_afresh(fleet: &Fleet<'_>, name: &str, options: &[&str]) -> Self {
        let mut command = command(fleet, name, &fleet.server.url(), options);
        command.env_remove("XDG_CACHE_HOME");
        Self::spawn(fleet, name, command)
    }

    /// Starts one that is to end by itself.
    pub(super) fn try_start(fleet: &Fleet<'_>, name: &str, options: &[&str]) -> Ended {
        Self::try_start_at(fleet, name, &fleet.server.url(), options)
    }

    pub(super) fn try_start_at(
        fleet: &Fleet<'_>,
        name: &str,
        url: &str,
        options: &[&str],
    ) -> Ended {
        Ended::of(&output(&mut command(fleet, name, url, options)))
    }

    /// Waits for words in its log.
    pub(super) fn wait_for_log(&self, words: &str) {
        wait_for(&format!("{words:?} of {}", self.name), || {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            log.contains(words).then_some(())
        });
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn ask_to_stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self) -> ExitStatus {
        wait_for("the end of a worker", || self.child.try_wait().unwrap())
    }

    /// Asks it to stop. Returns whether it ended well.
    pub(super) fn stop(mut self) -> bool {
        self.ask_to_stop();
        self.wait().success()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("worker {}:\n{log}", self.name);
        }
    }
}

fn command(fleet: &Fleet<'_>, name: &str, url: &str, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syft-host"));
    let home = fleet.site.path().join("worker-homes").join(name);
    fs::create_dir_all(&home).unwrap();
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", &home)
        // What one test has compiled the next one finds.
        .env("XDG_CACHE_HOME", shared_cache())
        .args([
            "worker",
            "--server",
            url,
            "--log",
            "debug,async_nats=info",
            "--key",
        ])
        .arg(fleet.server.key(name))
        .args(options)
        .stdin(Stdio::null());
    command
}
