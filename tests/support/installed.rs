//! Apps that are installed, and a host that serves them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use syft_host::installed::{Components, Installed, InstalledRecords, InstalledRelease};
use syft_host::supervisor::HostStatus;
use syft_manifest::{Digest, Manifest};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::timestamp::Timestamp;

use super::host::syft_host;
use super::remote::RemoteWorker;
use super::site::{OWNER, Site};
use super::wait_for;

/// What is installed on a site for its owner.
pub struct Installation {
    data: PathBuf,
    records: InstalledRecords,
    components: Components,
}

impl Installation {
    pub fn new(site: &Site) -> Self {
        Self::of(site.path())
    }

    /// Returns what is installed for the owner, whose home this is.
    pub fn of(home: &Path) -> Self {
        let data = home.join(".local/share/syft-host");
        Self {
            records: InstalledRecords::open(&data.join("installed").join(OWNER)).unwrap(),
            components: Components::open(&data.join("components").join(OWNER)).unwrap(),
            data,
        }
    }

    /// Installs a component, or another one in its place.
    pub fn put(&self, name: &str, component: &[u8]) -> Installed {
        self.put_with(name, component, |_| {})
    }

    /// As [`Installation::put`], with a record that was changed.
    pub fn put_with(
        &self,
        name: &str,
        component: &[u8],
        change: impl FnOnce(&mut Installed),
    ) -> Installed {
        self.keep(component);
        self.put_unkept_with(name, component, change)
    }

    /// As [`Installation::put`], without the component.
    pub fn put_unkept(&self, name: &str, component: &[u8]) -> Installed {
        self.put_unkept_with(name, component, |_| {})
    }

    /// Keeps a component.
    pub fn keep(&self, component: &[u8]) {
        self.components.keep(component).unwrap();
    }

    fn put_unkept_with(
        &self,
        name: &str,
        component: &[u8],
        change: impl FnOnce(&mut Installed),
    ) -> Installed {
        let sha256 = Digest::of(component);
        let mut installed = Installed {
            name: AppName::parse(name).unwrap(),
            author: Datasite::parse("author@example.com").unwrap(),
            source: "a file".to_owned(),
            current: InstalledRelease {
                version: semver::Version::new(1, 0, 0),
                sequence: 1,
                epoch: 0,
                signer: "SHA256:of-a-test".to_owned(),
                signed_sha256: sha256.clone(),
                sha256,
                since: Timestamp::from_micros(0),
                approved: Manifest::default(),
                denied: Vec::new(),
            },
            earlier: Vec::new(),
            waiting: None,
            skipped: Vec::new(),
        };
        change(&mut installed);
        self.records.put(&installed).unwrap();
        installed
    }

    pub fn remove(&self, name: &str) {
        self.records.remove(&AppName::parse(name).unwrap()).unwrap();
    }

    /// Returns the path of a record.
    pub fn record(&self, name: &str) -> PathBuf {
        self.records.folder().join(format!("{name}.json"))
    }

    /// Returns the path of a component.
    pub fn component(&self, installed: &Installed) -> PathBuf {
        let file = format!("{}.wasm", installed.current.sha256);
        self.data.join("components").join(OWNER).join(file)
    }

    /// Returns the private folder of an app.
    pub fn app_folder(&self, name: &str) -> PathBuf {
        self.data.join("apps").join(OWNER).join(name)
    }

    /// Returns how the apps are, if they are served.
    pub fn status(&self) -> Option<HostStatus> {
        HostStatus::read(&self.data.join("serving").join(OWNER)).unwrap()
    }
}

/// A host that serves what is installed, until it is dropped.
pub struct Serving {
    child: Child,
    log: PathBuf,
    events: Arc<Mutex<Vec<Value>>>,
    _remote: Option<RemoteWorker>,
}

impl Serving {
    /// Starts it and waits until all apps were tried.
    pub fn start(site: &Site, options: &[&str]) -> Self {
        let serving = Self::spawn(site, serve(site, options));
        serving.wait_for("it to be ready", |event| event["event"] == "ready");
        serving
    }

    /// Starts a command that begins to serve.
    pub fn spawn(site: &Site, mut command: Command) -> Self {
        let remote = RemoteWorker::if_wanted(site, &command);
        if let Some(remote) = &remote {
            remote.give_to(&mut command);
        }
        let log = site.path().join("serve.log");
        let mut options = File::options();
        let file = options.create(true).append(true).open(&log).unwrap();
        command.stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().unwrap();
        let events = Arc::default();
        collect(child.stdout.take().unwrap(), Arc::clone(&events));
        Self {
            child,
            log,
            events,
            _remote: remote,
        }
    }

    /// Returns what it told so far.
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until it tells something.
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || {
            self.events().into_iter().find(|event| is_it(event))
        })
    }

    /// Waits until it tells something of an app for the `nth` time.
    pub fn wait_for_nth(&self, nth: usize, event: &str, app: &str) -> Value {
        let is_it = |told: &Value| told["event"] == event && told["app"] == app;
        wait_for(&format!("{event} of {app}"), || {
            self.events().into_iter().filter(is_it).nth(nth - 1)
        })
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Tells whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    pub fn wait(mut self) -> ExitStatus {
        wait_for("the end of the host", || self.child.try_wait().unwrap())
    }

    /// Asks it to stop and waits for the end.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        assert!(self.wait().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            eprintln!("{:#?}\n{}", self.events(), self.log());
        }
    }
}

/// Returns the command that serves what is installed on a site.
pub fn serve(site: &Site, options: &[&str]) -> Command {
    let mut command = syft_host(site);
    command.args(["--json", "--log-format", "json", "serve"]);
    command.args(options).args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    command
}

fn collect(stdout: ChildStdout, events: Arc<Mutex<Vec<Value>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(event) = serde_json::from_str(&line) {
                events.lock().unwrap().push(event);
            }
        }
    });
}

/// Returns a component as somebody would have it who built it from other sources: a text
/// that it answers is another of the same length.
pub fn changed(component: &Path, text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut bytes = fs::read(component).unwrap();
    let places: Vec<usize> = (0..=bytes.len() - text.len())
        .filter(|at| bytes[*at..].starts_with(text.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "it does not say {text:?}");
    for at in places {
        bytes[at..at + text.len()].copy_from_slice(other.as_bytes());
    }
    bytes
}
