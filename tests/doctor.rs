//! `syft-host doctor`: what it finds, and that it changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::guests::example;
use crate::support::host::{Ended, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};

struct Examined {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Examined {
    fn of(site: &Site) -> Self {
        let mut command = syft_host(site);
        let command = command.args(["--json", "doctor", "--config"]);
        let ended = Ended::of(&output(command.arg(site.config(OWNER))));
        Self::read(&ended)
    }

    fn read(ended: &Ended) -> Self {
        let lines = ended.stdout.lines();
        Self {
            code: ended.code,
            findings: lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// Returns what was found about something.
    fn about(&self, topic: &str) -> Vec<&Value> {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding["topic"] == topic)
            .collect()
    }

    #[track_caller]
    fn expect(&self, topic: &str, health: &str, words: &str) {
        let found = self.about(topic);
        let is_it = |finding: &&&Value| {
            finding["health"] == health && finding["what"].as_str().unwrap().contains(words)
        };
        assert!(
            found.iter().any(|finding| is_it(&finding)),
            "{topic} {health} {words}: {:#?}",
            self.findings
        );
    }
}

#[test]
fn a_machine_that_is_well_can_serve() {
    let site = Site::new();
    fs::create_dir_all(site.datasites().join(OWNER)).unwrap();
    site.config(OWNER);
    let before = everything(&site);
    let examined = Examined::of(&site);
    assert_eq!(examined.code, Some(0), "{:#?}", examined.findings);
    examined.expect("owner", "ok", OWNER);
    examined.expect("config file", "ok", "the defaults count");
    examined.expect("clock", "ok", "no file is from the future");
    examined.expect("host", "ok", "no app is installed");
    for topic in [
        "sync folder",
        "inotify",
        "open files",
        "memory",
        "swap",
        "kernel",
        "Rust",
        "Python",
    ] {
        assert!(
            !examined.about(topic).is_empty(),
            "{topic}: {:#?}",
            examined.findings
        );
    }
    for finding in &examined.findings[..examined.findings.len() - 1] {
        let has_fix = !finding["fixes"].as_array().unwrap().is_empty();
        assert!(has_fix || finding["health"] == "ok", "{finding:#?}");
    }
    assert_eq!(everything(&site), before, "it changes nothing");
}

/// Whoever runs the tests with the feature tries the other way to files.
#[test]
fn a_program_with_the_portable_way_to_files_says_so() {
    let site = Site::new();
    let found = Examined::of(&site);
    if cfg!(feature = "portable") {
        found.expect("system", "warning", "the portable way to files");
    } else {
        assert!(found.about("system").is_empty(), "{:#?}", found.findings);
    }
}

#[test]
fn what_keeps_apps_from_being_served_is_an_error() {
    let site = Site::new();
    let config = site.path().join("broken.json");
    fs::write(&config, "{\"email\": 5}").unwrap();
    let mut command = syft_host(&site);
    command.args(["--json", "doctor", "--config"]).arg(&config);
    let examined = Examined::read(&Ended::of(&output(&mut command)));
    assert_eq!(examined.code, Some(2), "{:#?}", examined.findings);
    examined.expect("owner", "error", "is no config of SyftBox");

    fs::remove_dir_all(site.datasites()).unwrap();
    let settings = site.path().join(".config/syft-host");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), "[serve]\nloaded = 0\n").unwrap();
    let examined = Examined::of(&site);
    assert_eq!(examined.code, Some(2), "{:#?}", examined.findings);
    examined.expect("sync folder", "error", "is not there");
    examined.expect("config file", "error", "config.toml:2");
}

#[test]
fn a_host_that_was_killed_and_a_file_from_the_future_are_warned_of() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &fs::read(example("hello")).unwrap());
    Examined::of(&site).expect("host", "warning", "no host serves the apps");

    let serving = Serving::start(&site, &[]);
    Examined::of(&site).expect("host", "ok", "serves what is installed");
    Examined::of(&site).expect("apps", "ok", "installed: 1");
    // Dropping it kills it.
    drop(serving);
    let path = site.datasites().join(OWNER).join("ahead.txt");
    let file = fs::File::create(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3_600))
        .unwrap();
    let examined = Examined::of(&site);
    assert_eq!(examined.code, Some(0), "{:#?}", examined.findings);
    examined.expect("host", "warning", "was killed or has crashed");
    examined.expect("clock", "warning", "ahead.txt");
}

/// Puts a program in the place of one of systemd, which says this.
fn stand_in(site: &Site, name: &str, said: &str) {
    let folder = site.path().join("programs");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{said}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Looks at a machine that has these programs of systemd, and no others.
fn with_programs(site: &Site) -> Examined {
    let mut command = syft_host(site);
    command.env("PATH", site.path().join("programs"));
    command.args(["--json", "doctor", "--config"]);
    Examined::read(&Ended::of(&output(command.arg(site.config(OWNER)))))
}

#[test]
fn the_unit_of_systemd_is_looked_at() {
    let site = Site::new();
    fs::create_dir_all(site.datasites().join(OWNER)).unwrap();
    let program = env!("CARGO_BIN_EXE_syft-host");
    let unit = |state: &str, program: &str| {
        format!(
            "[ \"$1 $2 $3\" = '--user show syft-host.service' ] || exit 7\n\
             echo LoadState=loaded; echo UnitFileState={state}; echo ActiveState=active\n\
             echo FragmentPath=/units/syft-host.service; echo NeedDaemonReload=no\n\
             echo 'ExecStart={{ path={program} ; argv[]={program} serve ; }}'"
        )
    };
    assert!(
        with_programs(&site).about("systemd").is_empty(),
        "there is none"
    );
    stand_in(&site, "systemctl", "exit 1");
    with_programs(&site).expect("systemd", "ok", "no service manager");

    stand_in(&site, "systemctl", &unit("enabled", program));
    with_programs(&site).expect(
        "systemd",
        "ok",
        "/units/syft-host.service is enabled, and runs",
    );
    stand_in(
        &site,
        "loginctl",
        "[ \"$1\" = show-user ] && echo Linger=no",
    );
    with_programs(&site).expect("systemd", "warning", "only while you are logged in");
    stand_in(&site, "loginctl", "echo Linger=yes");
    with_programs(&site).expect("systemd", "ok", "is enabled, and runs");
    stand_in(&site, "systemctl", &unit("disabled", "/bin/sh"));
    let examined = with_programs(&site);
    examined.expect("systemd", "warning", "starts /bin/sh, and this is");
    examined.expect("systemd", "warning", "not started at login (disabled)");
    assert_eq!(
        examined.about("systemd").len(),
        2,
        "{:#?}",
        examined.findings
    );
}

/// Returns all files of a site, with their times.
fn everything(site: &Site) -> BTreeMap<PathBuf, SystemTime> {
    // The config of SyftBox is written anew for each command.
    let is_of_syftbox = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let entries = walkdir::WalkDir::new(site.path())
        .into_iter()
        .map(Result::unwrap);
    let of = |entry: walkdir::DirEntry| {
        let changed = entry.metadata().unwrap().modified().unwrap();
        (entry.into_path(), changed)
    };
    entries
        .map(of)
        .filter(|(path, _)| !is_of_syftbox(path))
        .collect()
}
