//! The unit by which systemd starts the host at login: the one that `autostart` writes, or that
//! of the package.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use syft_runtime::child::{Child, ChildFolder};
use syft_system::kernel;

use super::Finding;
use crate::config::{Overrides, StartCommand, inherited, user_units};

const TOPIC: &str = "systemd";
const UNIT: &str = "syft-host.service";

/// What of a unit is asked for.
const PROPERTIES: &str = "--property=LoadState,LoadError,UnitFileState,ActiveState,FragmentPath,\
                          NeedDaemonReload,ExecStart";

/// What its programs need to find the service manager of this user.
const ENVIRONMENT: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// It answers at once, or hangs.
const WITHIN: Duration = Duration::from_secs(10);

/// What the service manager says of the unit.
#[derive(Debug, Default)]
struct Unit(HashMap<String, String>);

/// Returns nothing where there is no systemd.
pub(super) fn examine(overrides: &Overrides) -> Vec<Finding> {
    if inherited::find_program("systemctl").is_none() {
        return Vec::new();
    }
    let Some(said) = ask("systemctl", &["--user", "show", UNIT, PROPERTIES]) else {
        return vec![Finding::ok(
            TOPIC,
            "no service manager of this user answers here, so none starts the host",
        )];
    };
    let unit = Unit::read(&said);
    let Ok(start) = StartCommand::find(overrides) else {
        return Vec::new();
    };
    let mut findings = unit.judge(&start.program);
    if unit.is_enabled() {
        findings.extend(lingering());
    }
    if findings.is_empty() {
        let path = unit.text("FragmentPath");
        findings.push(Finding::ok(TOPIC, format!("{path} is enabled, and runs")));
    }
    findings
}

/// Returns what one of its programs answers.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let child = Child::of(
        &inherited::find_program(program)?,
        ChildFolder::Given(Path::new("/")),
    )
    .args(arguments)
    .envs(inherited::variables(ENVIRONMENT))
    .env("PATH", inherited::search_path())
    .env("LC_ALL", "C");
    let ended = child.run(WITHIN).ok()?;
    let text = || String::from_utf8_lossy(&ended.stdout).into_owned();
    ended.succeeded().then(text)
}

/// Services of a user end with the last login, unless the user lingers.
fn lingering() -> Option<Finding> {
    let user = kernel::user().to_string();
    let said = ask("loginctl", &["show-user", &user, "--property=Linger"])?;
    (said.trim() == "Linger=no").then(|| {
        Finding::warning(
            TOPIC,
            "apps are served only while you are logged in",
            "without a login, too: `loginctl enable-linger`",
        )
    })
}

impl Unit {
    fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Self(
            lines
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == value
    }

    /// Returns the program that it starts, out of `{ path=… ; argv[]=… }`.
    fn program(&self) -> Option<&str> {
        let (_, rest) = self.text("ExecStart").split_once("path=")?;
        Some(rest.split_once(" ;")?.0)
    }

    /// Returns what is wrong with it for this program; nothing if all is well.
    fn judge(&self, this: &Path) -> Vec<Finding> {
        match self.text("LoadState") {
            "loaded" => {}
            "not-found" => {
                let what = "no unit starts the host at login: `syft-host autostart systemd` \
                            writes one";
                return vec![Finding::ok(TOPIC, what)];
            }
            "masked" => {
                let fix = "`systemctl --user unmask syft-host`";
                return vec![Finding::warning(TOPIC, format!("{UNIT} is masked"), fix)];
            }
            state => {
                let what = format!(
                    "systemd cannot load {UNIT}: {state} {}",
                    self.text("LoadError")
                );
                let fix = "write it anew: `syft-host autostart systemd --force`";
                return vec![Finding::warning(TOPIC, what, fix)];
            }
        }
        if self.is_unused() {
            let what = format!(
                "{} is there and not in use: `systemctl --user enable --now syft-host` starts it",
                self.text("FragmentPath")
            );
            return vec![Finding::ok(TOPIC, what)];
        }
        let findings = [
            self.reload(),
            self.starts(this),
            self.enabled(),
            self.runs(),
        ];
        findings.into_iter().flatten().collect()
    }

    fn is_enabled(&self) -> bool {
        ["enabled", "enabled-runtime", "linked", "static", "alias"]
            .contains(&self.text("UnitFileState"))
    }

    /// The package brings a unit for everybody. One that somebody wrote is to be used.
    fn is_unused(&self) -> bool {
        let is_own = user_units().is_ok_and(|own| self.lies_below(&own));
        !is_own && !self.is_enabled() && self.is("ActiveState", "inactive")
    }

    fn lies_below(&self, folder: &Path) -> bool {
        Path::new(self.text("FragmentPath")).starts_with(folder)
    }

    fn reload(&self) -> Option<Finding> {
        self.is("NeedDaemonReload", "yes").then(|| {
            let what = format!(
                "{} was changed since systemd read it",
                self.text("FragmentPath")
            );
            let fix = "`systemctl --user daemon-reload`, then `systemctl --user restart syft-host`";
            Finding::warning(TOPIC, what, fix)
        })
    }

    fn starts(&self, this: &Path) -> Option<Finding> {
        let program = self.program()?;
        let whole = |path: &Path| fs::canonicalize(path).ok();
        let what = match whole(Path::new(program)) {
            None => format!("{UNIT} starts {program}, which is not there"),
            started if started == whole(this) => return None,
            Some(_) => format!("{UNIT} starts {program}, and this is {}", this.display()),
        };
        let fix = "to have this one started: `syft-host autostart systemd`, `systemctl --user \
                   daemon-reload` and `systemctl --user restart syft-host`";
        Some(Finding::warning(TOPIC, what, fix))
    }

    fn enabled(&self) -> Option<Finding> {
        let state = self.text("UnitFileState");
        (!self.is_enabled()).then(|| {
            Finding::warning(
                TOPIC,
                format!("{UNIT} is not started at login ({state})"),
                "`systemctl --user enable syft-host`",
            )
        })
    }

    fn runs(&self) -> Option<Finding> {
        match self.text("ActiveState") {
            "active" | "activating" | "reloading" => None,
            "failed" => Some(Finding::warning(
                TOPIC,
                format!("{UNIT} has failed"),
                "see why: `journalctl --user -u syft-host -n 50`; then `systemctl --user restart \
                 syft-host`",
            )),
            state => Some(Finding::warning(
                TOPIC,
                format!("{UNIT} does not run ({state})"),
                "`systemctl --user start syft-host`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Health;

    const WELL: &[(&str, &str)] = &[
        ("LoadState", "loaded"),
        ("UnitFileState", "enabled"),
        ("ActiveState", "active"),
        ("FragmentPath", "/usr/lib/systemd/user/syft-host.service"),
        ("NeedDaemonReload", "no"),
        (
            "ExecStart",
            "{ path=/bin/sh ; argv[]=/bin/sh serve ; ignore_errors=no }",
        ),
    ];

    fn judge(changed: &[(&str, &str)], this: &str) -> Vec<Finding> {
        let all = WELL.iter().chain(changed);
        let lines: String = all
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        Unit::read(&lines).judge(Path::new(this))
    }

    #[test]
    fn each_thing_that_is_wrong_is_said_with_what_to_do() {
        assert!(judge(&[], "/bin/sh").is_empty());
        let gone = "{ path=/no/such ; argv[]=/no/such serve ; }";
        for (changed, words, fix) in [
            (("LoadState", "masked"), "masked", "unmask"),
            (
                ("LoadState", "bad-setting"),
                "bad-setting",
                "autostart systemd --force",
            ),
            (("NeedDaemonReload", "yes"), "was changed", "daemon-reload"),
            (
                ("UnitFileState", "disabled"),
                "not started at login (disabled)",
                "enable",
            ),
            (("ActiveState", "failed"), "has failed", "journalctl --user"),
            (
                ("ActiveState", "inactive"),
                "does not run (inactive)",
                "start syft-host",
            ),
            (
                ("ExecStart", gone),
                "/no/such, which is not there",
                "autostart systemd",
            ),
        ] {
            let findings = judge(&[changed], "/bin/sh");
            let [finding] = &findings[..] else {
                panic!("{changed:?}: {findings:?}");
            };
            assert_eq!(finding.health, Health::Warning, "{changed:?}");
            assert!(finding.what.contains(words), "{finding:?}");
            assert!(finding.fixes[0].contains(fix), "{finding:?}");
        }
        let findings = judge(&[], "/bin/cat");
        assert!(
            findings[0].what.contains("and this is /bin/cat"),
            "{findings:?}"
        );
    }

    #[test]
    fn a_unit_that_nobody_asked_for_is_no_fault() {
        for changed in [
            &[("LoadState", "not-found")][..],
            &[("UnitFileState", "disabled"), ("ActiveState", "inactive")],
        ] {
            let findings = judge(changed, "/bin/sh");
            assert_eq!(findings[0].health, Health::Ok, "{findings:?}");
            assert_eq!(findings.len(), 1, "{findings:?}");
        }
    }
}
