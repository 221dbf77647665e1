//! A data folder in memory, with requests in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use syft_protocol::message::{Headers, Method, Request, Response};
use syft_protocol::status::Status;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const APP: &str = "hello";

/// Who calls. Several, each with a folder: files in one folder are made one after
/// the other, so threads would wait for each other.
const N_CALLERS: usize = 8;

const BODY: &[u8] = br#"{"name":"Ada"}"#;
const ANSWER: &[u8] = b"Hello, Ada!";

/// A SyftBox data folder, until it is dropped.
pub(crate) struct Site {
    root: TempDir,
    callers: Vec<Caller>,
}

/// One who calls.
pub(crate) struct Caller {
    email: String,
    /// Where the requests of the caller lie.
    pub(crate) folder: PathBuf,
}

impl Site {
    /// Returns the folder in which sites are made: in memory where there is such
    /// a folder, since disks differ more from run to run than contestants do.
    pub(crate) fn folder() -> PathBuf {
        let memory = PathBuf::from("/dev/shm");
        match memory.is_dir() {
            true => memory,
            false => std::env::temp_dir(),
        }
    }

    pub(crate) fn new() -> anyhow::Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("syft-bench-")
            .tempdir_in(Self::folder())?;
        let endpoint = root.path().join("data/datasites").join(OWNER);
        let endpoint = endpoint.join("app_data").join(APP).join("rpc/hello");
        let callers = (0..N_CALLERS).map(|number| {
            let email = format!("caller{number}@example.com");
            let folder = endpoint.join(&email);
            fs::create_dir_all(&folder)?;
            Ok(Caller { email, folder })
        });
        let callers = callers.collect::<anyhow::Result<_>>()?;
        Ok(Self { root, callers })
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Returns one of the callers.
    pub(crate) fn a_caller(&self) -> &Caller {
        &self.callers[0]
    }

    /// Writes so many requests of all callers, and returns the paths of their
    /// answers.
    pub(crate) fn fill(&self, n_requests: usize) -> anyhow::Result<Vec<PathBuf>> {
        let callers = self.callers.iter().cycle().take(n_requests);
        callers.map(Caller::write).collect()
    }

    /// Counts the answers there are.
    pub(crate) fn n_answered(&self) -> anyhow::Result<usize> {
        let mut n_answered = 0;
        for caller in &self.callers {
            for entry in fs::read_dir(&caller.folder)? {
                let name = entry?.file_name();
                n_answered += usize::from(name.as_encoded_bytes().ends_with(b".response"));
            }
        }
        Ok(n_answered)
    }

    /// Returns when the last of these answers was written.
    pub(crate) fn last_written(&self, answers: &[PathBuf]) -> anyhow::Result<SystemTime> {
        let mut last = SystemTime::UNIX_EPOCH;
        for path in answers {
            last = last.max(fs::metadata(path)?.modified()?);
        }
        Ok(last)
    }

    /// Counts those of these answers that are wrong or missing.
    pub(crate) fn n_bad(&self, answers: &[PathBuf]) -> usize {
        answers
            .iter()
            .filter(|path| read(path) != Some(true))
            .count()
    }
}

impl Caller {
    /// Writes a request in place, as the released client does, and returns the
    /// path of its answer.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let id = Uuid::new_v4();
        let path = self.folder.join(format!("{id}.request"));
        fs::write(&path, request(id, &self.email)?)?;
        Ok(path.with_extension("response"))
    }
}

/// Reads an answer, and returns whether it is right; `None` where there is none,
/// or not all of it.
pub(crate) fn read(path: &Path) -> Option<bool> {
    let response = Response::from_json(&fs::read(path).ok()?, now()).ok()?;
    Some(response.status == Status::OK && response.body.as_deref() == Some(ANSWER))
}

/// Returns a request as the released client writes it.
fn request(id: Uuid, sender: &str) -> anyhow::Result<Vec<u8>> {
    let created = now();
    let url = format!("syft://{OWNER}/app_data/{APP}/rpc/hello");
    let request = Request {
        id: Some(id),
        sender: sender.to_owned(),
        url: SyftUrl::parse(&url).context("the URL of the endpoint")?,
        body: Some(BODY.to_owned()),
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
