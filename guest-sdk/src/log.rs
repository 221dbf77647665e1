//! The host's log.
//!
//! ```
//! use syft_guest::log;
//!
//! let n_scores = 3;
//! log::info!("ranked {n_scores} scores");
//! ```
//!
//! The host adds the app and the request, and cuts what is long.

use std::fmt;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What the owner may want to know.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

/// Writes a line. The macros of this module are shorter.
///
/// In native tests it goes to standard error.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    host::write(level.into(), &message.to_string());
}

#[doc(inline)]
pub use crate::{
    __debug as debug, __error as error, __info as info, __trace as trace, __warn as warn,
};

/// Logs every step. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($arg)+))
    };
}

/// Logs what helps to find a mistake. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($arg)+))
    };
}

/// Logs what the owner may want to know. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Info, ::core::format_args!($($arg)+))
    };
}

/// Logs what may be wrong. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($arg)+))
    };
}

/// Logs what is wrong. Takes what `format!` takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Error, ::core::format_args!($($arg)+))
    };
}

#[cfg(target_family = "wasm")]
use crate::bindings::syft::app::log as host;

impl From<Level> for host::Level {
    fn from(level: Level) -> host::Level {
        match level {
            Level::Trace => host::Level::Trace,
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        }
    }
}

/// The host of native tests.
#[cfg(not(target_family = "wasm"))]
mod host {
    use std::io::Write;

    pub(super) use crate::bindings::syft::app::log::Level;

    pub(super) fn write(level: Level, message: &str) {
        // Where standard error is closed there is nobody to tell.
        writeln!(std::io::stderr(), "{level:?}: {message}").ok();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn native_tests_may_log() {
        let n = 1;
        super::trace!("{n}");
        super::debug!("{n}");
        super::info!("n is {}", n);
        super::warn!("{n}");
        super::error!("{n}");
    }
}
