//! Runs the calls of a SyftBox app, each in a sandbox of its own.
//!
//! - [`sandbox`]: a fresh instance for each call, and the process that compiles components
//! - [`capability`]: what an instance is given, each on a view of just what it uses
//! - [`state`]: what an app keeps, committed with the answer of the call that wrote it
//! - [`program_cache`]: which programs are loaded
//! - [`memory`], [`meter`]: what all apps together, and one call, may make the host hold
//! - [`recording`]: a call kept whole, to run again
//! - [`remote`], [`wire`]: calls that other machines run, and what is said about them
//! - [`secrets`]: what the owner keeps secret for an app
//! - [`child`]: the one place that starts other programs
//!
//! Nothing here knows the folder tree or who asked.

pub mod cache_bounds;
pub mod capability;
pub mod child;
pub mod durability;
pub mod failpoint;
pub mod machine;
pub mod memory;
pub mod meter;
pub mod program_cache;
pub mod recording;
pub mod remote;
pub mod sandbox;
pub mod scratch;
pub mod secrets;
pub mod state;
pub mod wire;
pub mod wit;
