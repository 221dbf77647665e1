//! The interfaces `preopens` and `types` of `wasi:filesystem`, operation by
//! operation.
//!
//! Why: docs/decisions/23-our-own-filesystem.md

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens, mkdirat,
    openat, renameat, unlinkat, utimensat,
};
use rustix::io::Errno;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::{ErrorCode, FsError, FsResult, preopens, types};
use super::listing::{LISTING_BYTES, Listing};
use super::open::NAME_BYTES;
use super::place::{Place, kind};
use super::policy::Want;
use super::streams::{ReadStream, WriteStream};
use super::{Descriptor, MOUNT};
use crate::sandbox::store::CallState;

impl preopens::Host for CallState {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        if self.files.is_empty() {
            return Ok(Vec::new());
        }
        let root = self
            .table
            .push(Descriptor::Folder(Place::default(), None))?;
        Ok(vec![(root, MOUNT.to_owned())])
    }
}

impl types::Host for CallState {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        match error {
            FsError::Code(code) => Ok(code),
            FsError::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl types::HostDirectoryEntryStream for CallState {
    async fn read_directory_entry(
        &mut self,
        listing: Resource<Listing>,
    ) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.table.get_mut(&listing)?.next().await?)
    }

    fn drop(&mut self, listing: Resource<Listing>) -> wasmtime::Result<()> {
        self.table.delete(listing)?;
        Ok(())
    }
}

impl types::HostDescriptor for CallState {
    fn read_via_stream(
        &mut self,
        it: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let file = Arc::clone(self.descriptor(&it)?.readable()?);
        let stream: DynInputStream = Box::new(ReadStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        it: Resource<Descriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(self.descriptor(&it)?.writable()?);
        let offset = Some(offset);
        let stream: DynOutputStream = Box::new(WriteStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(
        &mut self,
        it: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(self.descriptor(&it)?.writable()?);
        let offset = None;
        let stream: DynOutputStream = Box::new(WriteStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn advise(
        &mut self,
        it: Resource<Descriptor>,
        _offset: u64,
        _length: u64,
        _advice: Advice,
    ) -> FsResult<()> {
        self.descriptor(&it)?;
        Ok(())
    }

    fn sync_data(&mut self, it: Resource<Descriptor>) -> FsResult<()> {
        if let Descriptor::File(file) = self.descriptor(&it)? {
            file.file.sync_data().map_err(|_| ErrorCode::Io)?;
        }
        Ok(())
    }

    fn get_flags(&mut self, it: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(match self.descriptor(&it)? {
            Descriptor::Folder(..) => DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
            Descriptor::File(file) => file.flags,
        })
    }

    fn get_type(&mut self, it: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(match self.descriptor(&it)? {
            Descriptor::Folder(..) => DescriptorType::Directory,
            Descriptor::File(_) => DescriptorType::RegularFile,
        })
    }

    fn set_size(&mut self, it: Resource<Descriptor>, size: u64) -> FsResult<()> {
        let file = self.descriptor(&it)?.writable()?;
        let before = file.file.metadata().map_err(|_| ErrorCode::Io)?.len();
        file.guard.spend(&file.place, size.saturating_sub(before))?;
        file.changing(|file| file.set_len(size))?
            .map_err(|_| ErrorCode::Invalid)?;
        Ok(())
    }

    fn set_times(
        &mut self,
        it: Resource<Descriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = timestamps(access, modification)?;
        let file = self.descriptor(&it)?.writable()?;
        Ok(file.changing(|file| futimens(file, &times))??)
    }

    fn read(
        &mut self,
        it: Resource<Descriptor>,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let file = self.descriptor(&it)?.readable()?;
        let bytes = file.read(usize::try_from(length).unwrap_or(usize::MAX), offset)?;
        let at_end = bytes.is_empty() && length > 0;
        Ok((bytes, at_end))
    }

    fn write(&mut self, it: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let file = self.descriptor(&it)?.writable()?;
        file.write_all(&bytes, offset)?;
        Ok(bytes.len() as u64)
    }

    fn read_directory(&mut self, it: Resource<Descriptor>) -> FsResult<Resource<Listing>> {
        let place = self.descriptor(&it)?.folder()?.clone();
        self.files.check(&place, Want::See)?;
        let slot = self.files.open_slot(&place)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = self.files.root()?.open_place(&place, flags)?;
        let charge = self.meter.hold(place.bytes() + LISTING_BYTES)?;
        let listing = Listing::new(folder, place, self.files.clone(), (slot, charge))?;
        Ok(self.table.push(listing)?)
    }

    fn sync(&mut self, it: Resource<Descriptor>) -> FsResult<()> {
        if let Descriptor::File(file) = self.descriptor(&it)? {
            file.file.sync_all().map_err(|_| ErrorCode::Io)?;
        }
        Ok(())
    }

    fn create_directory_at(&mut self, it: Resource<Descriptor>, path: String) -> FsResult<()> {
        let place = self.place(&it, &path)?.place;
        if self.is_visible_folder(&place) {
            return Err(ErrorCode::Exist.into());
        }
        self.files.check(&place, Want::MakeFolder)?;
        self.files.spend(&place, NAME_BYTES)?;
        let (folder, name) = self.files.root()?.open_parent(&place)?;
        Ok(mkdirat(folder, name, Mode::from_raw_mode(0o777))?)
    }

    fn stat(&mut self, it: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        match self.descriptor(&it)? {
            Descriptor::Folder(place, _) => Ok(describe(&self.look(place)?)),
            Descriptor::File(file) => Ok(describe(&rustix::fs::fstat(&file.file)?)),
        }
    }

    fn stat_at(
        &mut self,
        it: Resource<Descriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let named = self.place(&it, &path)?;
        let stat = describe(&self.look(&named.place)?);
        match named.is_folder && stat.type_ != DescriptorType::Directory {
            true => Err(ErrorCode::NotDirectory.into()),
            false => Ok(stat),
        }
    }

    fn set_times_at(
        &mut self,
        it: Resource<Descriptor>,
        _follow: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = timestamps(access, modification)?;
        let place = self.place(&it, &path)?.place;
        self.files.check(&place, Want::Write)?;
        let (folder, name) = self.files.root()?.open_parent(&place)?;
        if self.expect_file(&folder, name)?.st_nlink > 1 {
            // The times are those of all its names.
            self.files.log_unfit(&place, "it has several hard links");
            return Err(ErrorCode::Access.into());
        }
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let set = || utimensat(folder, name, &times, flags);
        Ok(self.files.changing_name(&place, set)??)
    }

    fn link_at(
        &mut self,
        it: Resource<Descriptor>,
        _follow: PathFlags,
        _old_path: String,
        _new: Resource<Descriptor>,
        _new_path: String,
    ) -> FsResult<()> {
        self.descriptor(&it)?;
        Err(ErrorCode::NotPermitted.into())
    }

    fn open_at(
        &mut self,
        it: Resource<Descriptor>,
        _follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let named = self.place(&it, &path)?;
        let descriptor = self.open(named, open, flags)?;
        Ok(self.table.push(descriptor)?)
    }

    fn readlink_at(&mut self, it: Resource<Descriptor>, path: String) -> FsResult<String> {
        let place = self.place(&it, &path)?.place;
        self.look(&place)?;
        // What can be looked at is no link.
        Err(ErrorCode::Invalid.into())
    }

    fn remove_directory_at(&mut self, it: Resource<Descriptor>, path: String) -> FsResult<()> {
        let place = self.place(&it, &path)?.place;
        self.files.check(&place, Want::Write)?;
        let (folder, name) = self.files.root()?.open_parent(&place)?;
        Ok(unlinkat(folder, name, AtFlags::REMOVEDIR)?)
    }

    fn rename_at(
        &mut self,
        it: Resource<Descriptor>,
        old_path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.place(&it, &old_path)?, self.place(&new, &new_path)?);
        self.files.check(&from.place, Want::Write)?;
        self.files.check(&to.place, Want::Write)?;
        let (from_folder, from_name) = self.files.root()?.open_parent(&from.place)?;
        let (to_folder, to_name) = self.files.root()?.open_parent(&to.place)?;
        // A folder would take along what is below it to where it is granted.
        self.expect_file(&from_folder, from_name)?;
        if from.is_folder || to.is_folder {
            return Err(ErrorCode::NotDirectory.into());
        }
        let rename = || rename((&from_folder, from_name), (&to_folder, to_name));
        let rename = || self.files.changing_name(&to.place, rename);
        Ok(self.files.changing_name(&from.place, rename)???)
    }

    fn symlink_at(
        &mut self,
        it: Resource<Descriptor>,
        _old_path: String,
        _new_path: String,
    ) -> FsResult<()> {
        self.descriptor(&it)?;
        Err(ErrorCode::NotPermitted.into())
    }

    fn unlink_file_at(&mut self, it: Resource<Descriptor>, path: String) -> FsResult<()> {
        let named = self.place(&it, &path)?;
        self.files.check(&named.place, Want::Write)?;
        let (folder, name) = self.files.root()?.open_parent(&named.place)?;
        self.expect_file(&folder, name)?;
        if named.is_folder {
            return Err(ErrorCode::NotDirectory.into());
        }
        let unlink = || unlinkat(&folder, name, AtFlags::empty());
        Ok(self.files.changing_name(&named.place, unlink)??)
    }

    fn is_same_object(
        &mut self,
        it: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        let (it, other) = (self.table.get(&it)?, self.table.get(&other)?);
        Ok(match (it, other) {
            (Descriptor::Folder(it, _), Descriptor::Folder(other, _)) => it == other,
            (Descriptor::File(it), Descriptor::File(other)) => it.place == other.place,
            _ => false,
        })
    }

    fn metadata_hash(&mut self, it: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        match self.descriptor(&it)? {
            Descriptor::Folder(place, _) => Ok(identity(&self.look(place)?)),
            Descriptor::File(file) => Ok(identity(&rustix::fs::fstat(&file.file)?)),
        }
    }

    fn metadata_hash_at(
        &mut self,
        it: Resource<Descriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let place = self.place(&it, &path)?.place;
        Ok(identity(&self.look(&place)?))
    }

    fn drop(&mut self, it: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(it)?;
        Ok(())
    }
}

/// Renames a file, and never a folder.
fn rename(from: (&OwnedFd, &str), to: (&OwnedFd, &str)) -> Result<(), Errno> {
    let ((from_folder, from_name), (to_folder, to_name)) = (from, to);
    // A folder may have come in the place of the file since the look at it. The
    // kernel puts no folder in the place of a file, so there shall be one.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let made = match openat(to_folder, to_name, flags, Mode::from_raw_mode(0o666)) {
        Ok(_) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error),
    };
    let renamed = renameat(from_folder, from_name, to_folder, to_name);
    if made && renamed.is_err() {
        unlinkat(to_folder, to_name, AtFlags::empty())?;
    }
    renamed
}

fn describe(stat: &Stat) -> DescriptorStat {
    let time = |seconds: i64, nanoseconds: u64| {
        Some(Datetime {
            seconds: u64::try_from(seconds).ok()?,
            nanoseconds: u32::try_from(nanoseconds).ok()?,
        })
    };
    DescriptorStat {
        type_: match kind(stat).is_dir() {
            true => DescriptorType::Directory,
            false => DescriptorType::RegularFile,
        },
        link_count: 1,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: time(stat.st_atime, stat.st_atime_nsec),
        data_modification_timestamp: time(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}

/// Returns what tells a file from others, and nothing about where it lies.
fn identity(stat: &Stat) -> MetadataHashValue {
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, stat.st_dev, stat.st_ino).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue {
        lower: hash(0),
        upper: hash(1),
    }
}

fn timestamps(access: NewTimestamp, modification: NewTimestamp) -> Result<Timestamps, ErrorCode> {
    let timespec = |time| {
        Ok::<_, ErrorCode>(match time {
            NewTimestamp::NoChange => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            NewTimestamp::Now => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            },
            NewTimestamp::Timestamp(time) => Timespec {
                tv_sec: i64::try_from(time.seconds).map_err(|_| ErrorCode::Overflow)?,
                tv_nsec: time.nanoseconds.into(),
            },
        })
    };
    Ok(Timestamps {
        last_access: timespec(access)?,
        last_modification: timespec(modification)?,
    })
}
