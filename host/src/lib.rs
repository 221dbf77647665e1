//! Runs SyftBox apps one does not trust.
//!
//! # Layout
//! In the order in which a request meets them:
//! - `server`: the loop that everything comes to
//! - `tree`: the app's folder in the datasites tree; `eyes`: what the kernel tells of folders
//! - `app`, `router`: a component that fits our world, and its endpoints
//! - `sandbox`, `capability`: a fresh instance for each call, and what it is given
//! - `residents`: which programs are loaded; `memory`: how much all of them may take
//! - `watching`: the files that an app is told of
//! - `reply`: what came of a call, as the answer that callers read
//! - `install`, `installed`: taking releases in, and what came of that
//! - `launch`: from a component to a server; `serve`: all that is installed
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
pub mod caller;
pub mod capability;
pub mod child;
pub mod commands;
pub mod config;
pub mod durability;
pub mod error;
mod eyes;
mod failpoint;
mod guest_crate;
pub mod install;
pub mod installed;
mod journal;
pub mod launch;
pub mod layout;
pub mod logging;
mod machine;
pub mod memory;
pub mod parked;
pub mod python_app;
pub mod reply;
pub mod residents;
pub mod router;
pub mod sandbox;
mod scratch;
pub mod serve;
pub mod server;
pub mod state;
mod subscriptions;
pub mod suspension;
pub mod tree;
pub mod ui;
pub mod watching;
