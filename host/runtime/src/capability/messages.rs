//! `syft:app/messages`: requests to other apps, to where the owner allowed.
//!
//! Why: docs/decisions/83-a-guest-sends-as-its-owner.md

mod courier;

pub use courier::{CourierHandle, Receive, ReceiveError, Received, Until};
