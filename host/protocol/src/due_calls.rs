//! Calls of an app that are due: of its schedules, and with what became of its messages.
//!
//! A call that is due is kept in the state before it runs, and deleted in the transaction in
//! which it runs: so each takes effect once, whatever stops the host. [`DueCalls`] decides which
//! runs, when one that failed runs again, and when it is parked for the owner.
//!
//! Why: docs/decisions/84-due-calls-are-kept-until-they-ran.md

mod call;
mod message;
mod queue;
mod schedules;
#[cfg(test)]
mod tests;

pub use call::{DueCall, DueKind, KeptCall, Lane, ParkedCall};
pub use message::{
    AfterFailedCall, DueAction, DueEvent, DueRecord, DueReport, DueResult, DueRun, LeftDue,
};
pub use queue::{DueCalls, DueOptions};
pub use schedules::{KeptSchedule, LastRun, ScheduleStatus};
