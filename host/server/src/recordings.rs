//! Which calls of an app are to be recorded, and those that were: files in a private folder.
//!
//! The owner puts an order there, which a serving host finds within a second; when it is carried
//! out, the host takes it away.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use syft_manifest::clock::now;
use uuid::Uuid;

use syft_runtime::recording::{RecordedApp, Recorder};
use syft_runtime::wit::rpc;
use syft_system::private;

use crate::private_folder::PrivateFolder;

/// The most calls of one order.
pub const MAX_CALLS: u32 = 100;

/// The most recordings of an app that are kept.
pub const MAX_KEPT: usize = 200;

/// Calls that are recorded at the same time, where it turns out later which of them are kept.
const MOST_RUNNING: u32 = 8;

/// The most bytes of an order.
const MAX_ORDER_BYTES: u64 = 64 << 10;

const ORDER: &str = "order";

/// Which calls are to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingOrder {
    /// Those of this endpoint alone.
    pub endpoint: Option<String>,
    /// Those of this sender alone.
    pub sender: Option<String>,
    /// Those alone that give no answer, or one of a status of 400 and more.
    pub only_errors: bool,
    /// So many more.
    pub calls: u32,
}

/// Where the recordings of an app are kept, and the order for more.
#[derive(Debug, Clone)]
pub struct RecordingFolder {
    folder: PathBuf,
}

/// A recording that was kept.
#[derive(Debug, Clone)]
pub struct KeptRecording {
    /// The id of its request.
    pub id: Uuid,
    /// Its file.
    pub path: PathBuf,
    /// The bytes of the file.
    pub bytes: u64,
}

impl RecordingFolder {
    /// Returns the usual one, in the private folder of an app.
    pub fn of(folder: &PrivateFolder) -> Self {
        Self::at(folder.join("recordings"))
    }

    /// Returns one at a path.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns which calls are to be recorded, if any are.
    ///
    /// # Errors
    /// The order cannot be read, or is none.
    pub fn order(&self) -> io::Result<Option<RecordingOrder>> {
        let read = match private::read(&self.folder.join(ORDER), MAX_ORDER_BYTES)? {
            Some(bytes) => bytes,
            None => return Ok(None),
        };
        Ok(Some(serde_json::from_slice(&read)?))
    }

    /// Orders calls to be recorded, in the place of any order before; or none more.
    ///
    /// # Errors
    /// The disk.
    pub fn put_order(&self, order: Option<&RecordingOrder>) -> io::Result<()> {
        let path = self.folder.join(ORDER);
        match order {
            Some(order) => {
                private::make_folder(&self.folder)?;
                private::write(&path, &serde_json::to_vec(order)?)
            }
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        }
    }

    /// Returns what is kept, the newest last.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn kept(&self) -> io::Result<Vec<KeptRecording>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let id = stem.and_then(|stem| Uuid::parse_str(stem).ok());
            let metadata = fs::metadata(&path);
            if let (Some(id), Ok(metadata)) = (id, metadata) {
                let bytes = metadata.len();
                kept.push((metadata.modified()?, KeptRecording { id, path, bytes }));
            }
        }
        kept.sort_by_key(|(at, _)| *at);
        Ok(kept.into_iter().map(|(_, kept)| kept).collect())
    }

    /// Deletes what is kept, and returns how many there were.
    ///
    /// # Errors
    /// The disk.
    pub fn clear(&self) -> io::Result<usize> {
        let kept = self.kept()?;
        for recording in &kept {
            fs::remove_file(&recording.path)?;
        }
        Ok(kept.len())
    }

    fn keep(&self, id: &str, json: &[u8]) -> io::Result<PathBuf> {
        if self.kept()?.len() >= MAX_KEPT {
            return Err(io::Error::other(format!(
                "{MAX_KEPT} are kept already: delete them with --clear"
            )));
        }
        private::make_folder(&self.folder)?;
        let path = self.folder.join(id).with_extension("json");
        private::write(&path, json)?;
        Ok(path)
    }
}

/// Has calls of an app recorded while it is served.
pub struct Recordings {
    folder: RecordingFolder,
    app: RecordedApp,
    /// All calls are recorded, whatever the folder says, up to the most of an order.
    is_fixed: bool,
    /// There is an order.
    is_on: AtomicBool,
    order: Mutex<LiveOrder>,
}

/// An order that is being carried out.
#[derive(Default)]
struct LiveOrder {
    order: Option<RecordingOrder>,
    /// Calls that are recorded now, which count as those that will be kept.
    n_running: u32,
    /// What was said of an order that cannot be read.
    trouble: Option<String>,
}

impl Recordings {
    /// Returns those of an app that an order in the folder is for.
    pub fn new(folder: RecordingFolder, app: RecordedApp) -> Self {
        let recordings = Self {
            folder,
            app,
            is_fixed: false,
            is_on: AtomicBool::new(false),
            order: Mutex::default(),
        };
        recordings.look();
        recordings
    }

    /// Returns those of an app of which each call is recorded, up to [`MAX_CALLS`] of them.
    pub fn of_all(folder: RecordingFolder, app: RecordedApp) -> Self {
        let order = RecordingOrder {
            endpoint: None,
            sender: None,
            only_errors: false,
            calls: MAX_CALLS,
        };
        let live = LiveOrder {
            order: Some(order),
            ..LiveOrder::default()
        };
        Self {
            folder,
            app,
            is_fixed: true,
            is_on: AtomicBool::new(true),
            order: Mutex::new(live),
        }
    }

    fn live(&self) -> MutexGuard<'_, LiveOrder> {
        self.order.lock().expect("no holder of this lock panics")
    }

    /// Looks what the owner wants to have recorded.
    pub(crate) fn look(&self) {
        if self.is_fixed {
            return;
        }
        let found = self.folder.order();
        let mut live = self.live();
        match found {
            Ok(order) => {
                if live.order != order {
                    match &order {
                        Some(order) => tracing::info!(calls = order.calls, "calls are recorded"),
                        None => tracing::info!("calls are recorded no more"),
                    }
                }
                (live.order, live.trouble) = (order, None);
            }
            Err(error) => {
                let why = error.to_string();
                if live.trouble.as_ref() != Some(&why) {
                    tracing::warn!("nothing is recorded, since the order cannot be read: {why}");
                }
                (live.order, live.trouble) = (None, Some(why));
            }
        }
        self.is_on.store(live.order.is_some(), Ordering::Relaxed);
    }

    /// Tells whether a call is to be recorded, as far as that is known before it runs.
    pub(crate) fn wants(&self, request: &rpc::Request) -> bool {
        let is_on = self.is_on.load(Ordering::Relaxed);
        is_on && (self.live().order.as_ref()).is_some_and(|order| order.wants(request))
    }

    /// Returns what records a call, if it is to be recorded.
    pub(crate) fn begin(
        self: &Arc<Self>,
        request: &rpc::Request,
        recorder: impl FnOnce() -> Option<Recorder>,
    ) -> Option<RunningRecording> {
        if !self.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let mut live = self.live();
        let order = live.order.as_ref().filter(|order| order.wants(request))?;
        // Of most calls it is not known yet that nobody wants them.
        let most = if order.only_errors {
            order.calls.max(MOST_RUNNING)
        } else {
            order.calls
        };
        if live.n_running >= most {
            return None;
        }
        let Some(recorder) = recorder() else {
            tracing::warn!(
                request = request.id,
                "the call is not recorded: there is no memory for it (--memory-total)"
            );
            return None;
        };
        live.n_running += 1;
        drop(live);
        Some(RunningRecording {
            recorder,
            recordings: Arc::clone(self),
        })
    }

    /// Keeps the recording of a call that has ended, if the order is for such calls.
    fn keep(&self, request: &rpc::Request, recorder: &Recorder, has_failed: bool) {
        // The owner may have said something else meanwhile.
        self.look();
        let mut live = self.live();
        let Some(order) = &mut live.order else {
            return;
        };
        if order.only_errors && !has_failed {
            return;
        }
        order.calls = order.calls.saturating_sub(1);
        let left = Some(order.clone()).filter(|order| order.calls > 0);
        let counted = if self.is_fixed {
            Ok(())
        } else {
            self.folder.put_order(left.as_ref())
        };
        if left.is_none() {
            self.is_on.store(false, Ordering::Relaxed);
        }
        live.order = left;
        drop(live);
        if let Err(error) = counted {
            tracing::warn!("cannot write how many calls are still to be recorded: {error}");
        }
        let json = recorder.to_json(self.app.clone(), now().micros());
        let kept = json.and_then(|json| {
            let kept = self.folder.keep(&request.id, &json);
            kept.map_err(|error| error.to_string())
        });
        match kept {
            Ok(path) => {
                let file = path.display().to_string();
                tracing::info!(request = request.id, file, "the call was recorded");
            }
            Err(why) => {
                tracing::warn!(request = request.id, "the recording is not kept: {why}");
            }
        }
    }
}

/// The recording of a call that runs. Nothing of it is kept unless it is asked for.
pub(crate) struct RunningRecording {
    recorder: Recorder,
    recordings: Arc<Recordings>,
}

impl RunningRecording {
    /// Returns what takes note of the call.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Keeps it, if such calls are wanted. This writes to the disk.
    pub(crate) fn keep(self, request: &rpc::Request, has_failed: bool) {
        self.recordings.keep(request, &self.recorder, has_failed);
    }
}

impl Drop for RunningRecording {
    fn drop(&mut self) {
        self.recordings.live().n_running -= 1;
    }
}

impl fmt::Debug for RunningRecording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunningRecording")
            .finish_non_exhaustive()
    }
}

impl RecordingOrder {
    fn wants(&self, request: &rpc::Request) -> bool {
        let is_it = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is_it(&self.endpoint, &request.endpoint) && is_it(&self.sender, &request.sender)
    }
}
