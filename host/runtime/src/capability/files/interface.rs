//! The interfaces `preopens` and `types` of `wasi:filesystem`, operation by
//! operation.
//!
//! Why: docs/decisions/23-our-own-filesystem.md

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fdatasync, fsync, utimensat,
};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::{ErrorCode, FsError, FsResult, preopens, types};
use super::datasites_dir::{Known, kind};
use super::guest_path::{GuestPath, NamedPath, PathEnd};
use super::listing::{LISTING_BYTES, Listing};
use super::moves::rename;
use super::open::NAME_BYTES;
use super::recorded::{noted, noted_done};
use super::streams::{ReadStream, WriteStream};
use super::{FileDescriptor, FilesView};

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<FileDescriptor>, String)>> {
        let mut found = Vec::new();
        for mount in self.files.mounts() {
            let folder = FileDescriptor::Folder(GuestPath::top(mount), None);
            found.push((self.table.push(folder)?, mount.path().to_owned()));
        }
        Ok(found)
    }
}

impl types::Host for FilesView<'_> {
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

impl types::HostDirectoryEntryStream for FilesView<'_> {
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

impl types::HostDescriptor for FilesView<'_> {
    fn read_via_stream(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let file = Arc::clone(self.descriptor(&descriptor)?.readable()?);
        let stream: DynInputStream = Box::new(ReadStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        offset: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(self.descriptor(&descriptor)?.writable()?);
        let offset = Some(offset);
        let stream: DynOutputStream = Box::new(WriteStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(
        &mut self,
        descriptor: Resource<FileDescriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let file = Arc::clone(self.descriptor(&descriptor)?.writable()?);
        let offset = None;
        let stream: DynOutputStream = Box::new(WriteStream { file, offset });
        Ok(self.table.push(stream)?)
    }

    fn advise(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _offset: u64,
        _length: u64,
        _advice: Advice,
    ) -> FsResult<()> {
        self.descriptor(&descriptor)?;
        Ok(())
    }

    fn sync_data(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<()> {
        match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(path, _) => Ok(fdatasync(self.open_seen(path.clone())?)?),
            FileDescriptor::File(file) => Ok(fdatasync(file.current())?),
        }
    }

    fn get_flags(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<DescriptorFlags> {
        Ok(match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(..) => DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
            FileDescriptor::File(file) => file.flags,
        })
    }

    fn get_type(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<DescriptorType> {
        Ok(match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(..) => DescriptorType::Directory,
            FileDescriptor::File(_) => DescriptorType::RegularFile,
        })
    }

    fn set_size(&mut self, descriptor: Resource<FileDescriptor>, size: u64) -> FsResult<()> {
        let file = self.descriptor(&descriptor)?.writable()?;
        let before = file.current().metadata().map_err(|_| ErrorCode::Io)?.len();
        file.guard.spend(&file.path, size.saturating_sub(before))?;
        file.changing(|file| file.set_len(size))?
            .map_err(|_| ErrorCode::Invalid)?;
        Ok(())
    }

    fn set_times(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = timestamps(access, modification)?;
        match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(path, _) => self.set_folder_times(path.clone(), &times),
            FileDescriptor::File(file) => self.set_file_times(file, &times),
        }
    }

    fn read(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let file = self.descriptor(&descriptor)?.readable()?;
        let bytes = file.read(usize::try_from(length).unwrap_or(usize::MAX), offset)?;
        let at_end = bytes.is_empty() && length > 0;
        Ok((bytes, at_end))
    }

    fn write(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        bytes: Vec<u8>,
        offset: u64,
    ) -> FsResult<u64> {
        let file = self.descriptor(&descriptor)?.writable()?;
        file.write_all(&bytes, offset)?;
        Ok(bytes.len() as u64)
    }

    fn read_directory(
        &mut self,
        descriptor: Resource<FileDescriptor>,
    ) -> FsResult<Resource<Listing>> {
        let access = self
            .files
            .access(self.descriptor(&descriptor)?.folder()?.clone());
        let granted = self.files.enforce(access.see())?;
        let mut slot = self.files.open_slot(granted.path(), "list")?;
        let entries = granted.list()?;
        slot.hold(granted.path().bytes() + LISTING_BYTES)?;
        let mut listing = Listing::new(entries, access.into_path(), self.files.clone(), slot)?;
        listing.record()?;
        Ok(self.table.push(listing)?)
    }

    fn sync(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<()> {
        match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(path, _) => Ok(fsync(self.open_seen(path.clone())?)?),
            FileDescriptor::File(file) => Ok(fsync(file.current())?),
        }
    }

    fn create_directory_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        let named = self.path(&descriptor, &path)?;
        let noting = self.files.noting_change("make the folder", &named.path);
        noted_done(noting, self.make_folder(named))
    }

    fn stat(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<DescriptorStat> {
        match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(path, _) => Ok(describe(&self.look(path.clone())?)),
            FileDescriptor::File(file) => Ok(describe(&rustix::fs::fstat(file.current())?)),
        }
    }

    fn stat_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let named = self.path(&descriptor, &path)?;
        let noting = self.files.noting("look at", &named.path);
        let stat = noted(noting, self.look_named(named), shown)?;
        Ok(describe(&stat))
    }

    fn set_times_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = timestamps(access, modification)?;
        let named = self.path(&descriptor, &path)?;
        let is_folder = named.is_folder();
        let access = self.files.access(named.path);
        match self.find_to_change(&access)? {
            Known::Folder => self.set_folder_times(access.into_path(), &times),
            Known::File if is_folder => Err(ErrorCode::NotDirectory.into()),
            Known::File => {
                let granted = self.files.enforce(access.write())?;
                if let Some(staging) = granted.staging() {
                    let set = || staging.set_times(granted.path(), &times);
                    let set = self.files.changing_name(&granted, set)?;
                    return set
                        .map_err(|error| self.files.not_copied(granted.path(), error).into());
                }
                let (folder, name) = granted.open_parent()?;
                let set = || utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW);
                Ok(self.files.changing_name(&granted, set)??)
            }
        }
    }

    fn link_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        old_path: String,
        new: Resource<FileDescriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.path(&descriptor, &old_path)?;
        self.path(&new, &new_path)?;
        Err(ErrorCode::NotPermitted.into())
    }

    fn open_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<FileDescriptor>> {
        let named = self.path(&descriptor, &path)?;
        let writes = flags.contains(DescriptorFlags::WRITE)
            || open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let noting = if writes {
            self.files.noting_change("open to write", &named.path)
        } else {
            self.files.noting("open", &named.path)
        };
        let opened = self.open(named, open, flags);
        let descriptor = noted(noting, opened, |opened| match opened {
            FileDescriptor::Folder(..) => "a folder".to_owned(),
            FileDescriptor::File(_) => "a file".to_owned(),
        })?;
        Ok(self.table.push(descriptor)?)
    }

    fn readlink_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<String> {
        let named = self.path(&descriptor, &path)?;
        self.look_named(named)?;
        // What can be looked at is no link.
        Err(ErrorCode::Invalid.into())
    }

    fn remove_directory_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        let named = self.path(&descriptor, &path)?;
        let noting = self.files.noting_change("remove the folder", &named.path);
        noted_done(noting, self.remove_folder(named))
    }

    async fn rename_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        old_path: String,
        new: Resource<FileDescriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let from = self.path(&descriptor, &old_path)?;
        let to = self.path(&new, &new_path)?;
        rename(self.files, from, to).await
    }

    fn symlink_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _old_path: String,
        new_path: String,
    ) -> FsResult<()> {
        self.path(&descriptor, &new_path)?;
        Err(ErrorCode::NotPermitted.into())
    }

    fn unlink_file_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        let named = self.path(&descriptor, &path)?;
        let noting = self.files.noting_change("delete", &named.path);
        noted_done(noting, self.unlink(named))
    }

    fn is_same_object(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        other: Resource<FileDescriptor>,
    ) -> wasmtime::Result<bool> {
        let (one, other) = (self.table.get(&descriptor)?, self.table.get(&other)?);
        Ok(match (one, other) {
            (FileDescriptor::Folder(one, _), FileDescriptor::Folder(other, _)) => one == other,
            (FileDescriptor::File(one), FileDescriptor::File(other)) => one.path == other.path,
            _ => false,
        })
    }

    fn metadata_hash(
        &mut self,
        descriptor: Resource<FileDescriptor>,
    ) -> FsResult<MetadataHashValue> {
        match self.descriptor(&descriptor)? {
            FileDescriptor::Folder(path, _) => Ok(identity(&self.look(path.clone())?)),
            FileDescriptor::File(file) => Ok(identity(&rustix::fs::fstat(file.current())?)),
        }
    }

    fn metadata_hash_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let named = self.path(&descriptor, &path)?;
        Ok(identity(&self.look_named(named)?))
    }

    fn drop(&mut self, descriptor: Resource<FileDescriptor>) -> wasmtime::Result<()> {
        self.table.delete(descriptor)?;
        Ok(())
    }
}

impl FilesView<'_> {
    fn make_folder(&self, named: NamedPath) -> FsResult<()> {
        let is_dots = named.is_dots();
        let access = self.files.access(named.path);
        if Self::is_visible_folder(&access) {
            return Err(ErrorCode::Exist.into());
        }
        let granted = self.files.enforce(access.make_folder())?;
        if is_dots {
            return Err(ErrorCode::NoEntry.into());
        }
        self.files.spend(granted.path(), NAME_BYTES)?;
        Ok(granted.make()?)
    }

    fn remove_folder(&self, named: NamedPath) -> FsResult<()> {
        let end = named.end;
        let access = self.files.access(named.path);
        let granted = self.files.enforce(access.write())?;
        match (self.files.find_at(&granted)?, end) {
            (Known::File, _) => Err(ErrorCode::NotDirectory.into()),
            (Known::Folder, PathEnd::Dot) => Err(ErrorCode::Invalid.into()),
            (Known::Folder, PathEnd::DotDot) => Err(ErrorCode::NotEmpty.into()),
            (Known::Folder, _) => Ok(granted.remove_folder()?),
        }
    }

    fn unlink(&self, named: NamedPath) -> FsResult<()> {
        let is_folder = named.is_folder();
        let access = self.files.access(named.path);
        let granted = self.files.enforce(access.write())?;
        match self.files.find_at(&granted)? {
            Known::Folder => return Err(ErrorCode::IsDirectory.into()),
            Known::File if is_folder => return Err(ErrorCode::NotDirectory.into()),
            Known::File => {}
        }
        Ok(self
            .files
            .changing_name(&granted, || granted.remove_file())??)
    }
}

/// Says what was found, for a recording.
fn shown(stat: &Stat) -> String {
    if kind(stat).is_dir() {
        "a folder".to_owned()
    } else {
        format!("a file of {} bytes", stat.st_size)
    }
}

fn describe(stat: &Stat) -> DescriptorStat {
    let time = |seconds: i64, nanoseconds: u64| {
        Some(Datetime {
            seconds: u64::try_from(seconds).ok()?,
            nanoseconds: u32::try_from(nanoseconds).ok()?,
        })
    };
    DescriptorStat {
        type_: if kind(stat).is_dir() {
            DescriptorType::Directory
        } else {
            DescriptorType::RegularFile
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
