//! What the host asks of the system, in one place: each other crate says what it wants, and this
//! one knows how Linux, macOS and Windows do it.
//!
//! There are two implementations of what has to do with folders: that of Linux, and a portable one
//! on cap-std, which macOS and Windows have. The feature `portable` has Linux take it too, so that
//! all tests can be run with it. Both promise the same: names are opened one at a time, no link is
//! followed, and nothing but regular files and folders is opened.
//!
//! Why: docs/decisions/93-one-seam-for-what-the-system-does.md
//!
//! It does not know what a request, an app or a grant is, reads no environment and starts no thread
//! but those of notify.

pub mod boot;
pub mod copy;
pub mod disk;
mod error;
#[cfg(any(test, feature = "portable", not(target_os = "linux")))]
mod exact;
pub mod folder;
mod found;
#[cfg(target_os = "linux")]
pub mod kernel;
pub mod local_socket;
pub mod lock;
pub mod machine;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod nameless;
#[cfg(any(feature = "portable", not(target_os = "linux")))]
mod nameless_portable;
pub mod names;
pub mod places;
pub mod positions;
pub mod private;
pub mod process;
pub mod replace;
pub mod rights;
pub mod service;
pub mod service_manager;
mod shortcomings;
pub mod signals;
pub mod terminal;
pub mod ticks;
mod times;
pub mod watch;
#[cfg(windows)]
mod windows;

pub use error::{SystemError, is_absent};
pub use folder::{Create, Dir, DirCursor, DirEntries, DirEntry, DirEntryRef, Open, OpenedFile};
pub use found::{FileId, FileType, Stat, StatTime};
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub use nameless::NamelessFiles;
#[cfg(any(feature = "portable", not(target_os = "linux")))]
pub use nameless_portable::NamelessFiles;
pub use shortcomings::shortcomings;
pub use times::{SetTime, SetTimes};

/// Which implementation this program has: `linux` or `portable`.
pub const IMPLEMENTATION: &str = if cfg!(all(target_os = "linux", not(feature = "portable"))) {
    "linux"
} else {
    "portable"
};
