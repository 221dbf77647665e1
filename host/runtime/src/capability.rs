//! What guests can be given, one file a capability.
//!
//! Each is implemented on what it uses of a call and nothing else: `log` on the output,
//! `keyvalue` on the state, `files` on the files, `http` on the requests, `environment` on
//! variables and secrets, `messages` on the messages, `call_spans` on the spans of the call. None of them can name the whole state of a call, which is `sandbox`'s, so
//! a file call cannot reach the app's state.

mod advice;
mod app_access;
mod call_label;
mod call_spans;
mod context;
mod environment;
pub mod files;
pub mod http;
pub mod keyvalue;
mod log;
pub mod messages;
mod output;
pub(crate) mod recorded_chance;
pub(crate) mod standard_output;

pub use advice::Advice;
pub use app_access::AppAccess;
pub(crate) use app_access::CallAccess;
pub(crate) use call_label::CallLabel;
pub use call_spans::collect_spans;
pub(crate) use call_spans::{CallSpan, CallSpans, SpanOf};
pub use context::AppIdentity;
pub(crate) use context::CallContext;
pub(crate) use environment::CallEnvironment;
pub use environment::EnvironmentAccess;

pub(crate) use output::{Output, OwnerLog};
