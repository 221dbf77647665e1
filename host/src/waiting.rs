//! What waits for its owner: releases that want more rights, work that was given up, apps that
//! are suspended. Commands and the dashboard look at it, and decide it, in the same way.

mod approval;
mod parked;
mod suspended;

pub use approval::{approve, reject, wishes};
pub use parked::{ParkedWork, call_in_words};
pub use suspended::resume;
