//! Says when the sources of an app change, by what the system says of their folders.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context;
use syft_system::watch::{Depth, PathChangeKind, PathWatch};
use tokio::sync::Notify;
use tokio::time;

use crate::error::CommandError;

/// A change counts once nothing more has changed for so long: editors write a file in steps.
const QUIET: Duration = Duration::from_millis(150);

/// A folder in which something changes all the time is looked at nevertheless.
const LONGEST: Duration = Duration::from_secs(2);

/// The most folders that are watched, and changed files that are named.
const MAX_FOLDERS: usize = 2_000;
const MAX_CHANGED: usize = 1_000;

/// What a folder holds that is not made of sources: builds of cargo, and environments of Python.
const OF_TOOLS: &[&str] = &["CACHEDIR.TAG", "pyvenv.cfg"];
const NO_SOURCES: &[&str] = &["node_modules", "__pycache__"];

/// How names end of what editors keep beside a file, and of components.
const NOT_SOURCES: &[&str] = &[
    "~",
    "#",
    ".swp",
    ".swx",
    ".tmp",
    ".bak",
    ".orig",
    ".wasm",
    "___jb_tmp___",
    "___jb_old___",
];

/// Letters that tools choose by chance for the name of a file in the making.
const CHANCE_CHARS: usize = 6;

/// Which files are the sources of an app.
#[derive(Debug, Clone)]
pub(crate) enum Sources {
    /// This one: a component.
    File(PathBuf),
    /// All in these folders of crates.
    Crates(Vec<PathBuf>),
    /// A Python program in this folder: modules, packages, and these files. Whatever else lies
    /// beside a program has nothing to do with it.
    Program(PathBuf, Vec<String>),
}

/// Watches the sources of an app until it is dropped.
pub(crate) struct SourceWatch {
    watch: Mutex<PathWatch>,
    sources: Mutex<Sources>,
    /// Folders of the host, which may lie among the sources.
    excluded: Vec<PathBuf>,
    noted: Arc<Noted>,
}

/// What has changed and was not asked for yet.
#[derive(Default)]
struct Noted {
    paths: Mutex<BTreeSet<PathBuf>>,
    changed: Notify,
}

impl SourceWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system watches no more.
    pub(crate) fn new(sources: Sources, excluded: Vec<PathBuf>) -> Result<Self, CommandError> {
        let noted = Arc::new(Noted::default());
        let notes = Arc::clone(&noted);
        let watch = PathWatch::new(move |change| {
            if is_change(change.what) {
                notes.add(change.paths);
            }
        })
        .context("start to watch (see fs.inotify.max_user_instances)")?;
        let watch = Self {
            watch: Mutex::new(watch),
            sources: Mutex::new(sources.whole()?),
            excluded,
            noted,
        };
        watch.follow()?;
        Ok(watch)
    }

    /// Watches these folders of crates, too.
    pub(crate) fn add_crates(&self, folders: &[PathBuf]) {
        if let Sources::Crates(crates) = &mut *lock(&self.sources) {
            let new = folders.iter().filter(|folder| !crates.contains(folder));
            let new: Vec<PathBuf> = new.cloned().collect();
            crates.extend(new);
        }
    }

    /// Watches the folders that there are now. What changes from here on is noted.
    ///
    /// # Errors
    /// The system watches no more.
    pub(crate) fn follow(&self) -> Result<(), CommandError> {
        let mut folders = BTreeSet::new();
        match &*lock(&self.sources) {
            Sources::File(file) => drop(folders.insert(parent(file))),
            Sources::Crates(crates) => {
                for folder in crates {
                    self.collect(folder, &mut folders, |_| true);
                }
            }
            Sources::Program(folder, files) => {
                // A package may have anything in its folders.
                self.collect(folder, &mut folders, has_modules);
                folders.extend(files.iter().map(|file| parent(&folder.join(file))));
            }
        }
        let mut watch = lock(&self.watch);
        for folder in folders {
            // One that is watched already stays so; one that was made anew has to be told.
            match watch.add(&folder, Depth::Folder) {
                Ok(()) => {}
                // It is gone again.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let error = CommandError::from(error);
                    return Err(error
                        .about(format!("watch {}", folder.display()))
                        .hint("if the system watches no more: raise fs.inotify.max_user_watches"));
                }
            }
        }
        Ok(())
    }

    /// Waits until sources have changed, and returns which.
    pub(crate) async fn changed(&self) -> Vec<PathBuf> {
        loop {
            self.noted.changed.notified().await;
            if self.has_change() {
                self.until_quiet().await;
                return self.take();
            }
        }
    }

    /// Waits until nothing changes any more.
    async fn until_quiet(&self) {
        let more = async {
            while time::timeout(QUIET, self.noted.changed.notified())
                .await
                .is_ok()
            {}
        };
        // What comes after that is another change.
        time::timeout(LONGEST, more).await.ok();
    }

    /// Forgets what cargo has changed by itself.
    pub(crate) fn forget_lock_files(&self) {
        lock(&self.noted.paths).retain(|path| !path.ends_with("Cargo.lock"));
    }

    fn has_change(&self) -> bool {
        let sources = lock(&self.sources);
        let mut paths = lock(&self.noted.paths);
        paths.retain(|path| sources.have(path) && !self.is_excluded(path));
        !paths.is_empty()
    }

    fn take(&self) -> Vec<PathBuf> {
        // Some came since.
        self.has_change();
        std::mem::take(&mut *lock(&self.noted.paths))
            .into_iter()
            .collect()
    }

    fn is_excluded(&self, path: &Path) -> bool {
        self.excluded.iter().any(|folder| path.starts_with(folder))
    }

    /// Adds a folder and those below it that hold sources.
    fn collect(
        &self,
        folder: &Path,
        folders: &mut BTreeSet<PathBuf>,
        is_wanted: fn(&Path) -> bool,
    ) {
        if folders.len() >= MAX_FOLDERS || !folders.insert(folder.to_owned()) {
            return;
        }
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            // No link is followed.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = entry.path();
            if is_folder && holds_sources(&path) && !self.is_excluded(&path) && is_wanted(&path) {
                self.collect(&path, folders, |_| true);
            }
        }
    }
}

impl Noted {
    fn add(&self, paths: Vec<PathBuf>) {
        let mut noted = lock(&self.paths);
        for path in paths {
            if noted.len() < MAX_CHANGED {
                noted.insert(path);
            }
        }
        self.changed.notify_one();
    }
}

impl Sources {
    /// Returns them by whole paths, by which the system names what changed.
    fn whole(self) -> Result<Self, CommandError> {
        Ok(match self {
            // The file may be another one later, by a link too.
            Self::File(file) => {
                let name = file.file_name().unwrap_or_default();
                Self::File(parent(&file).canonicalize()?.join(name))
            }
            Self::Crates(crates) => {
                let whole = crates.iter().map(|folder| folder.canonicalize());
                Self::Crates(whole.collect::<Result<_, _>>()?)
            }
            Self::Program(folder, files) => Self::Program(folder.canonicalize()?, files),
        })
    }

    /// Tells whether a path that has changed is of a source.
    fn have(&self, path: &Path) -> bool {
        let is_source = |folder: &PathBuf| {
            let below = path.strip_prefix(folder).ok();
            below.is_some_and(|below| is_named_as_source(folder, below))
        };
        match self {
            Self::File(file) => path == file,
            Self::Crates(crates) => crates.iter().any(is_source),
            Self::Program(folder, files) => {
                let below = path.strip_prefix(folder).unwrap_or(path);
                let is_of_package = below.components().count() > 1;
                let is_module = below.extension().is_some_and(|end| end == "py");
                let is_known = files.iter().any(|file| below == Path::new(file));
                is_source(folder) && (is_module || is_known || is_of_package)
            }
        }
    }
}

fn is_change(what: PathChangeKind) -> bool {
    match what {
        // Reading is none, not even by ourselves.
        PathChangeKind::Closed | PathChangeKind::Changed => true,
        PathChangeKind::Read | PathChangeKind::Touched | PathChangeKind::Lost => false,
    }
}

/// Tells whether names below a folder are those of a source, and of nothing that tools and editors
/// leave.
fn is_named_as_source(folder: &Path, below: &Path) -> bool {
    let mut at = folder.to_owned();
    let mut names = below.iter().peekable();
    while let Some(name) = names.next() {
        at.push(name);
        let text = name.to_string_lossy();
        let is_fit = if names.peek().is_some() {
            holds_sources(&at)
        } else {
            !is_hidden(&text)
                && !is_build_of_cargo(&at)
                && !NO_SOURCES.contains(&&*text)
                && !NOT_SOURCES.iter().any(|end| text.ends_with(end))
                && text.parse::<u32>().is_err()
                && !is_in_the_making(&at, &text)
        };
        if !is_fit {
            return false;
        }
    }
    true
}

/// Tells whether a file is one that takes the place of another once it is whole: `sedXXXXXX` of
/// `sed -i`, and the name of the other with `.XXXXXX` behind it.
fn is_in_the_making(path: &Path, name: &str) -> bool {
    let is_chance = |text: &str| {
        text.len() == CHANCE_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if name.strip_prefix("sed").is_some_and(is_chance) {
        return true;
    }
    let Some((other, end)) = name.rsplit_once('.') else {
        return false;
    };
    // People write endings in small letters.
    let is_end = is_chance(end) && end.bytes().any(|byte| !byte.is_ascii_lowercase());
    is_end && path.with_file_name(other).is_file()
}

/// Tells whether a folder is one of an author's and not of a tool's.
fn holds_sources(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    !is_hidden(&name)
        && !NO_SOURCES.contains(&&*name)
        && !is_build_of_cargo(folder)
        && !OF_TOOLS.iter().any(|file| folder.join(file).exists())
}

/// Cargo makes it before it marks it as its own.
fn is_build_of_cargo(folder: &Path) -> bool {
    folder.ends_with("target") && folder.with_file_name("Cargo.toml").exists()
}

/// What cargo is told in a folder of its own decides what is built.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".cargo"
}

fn has_modules(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| Path::new(&name).extension().is_some_and(|end| end == "py"))
}

fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(folder: &Path, file: &str) {
        let path = folder.join(file);
        fs::create_dir_all(parent(&path)).expect("a folder");
        fs::write(path, "").expect("a file");
    }

    #[test]
    fn what_tools_leave_is_no_source() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        for file in [
            "Cargo.toml",
            "built/CACHEDIR.TAG",
            "env/pyvenv.cfg",
            "target/x",
        ] {
            touch(folder, file);
        }
        let sources = Sources::Crates(vec![folder.to_owned()]);
        for file in [
            "src/lib.rs",
            "Cargo.toml",
            ".cargo/config.toml",
            "syft-app.toml",
            "a/target",
            "src/sediment.rs",
            "Cargo.toml.sample",
            "notes.2Later",
        ] {
            assert!(sources.have(&folder.join(file)), "{file}");
        }
        for file in [
            "target",
            "target/debug/x.rs",
            "built/x.rs",
            "env/x.py",
            ".git/index",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/4913",
            "src/sedA1b2C3",
            "Cargo.toml.k3JdPQ",
            "src/#lib.rs#",
            "src/lib.rs___jb_tmp___",
            "app.wasm",
        ] {
            assert!(!sources.have(&folder.join(file)), "{file}");
        }
        assert!(!sources.have(Path::new("/elsewhere.rs")));
    }

    #[test]
    fn of_what_lies_beside_a_program_only_its_own_counts() {
        let folder = PathBuf::from("/nowhere");
        let files = ["syft-app.toml", "data.json"].map(str::to_owned).to_vec();
        let sources = Sources::Program(folder.clone(), files);
        for file in [
            "app.py",
            "other.py",
            "syft-app.toml",
            "data.json",
            "words/end.txt",
        ] {
            assert!(sources.have(&folder.join(file)), "{file}");
        }
        for file in ["notes.txt", "more.json", ".app.py", "__pycache__/app.pyc"] {
            assert!(!sources.have(&folder.join(file)), "{file}");
        }
    }

    #[tokio::test]
    async fn a_change_in_a_new_folder_is_noted_once_it_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a path");
        touch(&path, "Cargo.toml");
        let excluded = vec![path.join("data")];
        let watch = SourceWatch::new(Sources::Crates(vec![path.clone()]), excluded);
        let watch = watch.expect("it watches");
        touch(&path, "data/x.rs");
        touch(&path, "src/lib.rs");
        let changed = watch.changed().await;
        assert!(changed.contains(&path.join("src")), "{changed:?}");
        assert!(
            !changed.iter().any(|path| path.ends_with("data")),
            "{changed:?}"
        );
        watch.follow().expect("it watches");
        fs::write(path.join("src/lib.rs"), "x").expect("a file");
        let changed = watch.changed().await;
        assert_eq!(changed, [path.join("src/lib.rs")]);
        touch(&path, "Cargo.lock");
        touch(&path, "build.rs");
        assert_eq!(watch.changed().await.len(), 2);
    }
}
