//! Runs calls of SyftBox apps on other machines.
//!
//! The owner's host has the tree and decides; a worker runs guests, and asks it for all else. They
//! speak by a NATS server, at which each worker has an account of its own.
//!
//! - [`accounts`]: who may connect, and the configuration of the server
//! - [`connect`]: the connection, which is encrypted where others could listen
//! - [`ledger`]: which call is at which worker: decides, and does nothing
//! - [`exchanges`], [`frame`], [`words`]: questions and answers, in parts, each once
//! - [`owner`]: the owner's host
//! - [`worker`]: a worker
//!
//! Nothing here knows the folder tree.

pub mod accounts;
pub mod connect;
pub mod exchanges;
pub mod frame;
pub mod ledger;
pub mod names;
pub mod owner;
pub mod words;
pub mod worker;

pub use connect::{Probe, WorkersError};
pub use owner::{AppOffer, Workers, WorkersOptions, probe};
