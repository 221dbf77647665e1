//! Runs the calls of a SyftBox app, each in a sandbox of its own.
//!
//! - [`sandbox`]: a fresh instance for each call, and the process that compiles components
//! - [`capability`]: what an instance is given, each on a view of just what it uses
//! - [`state`]: what an app keeps, committed with the answer of the call that wrote it
//! - [`program_cache`]: which programs are loaded
//! - [`memory`], [`meter`]: what all apps together, and one call, may make the host hold
//! - [`child`]: the one place that starts other programs
//!
//! Nothing here knows the folder tree or who asked.

mod cache_bounds;
pub mod capability;
pub mod child;
pub mod durability;
mod failpoint;
mod machine;
pub mod memory;
mod meter;
pub mod program_cache;
pub mod sandbox;
mod scratch;
pub mod state;
mod wit;
