//! What a SyftBox app says of itself and asks for, the limits that it runs within, and the
//! ground that the other crates of the host stand on.
//!
//! - [`Manifest`], [`Grants`], [`Limits`]: what an app asks for, what it gets, and what bounds it
//! - [`component`], [`section`]: the outermost layer of a component, without a runtime for it
//! - [`HttpOrigin`], [`IpScope`]: where requests of an app may go to
//! - [`VariableName`], [`SecretValue`]: names of variables, and what they hold that nothing shows
//! - [`worlds`]: the names of the interfaces of apps
//! - [`Digest`], [`units`], [`sanitize`]: names of bytes, amounts, and foreign text for terminals
//! - [`clock`], [`time_zone`]: what time it is, here and elsewhere

pub mod clock;
pub mod component;
mod digest;
mod grants;
mod ip_scope;
mod limits;
mod manifest;
mod origin;
pub mod sanitize;
mod secret_value;
pub mod time_zone;
pub mod units;
mod variable;
pub mod worlds;

pub use digest::Digest;
pub use grants::{AccessGrants, Grants, HttpGrants, MessageGrants};
pub use ip_scope::IpScope;
pub use limits::{Limits, TASK_STACKS};
pub use manifest::{
    Diagnostic, FILE_NAME, Files, Http, MAX_SCHEDULES, Manifest, ManifestError, ManifestLimits,
    Messages, Problem, ProgramMemory, SEQUENCE, SecretHeader, WantedRules, WantedSchedule,
    WantedSecret, WorkerLabel, WorkerLabelError, WorkerNeeds, findings as toml_findings,
    may_carry_secrets, memory_limit, parse_version, quota_limit, schema, section, time_limit,
};
pub use origin::{HttpHost, HttpMethod, HttpOrigin, OriginError};
pub use secret_value::SecretValue;
pub use variable::{VariableName, VariableNameError};
