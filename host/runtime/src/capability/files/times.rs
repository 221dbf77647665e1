//! Setting times: of files that may be written, and of folders that may be made.

use syft_system::SetTimes;

use super::access::Access;
use super::bindings::types::DescriptorFlags;
use super::bindings::{ErrorCode, FsResult};
use super::datasites_dir::Known;
use super::guest_path::{GuestPath, Mount};
use super::{FilesView, OpenFile};

impl FilesView<'_> {
    /// Looks at what is to get other times.
    pub(super) fn find_to_change(&self, access: &Access<'_>) -> FsResult<Known> {
        let stat = match (access.write(), access.make_folder()) {
            (Ok(granted), _) => granted.look()?,
            (_, Ok(granted)) => granted.look()?,
            (Err(refusal), Err(_)) => return Err(self.files.refuse(&refusal).into()),
        };
        Ok(self.files.known(access.path(), &stat)?)
    }

    pub(super) fn set_folder_times(&self, path: GuestPath, times: &SetTimes) -> FsResult<()> {
        if path.is_empty() && path.mount() == Mount::Datasites {
            return Err(ErrorCode::NotPermitted.into());
        }
        let access = self.files.access(path);
        let granted = self.files.enforce(access.make_folder())?;
        Ok(granted.set_times(times)?)
    }

    /// Sets the times of an open file: also of one that was opened to read, where its path may be
    /// written.
    pub(super) fn set_file_times(&self, file: &OpenFile, times: &SetTimes) -> FsResult<()> {
        if !file.flags.contains(DescriptorFlags::WRITE) {
            self.files
                .enforce(self.files.access(file.path.clone()).write())?;
        }
        Ok(file.changing(|file| times.set_on(file))??)
    }
}
