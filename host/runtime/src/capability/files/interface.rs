//! The interfaces `preopens` and `types` of `wasi:filesystem`, operation by
//! operation.
//!
//! Why: docs/decisions/23-our-own-filesystem.md

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::bindings::{ErrorCode, FsError, FsResult, preopens, types};
use super::guest_path::GuestPath;
use super::listing::Listing;
use super::mirror::{Need, wait_for};
use super::moves::rename;
use super::streams::{CHUNK_BYTES, ReadStream, WriteStream};
use super::{FileDescriptor, FilesView};
use crate::wire::ListPurpose;

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
        self.table.get_mut(&listing)?.next().await
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
        let stream: DynInputStream = Box::new(ReadStream::new(file, offset));
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

    async fn sync_data(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<()> {
        wait_for(self.needs_of(&descriptor, Need::Look)).await?;
        self.do_sync(&descriptor, true)
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
        let before = file.current().bytes()?;
        file.guard.spend(&file.path, size.saturating_sub(before))?;
        file.changing(|file| file.set_len(size))?
            .map_err(|_| ErrorCode::Invalid)?;
        Ok(())
    }

    async fn set_times(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let (file, needs) = self.needs_for_times(&descriptor);
        if let Some(file) = file {
            file.fetch_to_change().await?;
        }
        wait_for(needs).await?;
        self.do_set_times(&descriptor, access, modification)
    }

    async fn read(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        let file = Arc::clone(self.descriptor(&descriptor)?.readable()?);
        let most = usize::try_from(length).unwrap_or(usize::MAX);
        file.fetch(most.min(CHUNK_BYTES), offset).await?;
        let bytes = file.read(most, offset)?;
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

    async fn read_directory(
        &mut self,
        descriptor: Resource<FileDescriptor>,
    ) -> FsResult<Resource<Listing>> {
        let shown = Need::List(ListPurpose::Show);
        wait_for(self.needs_of(&descriptor, shown)).await?;
        self.do_list(&descriptor)
    }

    async fn sync(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<()> {
        wait_for(self.needs_of(&descriptor, Need::Look)).await?;
        self.do_sync(&descriptor, false)
    }

    async fn create_directory_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        wait_for(self.needs(&descriptor, &path, Need::Look)).await?;
        self.do_make_folder(&descriptor, &path)
    }

    async fn stat(&mut self, descriptor: Resource<FileDescriptor>) -> FsResult<DescriptorStat> {
        wait_for(self.needs_of(&descriptor, Need::Look)).await?;
        self.do_stat(&descriptor)
    }

    async fn stat_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        wait_for(self.needs(&descriptor, &path, Need::Look)).await?;
        self.do_stat_at(&descriptor, &path)
    }

    async fn set_times_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        wait_for(self.needs(&descriptor, &path, Need::Touch)).await?;
        self.do_set_times_at(&descriptor, &path, access, modification)
    }

    async fn link_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        old_path: String,
        new: Resource<FileDescriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let named = [(&descriptor, old_path.as_str()), (&new, new_path.as_str())];
        wait_for(self.needs_both(named[0], named[1])).await?;
        self.do_not_link(&named)
    }

    async fn open_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<FileDescriptor>> {
        wait_for(self.needs_to_open(&descriptor, &path, open, flags)).await?;
        self.do_open_at(&descriptor, &path, open, flags)
    }

    async fn readlink_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<String> {
        wait_for(self.needs(&descriptor, &path, Need::Look)).await?;
        self.do_readlink(&descriptor, &path)
    }

    async fn remove_directory_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        let removed = Need::List(ListPurpose::Remove);
        wait_for(self.needs(&descriptor, &path, removed)).await?;
        self.do_remove_folder(&descriptor, &path)
    }

    async fn rename_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        old_path: String,
        new: Resource<FileDescriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let both = ((&descriptor, &*old_path), (&new, &*new_path));
        wait_for(self.needs_both(both.0, both.1)).await?;
        let from = self.path(&descriptor, &old_path)?;
        let to = self.path(&new, &new_path)?;
        rename(self.files, from, to).await
    }

    async fn symlink_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _old_path: String,
        new_path: String,
    ) -> FsResult<()> {
        wait_for(self.needs(&descriptor, &new_path, Need::Look)).await?;
        self.do_not_link(&[(&descriptor, &new_path)])
    }

    async fn unlink_file_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        path: String,
    ) -> FsResult<()> {
        wait_for(self.needs(&descriptor, &path, Need::Look)).await?;
        self.do_unlink(&descriptor, &path)
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

    async fn metadata_hash(
        &mut self,
        descriptor: Resource<FileDescriptor>,
    ) -> FsResult<MetadataHashValue> {
        wait_for(self.needs_of(&descriptor, Need::Look)).await?;
        self.do_identify(&descriptor)
    }

    async fn metadata_hash_at(
        &mut self,
        descriptor: Resource<FileDescriptor>,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        wait_for(self.needs(&descriptor, &path, Need::Look)).await?;
        self.do_identify_at(&descriptor, &path)
    }

    fn drop(&mut self, descriptor: Resource<FileDescriptor>) -> wasmtime::Result<()> {
        self.table.delete(descriptor)?;
        Ok(())
    }
}
