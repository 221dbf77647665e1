//! A worker for the calls of a host, with a NATS server between them.
//!
//! `THROUGH_WORKERS=1` has every host that a test starts give its calls to such a worker: what
//! holds for local calls holds for those too (`just through-workers`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::host::syft_host;
use super::nats::NatsServer;
use super::site::Site;

/// The name of the worker.
const NAME: &str = "one";

/// A NATS server and a worker, until it is dropped.
pub struct RemoteWorker {
    worker: Child,
    server: NatsServer,
    place: TempDir,
}

impl RemoteWorker {
    /// Starts them for a host, if the tests are to run so.
    pub fn if_wanted(site: &Site, command: &Command) -> Option<Self> {
        let serves = |argument: &str| argument == "run" || argument == "serve";
        let mut arguments = command.get_args().filter_map(|argument| argument.to_str());
        let is_wanted = std::env::var_os("THROUGH_WORKERS").is_some();
        (is_wanted && arguments.any(serves)).then(|| Self::start(site))
    }

    fn start(site: &Site) -> Self {
        let place = tempfile::tempdir().unwrap();
        let server = NatsServer::start(place.path(), &[NAME]).expect("a NATS server");
        let worker = spawn_worker(site, &server, NAME, &["--concurrency", "16"], place.path());
        Self {
            worker,
            server,
            place,
        }
    }

    /// Has a host give it all calls that can run elsewhere, and wait for it.
    pub fn give_to(&self, host: &mut Command) {
        give_calls(host, &self.server);
    }
}

impl Drop for RemoteWorker {
    fn drop(&mut self) {
        drop(self.worker.kill());
        drop(self.worker.wait());
        if std::thread::panicking() {
            let log = std::fs::read_to_string(log_file(self.place.path(), NAME));
            eprintln!("its worker:\n{}", log.unwrap_or_default());
        }
    }
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("worker-{name}.log"))
}

/// Has a host give all calls that can run elsewhere to the workers of a server, and wait for them.
pub fn give_calls(host: &mut Command, server: &NatsServer) {
    host.args(["--on-workers", "all", "--without-workers", "wait"]);
    host.args(["--workers", &server.url(), "--workers-folder"]);
    host.arg(server.folder());
}

/// Starts a worker that runs apps which nobody has signed. Its log goes into a folder.
pub fn spawn_worker(
    site: &Site,
    server: &NatsServer,
    name: &str,
    options: &[&str],
    logs: &Path,
) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_file(logs, name));
    let mut command = syft_host(site);
    command
        .args([
            "worker",
            "--allow-unsigned",
            "--server",
            &server.url(),
            "--key",
        ])
        .arg(server.key(name))
        .args(options)
        .stdout(Stdio::null())
        .stderr(log.unwrap());
    command.spawn().unwrap()
}
