//! Finding and opening what guests name.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, Stat};
use wasmtime::component::Resource;

use super::access::{Access, Granted, ToRead, ToWrite};
use super::bindings::types::{DescriptorFlags, OpenFlags};
use super::bindings::{ErrorCode, FsResult};
use super::datasites_dir::{kind, look_at};
use super::guard::Slot;
use super::guest_path::{GuestPath, NamedPath};
use super::stamp::stamp_of;
use super::{FileDescriptor, FilesView, OpenFile};

/// What a new name takes of the bytes that a call may write, also where nothing is
/// written: as much as it takes of a disk.
pub(super) const NAME_BYTES: u64 = 4096;

impl FilesView<'_> {
    pub(super) fn descriptor(
        &self,
        descriptor: &Resource<FileDescriptor>,
    ) -> FsResult<&FileDescriptor> {
        Ok(self.table.get(descriptor)?)
    }

    /// Returns what a guest means by a path in a folder.
    pub(super) fn path(&self, base: &Resource<FileDescriptor>, path: &str) -> FsResult<NamedPath> {
        Ok(self.descriptor(base)?.folder()?.resolve(path)?)
    }

    /// Looks at what a path leads to, if the guest may know it.
    pub(super) fn look(&self, path: GuestPath) -> FsResult<Stat> {
        let access = self.files.access(path);
        let (read, see) = (access.read(), access.see());
        let stat = match (&read, &see) {
            (Ok(granted), _) => granted.look()?,
            (_, Ok(granted)) => granted.look()?,
            (Err(refusal), Err(_)) => return Err(self.files.refuse(refusal).into()),
        };
        match kind(&stat) {
            FileType::RegularFile if read.is_ok() => Ok(stat),
            FileType::Directory if see.is_ok() => Ok(stat),
            FileType::RegularFile | FileType::Directory => {
                self.files.enforce(read)?;
                Err(ErrorCode::NoEntry.into())
            }
            other => {
                let what = format!("it is a {other:?}");
                self.files.log_unfit(access.path(), &what);
                Err(ErrorCode::NoEntry.into())
            }
        }
    }

    pub(super) fn open(
        &self,
        named: NamedPath,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<FileDescriptor> {
        let access = self.files.access(named.path);
        let writes = flags.contains(DescriptorFlags::WRITE)
            || open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        if named.is_folder || open.contains(OpenFlags::DIRECTORY) {
            return self.open_folder(&access, open, writes);
        }
        if writes {
            let granted = self.files.enforce(access.write())?;
            return self.open_to_write(&granted, open, flags);
        }
        match access.read() {
            Ok(granted) => self.open_to_read(&access, &granted, flags),
            // It may be a folder, which is known and not read.
            Err(_) => self.open_folder(&access, open, writes),
        }
    }

    /// Tells whether there is a folder that the guest may know.
    pub(super) fn is_visible_folder(access: &Access<'_>) -> bool {
        let Ok(granted) = access.see() else {
            return false;
        };
        granted.look().is_ok_and(|stat| kind(&stat).is_dir())
    }

    fn open_folder(
        &self,
        access: &Access<'_>,
        open: OpenFlags,
        writes: bool,
    ) -> FsResult<FileDescriptor> {
        let granted = access.see().map_err(|unseen| {
            // What was wanted comes first, where that was not granted either.
            let wanted = if writes {
                access.write().err()
            } else {
                access.read().err()
            };
            self.files.refuse(&wanted.unwrap_or(unseen))
        })?;
        if open.contains(OpenFlags::EXCLUSIVE) {
            return Err(ErrorCode::Exist.into());
        }
        match kind(&granted.look()?) {
            FileType::Directory if writes => Err(ErrorCode::IsDirectory.into()),
            FileType::Directory => {
                let slot = self.open_slot(granted.path())?;
                Ok(FileDescriptor::Folder(granted.path().clone(), Some(slot)))
            }
            FileType::RegularFile if access.read().is_ok() => Err(ErrorCode::NotDirectory.into()),
            _ => Err(ErrorCode::NoEntry.into()),
        }
    }

    fn open_to_read(
        &self,
        access: &Access<'_>,
        granted: &Granted<'_, ToRead>,
        flags: DescriptorFlags,
    ) -> FsResult<FileDescriptor> {
        let path = granted.path();
        let slot = self.open_slot(path)?;
        let file = granted.open()?;
        match self.expect_one_name(path, &file)? {
            Opened::File => Ok(self.opened(file, path, flags, slot)),
            Opened::Folder => {
                self.files.enforce(access.see())?;
                Ok(FileDescriptor::Folder(path.clone(), Some(slot)))
            }
        }
    }

    fn open_to_write(
        &self,
        granted: &Granted<'_, ToWrite>,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<FileDescriptor> {
        let path = granted.path();
        let slot = self.open_slot(path)?;
        let truncates = open.contains(OpenFlags::TRUNCATE);
        let mut how = if truncates || flags.contains(DescriptorFlags::WRITE) {
            OFlags::RDWR
        } else {
            OFlags::RDONLY
        };
        if open.contains(OpenFlags::EXCLUSIVE) {
            how |= OFlags::EXCL;
        }
        let file = if open.contains(OpenFlags::CREATE) {
            self.files.spend(path, NAME_BYTES)?;
            let make = || granted.open(how | OFlags::CREATE);
            self.files.changing_name(granted, make)??
        } else {
            granted.open(how)?
        };
        if self.expect_one_name(path, &file)? == Opened::Folder {
            return Err(ErrorCode::IsDirectory.into());
        }
        let file = File::from(file);
        if truncates {
            self.files
                .changing(path, || stamp_of(&file), || file.set_len(0))?
                .map_err(|_| ErrorCode::Io)?;
        }
        Ok(self.opened(file, path, flags, slot))
    }

    fn open_slot(&self, path: &GuestPath) -> FsResult<Slot> {
        let mut slot = self.files.open_slot(path)?;
        slot.hold(path.bytes())?;
        Ok(slot)
    }

    fn opened(
        &self,
        file: impl Into<File>,
        path: &GuestPath,
        flags: DescriptorFlags,
        slot: Slot,
    ) -> FileDescriptor {
        FileDescriptor::File(Arc::new(OpenFile {
            file: file.into(),
            path: path.clone(),
            flags,
            guard: self.files.clone(),
            _slot: slot,
        }))
    }

    /// Makes sure that what was opened is a folder, or a regular file with one name.
    fn expect_one_name(&self, path: &GuestPath, opened: &OwnedFd) -> FsResult<Opened> {
        let stat = rustix::fs::fstat(opened)?;
        match kind(&stat) {
            FileType::Directory => Ok(Opened::Folder),
            FileType::RegularFile if stat.st_nlink <= 1 => Ok(Opened::File),
            FileType::RegularFile => {
                // Another name of it may be one that was not granted.
                self.files.log_unfit(path, "it has several hard links");
                Err(ErrorCode::Access.into())
            }
            other => {
                self.files.log_unfit(path, &format!("it is a {other:?}"));
                Err(ErrorCode::Access.into())
            }
        }
    }

    /// Makes sure that a regular file is at a path, for operations on its name.
    pub(super) fn expect_file(&self, folder: impl AsFd, name: &str) -> FsResult<Stat> {
        let stat = look_at(folder.as_fd(), name)?;
        match kind(&stat) {
            FileType::RegularFile => Ok(stat),
            FileType::Directory => Err(ErrorCode::IsDirectory.into()),
            _ => Err(ErrorCode::NoEntry.into()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    File,
    Folder,
}
