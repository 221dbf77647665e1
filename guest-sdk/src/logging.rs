//! Lines in the host's log.
//!
//! Authors log by the macros of the crate `log`, as libraries do, or by those of
//! `tracing`; each instance takes their lines before any code of the author runs.

#[cfg(any(feature = "tracing", test))]
mod tracing;

use std::fmt;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Some libraries trace each step of an inner loop, and what a call may log is bounded:
/// that is for authors who ask for it.
const MAX_LEVEL: LevelFilter = LevelFilter::Debug;

/// Takes the lines of this instance from now on, unless somebody else does.
pub(crate) fn install() {
    if log::set_logger(&Forward).is_ok() {
        log::set_max_level(MAX_LEVEL);
    }
    #[cfg(any(feature = "tracing", test))]
    tracing::install();
}

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        line(record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}

fn line(level: Level, target: &str, message: &dyn fmt::Display) {
    host::write(level, &format!("{target}: {message}"));
}

/// Marks a span for the traces of the host, which shows no such line.
#[cfg(any(feature = "tracing", test))]
fn mark(text: &str) {
    host::mark(&format!("syft-span: {text}"));
}

#[cfg(target_family = "wasm")]
mod host {
    use crate::bindings::syft::app::log;

    pub(super) fn write(level: super::Level, line: &str) {
        let level = match level {
            super::Level::Trace => log::Level::Trace,
            super::Level::Debug => log::Level::Debug,
            super::Level::Info => log::Level::Info,
            super::Level::Warn => log::Level::Warn,
            super::Level::Error => log::Level::Error,
        };
        log::write(level, line);
    }

    #[cfg(feature = "tracing")]
    pub(super) fn mark(line: &str) {
        log::write(log::Level::Trace, line);
    }
}

/// The host of native tests.
#[cfg(not(target_family = "wasm"))]
mod host {
    use std::io::Write;

    use crate::test::world;

    pub(super) fn write(level: super::Level, line: &str) {
        // Where standard error is closed there is nobody to tell.
        writeln!(std::io::stderr(), "{level} {line}").ok();
        if let Some(world) = world::current() {
            world.lines.borrow_mut().push((level, line.to_owned()));
        }
    }

    /// Tests have no traces.
    #[cfg(any(feature = "tracing", test))]
    pub(super) fn mark(_: &str) {}
}

#[cfg(test)]
mod tests {
    use log::Level;

    use crate::prelude::*;
    use crate::test::App;

    #[on_request("/f")]
    fn f() {
        log::info!("one {}", 1);
        log::debug!(target: "elsewhere", "two");
        log::trace!("three");
    }

    #[test]
    fn lines_of_the_log_crate_arrive() {
        let app = App::new();
        app.call::<f>("");
        let one = format!("{}: one 1", module_path!());
        let expected = [
            (Level::Info, one),
            (Level::Debug, "elsewhere: two".to_owned()),
        ];
        assert_eq!(app.log(), expected);
    }
}
