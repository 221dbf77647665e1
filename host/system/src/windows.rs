//! What Windows tells and only `windows-sys` asks for: each spot of `unsafe` is here.

use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_BASIC_INFO, FileBasicInfo, GetFileInformationByHandleEx,
};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

/// Returns when anything about a file was last changed, in tenths of microseconds since 1601: the
/// standard library has no such function that is stable.
pub(crate) fn change_time(file: &File) -> io::Result<u64> {
    let size = u32::try_from(size_of::<FILE_BASIC_INFO>()).map_err(io::Error::other)?;
    #[allow(
        unsafe_code,
        reason = "the structure is plain numbers, of the size that is said, and the handle is open \
                  as long as the file is borrowed"
    )]
    let (done, found) = unsafe {
        let mut found: FILE_BASIC_INFO = zeroed();
        let at = (&raw mut found).cast();
        let done = GetFileInformationByHandleEx(file.as_raw_handle(), FileBasicInfo, at, size);
        (done, found)
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.ChangeTime.max(0).unsigned_abs())
}

/// Returns the memory of the machine.
pub(crate) fn memory() -> Option<usize> {
    let size = u32::try_from(size_of::<MEMORYSTATUSEX>()).ok()?;
    #[allow(
        unsafe_code,
        reason = "the structure is plain numbers, and says its own size as it has to"
    )]
    let (done, found) = unsafe {
        let mut found: MEMORYSTATUSEX = zeroed();
        found.dwLength = size;
        (GlobalMemoryStatusEx(&raw mut found), found)
    };
    (done != 0).then_some(usize::try_from(found.ullTotalPhys).ok()?)
}
