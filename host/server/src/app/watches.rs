//! What an app watches, as it says itself when it is loaded.

use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::file_events::EventKinds;
use syft_protocol::pattern::{Globs, GlobsError};
use thiserror::Error;

use syft_runtime::wit::watch;

/// The most watches of an app, and patterns of all of them, those that braces stand
/// for each counted.
const MAX_WATCHES: usize = 100;
const MAX_GLOBS: usize = 1_000;

/// The watches of an app, in its order.
#[derive(Debug, Default)]
pub struct Watches(Vec<Watch>);

/// One of them.
#[derive(Debug)]
pub struct Watch {
    /// The patterns as the app wrote them.
    pub patterns: Vec<String>,
    /// The patterns, ready to match.
    pub globs: Globs,
    /// Which kinds of events it wants.
    pub kinds: EventKinds,
}

/// Why the watches of an app cannot be had.
#[derive(Debug, Error)]
pub enum WatchesError {
    /// There are too many.
    #[error("the app has {0} watches; at most {MAX_WATCHES} are allowed")]
    TooMany(usize),
    /// There are too many patterns.
    #[error(
        "the watches of the app have more than {MAX_GLOBS} patterns, each that braces stand for \
         counted"
    )]
    TooManyGlobs,
    /// A pattern is wrong.
    #[error("watch {} of the app: {error}", index + 1)]
    Globs {
        /// Which watch, from 0.
        index: usize,
        /// What is wrong.
        error: GlobsError,
    },
    /// A watch is for no kind of event.
    #[error("watch {} of the app asks for no kind of event", .0 + 1)]
    NoEvents(usize),
}

impl Watch {
    /// Returns it in words for people.
    pub fn words(&self) -> String {
        let events = self.kinds.names().join(", ");
        format!("{} ({events})", plain(&self.patterns.join(", ")))
    }

    /// Returns it for scripts.
    pub fn to_json(&self) -> Value {
        json!({"patterns": self.patterns, "events": self.kinds.names()})
    }
}

impl Watches {
    /// Returns the watches that a guest named.
    pub(crate) fn new(
        watches: Vec<watch::Watch>,
        datasite: &Datasite,
        app: &AppName,
    ) -> Result<Self, WatchesError> {
        if watches.len() > MAX_WATCHES {
            return Err(WatchesError::TooMany(watches.len()));
        }
        let mut n_globs = 0;
        let mut all = Vec::with_capacity(watches.len());
        for (index, watch) in watches.into_iter().enumerate() {
            let globs = Globs::parse(&watch.patterns, datasite, app)
                .map_err(|error| WatchesError::Globs { index, error })?;
            n_globs += globs.n_globs();
            if n_globs > MAX_GLOBS {
                return Err(WatchesError::TooManyGlobs);
            }
            let kinds = kinds(watch.events);
            if kinds.names().is_empty() {
                return Err(WatchesError::NoEvents(index));
            }
            all.push(Watch {
                patterns: watch.patterns,
                globs,
                kinds,
            });
        }
        Ok(Self(all))
    }

    /// Returns whether the app watches nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the watches.
    pub fn all(&self) -> &[Watch] {
        &self.0
    }
}

fn kinds(events: watch::EventKinds) -> EventKinds {
    EventKinds {
        created: events.contains(watch::EventKinds::CREATED),
        modified: events.contains(watch::EventKinds::MODIFIED),
        moved: events.contains(watch::EventKinds::MOVED),
        deleted: events.contains(watch::EventKinds::DELETED),
    }
}
