//! A running `syft-host`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::remote::RemoteWorker;
use super::site::{OWNER, Site};
use super::{PATIENCE, wait_for};

/// Returns the program, with an environment in which nothing of this machine's own
/// SyftBox is seen.
pub fn syft_host(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syft-host"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", site.path())
        .env("XDG_CACHE_HOME", shared_cache())
        .stdin(Stdio::null());
    for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_AUTO_INSTALL"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The host's cache, one for all tests: each component is compiled once. The rest of
/// what it keeps lies below the site's own home.
pub fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// What a command did: its exit code, stdout and stderr.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, Some(2), "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// Runs a command as the owner of a site.
pub fn as_owner(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command
        .args(arguments)
        .args(["--email", OWNER, "--data-dir"]);
    Ended::of(&output(command.arg(site.data_dir())))
}

/// A host that serves one app, until it is dropped.
pub struct Host {
    child: Child,
    log: PathBuf,
    /// The app's `rpc/` folder.
    pub rpc: PathBuf,
    /// What it said when it was ready.
    pub ready: Value,
    _remote: Option<RemoteWorker>,
}

impl Host {
    /// Starts to serve a component under its own name, or a program once it is built.
    pub fn start(site: &Site, component: &Path, options: &[&str]) -> Self {
        let is_program = component.extension().is_some_and(|end| end == "py")
            || component.join("app.py").exists();
        let options = [if is_program { &["--build"][..] } else { &[] }, options].concat();
        Self::start_unbuilt(site, component, &options)
    }

    /// Starts to serve a program in Python without building it.
    pub fn start_unbuilt(site: &Site, program: &Path, options: &[&str]) -> Self {
        let mut command = syft_host(site);
        command.arg("run").arg(program).args(options);
        command
            .args(["--email", OWNER, "--data-dir"])
            .arg(site.data_dir());
        Self::spawn(site, command)
    }

    /// Starts `syft-host run …` and waits until it serves.
    pub fn spawn(site: &Site, mut command: Command) -> Self {
        let remote = RemoteWorker::if_wanted(site, &command);
        if let Some(remote) = &remote {
            remote.give_to(&mut command);
        }
        let log = site.path().join("host.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut child = command
            .args(["--json", "--log-format", "json"])
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            panic!("the host did not start: {line:?}\n{log}")
        });
        let rpc = PathBuf::from(ready["path"].as_str().unwrap());
        Self {
            child,
            log,
            rpc,
            ready,
            _remote: remote,
        }
    }

    /// Returns the lines of the log so far.
    pub fn log(&self) -> Vec<Value> {
        let file = File::open(&self.log).unwrap();
        BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    }

    /// Waits for a line of the log.
    pub fn wait_for_log(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || self.log().into_iter().find(|line| is_it(line)))
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the end.
    pub fn wait(mut self) -> ExitStatus {
        wait_for("the end of the host", || self.child.try_wait().unwrap())
    }

    /// Asks it to stop and waits for the end.
    pub fn stop(self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.wait().success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns the most memory that it has used, in bytes.
    pub fn peak_memory(&self) -> usize {
        peak_memory(self.pid())
    }
}

/// Returns the most memory that a process has used, in bytes.
pub fn peak_memory(pid: rustix::process::Pid) -> usize {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = fs::read_to_string(path).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            for line in tail.into_iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

/// Runs `syft-host parked` for the app.
pub fn parked(site: &Site, options: &[&str]) -> Vec<Value> {
    let mut command = syft_host(site);
    command
        .args(["--json", "parked", "app", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir())
        .args(options);
    let output = output(&mut command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Returns a command that runs a component as `app`, by way of a wrapper and after these
/// words of a shell.
pub fn run_after(site: &Site, wrapper: &[&str], words: &str, component: &Path) -> Command {
    let inner = syft_host(site);
    let mut command = Command::new(wrapper.first().unwrap_or(&"env"));
    command.args(wrapper.get(1..).unwrap_or_default());
    command
        .args(["sh", "-c", &format!(r#"{words} exec "$0" "$@""#)])
        .arg(inner.get_program())
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .arg("run")
        .arg(component)
        .args(["--name", "app", "--allow-all-requested"])
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    command
}

/// Runs a command to its end, which must come in time.
pub fn output(command: &mut Command) -> Output {
    output_within(2 * PATIENCE, command)
}

/// Runs a command that compiles crates and all that they depend on, where others
/// compile too.
pub fn output_of_build(command: &mut Command) -> Output {
    output_within(20 * PATIENCE, command)
}

fn output_within(time: Duration, command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let [stdout, stderr] = [drain(stdout), drain(stderr)];
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > time {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
