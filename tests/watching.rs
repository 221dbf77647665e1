//! What apps are told of files.

mod failing;
mod own;
pub mod site;
mod starting;
mod storm;
mod telling;
