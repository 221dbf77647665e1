//! Serves one SyftBox app out of its folder in the datasites tree.
//!
//! - [`server`]: the loop that everything comes to
//! - [`tree`]: the app's folder in the tree
//! - [`app`], [`router`]: a component that fits our world, its endpoints, and its answers as
//!   callers read them
//! - [`encryption`]: opens encrypted requests, and encrypts answers
//! - [`events`]: file events that are delivered to an app; [`due_calls`]: its schedules, and what
//!   became of its messages
//! - `courier`: messages that an app sends; [`local`]: those to apps of the same process
//! - [`client`]: the caller's side of the same files; [`published`]: what apps say of themselves
//! - `journal`, [`parked`], [`suspension`]: what must outlive the process

pub mod app;
pub mod client;
mod courier;
pub mod due_calls;
pub mod encryption;
pub mod events;
pub mod journal;
pub mod local;
pub mod parked;
pub mod private_folder;
pub mod published;
pub mod recordings;
pub mod router;
mod scanner_count;
pub mod server;
pub mod shutdown;
pub mod subscriptions;
pub mod suspension;
pub mod tree;
