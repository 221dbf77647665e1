//! What a worker is told of paths: what the call may do there, and what it may know of what is there.

use std::fs::File;

use syft_system::{Open, OpenedFile, Stat, StatTime, SystemError};

use super::super::access::Access;
use super::super::datasites_dir::{DatasitesDir, Known, known};
use super::super::guest_path::GuestPath;
use super::super::stamp::stamp_of;
use super::handles::SettledFile;
use super::{Answered, Held, OwnerFiles, Refused, path};
use crate::wire::{FileContent, FileFault, FileReply, FoundThing, Looked, Opened, Seen, SeenStamp};

/// Smaller files are told whole.
const WHOLE_BYTES: u64 = 256 << 10;

impl OwnerFiles {
    pub(super) fn look(&self, paths: &[String]) -> Answered {
        let paths: Vec<GuestPath> = paths
            .iter()
            .map(|text| path(text))
            .collect::<Result<_, _>>()?;
        let looked = paths.into_iter().map(|path| {
            let access = self.guard().access(path);
            self.looked(&access)
        });
        Ok(FileReply::Looked(looked.collect()))
    }

    fn looked(&self, access: &Access<'_>) -> Looked {
        let (see, read) = (access.see().is_ok(), access.read().is_ok());
        let (write, make_folder) = (access.write().is_ok(), access.make_folder().is_ok());
        let path = access.path();
        let nothing = Err(SystemError::NotFound);
        let found = match self.tree() {
            Ok((root, _)) if see || read || write || make_folder => {
                found_at(root, path, read || write, see)
            }
            _ => Err(SystemError::NotFound),
        };
        let (parent, names) = match self.tree() {
            Ok((_, staging)) if write || make_folder => {
                (staging.check_parent(path), staging.may_change_names(path))
            }
            _ => (nothing, nothing),
        };
        Looked {
            see,
            read,
            write,
            make_folder,
            found: found.map_err(FileFault::from),
            parent: parent.map_err(FileFault::from),
            names: names.map_err(FileFault::from),
        }
    }

    pub(super) async fn open(&self, text: &str, writes: bool) -> Answered {
        let path = path(text)?;
        let (looked, opened) = {
            let access = self.guard().access(path.clone());
            let looked = self.looked(&access);
            let opened = self.opened(&access, &looked, writes);
            (looked, opened)
        };
        let opened = match opened {
            Ok(file) => self.told(&path, file).await,
            Err(Refused::Fault(SystemError::IsAFolder)) => folder_told(&looked),
            Err(Refused::Fault(SystemError::NotAFile)) => Ok(nothing_told(FoundThing::Unfit)),
            Err(error) => Err(error),
        };
        let opened = match opened {
            Ok(opened) => Ok(opened),
            Err(Refused::Fault(error)) => Err(error.into()),
            Err(breach) => return Err(breach),
        };
        Ok(FileReply::Opened(Box::new(looked), opened))
    }

    /// Opens what the call may read or write. Who writes reads as well: what is changed in place is
    /// copied before.
    fn opened(
        &self,
        access: &Access<'_>,
        looked: &Looked,
        writes: bool,
    ) -> Result<OpenedFile, Refused> {
        let (root, _) = self.tree()?;
        if !looked.read && !looked.write {
            return Err(Refused::Fault(SystemError::NotFound));
        }
        if writes && looked.write {
            // The owner may have taken the right away.
            root.open_file(access.path(), Open::READ_WRITE)?;
        }
        Ok(root.open_file(access.path(), Open::READ)?)
    }

    async fn told(&self, path: &GuestPath, opened: OpenedFile) -> Result<Opened, Refused> {
        let OpenedFile { file, found: stat } = opened;
        if known(&stat).is_err() {
            return Ok(nothing_told(FoundThing::Unfit));
        }
        let file = SettledFile::settled(file).await?;
        let found = FoundThing::File(seen(&stat, Some(file.stamp())));
        let content = if file.stamp().bytes <= WHOLE_BYTES {
            FileContent::Whole(file.whole()?)
        } else {
            let slot = self.guard().open_slot(path, "read")?;
            FileContent::InParts(self.handles().add(Held::File(file.held(slot))))
        };
        Ok(Opened { found, content })
    }
}

/// Returns what is told of a folder that was to be opened as a file, if the call may know it.
fn folder_told(looked: &Looked) -> Result<Opened, Refused> {
    match &looked.found {
        Ok(found @ FoundThing::Folder(_)) if looked.see => Ok(nothing_told(found.clone())),
        _ => Err(Refused::Fault(SystemError::NotFound)),
    }
}

fn nothing_told(found: FoundThing) -> Opened {
    let content = FileContent::None;
    Opened { found, content }
}

/// Returns what is at a path, as far as the call may know it.
fn found_at(
    root: &DatasitesDir,
    path: &GuestPath,
    knows_files: bool,
    knows_folders: bool,
) -> Result<FoundThing, SystemError> {
    let stat = root.look(path)?;
    match known(&stat) {
        Ok(Known::File) if !knows_files => Ok(FoundThing::SomeFile),
        Ok(Known::File) => {
            // It may have come in the place of what was looked at first.
            let stamp = root.stamp(path)?.ok_or(SystemError::NotFound)?;
            Ok(FoundThing::File(seen(&stat, Some(SeenStamp::from(&stamp)))))
        }
        Ok(Known::Folder) if knows_folders || knows_files => {
            Ok(FoundThing::Folder(seen(&stat, None)))
        }
        Ok(Known::Folder) => Ok(FoundThing::Folder(nothing_of(&stat))),
        Err(_) => Ok(FoundThing::Unfit),
    }
}

/// Returns what is known of something; of a folder there is no stamp.
fn seen(stat: &Stat, stamp: Option<SeenStamp>) -> Seen {
    let time = |time: StatTime| (time.seconds, time.nanos);
    let of_stat = || SeenStamp {
        inode: stat.id.file,
        born: (0, 0),
        bytes: stat.bytes,
        modified: time(stat.modified),
        changed: time(stat.changed),
        mode: stat.mode,
    };
    Seen {
        device: stat.id.device,
        stamp: stamp.unwrap_or_else(of_stat),
        accessed: time(stat.accessed),
    }
}

/// Returns what is known of a folder that may be made and not known.
fn nothing_of(stat: &Stat) -> Seen {
    let stamp = SeenStamp {
        inode: stat.id.file,
        born: (0, 0),
        bytes: 0,
        modified: (0, 0),
        changed: (0, 0),
        mode: stat.mode,
    };
    Seen {
        device: stat.id.device,
        stamp,
        accessed: (0, 0),
    }
}

pub(super) fn stamp(file: &File) -> Result<SeenStamp, Refused> {
    let stamp = stamp_of(file).ok_or(SystemError::NotFound)?;
    Ok(SeenStamp::from(&stamp))
}
