//! Bindings of `wasi:filesystem`, with descriptors of our own.
#![allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]

use syft_system::SystemError;

use super::guest_path::PathError;
use crate::meter::MemoryRefused;

pub(super) use generated::wasi::filesystem::{preopens, types};
pub(super) use types::ErrorCode;

mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package syft:files;
            world files {
                import wasi:filesystem/types@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
            }
        ",
        imports: {
            "wasi:filesystem/types.[method]directory-entry-stream.read-directory-entry": async | trappable,
            "wasi:filesystem/types.[method]descriptor.read": async | trappable,
            "wasi:filesystem/types.[method]descriptor.sync-data": async | trappable,
            "wasi:filesystem/types.[method]descriptor.sync": async | trappable,
            "wasi:filesystem/types.[method]descriptor.set-times": async | trappable,
            "wasi:filesystem/types.[method]descriptor.read-directory": async | trappable,
            "wasi:filesystem/types.[method]descriptor.create-directory-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.stat": async | trappable,
            "wasi:filesystem/types.[method]descriptor.stat-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.set-times-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.link-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.open-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.readlink-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.remove-directory-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.rename-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.symlink-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.unlink-file-at": async | trappable,
            "wasi:filesystem/types.[method]descriptor.metadata-hash": async | trappable,
            "wasi:filesystem/types.[method]descriptor.metadata-hash-at": async | trappable,
            default: trappable,
        },
        require_store_data_send: true,
        trappable_error_type: {
            "wasi:filesystem/types.error-code" => super::FsError,
        },
        with: {
            "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
            "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
            "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
            "wasi:clocks/wall-clock": wasmtime_wasi::p2::bindings::clocks::wall_clock,
            "wasi:filesystem/types.descriptor": super::super::FileDescriptor,
            "wasi:filesystem/types.directory-entry-stream": super::super::listing::Listing,
        },
    });
}

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum FsError {
    /// The guest is told.
    Code(ErrorCode),
    /// The guest broke a rule that no program breaks by mistake, and is ended.
    Trap(wasmtime::Error),
}

pub(super) type FsResult<T> = Result<T, FsError>;

impl From<ErrorCode> for FsError {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl From<SystemError> for ErrorCode {
    fn from(error: SystemError) -> Self {
        match error {
            SystemError::AccessDenied => Self::Access,
            SystemError::BadName => Self::IllegalByteSequence,
            SystemError::Busy => Self::Busy,
            SystemError::CrossesDevices => Self::CrossDevice,
            SystemError::Exists => Self::Exist,
            SystemError::Interrupted => Self::Interrupted,
            SystemError::Invalid => Self::Invalid,
            SystemError::IsAFolder => Self::IsDirectory,
            SystemError::Link => Self::Loop,
            SystemError::NameTooLong => Self::NameTooLong,
            SystemError::NotAFolder => Self::NotDirectory,
            SystemError::NotEmpty => Self::NotEmpty,
            SystemError::NotFound => Self::NoEntry,
            SystemError::NotPermitted => Self::NotPermitted,
            SystemError::OutOfMemory => Self::InsufficientMemory,
            SystemError::Quota => Self::Quota,
            SystemError::ReadOnly => Self::ReadOnly,
            SystemError::StorageFull => Self::InsufficientSpace,
            SystemError::TooLarge => Self::FileTooLarge,
            SystemError::TooManyLinks => Self::TooManyLinks,
            SystemError::Unsupported => Self::Unsupported,
            SystemError::NotAFile
            | SystemError::Stale
            | SystemError::TooManyOpen
            | SystemError::Io(_) => Self::Io,
        }
    }
}

impl From<PathError> for FsError {
    fn from(error: PathError) -> Self {
        Self::Code(match error {
            PathError::Empty => ErrorCode::NoEntry,
            PathError::Null => ErrorCode::Invalid,
            PathError::LeadsOut => ErrorCode::NotPermitted,
            PathError::TooLong => ErrorCode::NameTooLong,
        })
    }
}

impl From<SystemError> for FsError {
    fn from(error: SystemError) -> Self {
        Self::Code(error.into())
    }
}

impl From<MemoryRefused> for FsError {
    fn from(_: MemoryRefused) -> Self {
        Self::Code(ErrorCode::InsufficientMemory)
    }
}

impl From<wasmtime::component::ResourceTableError> for FsError {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}
