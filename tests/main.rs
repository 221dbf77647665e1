//! Behaviour of `syft-host` through its command line and the file tree.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(missing_docs, reason = "tests say what they are by their names")]
#![allow(unreachable_pub, reason = "modules of one binary")]
#![allow(clippy::print_stderr, reason = "a failed test tells what it knows")]

mod support;

mod access;
mod app_names;
mod authors;
mod benchmarks;
mod bindings;
mod building;
mod children;
mod cleaning;
mod command_line;
mod compiling;
mod conversations;
mod crashes;
mod crates;
mod crowds;
mod dashboard;
mod doctor;
mod duplicates;
mod durability;
mod encryption;
mod examples;
mod fairness;
mod faults;
mod file_attacks;
mod file_model;
mod file_staging;
mod hostile_folders;
mod hostile_guests;
mod hostile_tree;
mod http;
mod installing;
mod logs;
mod manifest;
mod memory;
mod messages;
mod native_builds;
mod oci;
mod packaging;
mod placing;
mod progress;
mod publishing;
mod python;
mod python_guests;
mod remote;
mod remote_files;
mod replaying;
mod residue;
mod scheduling;
mod sdk;
mod secrets;
mod serve;
mod serving;
mod settings;
mod signing;
mod soak;
mod starting;
mod state;
mod status;
mod stopping;
mod story;
mod suspension;
mod synced;
mod terminals;
mod tidy;
mod touched;
mod traces;
mod trust;
mod wasi_0_3;
mod watching;
mod workers;
