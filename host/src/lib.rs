//! Runs SyftBox apps one does not trust.
//!
//! - `commands` (one file each), `config` (the only reader of the environment), `ui` (prints for
//!   people, with `layout`, `paint` and `progress`), `error`, `typos`
//! - `settings`: how the owner wants apps to be served; `doctor`: what that needs of the machine
//! - `install`, `installed`: taking releases in, and what came of that
//! - `app_builder`, `guest_crate`, `python_app`: from an author's folder to a component;
//!   `rust_toolchain`: the programs that compile; `scaffold`: makes such a folder; `source_watch`: says
//!   when it changes
//! - `activity`: what apps do: kept logs, statistics, a live feed
//! - `prepared_app`: from a component to a server; `supervisor`: all that is installed
//! - `replay`: runs a recorded call again, and compares
//! - `waiting`: what the owner is to decide; `dashboard`: all of it as pages in a browser;
//!   `traces`: requests, for a collector
//! - `workers_link`: other machines that run calls
//!
//! In crates of their own: `syft-server` (serves one app), `syft-runtime` (runs its calls),
//! `syft-package` (signatures, trust, catalogs, registries), `syft-manifest` (what an app asks
//! for), `syft-protocol` (requests, events, rules: no IO).

pub mod activity;
mod agreement;
mod app_builder;
pub mod approval;
mod asking;
mod built_app;
mod caches;
pub mod commands;
pub mod config;
pub mod dashboard;
mod doctor;
pub mod error;
mod guest_crate;
pub mod install;
pub mod installed;
pub mod layout;
pub mod logging;
mod open_files;
pub mod paint;
pub mod prepared_app;
pub mod progress;
pub mod python_app;
pub mod replay;
mod rust_toolchain;
mod scaffold;
mod server_task;
pub mod settings;
mod source_watch;
pub mod supervisor;
pub mod traces;
mod typos;
pub mod ui;
pub mod waiting;
pub mod workers_link;
