//! Runs SyftBox apps one does not trust.
//!
//! # Layout
//! In the order in which a request meets them:
//! - `server`: the loop that everything comes to
//! - `tree`: the app's folder in the datasites tree; `inotify`: what the kernel tells of folders
//! - `app`, `router`: a component that fits our world, and its endpoints
//! - `sandbox`, `capability`: a fresh instance for each call, and what it is given
//! - `program_cache`: which programs are loaded; `memory`: how much all of them may take
//! - `events`: file events that are delivered to an app
//! - `reply`: what came of a call, as the answer that callers read
//! - `package`, `trust`: an app that is signed, and whose keys are trusted
//! - `catalog`, `oci`: what an author publishes, and registries that pass on apps
//! - `install`, `installed`: taking releases in, and what came of that
//! - `launch`: from a component to a server; `supervisor`: all that is installed
//!
//! Around them: `commands` (one file each), `config` (the only reader of the
//! environment), `ui` (the only one that prints), `error`, `durability`.

mod agreement;
pub mod app;
pub mod approval;
mod asking;
mod built_app;
mod cache_bounds;
mod caches;
pub mod capability;
pub mod catalog;
pub mod child;
pub mod client;
mod clock;
pub mod commands;
pub mod component;
pub mod config;
pub mod digest;
pub mod durability;
pub mod error;
pub mod events;
mod failpoint;
mod guest_crate;
mod inotify;
pub mod install;
pub mod installed;
mod journal;
pub mod launch;
pub mod layout;
pub mod logging;
mod machine;
pub mod manifest;
pub mod memory;
mod meter;
pub mod oci;
pub mod package;
pub mod parked;
pub mod plain;
mod private;
pub mod program_cache;
pub mod python_app;
mod quantity;
pub mod reply;
pub mod router;
pub mod sandbox;
mod scanner_count;
mod scratch;
pub mod server;
pub mod shutdown;
pub mod source;
pub mod state;
mod subscriptions;
pub mod supervisor;
pub mod suspension;
pub mod tree;
pub mod trust;
pub mod ui;
mod wit;
