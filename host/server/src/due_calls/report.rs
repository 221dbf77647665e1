//! Logs what became of calls that were due.

use syft_protocol::due_calls::{AfterFailedCall, DueReport};

pub(super) fn log(report: DueReport) {
    match report {
        DueReport::Failed {
            run,
            failure,
            after,
        } => {
            let (id, kind, attempt) = (run.call.id, &run.call.kind, run.attempt);
            let (event, path) = (kind.as_str(), kind.handler());
            let (name, detail) = (failure.name, failure.detail);
            match after {
                AfterFailedCall::Later(delay) => tracing::warn!(
                    name: "delivery_failed", %id, event, path, attempt, detail, ?delay, "{name}"
                ),
                AfterFailedCall::Parked => tracing::error!(
                    name: "delivery_parked", %id, event, path, attempt, detail,
                    "{name}, given up: parked"
                ),
            }
        }
        DueReport::DroppedParked { id, at } => {
            tracing::warn!(%id, at, "too many calls are parked: the oldest is dropped");
        }
        DueReport::Missed {
            schedule,
            first,
            last,
            runs: true,
        } => tracing::info!(
            schedule,
            %first,
            %last,
            "times of a schedule were missed: one call stands for all of them"
        ),
        DueReport::Missed {
            schedule,
            first,
            last,
            runs: false,
        } => {
            tracing::info!(schedule, %first, %last, "times of a schedule were missed: dropped");
        }
        DueReport::ClockPutBack { schedule, last } => tracing::warn!(
            schedule,
            %last,
            "the clock of this machine was put back: the times of the schedule count from now"
        ),
        DueReport::NoSchedule { id, schedule } => tracing::warn!(
            %id,
            schedule,
            "a call that was due is dropped: the app no longer has its schedule"
        ),
    }
}
