//! Finding and opening what guests name.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags, Stat};
use wasmtime::component::Resource;

use super::bindings::types::{DescriptorFlags, OpenFlags};
use super::bindings::{ErrorCode, FsResult};
use super::datasites_dir::{kind, look_at};
use super::guest_path::{GuestPath, NamedPath};
use super::policy::Want;
use super::stamp::stamp_of;
use super::{Descriptor, FilesView, OpenFile};

/// What a new name takes of the bytes that a call may write, also where nothing is
/// written: as much as it takes of a disk.
pub(super) const NAME_BYTES: u64 = 4096;

impl FilesView<'_> {
    pub(super) fn descriptor(&self, it: &Resource<Descriptor>) -> FsResult<&Descriptor> {
        Ok(self.table.get(it)?)
    }

    /// Returns what a guest means by a path in a folder.
    pub(super) fn path(&self, base: &Resource<Descriptor>, path: &str) -> FsResult<NamedPath> {
        Ok(self.descriptor(base)?.folder()?.resolve(path)?)
    }

    /// Looks at what a path leads to, if the guest may know it.
    pub(super) fn look(&self, path: &GuestPath) -> FsResult<Stat> {
        let guard = self.files;
        let (may_read, may_see) = (
            guard.allows(path, Want::Read),
            guard.allows(path, Want::See),
        );
        if !may_read && !may_see {
            guard.check(path, Want::Read)?;
        }
        let stat = guard.root()?.look(path)?;
        match kind(&stat) {
            FileType::RegularFile if may_read => Ok(stat),
            FileType::Directory if may_see => Ok(stat),
            FileType::RegularFile | FileType::Directory => {
                guard.check(path, Want::Read)?;
                Err(ErrorCode::NoEntry.into())
            }
            other => {
                guard.log_unfit(path, &format!("it is a {other:?}"));
                Err(ErrorCode::NoEntry.into())
            }
        }
    }

    pub(super) fn open(
        &self,
        named: NamedPath,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Descriptor> {
        let path = named.path;
        let writes = flags.contains(DescriptorFlags::WRITE)
            || open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let want = if writes { Want::Write } else { Want::Read };
        let wants_folder = named.is_folder || open.contains(OpenFlags::DIRECTORY);
        let guard = self.files;
        if wants_folder || (!writes && !guard.allows(&path, want)) {
            return self.open_folder(path, open, want);
        }
        if writes {
            guard.check(&path, want)?;
        }
        self.open_file(path, open, flags)
    }

    pub(super) fn is_visible_folder(&self, path: &GuestPath) -> bool {
        let is_folder = || {
            let root = self.files.root();
            root.is_ok_and(|root| root.look(path).is_ok_and(|it| kind(&it).is_dir()))
        };
        self.files.allows(path, Want::See) && is_folder()
    }

    fn open_folder(&self, path: GuestPath, open: OpenFlags, want: Want) -> FsResult<Descriptor> {
        let guard = self.files;
        if !guard.allows(&path, Want::See) {
            guard.check(&path, want)?;
            guard.check(&path, Want::See)?;
        }
        if open.contains(OpenFlags::EXCLUSIVE) {
            return Err(ErrorCode::Exist.into());
        }
        match kind(&guard.root()?.look(&path)?) {
            FileType::Directory if want == Want::Write => Err(ErrorCode::IsDirectory.into()),
            FileType::Directory => {
                let mut slot = guard.open_slot(&path)?;
                slot.hold(path.bytes())?;
                Ok(Descriptor::Folder(path, Some(slot)))
            }
            FileType::RegularFile if guard.allows(&path, Want::Read) => {
                Err(ErrorCode::NotDirectory.into())
            }
            _ => Err(ErrorCode::NoEntry.into()),
        }
    }

    fn open_file(
        &self,
        path: GuestPath,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Descriptor> {
        let guard = self.files;
        let mut slot = guard.open_slot(&path)?;
        slot.hold(path.bytes())?;
        let writes = flags.contains(DescriptorFlags::WRITE);
        let truncates = open.contains(OpenFlags::TRUNCATE);
        let mut how = match writes || truncates {
            true => OFlags::RDWR,
            false => OFlags::RDONLY,
        };
        if open.contains(OpenFlags::CREATE) {
            guard.spend(&path, NAME_BYTES)?;
            how |= OFlags::CREATE;
        }
        if open.contains(OpenFlags::EXCLUSIVE) {
            how |= OFlags::EXCL;
        }
        let root = guard.root()?;
        let file = match how.contains(OFlags::CREATE) {
            true => guard.changing_name(&path, || root.open_place(&path, how))??,
            false => root.open_place(&path, how)?,
        };
        let stat = rustix::fs::fstat(&file)?;
        match kind(&stat) {
            FileType::RegularFile if stat.st_nlink <= 1 => {}
            FileType::RegularFile => {
                // Another name of it may be one that was not granted.
                guard.log_unfit(&path, "it has several hard links");
                return Err(ErrorCode::Access.into());
            }
            FileType::Directory if how == OFlags::RDONLY => {
                guard.check(&path, Want::See)?;
                return Ok(Descriptor::Folder(path, Some(slot)));
            }
            FileType::Directory => return Err(ErrorCode::IsDirectory.into()),
            other => {
                guard.log_unfit(&path, &format!("it is a {other:?}"));
                return Err(ErrorCode::Access.into());
            }
        }
        let file = File::from(file);
        if truncates {
            guard
                .changing(&path, || stamp_of(&file), || file.set_len(0))?
                .map_err(|_| ErrorCode::Io)?;
        }
        Ok(Descriptor::File(Arc::new(OpenFile {
            file,
            path,
            flags,
            guard: guard.clone(),
            _slot: slot,
        })))
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
