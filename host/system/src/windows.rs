//! What Windows tells and only `windows-sys` asks for: each spot of `unsafe` is here.

use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_BASIC_INFO, FileBasicInfo, GetDiskFreeSpaceExW, GetFileInformationByHandleEx,
};
use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CONSOLE_SCREEN_BUFFER_INFO, ENABLE_ECHO_INPUT, FlushConsoleInputBuffer,
    GetConsoleMode, GetConsoleScreenBufferInfo, SetConsoleMode,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOB_OBJECT_LIMIT_PRIORITY_CLASS,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOB_OBJECT_LIMIT_PROCESS_TIME,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::SystemInformation::{
    GetTickCount64, GlobalMemoryStatusEx, MEMORYSTATUSEX,
};
use windows_sys::Win32::System::Threading::BELOW_NORMAL_PRIORITY_CLASS;

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

/// Returns the time since the machine was started, the time that it slept included.
pub(crate) fn since_start() -> Duration {
    #[allow(unsafe_code, reason = "it is given nothing and returns a number")]
    let millis = unsafe { GetTickCount64() };
    Duration::from_millis(millis)
}

/// Returns what this user may still write where a folder is.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let mut path: Vec<u16> = folder.as_os_str().encode_wide().collect();
    path.push(0);
    let mut free = 0;
    #[allow(
        unsafe_code,
        reason = "the path ends with NUL, and the number is of the size that is written"
    )]
    let done = unsafe {
        let at = &raw mut free;
        GetDiskFreeSpaceExW(path.as_ptr(), at, null_mut(), null_mut())
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(free)
}

/// Returns how many columns a console has.
pub(crate) fn columns(console: &impl AsHandle) -> Option<usize> {
    let handle = console.as_handle().as_raw_handle();
    #[allow(
        unsafe_code,
        reason = "the structure is plain numbers, and the handle is open as long as it is borrowed"
    )]
    let (done, found) = unsafe {
        let mut found: CONSOLE_SCREEN_BUFFER_INFO = zeroed();
        let done = GetConsoleScreenBufferInfo(handle, &raw mut found);
        (done, found)
    };
    let width = found.srWindow.Right.checked_sub(found.srWindow.Left)?;
    (done != 0).then_some(usize::try_from(width).ok()? + 1)
}

/// Has a console not show what is typed, forgets what was, and returns its mode before.
pub(crate) fn hide_input(console: &File) -> io::Result<CONSOLE_MODE> {
    let handle = console.as_raw_handle();
    let mut before = 0;
    #[allow(
        unsafe_code,
        reason = "the handle is open as long as the file is borrowed"
    )]
    let done = unsafe {
        GetConsoleMode(handle, &raw mut before) != 0
            && FlushConsoleInputBuffer(handle) != 0
            && SetConsoleMode(handle, before & !ENABLE_ECHO_INPUT) != 0
    };
    if !done {
        return Err(io::Error::last_os_error());
    }
    Ok(before)
}

/// Gives a console the mode back that it had.
pub(crate) fn show_input(console: &File, before: CONSOLE_MODE) {
    #[allow(
        unsafe_code,
        reason = "the handle is open as long as the file is borrowed"
    )]
    let done = unsafe { SetConsoleMode(console.as_raw_handle(), before) };
    if done == 0 {
        tracing::debug!("the console does not show what is typed");
    }
}

/// Makes a job: what is in it is bounded, and ends when its handle is closed.
pub(crate) fn make_job(
    memory: Option<u64>,
    cpu_time: Option<Duration>,
    low_priority: bool,
) -> io::Result<OwnedHandle> {
    #[allow(
        unsafe_code,
        reason = "without a name and an access list; the handle is new, and nobody else has it"
    )]
    let job = unsafe {
        let job = CreateJobObjectW(null(), null());
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        OwnedHandle::from_raw_handle(job)
    };
    let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>();
    let size = u32::try_from(size).map_err(io::Error::other)?;
    let said = job_limits(memory, cpu_time, low_priority);
    #[allow(
        unsafe_code,
        reason = "the structure is plain numbers, of the size that is said, and the job is open"
    )]
    let done = unsafe {
        let at = (&raw const said).cast();
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            at,
            size,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(job)
}

fn job_limits(
    memory: Option<u64>,
    cpu_time: Option<Duration>,
    low_priority: bool,
) -> JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
    #[allow(unsafe_code, reason = "it is plain numbers and no pointers")]
    let mut said: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = unsafe { zeroed() };
    let basic = &mut said.BasicLimitInformation;
    basic.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if let Some(time) = cpu_time {
        basic.LimitFlags |= JOB_OBJECT_LIMIT_PROCESS_TIME;
        // In tenths of microseconds.
        basic.PerProcessUserTimeLimit = i64::try_from(time.as_nanos() / 100).unwrap_or(i64::MAX);
    }
    if low_priority {
        basic.LimitFlags |= JOB_OBJECT_LIMIT_PRIORITY_CLASS;
        basic.PriorityClass = BELOW_NORMAL_PRIORITY_CLASS;
    }
    if let Some(bytes) = memory {
        basic.LimitFlags |= JOB_OBJECT_LIMIT_PROCESS_MEMORY;
        said.ProcessMemoryLimit = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    said
}

/// Puts a process into a job, with all that it will start.
pub(crate) fn put_into_job(job: &OwnedHandle, process: &impl AsHandle) -> io::Result<()> {
    let process = process.as_handle().as_raw_handle();
    #[allow(unsafe_code, reason = "both are open as long as they are borrowed")]
    let done = unsafe { AssignProcessToJobObject(job.as_raw_handle(), process) };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
