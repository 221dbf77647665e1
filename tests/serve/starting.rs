//! What serves what, and when it is ready.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{counter, hello};
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::{OWNER, Site};
use crate::support::{tell_not_run, wait_for};

#[test]
fn serves_all_apps_in_one_process() {
    let site = Site::new();
    let installed = Installation::new(&site);
    for app in ["one", "two", "three"] {
        installed.put(app, &hello());
    }
    installed.put("counter", &counter(1));
    let serving = Serving::start(&site, &[]);
    let ready = serving.events().pop().unwrap();
    let expected = json!({
        "event": "ready", "datasite": OWNER, "local": false, "serving": 4, "failed": 0,
    });
    assert_eq!(ready, expected);
    for app in ["one", "two", "three"] {
        let answer = call(&site.rpc(app), "hello", r#"{"name":"Ada"}"#);
        assert_eq!(answer.text(), "Hello, Ada!");
        let started = serving.wait_for_nth(1, "app-started", app);
        assert_eq!(started["endpoints"], json!(["/hello", "/calculate"]));
    }
    let answer = call(&site.rpc("counter"), "increment", "{}");
    assert_eq!(answer.text(), r#"{"counter":1}"#);
    let status = installed.status().expect("a host that serves");
    assert_eq!(status.apps.len(), 4);
    assert_eq!(status.pid, serving.pid().as_raw_nonzero().get() as u32);
    serving.stop();
    assert_eq!(installed.status(), None);
}

#[test]
fn waits_where_nothing_is_installed() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let serving = Serving::start(&site, &[]);
    assert_eq!(serving.events()[0]["serving"], 0);
    installed.put("app", &hello());
    serving.wait_for_nth(1, "app-started", "app");
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
    serving.stop();
}

#[test]
fn says_how_to_install_where_nothing_is() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command.args(["serve", "--email", OWNER, "--data-dir"]);
    let log = site.path().join("said");
    command.arg(site.data_dir());
    command.stdout(fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    wait_for("what it says", || {
        let said = fs::read_to_string(&log).unwrap();
        said.contains("syft-host install FILE").then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn one_host_serves_what_is_installed() {
    let site = Site::new();
    let serving = Serving::start(&site, &[]);
    let second = output(&mut serve(&site, &[]));
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{error}");
    let expected = format!("process {} serves", serving.pid().as_raw_nonzero());
    assert!(error.contains(&expected), "{error}");
    serving.stop();
    Serving::start(&site, &[]).stop();
}

#[test]
fn what_it_serves_cannot_be_run_beside_it() {
    let site = Site::new();
    Installation::new(&site).put("app", &hello());
    let serving = Serving::start(&site, &[]);
    let mut command = syft_host(&site);
    command.arg("run").arg(guest("probe"));
    command.args(["--name", "app", "--email", OWNER, "--data-dir"]);
    let run = output(command.arg(site.data_dir()));
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(2), "{error}");
    let expected = format!("process {}, serves", serving.pid().as_raw_nonzero());
    assert!(
        error.contains(&expected) && error.contains("hint: one host serves an app at a time"),
        "{error}"
    );
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
}

#[test]
fn takes_up_what_a_run_leaves() {
    let site = Site::new();
    let run = Host::start(&site, &guest("probe"), &["--name", "app"]);
    Installation::new(&site).put("app", &hello());
    let serving = Serving::start(&site, &[]);
    let failed = serving.wait_for_nth(1, "app-failed", "app");
    assert!(
        failed["error"].to_string().contains("another host"),
        "{failed}"
    );
    run.stop();
    serving.wait_for_nth(1, "app-started", "app");
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
}

#[test]
fn calls_in_progress_of_all_apps_are_finished() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let probe = fs::read(guest("probe")).unwrap();
    let apps = ["one", "two"];
    for app in apps {
        installed.put(app, &probe);
    }
    let serving = Serving::start(&site, &[]);
    let slow = apps.map(|app| send(&site.rpc(app), "sleep-loudly", Some(br#"{"ms":1500}"#)));
    wait_for("the calls to begin", || {
        (serving.log().matches("sleeping").count() >= 2).then_some(())
    });
    serving.stop();
    for sent in slow {
        assert_eq!(sent.peek().expect("an answer").status(), 200);
    }
}

#[test]
fn ends_at_once_when_asked_twice_or_when_its_time_is_over() {
    for (options, signals) in [(&[][..], 2), (&["--stop-within", "1s"][..], 1)] {
        let site = Site::new();
        let installed = Installation::new(&site);
        installed.put_with("app", &fs::read(guest("probe")).unwrap(), |record| {
            record.current.approved.limits.time = Some(Duration::from_secs(600));
        });
        let serving = Serving::start(&site, options);
        let endless = send(&site.rpc("app"), "sleep-loudly", Some(br#"{"ms":600000}"#));
        wait_for("the call to begin", || {
            serving.log().contains("sleeping").then_some(())
        });
        for _ in 0..signals {
            serving.signal(Signal::TERM);
            wait_for("it to stop", || {
                serving.log().contains("stopping").then_some(())
            });
        }
        assert!(serving.wait().success());
        assert!(endless.peek().is_none() && endless.path.exists());
        let left = fs::read_to_string(installed.app_folder("app").join("calls.journal"));
        assert_eq!(
            left.unwrap_or_default(),
            "",
            "nothing is held against the call"
        );
    }
}

/// What systemd would hear.
struct Manager(UnixDatagram);

impl Manager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(crate::support::PATIENCE))
            .unwrap();
        Self(socket)
    }

    /// Returns the messages up to one that says this.
    fn hear(&self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let mut bytes = [0; 1024];
            let n = self.0.recv(&mut bytes).expect("a message in time");
            heard.push(String::from_utf8_lossy(&bytes[..n]).into_owned());
            if heard.last().unwrap().contains(last) {
                return heard;
            }
        }
    }
}

#[test]
fn the_service_manager_hears_how_things_go() {
    let site = Site::new();
    Installation::new(&site).put("app", &hello());
    let path = site.path().join("notify");
    let manager = Manager::new(&path);
    let mut command = serve(&site, &[]);
    command.env("NOTIFY_SOCKET", &path);
    let serving = Serving::spawn(&site, command);
    let heard = manager.hear("READY=1").concat();
    assert!(
        heard.contains("STATUS=1 apps are served, 0 cannot be"),
        "{heard}"
    );
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
    serving.signal(Signal::HUP);
    let heard = manager.hear("RELOADING=1");
    let reloading = heard.last().unwrap();
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.hear("READY=1");
    serving.signal(Signal::TERM);
    manager.hear("STOPPING=1");
    assert!(serving.wait().success());
}

fn autostart(site: &Site, options: &[&str]) -> Output {
    let mut command = syft_host(site);
    command.env("SYFT_HOST_HOME", site.path().join("its own %home"));
    command.env("DOCKER_CONFIG", site.path().join("docker"));
    command.arg("autostart").args(options);
    output(
        command
            .args(["--email", OWNER, "--data-dir"])
            .arg(site.data_dir()),
    )
}

/// Starts the app of SyftBox as its client does: in a login shell, with a pipe that takes
/// what it says.
fn launch_as_syftbox(site: &Site, script: &Path) -> (Child, PipeReader) {
    let inner = syft_host(site);
    let (reader, writer) = pipe().unwrap();
    let words = format!("echo started; exec \"{}\"; ", script.display());
    let mut command = Command::new("sh");
    command.arg("-lc").arg(words).env_clear();
    let environment = inner.get_envs();
    command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    command
        .env("SYFTBOX_APP_ID", "local.syft-host")
        .env("SYFTBOX_APP_DIR", script.parent().unwrap())
        .env("SYFTBOX_CLIENT_CONFIG_PATH", site.config(OWNER))
        .current_dir(script.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap())
        .stderr(writer);
    (command.spawn().unwrap(), reader)
}

#[test]
fn syftbox_starts_and_stops_it_as_one_of_its_apps() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put_with("app", &fs::read(guest("probe")).unwrap(), |record| {
        record.current.approved.limits.time = Some(Duration::from_secs(600));
    });
    let mut command = syft_host(&site);
    command.args(["autostart", "syftbox", "--email", OWNER, "--data-dir"]);
    let written = output(command.arg(site.data_dir()));
    assert!(written.status.success(), "{written:?}");
    let script = site.data_dir().join("apps/syft-host/run.sh");
    let mode = fs::metadata(&script).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let (mut child, reader) = launch_as_syftbox(&site, &script);
    assert_eq!(call(&site.rpc("app"), "echo", "x").text(), "x");
    let endless = send(&site.rpc("app"), "sleep-loudly", Some(br#"{"ms":600000}"#));
    let mut said = BufReader::new(reader);
    let mut line = String::new();
    while !line.contains("sleeping") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it says no more");
    }
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let children = fs::read_to_string(children).unwrap();
    assert_eq!(children, "", "the shell became the host");
    // The client first closes its end, then each process gets SIGTERM.
    drop(said);
    let start = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = wait_for("the end of the host", || child.try_wait().unwrap());
    assert!(ended.success(), "{ended:?}");
    // It would have been killed after three seconds; the call has ten minutes.
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(endless.peek().is_none() && endless.path.exists());
}

#[test]
fn a_file_that_somebody_else_wrote_is_not_replaced() {
    let site = Site::new();
    let path = site.data_dir().join("apps/syft-host/run.sh");
    assert!(autostart(&site, &["syftbox"]).status.success());
    let written = fs::read_to_string(&path).unwrap();
    for variable in ["SYFT_HOST_HOME", "DOCKER_CONFIG"] {
        let export = format!("export {variable}='");
        assert!(written.contains(&export), "{written}");
    }
    assert!(
        autostart(&site, &["syftbox"]).status.success(),
        "its own it replaces"
    );
    let changed = format!("{written}echo more\n");
    fs::write(&path, &changed).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let refused = autostart(&site, &["syftbox"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        error.contains("not as `syft-host autostart` writes it"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), changed);
    let shown = autostart(&site, &["syftbox", "--print"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), written);
    assert!(autostart(&site, &["syftbox", "--force"]).status.success());
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let site = Site::new();
    let written = autostart(&site, &["systemd"]);
    assert!(written.status.success(), "{written:?}");
    let path = site.path().join(".config/systemd/user/syft-host.service");
    let unit = fs::read_to_string(&path).unwrap();
    for line in [
        "Type=notify",
        "ExecReload=/bin/kill -HUP $MAINPID",
        r#"its own %%home""#,
        r#" serve "--email" "owner@example.com" "--data-dir" "#,
    ] {
        assert!(unit.contains(line), "{line}\n{unit}");
    }
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "--man=no", "verify"]).arg(&path);
    verify.env("XDG_RUNTIME_DIR", site.path());
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return tell_not_run("there is no systemd-analyze");
    }
    let verified = output(&mut verify);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(
        verified.status.success() && !said.contains("syft-host"),
        "{said}"
    );
}
