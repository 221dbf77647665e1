//! Which file events are delivered to apps.

mod delivering;
mod failing;
mod own;
pub mod site;
mod starting;
mod storm;
