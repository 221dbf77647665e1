//! Logs what became of events.

use syft_protocol::file_events::{AfterFailure, Report};

use super::scope::MAX_FILES;

pub(super) fn log(report: Report) {
    match report {
        Report::Failed {
            id,
            event,
            failure,
            after,
        } => {
            let (kind, path, attempt) = (event.kind.as_str(), &*event.path, event.attempt);
            let (name, detail) = (failure.name, failure.detail);
            match after {
                AfterFailure::Later(delay) => {
                    tracing::warn!(
                        name: "delivery_failed", %id, event = kind, path, attempt, detail, ?delay,
                        "{name}"
                    );
                }
                AfterFailure::Outdated => {
                    tracing::warn!(
                        name: "delivery_failed", %id, event = kind, path, attempt, detail,
                        "{name}, and outdated"
                    );
                }
                AfterFailure::GivenUp => {
                    tracing::error!(
                        name: "delivery_parked", %id, event = kind, path, attempt, detail,
                        "{name}, given up: parked"
                    );
                }
            }
        }
        Report::DroppedParked { id, at } => {
            tracing::warn!(%id, at, "too many events are parked: the oldest is dropped");
        }
        Report::NoWatch(id) => {
            tracing::warn!(%id, "a parked event is not delivered again: the app no longer has its watch");
        }
        Report::TooManyFiles { datasite, n_files } => tracing::warn!(
            most = MAX_FILES,
            datasite,
            n_files,
            "the app watches too many files: changes of some are not delivered. Most are in this \
             datasite: narrow the patterns that match there, or exclude files with `!`"
        ),
    }
}
