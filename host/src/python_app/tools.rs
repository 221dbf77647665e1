//! What components are built with: a virtual environment of our own with a pinned
//! componentize-py and a pinned pip.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use syft_system::{lock, private};

use super::locked::Locked;
use super::pip::Pip;
use super::python::{Python, isolated};
use super::requirements::Requirements;
use super::stage::Stage;
use super::wheels::Wheels;
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::cache_bounds::touch;
use syft_runtime::child::{Child, ChildFolder, ChildLimits, Ended};

/// It brings the Python that runs in components.
pub(super) const COMPONENTIZE_PY: &str = "0.25.1";

/// The wheels of componentize-py, one a kind of machine.
const COMPONENTIZE_PY_SHA256: &[&str] = &[
    "8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f",
    "7b6a87c520358166843af0daa86d2312d7af4cbcbbf1e598951085cf7f2991ca",
    "65fbc4a94df1de8acf7da50a1f5ed1711230188844e53e6332d99029be4e0afa",
    "a556991534cc496207a9d2ca733c4b0f17ed38ef56a8d6b5f1847fdf1225dd1b",
];

/// Those that come with older Pythons cannot report what they would install.
const PIP: &str = "26.3";
const PIP_SHA256: &[&str] = &["f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"];

/// How the names of these environments begin; their versions follow.
const PREFIX: &str = "componentize-py-";

/// The file in an environment that says that it is complete, and with which Python.
const STAMP: &str = "complete";

/// The Python of an environment.
const PYTHON: &str = if cfg!(windows) {
    "Scripts/python.exe"
} else {
    "bin/python"
};

/// Runs the builder, which has a script and no module to start.
const RUN: &str = "import sys; from componentize_py import script; sys.exit(script())";

/// A program that waits for something while it is built would wait for ever. A build takes
/// some 20 s of processor time, and the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(600);

/// What a program can make the builder use.
const LIMITS: ChildLimits = ChildLimits {
    memory_bytes: Some(4 << 30),
    address_space_bytes: None,
    cpu_time: Some(Duration::from_secs(240)),
    // One that never stops writing while it is built fills no disk.
    file_bytes: Some(256 << 20),
    open_files: Some(1_024),
    low_priority: false,
};

/// What the text of a program can make its reader use.
const READER_LIMITS: ChildLimits = ChildLimits {
    memory_bytes: Some(1 << 30),
    cpu_time: Some(Duration::from_secs(60)),
    ..LIMITS
};

const MAKE_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// The builder. Its environment is made when it is needed: what was built before, or came with
/// this program, needs nothing of it.
#[derive(Debug)]
pub(super) struct Tools {
    ui: Ui,
    python: Python,
    place: PathBuf,
    environment: OnceLock<Environment>,
}

/// A virtual environment of ours that is complete.
#[derive(Debug)]
struct Environment {
    python: PathBuf,
    /// Keeps others from deleting it while it is used.
    _held: File,
}

impl Environment {
    /// Makes it in a folder, unless one of the same versions is complete.
    fn make_ready(ui: Ui, python: &Python, folder: &Path) -> Result<Self, CommandError> {
        let environment = folder.join(current());
        // All users hold it together, and who makes the environment holds it alone: others
        // wait, then find it complete.
        let lock = lock_file(&environment)?;
        let stamp = environment.join(STAMP);
        loop {
            lock.lock_shared()?;
            if fs::read_to_string(&stamp).is_ok_and(|found| found == python.version) {
                touch(&stamp);
                return Ok(Self {
                    python: environment.join(PYTHON),
                    _held: lock,
                });
            }
            // Nobody has both locks of a file.
            lock.unlock()?;
            lock.lock()?;
            if !fs::read_to_string(&stamp).is_ok_and(|found| found == python.version) {
                make(ui, python, &environment, folder)?;
                fs::write(&stamp, &python.version)?;
            }
            lock.unlock()?;
        }
    }
}

impl Tools {
    /// Finds the Python of this machine. The builder works in a folder.
    ///
    /// # Errors
    /// There is none that is new enough.
    pub(super) fn find(ui: Ui, folder: &Path) -> Result<Self, CommandError> {
        private::make_folder(folder)?;
        Ok(Self {
            ui,
            python: Python::find(folder)?,
            place: folder.to_owned(),
            environment: OnceLock::new(),
        })
    }

    fn environment(&self) -> Result<&Environment, CommandError> {
        if let Some(environment) = self.environment.get() {
            return Ok(environment);
        }
        let made = Environment::make_ready(self.ui, &self.python, &self.place)?;
        Ok(self.environment.get_or_init(|| made))
    }

    /// Reads the text of a program, by a Python that takes nothing from the environment or the
    /// current folder.
    pub(super) fn analyse(&self, stage: &Stage) -> Child<'_> {
        isolated(&self.python.program, ChildFolder::EmptyIn(&self.place))
            // Packages that are installed there are not looked at.
            .arg("-S")
            .arg(stage.analyser())
            .limits(READER_LIMITS)
    }

    /// Installs packages without running anything of them: wheels of pure Python, and ours.
    pub(super) fn install(
        &self,
        requirements: &Requirements,
        wheels: &Wheels,
        target: &Path,
    ) -> Result<(), CommandError> {
        if requirements.is_empty() {
            return Ok(());
        }
        self.pip()?.install_for_guests(requirements, wheels, target)
    }

    /// Returns the pip of ours.
    pub(super) fn pip(&self) -> Result<Pip<'_>, CommandError> {
        Ok(Pip {
            python: self.environment()?.python.clone(),
            place: &self.place,
        })
    }

    /// Returns a child that runs a script of ours, with what it takes to make wheels.
    pub(super) fn script(&self, script: &str) -> Result<Child<'_>, CommandError> {
        let python = &self.environment()?.python;
        let child = isolated(python, ChildFolder::EmptyIn(&self.place));
        Ok(child.args(["-c", script]).limits(LIMITS))
    }

    /// Makes the component. The program runs in the builder's sandbox, which holds the
    /// stage and nothing of this machine.
    pub(super) fn componentize(&self, stage: &Stage) -> Result<Ended, CommandError> {
        let python = &self.environment()?.python;
        let ended = isolated(python, ChildFolder::Given(stage.path()))
            .args(["-c", RUN, "-q", "-d"])
            .arg(stage.wit())
            .args(["-w", syft_guest_python::WORLD])
            .args(["componentize", syft_guest_python::COMPONENT, "-p"])
            .arg(stage.python())
            .arg("-o")
            .arg(stage.component())
            // It would otherwise ask other programs where packages are.
            .env("VIRTUAL_ENV", stage.environment())
            .env("HOME", stage.path())
            .env("TMPDIR", stage.temporary())
            .limits(LIMITS)
            .run(DEADLINE)?;
        Ok(ended)
    }
}

fn current() -> String {
    format!("{PREFIX}{COMPONENTIZE_PY}-pip-{PIP}")
}

/// Tells whether an environment is of the versions that this release builds with.
pub(crate) fn is_current_environment(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == current().as_str())
}

/// Returns the environments in a folder, those of other releases too.
///
/// # Errors
/// The folder cannot be listed.
pub(crate) fn environments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_named = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_named && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Deletes an environment unless a build uses it. Returns whether it did.
///
/// # Errors
/// It cannot be deleted.
pub(crate) fn delete_environment(path: &Path) -> io::Result<bool> {
    let lock = lock_file(path)?;
    if lock.try_lock().is_err() {
        return Ok(false);
    }
    match fs::remove_dir_all(path) {
        // Another host may be faster.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        deleted => deleted?,
    }
    Ok(true)
}

/// Deletes the environments of other releases that were not used for a time.
pub(super) fn delete_old(folder: &Path, age: Duration, now: SystemTime) -> io::Result<()> {
    for path in environments(folder)? {
        let used = fs::metadata(path.join(STAMP)).or_else(|_| fs::metadata(&path));
        let used = used.and_then(|metadata| metadata.modified())?;
        let is_old = now.duration_since(used).is_ok_and(|unused| unused > age);
        if is_old && !is_current_environment(&path) {
            delete_environment(&path)?;
        }
    }
    Ok(())
}

/// What there is to build programs with.
pub(crate) struct FoundPython {
    /// Of this machine.
    pub(crate) version: String,
    /// The environment of this release is complete.
    pub(crate) has_tools: bool,
}

/// Looks at what there is, and makes nothing ready.
///
/// # Errors
/// There is no Python that programs could be built with.
pub(crate) fn look(folder: &Path) -> Result<FoundPython, CommandError> {
    let place = tempfile::tempdir()?;
    let python = Python::find(place.path())?;
    let stamp = fs::read_to_string(folder.join(current()).join(STAMP));
    let version = python.version.split_whitespace().nth(1).unwrap_or_default();
    Ok(FoundPython {
        version: format!("Python {version}"),
        has_tools: stamp.is_ok_and(|found| found == python.version),
    })
}

fn lock_file(environment: &Path) -> io::Result<File> {
    let mut path = environment.as_os_str().to_owned();
    path.push(".lock");
    lock::open(Path::new(&path))
}

fn make(ui: Ui, python: &Python, environment: &Path, folder: &Path) -> Result<(), CommandError> {
    ui.status(&format!(
        "setting up componentize-py {COMPONENTIZE_PY} in {}",
        folder.display()
    ));
    let _waiting = ui.wait("fetching componentize-py");
    let made = isolated(&python.program, ChildFolder::EmptyIn(folder))
        .args(["-m", "venv", "--clear"])
        .arg(environment)
        .run(MAKE_DEADLINE)?;
    if !made.succeeded() {
        let said = made.why(8);
        return Err(
            CommandError::new(format!("make a virtual environment: {said}"))
                .hint("on Debian and Ubuntu: apt install python3-venv"),
        );
    }
    let pip = Pip {
        python: environment.join(PYTHON),
        place: folder,
    };
    let tools = [
        Locked::new("pip", PIP, PIP_SHA256),
        Locked::new("componentize-py", COMPONENTIZE_PY, COMPONENTIZE_PY_SHA256),
    ];
    pip.install(&tools).map_err(|said| {
        CommandError::new(format!("install componentize-py {COMPONENTIZE_PY}: {said}"))
            .hint("it is downloaded once, from PyPI or the index that pip is configured with")
    })
}
