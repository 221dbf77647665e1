//! Calls that run on other machines.
//!
//! The host of the owner keeps all that decides. It gives a call out ([`HandOut`]), and keeps for
//! it what a call that runs here has, but for the instance ([`OwnerSide`]): its files, its
//! requests, its messages, its state. A worker runs the guest (`Program::run_handed`), asks for
//! all of these, and says at the end what the call changed. That is judged here as if a guest
//! had done it here.
//!
//! What carries the words of both is not known here.
//!
//! Why: docs/decisions/88-the-owner-decides-about-remote-calls.md

mod owner;
mod pool;

pub use owner::{Asker, HandedApp, HeldBytes, OwnerSide, PreparedOwner, RuleBroken};
pub use pool::{HandOut, Needs, NotRun, Pool, PoolEnd, PoolStats, RanOn, WorkerStats};
