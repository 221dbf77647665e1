//! A data folder with requests in it, and the folders of those who serve it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use syft_protocol::message::{Headers, Method, Request};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use tempfile::TempDir;
use uuid::Uuid;

use crate::workload::Workload;

pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const APP: &str = "bench";

/// Where a data folder lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In memory, where there is such a folder: disks differ more from run to run than
    /// contestants do.
    Memory,
    /// Where the build lies.
    Disk,
}

impl Place {
    pub(crate) fn folder(self) -> PathBuf {
        let memory = PathBuf::from("/dev/shm");
        match self {
            Self::Memory if memory.is_dir() => memory,
            Self::Memory => std::env::temp_dir(),
            Self::Disk => PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        }
    }
}

/// A SyftBox data folder, until it is dropped.
pub(crate) struct Site {
    place: Place,
    root: TempDir,
}

/// A file that is to be written, and the one that comes of it.
#[derive(Debug)]
pub(crate) struct Cue {
    path: PathBuf,
    content: Vec<u8>,
    pub(crate) answer: PathBuf,
}

impl Site {
    pub(crate) fn new(place: Place) -> anyhow::Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("syft-bench-")
            .tempdir_in(place.folder())?;
        let site = Self { place, root };
        fs::create_dir_all(site.public())?;
        Ok(site)
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn datasites(&self) -> PathBuf {
        self.data_dir().join("datasites")
    }

    /// Returns the folder of the files that are watched.
    pub(crate) fn public(&self) -> PathBuf {
        self.datasites().join(OWNER).join("public")
    }

    /// Returns so many requests of all callers in turn, to be written in place as the
    /// released client does.
    pub(crate) fn requests(
        &self,
        workload: &Workload,
        n_requests: usize,
    ) -> anyhow::Result<Vec<Cue>> {
        let rpc = self.datasites().join(OWNER).join("app_data").join(APP);
        let endpoint = rpc.join("rpc").join(workload.endpoint);
        let callers = (0..workload.n_callers).map(|number| {
            let email = format!("caller{number}@example.com");
            let folder = endpoint.join(&email);
            fs::create_dir_all(&folder)?;
            Ok((email, folder))
        });
        let callers: Vec<_> = callers.collect::<anyhow::Result<_>>()?;
        let turns = callers.iter().cycle().take(n_requests);
        turns
            .map(|(email, folder)| {
                let id = Uuid::new_v4();
                let path = folder.join(format!("{id}.request"));
                Ok(Cue {
                    answer: path.with_extension("response"),
                    content: request(id, email, workload)?,
                    path,
                })
            })
            .collect()
    }

    /// Writes so many requests, and returns the paths of their answers.
    pub(crate) fn fill(
        &self,
        workload: &Workload,
        n_requests: usize,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let answers = write(self.requests(workload, n_requests)?)?;
        if self.place == Place::Disk {
            // Who forces a file to the disk would wait for what others have written.
            rustix::fs::sync();
        }
        Ok(answers)
    }

    /// Returns so many files that an app copies which watches them.
    pub(crate) fn files(&self, n_files: usize) -> Vec<Cue> {
        let cue = || {
            let id = Uuid::new_v4();
            Cue {
                path: self.public().join(format!("{id}-copy.txt")),
                content: COPIED.to_vec(),
                answer: self.public().join(format!("{id}-copied.txt")),
            }
        };
        (0..n_files).map(|_| cue()).collect()
    }
}

const COPIED: &[u8] = b"what an app is told of";

/// Tells whether a copy is right; `None` as long as it is not.
pub(crate) fn is_copied(answer: &Path) -> Option<bool> {
    (fs::read(answer).ok()? == COPIED).then_some(true)
}

impl Cue {
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        Ok(fs::write(&self.path, &self.content)?)
    }
}

/// Writes files, and returns the paths of what comes of them.
pub(crate) fn write(cues: Vec<Cue>) -> anyhow::Result<Vec<PathBuf>> {
    let mut answers = Vec::with_capacity(cues.len());
    for cue in cues {
        cue.write()?;
        answers.push(cue.answer);
    }
    Ok(answers)
}

/// Returns the folders of some files, each once.
pub(crate) fn folders<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = files
        .into_iter()
        .filter_map(|file| file.parent().map(Path::to_owned))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Counts the answers in these folders.
pub(crate) fn n_answered(folders: &[PathBuf]) -> anyhow::Result<usize> {
    let mut n_answered = 0;
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            n_answered += usize::from(is_answer(&entry?.file_name()));
        }
    }
    Ok(n_answered)
}

fn is_answer(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".response") || name.ends_with(b"-copied.txt")
}

/// Returns when the last of these answers was made, of those that are there. In a flood
/// syft-host touches some hundred answers again later, for SyftBox's client, so when they were
/// changed tells less.
pub(crate) fn last_made(answers: &[PathBuf]) -> anyhow::Result<SystemTime> {
    let mut last = SystemTime::UNIX_EPOCH;
    for path in answers {
        if let Ok(found) = fs::metadata(path) {
            last = last.max(found.created().or_else(|_| found.modified())?);
        }
    }
    Ok(last)
}

/// Waits for what is written in place, and returns how many answers are there by then.
pub(crate) fn settle(
    answers: &[PathBuf],
    patience: Duration,
    is_right: impl Fn(&Path) -> Option<bool>,
) -> usize {
    let start = Instant::now();
    let mut left: Vec<&PathBuf> = answers.iter().collect();
    loop {
        left.retain(|path| is_right(path).is_none());
        if left.is_empty() || start.elapsed() > patience {
            return answers.len() - left.len();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Returns a request as the released client writes it.
fn request(id: Uuid, sender: &str, workload: &Workload) -> anyhow::Result<Vec<u8>> {
    let created = now();
    let url = format!("syft://{OWNER}/app_data/{APP}/rpc/{}", workload.endpoint);
    let request = Request {
        id: Some(id),
        sender: sender.to_owned(),
        url: SyftUrl::parse(&url).context("the URL of the endpoint")?,
        body: Some(workload.body(sender)),
        headers: Headers::default(),
        created,
        expires: created.saturating_add(Duration::from_secs(3600)),
        method: Method::Post,
    };
    Ok(request.to_json())
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}
