//! What a recorded call finds in files, does with them and leaves of them.

use std::fs::File;
use std::io::Read;

use syft_system::{Open, Stat, SystemError};

use super::bindings::{FsError, FsResult};
use super::datasites_dir::{Known, known};
use super::guard::Guard;
use super::guest_path::{GuestPath, Mount};
use crate::recording::{CallStep, FoundAtPath, Recorder};

/// What a call is about to do, where that is recorded.
pub(super) struct Noting<'a> {
    recorder: &'a Recorder,
    operation: &'static str,
    path: String,
    to: Option<String>,
}

impl Guard {
    /// Takes note of what is at a path before an operation, whose end is noted as well. What is
    /// only the call's or its program's is not recorded: it is the same when the call runs again.
    pub(super) fn noting(&self, operation: &'static str, path: &GuestPath) -> Option<Noting<'_>> {
        let recorder = self.recorder()?;
        if path.mount() != Mount::Datasites {
            return None;
        }
        self.note_found(recorder, path, operation.starts_with("open"));
        Some(Noting {
            recorder,
            operation,
            path: path.text(),
            to: None,
        })
    }

    /// As [`Guard::noting`], for what changes what is there.
    pub(super) fn noting_change(
        &self,
        operation: &'static str,
        path: &GuestPath,
    ) -> Option<Noting<'_>> {
        let recorder = self.recorder()?;
        if path.mount() == Mount::Datasites {
            self.note_found(recorder, path, true);
            recorder.touch(path.text());
        }
        self.noting(operation, path)
    }

    /// As [`Guard::noting_change`], for what moves something.
    pub(super) fn noting_move(&self, from: &GuestPath, to: &GuestPath) -> Option<Noting<'_>> {
        let (of_to, of_from) = (
            self.noting_change("move", to),
            self.noting_change("move", from),
        );
        Some(Noting {
            path: from.shown(),
            to: Some(to.shown()),
            ..of_from.or(of_to)?
        })
    }

    /// Takes note of what a list of a folder shows.
    pub(super) fn note_listed(&self, path: &GuestPath) {
        if let Some(recorder) = self.recorder() {
            self.note_found(recorder, path, false);
        }
    }

    fn note_found(&self, recorder: &Recorder, path: &GuestPath, with_content: bool) {
        let text = path.text();
        if !recorder.wants(&text, with_content) {
            return;
        }
        let Some(found) = self.at(recorder, path, with_content) else {
            return;
        };
        // Where nothing is, it matters whether something can be made there.
        if found == FoundAtPath::Absent
            && let Some(folder) = self.folder_around(path)
        {
            recorder.found_around(folder.text());
        }
        recorder.found(text, found);
    }

    /// Returns the folder that has a path in it, if there is one.
    fn folder_around(&self, path: &GuestPath) -> Option<GuestPath> {
        let (folder, _) = path.split()?;
        let stat = match self.staging(&folder) {
            Some(staging) => staging.look(&folder).ok()?,
            None => self.root()?.look(&folder).ok()?,
        };
        (known(&stat) == Ok(Known::Folder)).then_some(folder)
    }

    /// Takes note of what the call left of what it may have changed.
    pub(crate) fn note_left(&self) {
        let Some(recorder) = self.recorder() else {
            return;
        };
        for path in recorder.touched() {
            if let Some(left) = self.at(recorder, &GuestPath::of(&path), true) {
                recorder.left(path, left);
            }
        }
    }

    /// Returns what is at a path, as far as the call may know.
    fn at(&self, recorder: &Recorder, path: &GuestPath, with_content: bool) -> Option<FoundAtPath> {
        let access = self.access(path.clone());
        let (read, write, see) = (access.read().ok(), access.write().ok(), access.see().ok());
        let stat = match (&read, &write, &see) {
            (Some(granted), ..) => granted.look(),
            (None, Some(granted), _) => granted.look(),
            (None, None, granted) => granted.as_ref()?.look(),
        };
        let stat = match stat {
            Err(SystemError::NotFound | SystemError::NotAFolder) => {
                return Some(FoundAtPath::Absent);
            }
            stat => stat.ok()?,
        };
        if known(&stat).ok()? == Known::Folder {
            return Some(FoundAtPath::Folder);
        }
        let file = match (read, write) {
            _ if !with_content => None,
            (Some(granted), _) => granted.open().ok(),
            (None, Some(granted)) => granted.open(Open::READ, false).ok(),
            (None, None) => None,
        };
        Some(match file {
            Some(file) => content(recorder, file.file().file())?,
            None => found(&stat, None),
        })
    }
}

/// Reads a file as long as there is room for it.
fn content(recorder: &Recorder, file: &File) -> Option<FoundAtPath> {
    let stat = Stat::of(file).ok()?;
    if known(&stat).ok()? != Known::File {
        return None;
    }
    let room = recorder.room() as u64;
    let mut bytes = Vec::new();
    let read = file.take(room + 1).read_to_end(&mut bytes);
    if read.ok()? as u64 > room {
        recorder.too_large();
        return None;
    }
    Some(found(&stat, Some(bytes)))
}

fn found(stat: &Stat, content: Option<Vec<u8>>) -> FoundAtPath {
    let seconds = u64::try_from(stat.modified.seconds).unwrap_or(0);
    let nanos = u64::from(stat.modified.nanos);
    FoundAtPath::File {
        size: content
            .as_ref()
            .map_or(stat.bytes, |bytes| bytes.len() as u64),
        modified: seconds.saturating_mul(1_000_000_000) + nanos,
        content: content.map(Into::into),
    }
}

/// Takes note of how an operation ended, if it is recorded.
pub(super) fn noted<T>(
    noting: Option<Noting<'_>>,
    result: FsResult<T>,
    shown: impl FnOnce(&T) -> String,
) -> FsResult<T> {
    if let Some(noting) = noting {
        noting.end(match &result {
            Ok(value) => shown(value),
            Err(FsError::Code(code)) => format!("{code:?}"),
            Err(FsError::Trap(_)) => "the call was ended".to_owned(),
        });
    }
    result
}

/// As [`noted`], for what returns nothing.
pub(super) fn noted_done(noting: Option<Noting<'_>>, result: FsResult<()>) -> FsResult<()> {
    noted(noting, result, |()| "done".to_owned())
}

impl Noting<'_> {
    /// Says that there is more than a recording holds.
    pub(super) fn too_many(&self) {
        self.recorder.too_large();
    }

    /// Takes note of how it ended.
    pub(super) fn end(self, result: String) {
        self.recorder.step(CallStep::File {
            operation: self.operation.to_owned(),
            path: self.path,
            to: self.to,
            result,
        });
    }
}
