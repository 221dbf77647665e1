//! Runs SyftBox apps one does not trust.
//!
//! # Layout
//! In the order in which a request meets them:
//! - `server`: the loop that everything comes to
//! - `tree`: the app's folder in the datasites tree; `inotify`: what the kernel tells of folders
//! - `app`, `router`: a component that fits our world, its endpoints, and its answers as
//!   callers read them
//! - `sandbox`, `capability`: a fresh instance for each call, and what it is given
//! - `program_cache`: which programs are loaded; `memory`: how much all of them may take
//! - `events`: file events that are delivered to an app
//! - `install`, `installed`: taking releases in, and what came of that
//! - `prepared_app`: from a component to a server; `supervisor`: all that is installed
//!
//! In crates of their own: `syft-manifest` (what an app asks for, and the ground for all),
//! `syft-package` (signatures, trust, catalogs, registries), `syft-protocol` (requests).
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
pub mod child;
pub mod client;
pub mod commands;
pub mod config;
pub mod durability;
pub mod error;
pub mod events;
mod failpoint;
mod guest_crate;
mod inotify;
pub mod install;
pub mod installed;
mod journal;
pub mod layout;
pub mod logging;
mod machine;
pub mod memory;
mod meter;
mod open_files;
pub mod parked;
pub mod prepared_app;
pub mod private_folder;
pub mod program_cache;
pub mod python_app;
pub mod router;
pub mod sandbox;
mod scanner_count;
mod scratch;
pub mod server;
pub mod shutdown;
pub mod state;
mod subscriptions;
pub mod supervisor;
pub mod suspension;
pub mod tree;
pub mod ui;
mod wit;
