//! Why an app could not be had from a registry, or given to one.

use std::path::PathBuf;
use std::time::Duration;

use syft_manifest::component::ComponentError;
use syft_manifest::sanitize::quoted;
use syft_manifest::units::{show_size, show_time};
use thiserror::Error;

use super::digest::OciDigest;

/// Why an app could not be had from a registry, or given to one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OciError {
    /// The registry has nothing of that name.
    #[error("the registry {registry} has no such {what}")]
    NotFound {
        /// Which registry.
        registry: String,
        /// What was asked for.
        what: &'static str,
    },
    /// The registry wants to know who asks, or somebody else to ask.
    #[error("the registry {registry} does not let {who} do that")]
    Unauthorized {
        /// Which registry.
        registry: String,
        /// Who asked.
        who: String,
    },
    /// Other bytes than those of the digest.
    #[error(
        "the registry gave other bytes for the {what} than it promised: they are not those of \
         {promised}"
    )]
    OtherBytes {
        /// What was read.
        what: &'static str,
        /// What should have come.
        promised: OciDigest,
    },
    /// More than is taken.
    #[error("the {what} is too large: at most {} are taken", show_size(*.limit))]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How many bytes would be taken.
        limit: u64,
    },
    /// Something else than one component.
    #[error("this is not a WebAssembly app: {0}")]
    NoApp(String),
    /// What is to be pushed is no component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A component can only be pushed under a name.
    #[error("an app is pushed under a tag, not under a digest")]
    NeedsTag,
    /// Who the owner is to registries cannot be read.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    DockerConfig {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Somebody in between could read along.
    #[error("the registry redirects to {0}, which is not encrypted")]
    NotEncrypted(String),
    /// From one place to the next and never to the bytes.
    #[error("the registry redirects too often")]
    Redirects,
    /// Not in time.
    #[error("{host} did not answer fully within {}", show_time(*.within))]
    TimedOut {
        /// Who did not.
        host: String,
        /// How long it had.
        within: Duration,
    },
    /// No connection, or none that can be trusted, or one that broke off.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who cannot.
        host: String,
        /// Why not.
        reason: String,
    },
    /// The registry declines for a reason of its own.
    #[error("{host} answers with status {status}{}", said(.message))]
    Refused {
        /// Who declines.
        host: String,
        /// The status of the answer.
        status: u16,
        /// What it says about it, if that was short and plain.
        message: String,
    },
    /// The registry breaks the protocol.
    #[error("the registry does not keep to the protocol: {0}")]
    Nonsense(String),
}

fn said(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(":\n{}", quoted(message)),
    }
}

impl OciError {
    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NotFound { .. } => "check the spelling, and whether it was published there",
            Self::Unauthorized { registry, .. } => {
                return vec![
                    "check the spelling: some registries answer so where there is no such app"
                        .to_owned(),
                    format!(
                        "log in there with `docker login {registry}`: what it writes into its \
                         config.json is found, what a credential helper keeps is not"
                    ),
                ];
            }
            Self::DockerConfig { .. } => {
                "fix it, or set DOCKER_CONFIG to a folder with another config.json"
            }
            Self::OtherBytes { .. } => {
                "nothing of it was used; try again, and if it stays so get the app from elsewhere"
            }
            Self::NotEncrypted(_) => "only registries on this machine may do without https",
            Self::TimedOut { .. } | Self::Unreachable { .. } => {
                "check the host and the network, and try again later"
            }
            Self::NoApp(_) => "what `syft-host publish` or `wkg oci push` pushes can be taken",
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
