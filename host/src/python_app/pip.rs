//! Gets packages by pip, of which nothing runs.
//!
//! pip is kept from starting any program, so it builds nothing: see `run_pip.py`. It reads no
//! configuration; what the user's own says of the index is handed to it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::locked::{self, Locked};
use super::python::isolated;
use super::requirements::{CONSTRAINTS, PROVIDED, Requirements};
use super::wheels::Wheels;
use crate::config::inherited;
use crate::error::CommandError;
use syft_runtime::child::{Child, ChildFolder, ChildLimits, Ended};
use syft_runtime::scratch::Scratch;

/// Reads the arguments of pip from a file, and runs it.
const RUN: &str = include_str!("run_pip.py");

/// The version of the Python that runs in components, which decides what packages fit.
const GUEST_PYTHON: &str = "3.14";

/// Where a user's configuration of pip is, and what of it is looked at.
const CONFIGURATION: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "PIP_CONFIG_FILE",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
];

/// Certificates, as pip's own HTTP library finds them.
const CERTIFICATES: &[&str] = &["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Far more than any package of pure Python needs.
const LIMITS: ChildLimits = ChildLimits {
    memory_bytes: Some(2 << 30),
    address_space_bytes: None,
    cpu_time: Some(Duration::from_secs(10 * 60)),
    file_bytes: Some(256 << 20),
    open_files: Some(1_024),
    low_priority: false,
};

/// Packages come from a network, maybe a slow one.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// pip's reasons are at the end.
const MAX_LINES: usize = 8;

/// The most that is read of what pip reports.
const MAX_REPORT_BYTES: u64 = 64 << 20;

/// A pip of ours.
#[derive(Debug)]
pub(super) struct Pip<'a> {
    /// The Python that has it.
    pub(super) python: PathBuf,
    /// The private folder in which it works.
    pub(super) place: &'a Path,
}

/// What the user's configuration of pip says of the index; each may have several words.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    cert: String,
    client_cert: String,
    default_timeout: String,
    extra_index_url: String,
    find_links: String,
    index_url: String,
    no_index: String,
    proxy: String,
    retries: String,
    timeout: String,
    trusted_host: String,
}

impl Pip<'_> {
    /// Installs packages that are known by their hashes, among those of its own Python.
    ///
    /// # Errors
    /// What pip said.
    pub(super) fn install(&self, locked: &[Locked]) -> Result<(), String> {
        self.fetch(locked, &[])
    }

    /// Runs a script of ours with the pip of ours, which is told of the user's index by a file
    /// that is the last argument.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn script(
        &self,
        script: &str,
        arguments: &[&str],
        folder: &Path,
        deadline: Duration,
    ) -> Result<Ended, CommandError> {
        let scratch = Scratch::new(self.place)?;
        let options = scratch.path().join("options.json");
        let mut all = vec!["--no-cache-dir".to_owned(), "--no-input".to_owned()];
        all.extend(self.settings()?.arguments());
        fs::write(&options, Value::from(all).to_string())?;
        let child = isolated(&self.python, ChildFolder::EmptyIn(self.place))
            .args(["-c", script])
            .args(arguments)
            .arg(folder)
            .arg(&options)
            .limits(LIMITS);
        Ok(reaching_the_index(child, scratch.path(), scratch.path()).run(deadline)?)
    }

    /// Installs packages with all that they need: wheels of pure Python from the index, and
    /// ours for the sandbox. Nothing of them runs.
    ///
    /// # Errors
    /// They are not there, do not fit each other, or are something else.
    pub(super) fn install_for_guests(
        &self,
        requirements: &Requirements,
        wheels: &Wheels,
        target: &Path,
    ) -> Result<(), CommandError> {
        let mut options = FOR_GUESTS.map(str::to_owned).to_vec();
        let links = wheels.folders().into_iter();
        options.extend(links.map(|folder| format!("--find-links={}", folder.display())));
        options.extend(["--target".to_owned(), target.display().to_string()]);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let locked = self.resolve(requirements, wheels, &options)?;
        let into = [&options[..], &["--no-compile"]].concat();
        self.fetch(&locked, &into)
            .map_err(|said| cannot_install(&said, wheels))
    }

    /// Finds out which packages these are, without installing any.
    fn resolve(
        &self,
        requirements: &Requirements,
        wheels: &Wheels,
        options: &[&str],
    ) -> Result<Vec<Locked>, CommandError> {
        let scratch = Scratch::new(self.place)?;
        let report = scratch.path().join("report.json");
        let constraints = scratch.path().join("constraints.txt");
        fs::write(&constraints, CONSTRAINTS)?;
        let [shown, bounds] = [&report, &constraints].map(|path| path.display().to_string());
        let more = [
            "--dry-run",
            "--ignore-installed",
            "--report",
            &shown,
            "-c",
            &bounds,
        ];
        let more = [&more[..], options].concat();
        let ended = self.run(&scratch, &requirements.lines().join("\n"), &more)?;
        if !ended.succeeded() {
            return Err(cannot_install(&ended.why(MAX_LINES), wheels));
        }
        let report = syft_system::private::read(&report, MAX_REPORT_BYTES)?;
        locked::read(&report.unwrap_or_default(), |name, hash| {
            wheels.has(name, hash)
        })
    }

    fn fetch(&self, locked: &[Locked], more: &[&str]) -> Result<(), String> {
        if locked.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = locked.iter().map(Locked::line).collect();
        let more = [&["--no-deps", "--require-hashes"], more].concat();
        let fetched = Scratch::new(self.place)
            .map_err(CommandError::from)
            .and_then(|scratch| self.run(&scratch, &lines.join("\n"), &more));
        match fetched {
            Ok(ended) if ended.succeeded() => Ok(()),
            Ok(ended) => Err(ended.why(MAX_LINES)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs `pip install`.
    fn run(&self, scratch: &Scratch, list: &str, more: &[&str]) -> Result<Ended, CommandError> {
        let [requirements, arguments, temporary] =
            ["requirements.txt", "arguments.json", "tmp"].map(|name| scratch.path().join(name));
        fs::create_dir(&temporary)?;
        fs::write(&requirements, list)?;
        let mut all: Vec<String> = INSTALL.map(str::to_owned).into();
        // Some of these are known to the command alone, and have to follow it.
        all.extend(self.settings()?.arguments());
        all.extend(more.iter().map(ToString::to_string));
        all.extend(["-r".to_owned(), requirements.display().to_string()]);
        let said = json!({"arguments": all, "left_out": PROVIDED});
        fs::write(&arguments, said.to_string())?;
        let child = self.child().arg(&arguments);
        Ok(reaching_the_index(child, scratch.path(), &temporary).run(DEADLINE)?)
    }

    fn settings(&self) -> Result<Settings, CommandError> {
        let ended = self
            .child()
            .envs(inherited::variables(CONFIGURATION))
            .run(DEADLINE)?;
        if !ended.succeeded() {
            let why = ended.why(MAX_LINES);
            return Err(CommandError::new(format!(
                "read the configuration of pip: {why}"
            )));
        }
        Ok(serde_json::from_slice(&ended.stdout)?)
    }

    fn child(&self) -> Child<'_> {
        isolated(&self.python, ChildFolder::EmptyIn(self.place))
            .args(["-c", RUN])
            .limits(LIMITS)
    }
}

const INSTALL: [&str; 8] = [
    "install",
    "--isolated",
    "--no-input",
    "--disable-pip-version-check",
    "--no-cache-dir",
    "--quiet",
    "--only-binary",
    ":all:",
];

const FOR_GUESTS: [&str; 10] = [
    "--platform",
    "wasi_0_0_0_wasm32",
    "--implementation",
    "cp",
    "--abi",
    "cp314",
    "--abi",
    "none",
    "--python-version",
    GUEST_PYTHON,
];

fn cannot_install(said: &str, wheels: &Wheels) -> CommandError {
    let error = CommandError::new(format!(
        "install the packages that the program needs: {said}"
    ));
    let said = said.to_lowercase().replace('_', "-");
    let list = wheels.list();
    if let Some(name) = without_versions(&said)
        && !list.iter().any(|wheel| wheel.name == name)
    {
        return error.hint(format!(
            "{name} has nothing in pure Python, and packages with native code cannot run in the \
             sandbox but those of `syft-host wheels list`"
        ));
    }
    if list.iter().any(|wheel| wheel.path.is_none()) {
        // pip tells of what stands in the way only, and not of what would fit.
        return error.hint(
            "pydantic and others have native code, which is built for the sandbox once: \
             syft-host wheels build",
        );
    }
    match list.iter().find(|wheel| said.contains(wheel.name)) {
        Some(wheel) => error.hint(format!(
            "the sandbox has {} {}: ask for versions that fit it",
            wheel.name, wheel.version
        )),
        None => error.hint(
            "packages of pure Python fit, and those of `syft-host wheels list`; others with \
             native code, such as numpy, cannot run in the sandbox",
        ),
    }
}

/// Returns the package of which pip finds no version at all, for this Python.
fn without_versions(said: &str) -> Option<&str> {
    let (before, _) = said.split_once("(from versions: none)")?;
    let (_, name) = before.rsplit_once("satisfies the requirement ")?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let end = name.find(|c| !is_of_name(c)).unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
}

/// Gives a child the user's network, and folders of ours.
fn reaching_the_index<'a>(child: Child<'a>, home: &Path, temporary: &Path) -> Child<'a> {
    child
        .envs(network())
        // Only so does it read no configuration file.
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("HOME", home)
        .env("TMPDIR", temporary)
}

/// Returns how the user reaches the network, and who they are there.
fn network() -> Vec<(OsString, OsString)> {
    let mut all = inherited::variables(inherited::NETWORK);
    all.extend(inherited::variables(CERTIFICATES));
    all.extend(inherited::netrc().map(|path| ("NETRC".into(), path.into())));
    all
}

impl Settings {
    fn arguments(&self) -> Vec<String> {
        let timeout = if self.timeout.is_empty() {
            &self.default_timeout
        } else {
            &self.timeout
        };
        let mut all = Vec::new();
        for (option, value) in [
            ("--cert", &self.cert),
            ("--client-cert", &self.client_cert),
            ("--index-url", &self.index_url),
            ("--proxy", &self.proxy),
            ("--retries", &self.retries),
            ("--timeout", timeout),
        ] {
            if !value.is_empty() {
                all.push(format!("{option}={value}"));
            }
        }
        let is_whole = |place: &&str| place.contains("://") || Path::new(place).is_absolute();
        let words = |option, text: &str, is_meant: fn(&&str) -> bool| {
            let words = text.split_whitespace().filter(is_meant);
            words
                .map(|word| format!("{option}={word}"))
                .collect::<Vec<_>>()
        };
        all.extend(words("--extra-index-url", &self.extra_index_url, |_| true));
        all.extend(words("--trusted-host", &self.trusted_host, |_| true));
        all.extend(words("--find-links", &self.find_links, is_whole));
        if ["1", "true", "yes", "on"].contains(&self.no_index.to_lowercase().as_str()) {
            all.push("--no-index".to_owned());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str, expected: &[&str]) {
        let settings: Settings = serde_json::from_str(settings).expect("settings");
        assert_eq!(settings.arguments(), expected);
    }

    #[test]
    fn the_package_that_has_no_version_is_known() {
        let said = "error: could not find a version that satisfies the requirement numpy>=2 (from \
                    versions: none)";
        assert_eq!(without_versions(said), Some("numpy"));
        let some = "satisfies the requirement a==9 (from versions: 1, 2)";
        assert_eq!(without_versions(some), None);
    }

    #[test]
    fn the_index_is_the_users() {
        check("{}", &[]);
        check(
            r#"{"index-url":"https://a/simple","extra-index-url":"https://b\nhttps://c"}"#,
            &[
                "--index-url=https://a/simple",
                "--extra-index-url=https://b",
                "--extra-index-url=https://c",
            ],
        );
        check(
            r#"{"timeout":"3","default-timeout":"5","no-index":"True","trusted-host":"a b"}"#,
            &[
                "--timeout=3",
                "--trusted-host=a",
                "--trusted-host=b",
                "--no-index",
            ],
        );
    }

    /// Which folder is the current one says nothing of what the user wants.
    #[test]
    fn links_are_not_found_in_the_current_folder() {
        check(
            r#"{"find-links":". wheels /wheels https://a/b"}"#,
            &["--find-links=/wheels", "--find-links=https://a/b"],
        );
    }
}
