//! A NATS server with the accounts of an owner and of workers.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use syft_workers::accounts::{Accounts, ServerOptions, WorkerName};

use super::guests::repository;
use super::{not_run, wait_for};

/// Returns the program, which the tests fetch once, by its digest. Where it cannot be had, on
/// somebody's own machine, says so past the capturing of output; under CI that fails the test.
pub fn nats_server() -> Option<&'static Path> {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(fetch);
    match &*PROGRAM {
        Ok(program) => Some(program),
        Err(error) => {
            not_run(&format!("no NATS server: {error}"));
            None
        }
    }
}

fn fetch() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nats-server");
    let requirements = repository().join("tests/workers/requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let (program, stamp) = (folder.join("bin/nats-server"), folder.join("complete"));
    // Held until the end of this function: others wait, then find it complete.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(program);
    }
    drop(fs::remove_dir_all(&folder));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--disable-pip-version-check", "install"])
        .args(["--quiet", "--no-deps", "--require-hashes", "--target"])
        .arg(&folder)
        .arg("-r")
        .arg(&requirements);
    let output = pip.output().map_err(|error| format!("{pip:?}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::write(&stamp, wanted).unwrap();
    Ok(program)
}

/// A server, until it is dropped.
pub struct NatsServer {
    child: Child,
    folder: PathBuf,
    port: u16,
    is_encrypted: bool,
}

impl NatsServer {
    /// Starts a server without encryption, with an account for each of these workers.
    pub fn start(place: &Path, workers: &[&str]) -> Option<Self> {
        Self::start_with(place, workers, None)
    }

    /// Starts a server with a certificate and its key, if they are given.
    pub fn start_with(
        place: &Path,
        workers: &[&str],
        tls: Option<(PathBuf, PathBuf)>,
    ) -> Option<Self> {
        nats_server()?;
        let folder = place.join("workers");
        let port = free_port();
        let is_encrypted = tls.is_some();
        let options = ServerOptions {
            listen: ([127, 0, 0, 1], port).into(),
            tls,
            store: place.join("jetstream"),
            monitor: None,
        };
        Accounts::set_up(&folder, options).unwrap();
        for worker in workers {
            Accounts::add(&folder, &WorkerName::parse(worker).unwrap()).unwrap();
        }
        let child = spawn(&folder);
        let server = Self {
            child,
            folder,
            port,
            is_encrypted,
        };
        server.wait();
        Some(server)
    }

    /// Returns the folder of the accounts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "tls" } else { "nats" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Returns the file of a worker's key.
    pub fn key(&self, worker: &str) -> PathBuf {
        self.folder.join(format!("worker-{worker}.nk"))
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder);
        self.wait();
    }

    /// Has it read its configuration again.
    pub fn reload(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    fn wait(&self) {
        wait_for("the NATS server", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have been killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(folder: &Path) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("nats-server.log"))
        .unwrap();
    Command::new(nats_server().unwrap())
        .arg("--config")
        .arg(folder.join("nats-server.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Returns a port that is free now, and that nobody is given soon.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
