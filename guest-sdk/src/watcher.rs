//! What a watcher is to an app.

use crate::bindings::exports::syft::app::watch;
use crate::{EventKind, Failure, FileEvent};

/// A watcher, as [`app!`](crate::app!) takes it.
///
/// [`#[watch]`](macro@crate::watch) implements it for a type with the name of the
/// function. Use it in tests, to call a watcher the way an event does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a watcher",
    note = "put `#[watch(\"{{datasite}}/**/*.json\")]` on the function"
)]
pub trait Watcher {
    /// The globs, of which the last that matches a path decides.
    const PATTERNS: &'static [&'static str];

    /// What it wants to hear of.
    const EVENTS: &'static [EventKind];

    /// Its name and where it is, by which `syft-host build` finds one that `app!` does not list.
    #[doc(hidden)]
    const MARK: &'static str = "";

    /// Calls the function.
    fn call(event: FileEvent) -> Result<(), Failure>;
}

/// A watcher of an app, at run time.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    patterns: &'static [&'static str],
    events: &'static [EventKind],
    pub(crate) mark: &'static str,
    pub(crate) call: fn(FileEvent) -> Result<(), Failure>,
}

impl Watch {
    /// Returns the watcher `W`.
    pub const fn of<W: Watcher>() -> Watch {
        Watch {
            patterns: W::PATTERNS,
            events: W::EVENTS,
            mark: W::MARK,
            call: W::call,
        }
    }
}

impl From<Watch> for watch::Watch {
    fn from(it: Watch) -> watch::Watch {
        let none = watch::EventKinds::empty();
        watch::Watch {
            patterns: it.patterns.iter().map(ToString::to_string).collect(),
            events: it.events.iter().fold(none, |all, kind| all | flag(*kind)),
        }
    }
}

fn flag(kind: EventKind) -> watch::EventKinds {
    match kind {
        EventKind::Created => watch::EventKinds::CREATED,
        EventKind::Modified => watch::EventKinds::MODIFIED,
        EventKind::Moved => watch::EventKinds::MOVED,
        EventKind::Deleted => watch::EventKinds::DELETED,
    }
}
