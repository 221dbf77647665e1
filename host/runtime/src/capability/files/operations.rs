//! The operations of `wasi:filesystem` on paths, which 0.2 and 0.3 share. Each has what it has to
//! wait for, where the tree is on another machine, and does its work at once after that.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use syft_system::{SetTime, SetTimes, Stat, StatTime, SystemError};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;

use super::access::Access;
use super::bindings::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, MetadataHashValue, NewTimestamp, OpenFlags,
};
use super::bindings::{ErrorCode, FsResult};
use super::datasites_dir::Known;
use super::guest_path::{NamedPath, PathEnd, PathError};
use super::listing::Listing;
use super::mirror::{Need, Preparation};
use super::open::NAME_BYTES;
use super::recorded::{noted, noted_done};
use super::{FileDescriptor, FilesView, OpenFile};

type Descriptor = Resource<FileDescriptor>;

/// What has to be waited for.
impl FilesView<'_> {
    /// Returns what an operation on a path in an open folder needs, where that has to be waited for.
    pub(super) fn needs(&self, base: &Descriptor, path: &str, need: Need) -> Option<Preparation> {
        self.files.mirror()?;
        // What is wrong with either the operation itself finds.
        let folder = self.descriptor(base).ok()?.folder().ok()?;
        let mut needs = Vec::new();
        let named = folder.resolve(path, |climbed| {
            needs.push((climbed.clone(), Need::Look));
            Ok::<_, PathError>(())
        });
        if let Ok(named) = named {
            let is_file_of_it = !named.is_folder() || matches!(need, Need::List(_));
            let need = if is_file_of_it { need } else { Need::Look };
            needs.push((named.path, need));
        }
        Some(Preparation::new(self.files, needs))
    }

    /// As [`FilesView::needs`], for a path that is opened.
    pub(super) fn needs_to_open(
        &self,
        base: &Descriptor,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Option<Preparation> {
        let need = if open.contains(OpenFlags::DIRECTORY) {
            Need::Look
        } else if open.contains(OpenFlags::TRUNCATE) {
            Need::Replace
        } else if flags.contains(DescriptorFlags::WRITE) || open.contains(OpenFlags::CREATE) {
            Need::Write
        } else {
            Need::Read
        };
        self.needs(base, path, need)
    }

    /// As [`FilesView::needs`], for two paths.
    pub(super) fn needs_both(
        &self,
        (base, path): (&Descriptor, &str),
        (other_base, other): (&Descriptor, &str),
    ) -> Option<Preparation> {
        let both = self.needs(base, path, Need::Look)?;
        Some(both.and(self.needs(other_base, other, Need::Look)?))
    }

    /// As [`FilesView::needs`], for what is open: of a file nothing is to be known that is not.
    pub(super) fn needs_of(&self, descriptor: &Descriptor, need: Need) -> Option<Preparation> {
        self.files.mirror()?;
        match self.descriptor(descriptor).ok()? {
            FileDescriptor::Folder(path, _) => {
                Some(Preparation::new(self.files, vec![(path.clone(), need)]))
            }
            FileDescriptor::File(_) => None,
        }
    }

    /// Returns a file that gets other times, if one is open, and what that needs.
    pub(super) fn needs_for_times(
        &self,
        descriptor: &Descriptor,
    ) -> (Option<Arc<OpenFile>>, Option<Preparation>) {
        if self.files.mirror().is_none() {
            return (None, None);
        }
        let (file, path) = match self.descriptor(descriptor) {
            Ok(FileDescriptor::Folder(path, _)) => (None, path),
            Ok(FileDescriptor::File(file)) => (Some(Arc::clone(file)), &file.path),
            Err(_) => return (None, None),
        };
        let needs = vec![(path.clone(), Need::Look)];
        (file, Some(Preparation::new(self.files, needs)))
    }
}

/// What is done.
impl FilesView<'_> {
    pub(super) fn do_sync(&self, descriptor: &Descriptor, only_data: bool) -> FsResult<()> {
        let file = match self.descriptor(descriptor)? {
            FileDescriptor::Folder(path, _) => {
                return Ok(self.open_seen(path.clone())?.force()?);
            }
            FileDescriptor::File(file) => file.current().file(),
        };
        let forced = if only_data {
            file.sync_data()
        } else {
            file.sync_all()
        };
        Ok(forced.map_err(SystemError::from)?)
    }

    pub(super) fn do_set_times(
        &self,
        descriptor: &Descriptor,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(access, modification)?;
        match self.descriptor(descriptor)? {
            FileDescriptor::Folder(path, _) => self.set_folder_times(path.clone(), &times),
            FileDescriptor::File(file) => self.set_file_times(file, &times),
        }
    }

    pub(super) fn do_list(&mut self, descriptor: &Descriptor) -> FsResult<Resource<Listing>> {
        let path = self.descriptor(descriptor)?.folder()?.clone();
        Ok(self.table.push(self.files.listing(path)?)?)
    }

    pub(super) fn do_make_folder(&self, descriptor: &Descriptor, path: &str) -> FsResult<()> {
        let named = self.path(descriptor, path)?;
        let noting = self.files.noting_change("make the folder", &named.path);
        noted_done(noting, self.make_folder(named))
    }

    pub(super) fn do_stat(&self, descriptor: &Descriptor) -> FsResult<DescriptorStat> {
        Ok(describe(&self.look_at_open(descriptor)?))
    }

    pub(super) fn do_stat_at(
        &self,
        descriptor: &Descriptor,
        path: &str,
    ) -> FsResult<DescriptorStat> {
        let named = self.path(descriptor, path)?;
        let noting = self.files.noting("look at", &named.path);
        let stat = noted(noting, self.look_named(named), shown)?;
        Ok(describe(&stat))
    }

    pub(super) fn do_set_times_at(
        &self,
        descriptor: &Descriptor,
        path: &str,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let times = times(access, modification)?;
        let named = self.path(descriptor, path)?;
        let is_folder = named.is_folder();
        let access = self.files.access(named.path);
        match self.find_to_change(&access)? {
            Known::Folder => self.set_folder_times(access.into_path(), &times),
            Known::File if is_folder => Err(ErrorCode::NotDirectory.into()),
            Known::File => self.set_times_of(&access, &times),
        }
    }

    fn set_times_of(&self, access: &Access<'_>, times: &SetTimes) -> FsResult<()> {
        let granted = self.files.enforce(access.write())?;
        if let Some(staging) = granted.staging() {
            let set = || staging.set_times(granted.path(), times);
            let set = self.files.changing_name(&granted, set)?;
            return set.map_err(|error| self.files.not_copied(granted.path(), error).into());
        }
        let (folder, name) = granted.open_parent()?;
        let set = || folder.set_times_of(name, times);
        Ok(self.files.changing_name(&granted, set)??)
    }

    pub(super) fn do_open_at(
        &mut self,
        descriptor: &Descriptor,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Descriptor> {
        let named = self.path(descriptor, path)?;
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

    pub(super) fn do_readlink(&self, descriptor: &Descriptor, path: &str) -> FsResult<String> {
        let named = self.path(descriptor, path)?;
        self.look_named(named)?;
        // What can be looked at is no link.
        Err(ErrorCode::Invalid.into())
    }

    pub(super) fn do_remove_folder(&self, descriptor: &Descriptor, path: &str) -> FsResult<()> {
        let named = self.path(descriptor, path)?;
        let noting = self.files.noting_change("remove the folder", &named.path);
        noted_done(noting, self.remove_folder(named))
    }

    pub(super) fn do_unlink(&self, descriptor: &Descriptor, path: &str) -> FsResult<()> {
        let named = self.path(descriptor, path)?;
        let noting = self.files.noting_change("delete", &named.path);
        noted_done(noting, self.unlink(named))
    }

    /// Refuses to make a link, which no guest can.
    pub(super) fn do_not_link(&self, named: &[(&Descriptor, &str)]) -> FsResult<()> {
        for (descriptor, path) in named {
            self.path(descriptor, path)?;
        }
        Err(ErrorCode::NotPermitted.into())
    }

    pub(super) fn do_identify(&self, descriptor: &Descriptor) -> FsResult<MetadataHashValue> {
        Ok(identity(&self.look_at_open(descriptor)?))
    }

    pub(super) fn do_identify_at(
        &self,
        descriptor: &Descriptor,
        path: &str,
    ) -> FsResult<MetadataHashValue> {
        let named = self.path(descriptor, path)?;
        Ok(identity(&self.look_named(named)?))
    }

    fn look_at_open(&self, descriptor: &Descriptor) -> FsResult<Stat> {
        match self.descriptor(descriptor)? {
            FileDescriptor::Folder(path, _) => self.look(path.clone()),
            FileDescriptor::File(file) => Ok(file.current().stat()?),
        }
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
    if stat.is_folder() {
        "a folder".to_owned()
    } else {
        format!("a file of {} bytes", stat.bytes)
    }
}

fn describe(stat: &Stat) -> DescriptorStat {
    let time = |time: StatTime| {
        Some(Datetime {
            seconds: u64::try_from(time.seconds).ok()?,
            nanoseconds: time.nanos,
        })
    };
    DescriptorStat {
        type_: if stat.is_folder() {
            DescriptorType::Directory
        } else {
            DescriptorType::RegularFile
        },
        link_count: 1,
        size: stat.bytes,
        data_access_timestamp: time(stat.accessed),
        data_modification_timestamp: time(stat.modified),
        status_change_timestamp: time(stat.changed),
    }
}

/// Returns what tells a file from others, and nothing about where it lies.
fn identity(stat: &Stat) -> MetadataHashValue {
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, stat.id.device, stat.id.file).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue {
        lower: hash(0),
        upper: hash(1),
    }
}

fn times(access: NewTimestamp, modification: NewTimestamp) -> Result<SetTimes, ErrorCode> {
    let time = |time| {
        Ok::<_, ErrorCode>(match time {
            NewTimestamp::NoChange => SetTime::Keep,
            NewTimestamp::Now => SetTime::Now,
            NewTimestamp::Timestamp(time) if time.nanoseconds >= 1_000_000_000 => {
                return Err(ErrorCode::Invalid);
            }
            NewTimestamp::Timestamp(time) => SetTime::At(StatTime {
                seconds: i64::try_from(time.seconds).map_err(|_| ErrorCode::Overflow)?,
                nanos: time.nanoseconds,
            }),
        })
    };
    Ok(SetTimes {
        accessed: time(access)?,
        modified: time(modification)?,
    })
}
