//! What a worker is told of paths: what the call may do there, and what it may know of what is there.

use rustix::fs::{OFlags, Stat, fstat};
use rustix::io::Errno;

use super::super::access::Access;
use super::super::datasites_dir::{DatasitesDir, Known, known};
use super::super::guest_path::GuestPath;
use super::super::stamp::stamp_of;
use super::handles::OpenedFile;
use super::{Answered, Held, OwnerFiles, Refused, fault, path};
use crate::wire::{FileContent, FileReply, FoundThing, Looked, Opened, Seen, SeenStamp};

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
        let nothing = Err(Errno::NOENT);
        let found = match self.tree() {
            Ok((root, _)) if see || read || write || make_folder => {
                found_at(root, path, read || write, see)
            }
            _ => Err(Errno::NOENT),
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
            found: found.map_err(fault),
            parent: parent.map_err(fault),
            names: names.map_err(fault),
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
            Err(error) => Err(error),
            Ok(file) => self.told(&path, file, &looked).await,
        };
        let opened = match opened {
            Ok(opened) => Ok(opened),
            Err(Refused::Fault(error)) => Err(fault(error)),
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
    ) -> Result<std::os::fd::OwnedFd, Refused> {
        let (root, _) = self.tree()?;
        if !looked.read && !looked.write {
            return Err(Refused::Fault(Errno::NOENT));
        }
        if writes && looked.write {
            // The owner may have taken the right away.
            root.open_unchecked(access.path(), OFlags::RDWR)?;
        }
        Ok(root.open_unchecked(access.path(), OFlags::RDONLY)?)
    }

    async fn told(
        &self,
        path: &GuestPath,
        file: std::os::fd::OwnedFd,
        looked: &Looked,
    ) -> Result<Opened, Refused> {
        let stat = fstat(&file)?;
        let content = match known(&stat) {
            Ok(Known::File) => None,
            Ok(Known::Folder) if looked.see => Some(FoundThing::Folder(seen(&stat, None))),
            Ok(Known::Folder) => return Err(Refused::Fault(Errno::NOENT)),
            Err(_) => Some(FoundThing::Unfit),
        };
        if let Some(found) = content {
            let content = FileContent::None;
            return Ok(Opened { found, content });
        }
        let file = OpenedFile::settled(file).await?;
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

/// Returns what is at a path, as far as the call may know it.
fn found_at(
    root: &DatasitesDir,
    path: &GuestPath,
    knows_files: bool,
    knows_folders: bool,
) -> Result<FoundThing, Errno> {
    let stat = root.look(path)?;
    match known(&stat) {
        Ok(Known::File) if !knows_files => Ok(FoundThing::SomeFile),
        Ok(Known::File) => {
            // It may have come in the place of what was looked at first.
            let stamp = root.stamp(path)?.ok_or(Errno::NOENT)?;
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
    let time = |seconds: i64, nanos: u64| (seconds, u32::try_from(nanos).unwrap_or(0));
    let of_stat = || SeenStamp {
        inode: stat.st_ino,
        born: (0, 0),
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
        mode: stat.st_mode,
    };
    Seen {
        device: stat.st_dev,
        stamp: stamp.unwrap_or_else(of_stat),
        accessed: time(stat.st_atime, stat.st_atime_nsec),
    }
}

/// Returns what is known of a folder that may be made and not known.
fn nothing_of(stat: &Stat) -> Seen {
    let stamp = SeenStamp {
        inode: stat.st_ino,
        born: (0, 0),
        bytes: 0,
        modified: (0, 0),
        changed: (0, 0),
        mode: stat.st_mode,
    };
    Seen {
        device: stat.st_dev,
        stamp,
        accessed: (0, 0),
    }
}

pub(super) fn stamp(file: impl std::os::fd::AsFd) -> Result<SeenStamp, Refused> {
    let stamp = stamp_of(file).ok_or(Errno::NOENT)?;
    Ok(SeenStamp::from(&stamp))
}
