//! What components are built with: a virtual environment of our own with a pinned
//! componentize-py.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::requirements::Requirements;
use super::stage::Stage;
use crate::error::CommandError;
use crate::ui::Ui;

/// It brings the Python that runs in components.
pub(super) const COMPONENTIZE_PY: &str = "0.25.1";

/// The version of that Python, which decides what packages fit.
const GUEST_PYTHON: &str = "3.14";

/// The oldest Python that componentize-py runs on.
const OLDEST: (u32, u32) = (3, 10);

/// A program that waits for something while it is built would wait for ever.
const DEADLINE: Duration = Duration::from_secs(120);

/// Starts the builder so that it ends with us, and so that a program which never stops
/// writing while it is built fills no disk.
const LAUNCH: &str = "
import ctypes, os, resource, signal, sys
try:
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
except (AttributeError, OSError):
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
os.execv(sys.argv[1], sys.argv[1:])
";

/// The most that is read of what the builder says.
const MAX_OUTPUT_BYTES: usize = 256 << 10;

/// The builder.
#[derive(Debug)]
pub(super) struct Tools {
    bin: PathBuf,
}

/// How a build ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The component is there.
    Well,
    /// The builder said this.
    Badly(String),
    /// It was ended after this time.
    TooLate(Duration),
}

impl Tools {
    /// Makes the environment in a folder, unless one of the same versions is complete.
    pub(super) fn make_ready(ui: Ui, folder: &Path) -> Result<Self, CommandError> {
        fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        let (python, version) = find_python()?;
        let environment = folder.join(format!("componentize-py-{COMPONENTIZE_PY}"));
        let tools = Self {
            bin: environment.join("bin"),
        };
        // Held until the end of this function: others wait, then find it complete.
        let lock = File::create(environment.with_extension("lock"))?;
        lock.lock()?;
        let stamp = environment.join("complete");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
            return Ok(tools);
        }
        ui.status(&format!(
            "setting up componentize-py {COMPONENTIZE_PY} in {}",
            folder.display()
        ));
        let mut venv = Command::new(python);
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        run(&mut venv).map_err(|said| {
            CommandError::new(format!("make a virtual environment: {said}"))
                .hint("on Debian and Ubuntu: apt install python3-venv")
        })?;
        let package = format!("componentize-py=={COMPONENTIZE_PY}");
        let mut pip = tools.pip();
        pip.args(["install", "--quiet", "--only-binary", ":all:", &package]);
        run(&mut pip).map_err(|said| {
            CommandError::new(format!("install {package}: {said}"))
                .hint("it is needed once, from PyPI or the index that pip is set up with")
        })?;
        fs::write(&stamp, version)?;
        Ok(tools)
    }

    /// Returns Python, which takes nothing from the environment or the current folder.
    pub(super) fn python(&self) -> Command {
        let mut python = Command::new(self.bin.join("python"));
        python.args(["-I", "-B"]);
        python
    }

    fn pip(&self) -> Command {
        // Not isolated: whoever is behind a mirror has told pip so.
        let mut pip = Command::new(self.bin.join("python"));
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input"])
            .stdin(Stdio::null());
        pip
    }

    /// Installs packages without running anything of them: wheels of pure Python only.
    pub(super) fn install(
        &self,
        requirements: &Requirements,
        target: &Path,
    ) -> Result<(), CommandError> {
        if requirements.is_empty() {
            return Ok(());
        }
        let list = target.with_file_name("requirements.txt");
        fs::write(&list, requirements.lines().join("\n"))?;
        let mut pip = self.pip();
        pip.args(["install", "--quiet", "--no-compile"])
            .args(["--only-binary", ":all:", "--platform", "any"])
            .args(["--implementation", "py", "--abi", "none"])
            .args(["--python-version", GUEST_PYTHON, "--target"])
            .arg(target)
            .arg("-r")
            .arg(&list);
        run(&mut pip).map_err(|said| {
            CommandError::new(format!("install the packages of requirements.txt: {said}")).hint(
                "only packages of pure Python fit: those with native code, such as pydantic or \
                 numpy, cannot run in the sandbox",
            )
        })
    }

    /// Makes the component. The program runs in the builder's sandbox, which holds the
    /// stage and nothing of this machine.
    pub(super) fn componentize(&self, stage: &Stage) -> Result<Ended, CommandError> {
        let said = stage.path().join("said");
        let mut command = self.python();
        command
            .args(["-c", LAUNCH])
            .arg(self.bin.join("componentize-py"))
            .arg("-q")
            .arg("-d")
            .arg(stage.wit())
            .args(["-w", "watching-app", "componentize", "syft_component", "-p"])
            .arg(stage.python())
            .arg("-o")
            .arg(stage.component())
            .env_clear()
            .env("PATH", &self.bin)
            // It would otherwise look for packages in those of whoever builds.
            .env("VIRTUAL_ENV", stage.environment())
            .env("HOME", stage.path())
            .env("TMPDIR", stage.temporary())
            .current_dir(stage.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?);
        let mut child = command.spawn()?;
        let end = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > end {
                child.kill()?;
                child.wait()?;
                return Ok(Ended::TooLate(DEADLINE));
            }
            thread::sleep(Duration::from_millis(20));
        };
        if status.success() {
            return Ok(Ended::Well);
        }
        let said = fs::read(&said)?;
        // The report comes last but for a bounded rest.
        let said = &said[said.len().saturating_sub(MAX_OUTPUT_BYTES)..];
        Ok(Ended::Badly(String::from_utf8_lossy(said).into_owned()))
    }
}

/// Returns the Python of this machine with what tells it from others.
fn find_python() -> Result<(&'static str, String), CommandError> {
    const ASK: &str = "import sys; print(*sys.version_info[:2], sys.base_prefix, sys.version)";
    let hint = |error: CommandError| {
        let (major, minor) = OLDEST;
        error.hint(format!(
            "Python programs are built with Python {major}.{minor} or newer: install it as `python3`"
        ))
    };
    for python in ["python3", "python"] {
        let asked = Command::new(python).args(["-I", "-c", ASK]).output();
        let Ok(Output { status, stdout, .. }) = asked else {
            continue;
        };
        let said = String::from_utf8_lossy(&stdout).trim().to_owned();
        let mut numbers = said.split(' ').map_while(|part| part.parse().ok());
        let (Some(major), Some(minor), true) = (numbers.next(), numbers.next(), status.success())
        else {
            continue;
        };
        if (major, minor) < OLDEST {
            let message = format!("{python} is Python {major}.{minor}");
            return Err(hint(CommandError::new(message)));
        }
        return Ok((python, said));
    }
    Err(hint(CommandError::new(
        "there is no Python on this machine",
    )))
}

/// Runs a program to its end; returns what it said where it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.trim().lines().collect();
    // pip's reasons are at the end.
    Err(lines[lines.len().saturating_sub(8)..].join("\n"))
}
