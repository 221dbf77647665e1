//! Bindings of `wasi:filesystem` of WASI 0.3, with the descriptors of 0.2, and what is told
//! from one to the other.
#![allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]

use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;

use super::bindings;
use super::bindings::types as older;

pub(super) use generated::wasi::filesystem::{preopens, types};
pub(super) use types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};

mod generated {
    wasmtime::component::bindgen!({
        path: "wit/async",
        inline: "
            package syft:files;
            world files {
                import wasi:filesystem/types@0.3.0;
                import wasi:filesystem/preopens@0.3.0;
            }
        ",
        world: "syft:files/files",
        imports: {
            "wasi:filesystem/types.[method]descriptor.read-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.write-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.append-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.read-directory": store | trappable,
            default: trappable,
        },
        require_store_data_send: true,
        trappable_error_type: {
            "wasi:filesystem/types.error-code" => super::bindings::FsError,
        },
        with: {
            "wasi:clocks": wasmtime_wasi::p3::bindings::clocks,
            "wasi:filesystem/types.descriptor": super::super::FileDescriptor,
        },
    });
}

impl From<bindings::ErrorCode> for ErrorCode {
    fn from(code: bindings::ErrorCode) -> Self {
        use bindings::ErrorCode as Older;
        match code {
            Older::Access => Self::Access,
            // What 0.3 has no word for: a file of ours never makes anybody wait.
            Older::WouldBlock => Self::Other(Some("would block".to_owned())),
            Older::Already => Self::Already,
            Older::BadDescriptor => Self::BadDescriptor,
            Older::Busy => Self::Busy,
            Older::Deadlock => Self::Deadlock,
            Older::Quota => Self::Quota,
            Older::Exist => Self::Exist,
            Older::FileTooLarge => Self::FileTooLarge,
            Older::IllegalByteSequence => Self::IllegalByteSequence,
            Older::InProgress => Self::InProgress,
            Older::Interrupted => Self::Interrupted,
            Older::Invalid => Self::Invalid,
            Older::Io => Self::Io,
            Older::IsDirectory => Self::IsDirectory,
            Older::Loop => Self::Loop,
            Older::TooManyLinks => Self::TooManyLinks,
            Older::MessageSize => Self::MessageSize,
            Older::NameTooLong => Self::NameTooLong,
            Older::NoDevice => Self::NoDevice,
            Older::NoEntry => Self::NoEntry,
            Older::NoLock => Self::NoLock,
            Older::InsufficientMemory => Self::InsufficientMemory,
            Older::InsufficientSpace => Self::InsufficientSpace,
            Older::NotDirectory => Self::NotDirectory,
            Older::NotEmpty => Self::NotEmpty,
            Older::NotRecoverable => Self::NotRecoverable,
            Older::Unsupported => Self::Unsupported,
            Older::NoTty => Self::NoTty,
            Older::NoSuchDevice => Self::NoSuchDevice,
            Older::Overflow => Self::Overflow,
            Older::NotPermitted => Self::NotPermitted,
            Older::Pipe => Self::Pipe,
            Older::ReadOnly => Self::ReadOnly,
            Older::InvalidSeek => Self::InvalidSeek,
            Older::TextFileBusy => Self::TextFileBusy,
            Older::CrossDevice => Self::CrossDevice,
        }
    }
}

impl From<older::DescriptorType> for DescriptorType {
    fn from(kind: older::DescriptorType) -> Self {
        // There are no others for guests.
        match kind {
            older::DescriptorType::Directory => Self::Directory,
            older::DescriptorType::RegularFile => Self::RegularFile,
            _ => Self::Other(None),
        }
    }
}

impl From<older::DirectoryEntry> for DirectoryEntry {
    fn from(entry: older::DirectoryEntry) -> Self {
        Self {
            type_: entry.type_.into(),
            name: entry.name,
        }
    }
}

impl From<older::DescriptorStat> for DescriptorStat {
    fn from(stat: older::DescriptorStat) -> Self {
        let instant = |time: Option<Datetime>| {
            let time = time?;
            Some(Instant {
                seconds: i64::try_from(time.seconds).ok()?,
                nanoseconds: time.nanoseconds,
            })
        };
        Self {
            type_: stat.type_.into(),
            link_count: stat.link_count,
            size: stat.size,
            data_access_timestamp: instant(stat.data_access_timestamp),
            data_modification_timestamp: instant(stat.data_modification_timestamp),
            status_change_timestamp: instant(stat.status_change_timestamp),
        }
    }
}

impl From<older::MetadataHashValue> for MetadataHashValue {
    fn from(hash: older::MetadataHashValue) -> Self {
        Self {
            lower: hash.lower,
            upper: hash.upper,
        }
    }
}

impl TryFrom<NewTimestamp> for older::NewTimestamp {
    type Error = bindings::ErrorCode;

    fn try_from(time: NewTimestamp) -> Result<Self, bindings::ErrorCode> {
        Ok(match time {
            NewTimestamp::NoChange => Self::NoChange,
            NewTimestamp::Now => Self::Now,
            NewTimestamp::Timestamp(time) => Self::Timestamp(Datetime {
                seconds: u64::try_from(time.seconds).map_err(|_| bindings::ErrorCode::Overflow)?,
                nanoseconds: time.nanoseconds,
            }),
        })
    }
}

/// Makes flags of one version those of the other.
macro_rules! same_flags {
    ($from:ty => $to:ty: $($flag:ident)*) => {
        impl From<$from> for $to {
            fn from(flags: $from) -> Self {
                let mut same = Self::empty();
                $(if flags.contains(<$from>::$flag) {
                    same |= Self::$flag;
                })*
                same
            }
        }
    };
}

same_flags!(DescriptorFlags => older::DescriptorFlags:
    READ WRITE FILE_INTEGRITY_SYNC DATA_INTEGRITY_SYNC REQUESTED_WRITE_SYNC MUTATE_DIRECTORY);
same_flags!(older::DescriptorFlags => DescriptorFlags:
    READ WRITE FILE_INTEGRITY_SYNC DATA_INTEGRITY_SYNC REQUESTED_WRITE_SYNC MUTATE_DIRECTORY);
same_flags!(OpenFlags => older::OpenFlags: CREATE DIRECTORY EXCLUSIVE TRUNCATE);
same_flags!(PathFlags => older::PathFlags: SYMLINK_FOLLOW);
