//! Why the system did not do what it was asked, in words that are the same everywhere.

use std::io::{self, ErrorKind};

/// Why the system did not do what it was asked. Callers compare it, as they would an `errno`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// Nothing has this name.
    #[error("there is nothing of this name")]
    NotFound,
    /// Something on the way, or at the end, is no folder.
    #[error("it is no folder")]
    NotAFolder,
    /// A folder is where a file was wanted.
    #[error("it is a folder")]
    IsAFolder,
    /// It is a symbolic link, a junction or the like. Some systems say `NotAFolder` of one on the
    /// way to something.
    #[error("it is a link")]
    Link,
    /// It is neither file, folder nor link: a FIFO, a socket, a device.
    #[error("it is no regular file")]
    NotAFile,
    /// Something has this name already.
    #[error("something of this name is there")]
    Exists,
    /// There is something in the folder.
    #[error("the folder is not empty")]
    NotEmpty,
    /// A name or a path is longer than the system takes.
    #[error("the name is too long")]
    NameTooLong,
    /// No file of this system can have such a name.
    #[error("no file can have such a name here")]
    BadName,
    /// The rights of the file or folder do not allow it.
    #[error("its rights do not allow it")]
    AccessDenied,
    /// Nobody may do that.
    #[error("that is not permitted")]
    NotPermitted,
    /// The file system is only to be read.
    #[error("the file system is read-only")]
    ReadOnly,
    /// The disk is full.
    #[error("the disk is full")]
    StorageFull,
    /// The user has no more room.
    #[error("the user's quota is used up")]
    Quota,
    /// The file would be too large.
    #[error("the file would be too large")]
    TooLarge,
    /// The two are on different file systems.
    #[error("they are on different file systems")]
    CrossesDevices,
    /// A file has too many names.
    #[error("too many links")]
    TooManyLinks,
    /// Too many files are open.
    #[error("too many files are open")]
    TooManyOpen,
    /// Another program uses it, or it would have to be waited for.
    #[error("it is in use")]
    Busy,
    /// A signal came in between.
    #[error("it was interrupted")]
    Interrupted,
    /// There is not enough memory.
    #[error("there is not enough memory")]
    OutOfMemory,
    /// It is not what it was when it was opened.
    #[error("it has changed since it was opened")]
    Stale,
    /// What was asked makes no sense.
    #[error("that makes no sense here")]
    Invalid,
    /// The system or the file system cannot do that.
    #[error("that cannot be done here")]
    Unsupported,
    /// The disk, or something that is not told apart.
    #[error("the disk or the system failed ({0})")]
    Io(i32),
}

impl SystemError {
    /// Tells whether it says that a path leads to no file of ours: a part of it is missing, a
    /// link, no folder, or has a name that nothing can have.
    pub fn is_absent(self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::NotAFolder | Self::Link | Self::NameTooLong | Self::BadName
        )
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::NotAFolder => ErrorKind::NotADirectory,
            Self::IsAFolder => ErrorKind::IsADirectory,
            Self::Exists => ErrorKind::AlreadyExists,
            Self::NotEmpty => ErrorKind::DirectoryNotEmpty,
            Self::NameTooLong | Self::BadName => ErrorKind::InvalidFilename,
            Self::AccessDenied | Self::NotPermitted => ErrorKind::PermissionDenied,
            Self::ReadOnly => ErrorKind::ReadOnlyFilesystem,
            Self::StorageFull => ErrorKind::StorageFull,
            Self::Quota => ErrorKind::QuotaExceeded,
            Self::TooLarge => ErrorKind::FileTooLarge,
            Self::CrossesDevices => ErrorKind::CrossesDevices,
            Self::TooManyLinks => ErrorKind::TooManyLinks,
            Self::Busy => ErrorKind::ResourceBusy,
            Self::Interrupted => ErrorKind::Interrupted,
            Self::OutOfMemory => ErrorKind::OutOfMemory,
            Self::Stale => ErrorKind::StaleNetworkFileHandle,
            Self::Invalid => ErrorKind::InvalidInput,
            Self::Unsupported => ErrorKind::Unsupported,
            Self::Link | Self::NotAFile | Self::TooManyOpen | Self::Io(_) => ErrorKind::Other,
        }
    }
}

/// As [`SystemError::is_absent`], of an error that may have been one.
pub fn is_absent(error: &io::Error) -> bool {
    SystemError::from(error).is_absent()
}

impl From<SystemError> for io::Error {
    fn from(error: SystemError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<io::Error> for SystemError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&io::Error> for SystemError {
    fn from(error: &io::Error) -> Self {
        let ours = error.get_ref().and_then(|inner| inner.downcast_ref());
        match (ours, error.raw_os_error()) {
            (Some(ours), _) => *ours,
            (None, Some(raw)) => by_code(raw).unwrap_or_else(|| by_kind(error.kind(), raw)),
            (None, None) => by_kind(error.kind(), 0),
        }
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for SystemError {
    fn from(error: rustix::io::Errno) -> Self {
        let raw = error.raw_os_error();
        by_code(raw).unwrap_or(Self::Io(raw))
    }
}

#[cfg(unix)]
fn by_code(raw: i32) -> Option<SystemError> {
    use rustix::io::Errno;
    Some(match Errno::from_raw_os_error(raw) {
        Errno::NOENT => SystemError::NotFound,
        Errno::NOTDIR => SystemError::NotAFolder,
        Errno::ISDIR => SystemError::IsAFolder,
        Errno::LOOP => SystemError::Link,
        // A socket, or a FIFO that nobody reads.
        Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => SystemError::NotAFile,
        Errno::EXIST => SystemError::Exists,
        Errno::NOTEMPTY => SystemError::NotEmpty,
        Errno::NAMETOOLONG => SystemError::NameTooLong,
        Errno::ILSEQ => SystemError::BadName,
        Errno::ACCESS => SystemError::AccessDenied,
        Errno::PERM => SystemError::NotPermitted,
        Errno::ROFS => SystemError::ReadOnly,
        Errno::NOSPC => SystemError::StorageFull,
        Errno::DQUOT => SystemError::Quota,
        Errno::FBIG => SystemError::TooLarge,
        Errno::XDEV => SystemError::CrossesDevices,
        Errno::MLINK => SystemError::TooManyLinks,
        Errno::MFILE | Errno::NFILE => SystemError::TooManyOpen,
        Errno::BUSY | Errno::TXTBSY | Errno::AGAIN => SystemError::Busy,
        Errno::INTR => SystemError::Interrupted,
        Errno::NOMEM => SystemError::OutOfMemory,
        Errno::STALE => SystemError::Stale,
        Errno::INVAL => SystemError::Invalid,
        Errno::NOSYS => SystemError::Unsupported,
        _ => return None,
    })
}

#[cfg(windows)]
fn by_code(raw: i32) -> Option<SystemError> {
    use windows_sys::Win32::Foundation as code;
    Some(match u32::try_from(raw).ok()? {
        code::ERROR_STOPPED_ON_SYMLINK | code::ERROR_CANT_ACCESS_FILE => SystemError::Link,
        code::ERROR_INVALID_NAME | code::ERROR_BAD_PATHNAME => SystemError::BadName,
        code::ERROR_FILENAME_EXCED_RANGE => SystemError::NameTooLong,
        code::ERROR_DELETE_PENDING => SystemError::NotFound,
        code::ERROR_TOO_MANY_OPEN_FILES => SystemError::TooManyOpen,
        code::ERROR_SHARING_VIOLATION | code::ERROR_LOCK_VIOLATION => SystemError::Busy,
        // A device, such as `NUL`.
        code::ERROR_INVALID_HANDLE | code::ERROR_INVALID_FUNCTION => SystemError::NotAFile,
        _ => return None,
    })
}

fn by_kind(kind: ErrorKind, raw: i32) -> SystemError {
    match kind {
        ErrorKind::NotFound => SystemError::NotFound,
        ErrorKind::NotADirectory => SystemError::NotAFolder,
        ErrorKind::IsADirectory => SystemError::IsAFolder,
        ErrorKind::AlreadyExists => SystemError::Exists,
        ErrorKind::DirectoryNotEmpty => SystemError::NotEmpty,
        ErrorKind::InvalidFilename => SystemError::BadName,
        ErrorKind::PermissionDenied => SystemError::AccessDenied,
        ErrorKind::ReadOnlyFilesystem => SystemError::ReadOnly,
        ErrorKind::StorageFull => SystemError::StorageFull,
        ErrorKind::QuotaExceeded => SystemError::Quota,
        ErrorKind::FileTooLarge => SystemError::TooLarge,
        ErrorKind::CrossesDevices => SystemError::CrossesDevices,
        ErrorKind::TooManyLinks => SystemError::TooManyLinks,
        ErrorKind::ResourceBusy | ErrorKind::WouldBlock => SystemError::Busy,
        ErrorKind::Interrupted => SystemError::Interrupted,
        ErrorKind::OutOfMemory => SystemError::OutOfMemory,
        ErrorKind::StaleNetworkFileHandle => SystemError::Stale,
        ErrorKind::InvalidInput => SystemError::Invalid,
        ErrorKind::Unsupported => SystemError::Unsupported,
        _ => SystemError::Io(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_being_one_of_the_library() {
        for error in [
            SystemError::Link,
            SystemError::NotAFile,
            SystemError::NotPermitted,
            SystemError::NameTooLong,
            SystemError::Io(5),
        ] {
            assert_eq!(SystemError::from(io::Error::from(error)), error);
        }
    }

    #[cfg(unix)]
    #[test]
    fn numbers_of_the_kernel_are_known() {
        use rustix::io::Errno;
        for (errno, error) in [
            (Errno::NOENT, SystemError::NotFound),
            (Errno::LOOP, SystemError::Link),
            (Errno::PERM, SystemError::NotPermitted),
            (Errno::ACCESS, SystemError::AccessDenied),
            (Errno::IO, SystemError::Io(Errno::IO.raw_os_error())),
        ] {
            assert_eq!(SystemError::from(errno), error);
            let io = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(SystemError::from(io), error);
        }
    }
}
