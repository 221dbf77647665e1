//! Finding and opening what guests name.

use std::sync::{Arc, OnceLock};

use syft_system::{Create, Dir, Open, Stat, SystemError};
use wasmtime::component::Resource;

use super::access::{Access, Granted, ToRead, ToWrite};
use super::bindings::types::{DescriptorFlags, OpenFlags};
use super::bindings::{ErrorCode, FsError, FsResult};
use super::datasites_dir::{Known, is_for_a_thing, known};
use super::guard::Slot;
use super::guest_path::{GuestPath, NamedPath};
use super::policy::Want;
use super::staging::Opened;
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

    /// Returns what a guest means by a path in a folder. `..` leads out of a folder that it may
    /// know, and of nothing else: as to any other path, there is nothing.
    pub(super) fn path(&self, base: &Resource<FileDescriptor>, path: &str) -> FsResult<NamedPath> {
        let folder = self.descriptor(base)?.folder()?;
        let named = folder.resolve(path, |climbed| match known(&self.look(climbed.clone())?) {
            Ok(Known::Folder) => Ok(()),
            _ => Err(ErrorCode::NotDirectory.into()),
        });
        // What is merely not there has another code.
        if let Err(FsError::Code(ErrorCode::NotPermitted)) = &named {
            self.files.log_outside(folder, path);
        }
        named
    }

    /// Looks at what a guest named, if it may know it.
    pub(super) fn look_named(&self, named: NamedPath) -> FsResult<Stat> {
        let is_folder = named.is_folder();
        let stat = self.look(named.path)?;
        if is_folder && known(&stat) != Ok(Known::Folder) {
            return Err(ErrorCode::NotDirectory.into());
        }
        Ok(stat)
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
        match self.files.known(access.path(), &stat)? {
            Known::File if read.is_ok() => Ok(stat),
            Known::Folder if see.is_ok() => Ok(stat),
            _ => {
                self.files.enforce(read)?;
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
        let is_folder = named.is_folder();
        let access = self.files.access(named.path);
        let writes = flags.contains(DescriptorFlags::WRITE)
            || open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        if is_folder || open.contains(OpenFlags::DIRECTORY) {
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
        granted
            .look()
            .is_ok_and(|stat| known(&stat) == Ok(Known::Folder))
    }

    /// Opens a folder that is held, as it is there now.
    pub(super) fn open_seen(&self, path: GuestPath) -> FsResult<Dir> {
        let access = self.files.access(path);
        Ok(self.files.enforce(access.see())?.open_folder()?)
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
        match self.files.known(granted.path(), &granted.look()?)? {
            Known::Folder if writes => Err(ErrorCode::IsDirectory.into()),
            Known::Folder => {
                let mut slot = self.open_slot(granted.path(), "open")?;
                slot.opened();
                Ok(FileDescriptor::Folder(granted.path().clone(), Some(slot)))
            }
            Known::File if access.read().is_ok() => Err(ErrorCode::NotDirectory.into()),
            Known::File => Err(ErrorCode::NoEntry.into()),
        }
    }

    fn open_to_read(
        &self,
        access: &Access<'_>,
        granted: &Granted<'_, ToRead>,
        flags: DescriptorFlags,
    ) -> FsResult<FileDescriptor> {
        let path = granted.path();
        let mut slot = self.open_slot(path, "read")?;
        let file = match granted.open() {
            Ok(file) => file,
            Err(SystemError::IsAFolder) => {
                self.files.log_granted(path, Want::Read);
                self.files.enforce(access.see())?;
                slot.opened();
                return Ok(FileDescriptor::Folder(path.clone(), Some(slot)));
            }
            Err(error) => return Err(self.unopened(granted, error, false).into()),
        };
        self.files.known(path, &file.file().found()?)?;
        self.files.log_granted(path, Want::Read);
        self.note_read(access, &file);
        Ok(self.opened(file, path, flags, slot))
    }

    fn open_to_write(
        &self,
        granted: &Granted<'_, ToWrite>,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<FileDescriptor> {
        let path = granted.path();
        let slot = self.open_slot(path, "write")?;
        let truncates = open.contains(OpenFlags::TRUNCATE);
        let how = how_to_write(open, flags);
        let creates = open.contains(OpenFlags::CREATE);
        let opened = if creates {
            self.files.spend(path, NAME_BYTES)?;
            let make = || granted.open(how, truncates);
            self.files.changing_name(granted, make)?
        } else {
            granted.open(how, truncates)
        };
        let opened = opened.map_err(|error| self.unopened(granted, error, creates))?;
        let found = self.files.known(path, &opened.file().found()?);
        if found.map_err(|code| taken_if(creates, code))? == Known::Folder {
            return Err(ErrorCode::IsDirectory.into());
        }
        self.files.log_granted(path, Want::Write);
        if truncates {
            let look = || opened.file().stamp();
            self.files
                .changing(path, look, || opened.file().file().set_len(0))?
                .map_err(|_| ErrorCode::Io)?;
        }
        Ok(self.opened(opened, path, flags, slot))
    }

    fn open_slot(&self, path: &GuestPath, what: &'static str) -> FsResult<Slot> {
        let mut slot = self.files.open_slot(path, what)?;
        slot.hold(path.bytes())?;
        Ok(slot)
    }

    /// Takes note of what is read and may be written: who changes it meanwhile is noticed.
    fn note_read(&self, access: &Access<'_>, file: &Opened) {
        let granted = access.write().ok();
        if let (Some(staging), Opened::InTree(file)) =
            (granted.and_then(|granted| granted.staging()), file)
        {
            staging.note_read(access.path(), file);
        }
    }

    fn opened(
        &self,
        file: Opened,
        path: &GuestPath,
        flags: DescriptorFlags,
        mut slot: Slot,
    ) -> FileDescriptor {
        slot.opened();
        FileDescriptor::File(Arc::new(OpenFile {
            is_in_tree: matches!(file, Opened::InTree(_)),
            file: file.into_file(),
            copy: OnceLock::new(),
            path: path.clone(),
            flags,
            guard: self.files.clone(),
            _slot: slot,
        }))
    }

    /// Returns why something could not be opened, as guests know it.
    fn unopened<What>(
        &self,
        granted: &Granted<'_, What>,
        error: SystemError,
        creates: bool,
    ) -> ErrorCode {
        if !is_for_a_thing(error) {
            return error.into();
        }
        match granted.look() {
            Ok(stat) => match self.files.known(granted.path(), &stat) {
                Err(code) => taken_if(creates, code),
                // It has come in the place of what was to be opened.
                Ok(_) => ErrorCode::NoEntry,
            },
            Err(error) => error.into(),
        }
    }
}

/// Says of a name that is to be made that it is taken, where something is there that does not
/// exist for guests.
pub(super) fn taken_if(creates: bool, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NoEntry if creates => ErrorCode::Exist,
        code => code,
    }
}

/// Returns how a file is opened that is written, and how writes reach the disk, as a guest asks for
/// it.
fn how_to_write(open: OpenFlags, flags: DescriptorFlags) -> Open {
    let truncates = open.contains(OpenFlags::TRUNCATE);
    let how = if truncates || flags.contains(DescriptorFlags::WRITE) {
        Open::READ_WRITE
    } else {
        Open::READ
    };
    let creates = open.contains(OpenFlags::CREATE);
    let how = match (creates, open.contains(OpenFlags::EXCLUSIVE)) {
        (false, _) => how,
        (true, false) => how.create(Create::IfMissing),
        (true, true) => how.create(Create::New),
    };
    // There is one way for both.
    let is_whole = DescriptorFlags::FILE_INTEGRITY_SYNC | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(is_whole) {
        how.sync_all()
    } else if flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC) {
        how.sync_data()
    } else {
        how
    }
}
