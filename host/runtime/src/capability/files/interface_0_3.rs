//! `wasi:filesystem` of WASI 0.3: each operation is the one of 0.2, which decides and acts.
//!
//! None of them waits where the tree is on this machine, but for renaming a folder, so none has a
//! guest's data held in a task; elsewhere no more than a path.

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::bindings::{FsError, FsResult, preopens as older_preopens, types as older};
use super::bindings_0_3::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags, preopens, types,
};
use super::guest_path::MAX_PATH_BYTES;
use super::mirror::{Need, wait_for};
use super::moves::rename;
use super::streams_0_3::{read_directory, read_file, write_file};
use super::{FileDescriptor, Files, FilesView};
use crate::wire::ListPurpose;

type Descriptor = Resource<FileDescriptor>;

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Descriptor, String)>> {
        older_preopens::Host::get_directories(self)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        match error {
            FsError::Code(code) => Ok(code.into()),
            FsError::Trap(error) => Err(error),
        }
    }
}

impl types::HostDescriptor for FilesView<'_> {
    fn drop(&mut self, descriptor: Descriptor) -> wasmtime::Result<()> {
        older::HostDescriptor::drop(self, descriptor)
    }
}

/// Does what 0.2 does.
fn with<T: 'static, Value>(
    store: &Accessor<T, Files>,
    operate: impl FnOnce(&mut FilesView<'_>) -> Value,
) -> Value {
    store.with(|mut store| operate(&mut store.get()))
}

impl<T: Send + 'static> types::HostDescriptorWithStore<T> for Files {
    fn read_via_stream(
        store: Access<'_, T, Self>,
        descriptor: Descriptor,
        offset: u64,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<Result<(), ErrorCode>>)> {
        read_file(store, &descriptor, offset)
    }

    fn write_via_stream(
        store: Access<'_, T, Self>,
        descriptor: Descriptor,
        written: StreamReader<u8>,
        offset: u64,
    ) -> wasmtime::Result<FutureReader<Result<(), ErrorCode>>> {
        write_file(store, &descriptor, written, Some(offset))
    }

    fn append_via_stream(
        store: Access<'_, T, Self>,
        descriptor: Descriptor,
        written: StreamReader<u8>,
    ) -> wasmtime::Result<FutureReader<Result<(), ErrorCode>>> {
        write_file(store, &descriptor, written, None)
    }

    fn read_directory(
        store: Access<'_, T, Self>,
        descriptor: Descriptor,
    ) -> wasmtime::Result<(
        StreamReader<DirectoryEntry>,
        FutureReader<Result<(), ErrorCode>>,
    )> {
        read_directory(store, &descriptor)
    }

    async fn advise(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _offset: u64,
        _length: u64,
        _advice: Advice,
    ) -> FsResult<()> {
        with(store, |files| files.descriptor(&descriptor).map(drop))
    }

    async fn sync_data(store: &Accessor<T, Self>, descriptor: Descriptor) -> FsResult<()> {
        let needs = with(store, |files| files.needs_of(&descriptor, Need::Look));
        wait_for(needs).await?;
        with(store, |files| files.do_sync(&descriptor, true))
    }

    async fn get_flags(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
    ) -> FsResult<DescriptorFlags> {
        let flags = with(store, |files| {
            older::HostDescriptor::get_flags(files, descriptor)
        });
        Ok(flags?.into())
    }

    async fn get_type(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
    ) -> FsResult<DescriptorType> {
        let kind = with(store, |files| {
            older::HostDescriptor::get_type(files, descriptor)
        });
        Ok(kind?.into())
    }

    async fn set_size(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        size: u64,
    ) -> FsResult<()> {
        with(store, |files| {
            older::HostDescriptor::set_size(files, descriptor, size)
        })
    }

    async fn set_times(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let (access, modification) = (access.try_into()?, modification.try_into()?);
        let (file, needs) = with(store, |files| files.needs_for_times(&descriptor));
        if let Some(file) = file {
            file.fetch_to_change().await?;
        }
        wait_for(needs).await?;
        with(store, |files| {
            files.do_set_times(&descriptor, access, modification)
        })
    }

    async fn sync(store: &Accessor<T, Self>, descriptor: Descriptor) -> FsResult<()> {
        let needs = with(store, |files| files.needs_of(&descriptor, Need::Look));
        wait_for(needs).await?;
        with(store, |files| files.do_sync(&descriptor, false))
    }

    async fn create_directory_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Look));
        wait_for(needs).await?;
        with(store, |files| files.do_make_folder(&descriptor, &path))
    }

    async fn stat(store: &Accessor<T, Self>, descriptor: Descriptor) -> FsResult<DescriptorStat> {
        let needs = with(store, |files| files.needs_of(&descriptor, Need::Look));
        wait_for(needs).await?;
        let done = with(store, |files| files.do_stat(&descriptor));
        Ok(done?.into())
    }

    async fn stat_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Look));
        wait_for(needs).await?;
        let done = with(store, |files| files.do_stat_at(&descriptor, &path));
        Ok(done?.into())
    }

    async fn set_times_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _follow: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        let (access, modification) = (access.try_into()?, modification.try_into()?);
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Touch));
        wait_for(needs).await?;
        with(store, |files| {
            files.do_set_times_at(&descriptor, &path, access, modification)
        })
    }

    async fn link_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _follow: PathFlags,
        old_path: String,
        new: Descriptor,
        new_path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| {
            files.needs_both((&descriptor, &old_path), (&new, &new_path))
        });
        wait_for(needs).await?;
        let named = [(&descriptor, old_path.as_str()), (&new, new_path.as_str())];
        with(store, |files| files.do_not_link(&named))
    }

    async fn open_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Descriptor> {
        let (open, flags) = (open.into(), flags.into());
        let needs = with(store, |files| {
            files.needs_to_open(&descriptor, &path, open, flags)
        });
        wait_for(needs).await?;
        with(store, |files| {
            files.do_open_at(&descriptor, &path, open, flags)
        })
    }

    async fn readlink_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        path: String,
    ) -> FsResult<String> {
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Look));
        wait_for(needs).await?;
        with(store, |files| files.do_readlink(&descriptor, &path))
    }

    async fn remove_directory_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| {
            files.needs(&descriptor, &path, Need::List(ListPurpose::Remove))
        });
        wait_for(needs).await?;
        with(store, |files| files.do_remove_folder(&descriptor, &path))
    }

    async fn rename_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        old_path: String,
        new: Descriptor,
        new_path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| {
            files.needs_both((&descriptor, &old_path), (&new, &new_path))
        });
        wait_for(needs).await?;
        let named = with(store, |files| {
            let from = files.path(&descriptor, &old_path)?;
            let to = files.path(&new, &new_path)?;
            // Several may be under way, each with both of its paths.
            let mut slot = files.files.open_slot(&from.path, "rename")?;
            slot.hold(4 * MAX_PATH_BYTES)?;
            slot.opened();
            Ok::<_, FsError>((files.files.clone(), from, to, slot))
        });
        let (files, from, to, _slot) = named?;
        drop((old_path, new_path));
        rename(&files, from, to).await
    }

    async fn symlink_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _old_path: String,
        new_path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| {
            files.needs(&descriptor, &new_path, Need::Look)
        });
        wait_for(needs).await?;
        with(store, |files| {
            files.do_not_link(&[(&descriptor, &new_path)])
        })
    }

    async fn unlink_file_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        path: String,
    ) -> FsResult<()> {
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Look));
        wait_for(needs).await?;
        with(store, |files| files.do_unlink(&descriptor, &path))
    }

    async fn is_same_object(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        other: Descriptor,
    ) -> wasmtime::Result<bool> {
        with(store, |files| {
            older::HostDescriptor::is_same_object(files, descriptor, other)
        })
    }

    async fn metadata_hash(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
    ) -> FsResult<MetadataHashValue> {
        let needs = with(store, |files| files.needs_of(&descriptor, Need::Look));
        wait_for(needs).await?;
        let done = with(store, |files| files.do_identify(&descriptor));
        Ok(done?.into())
    }

    async fn metadata_hash_at(
        store: &Accessor<T, Self>,
        descriptor: Descriptor,
        _follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let needs = with(store, |files| files.needs(&descriptor, &path, Need::Look));
        wait_for(needs).await?;
        let done = with(store, |files| files.do_identify_at(&descriptor, &path));
        Ok(done?.into())
    }
}
