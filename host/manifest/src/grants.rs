//! The files and secrets that an app gets, and the requests and messages that it may send.

use syft_protocol::grant::PathPattern;

use crate::manifest::{Files, Http, Messages, WantedRules, WantedSecret};
use crate::origin::HttpHost;

/// What an app asks for and what of it the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// What the app's manifest asks for.
    pub requested: Files,
    /// What the owner approved. Only what is in both is granted.
    pub approved: Files,
    /// What the owner denies, whatever was approved; messages to there too.
    pub denied: Vec<PathPattern>,
    /// The requests that it may send.
    pub http: HttpGrants,
    /// The messages to other apps that it may send.
    pub messages: MessageGrants,
    /// The secrets that it gets: those that it asks for and the owner approved.
    pub secrets: Vec<WantedSecret>,
    /// The access rules of its own folder.
    pub access: AccessGrants,
}

/// The access rules that an app asks for, and which of them the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccessGrants {
    /// What the app's manifest asks for.
    pub requested: Vec<WantedRules>,
    /// What the owner approved. Only what is in both is written.
    pub approved: Vec<WantedRules>,
}

impl AccessGrants {
    /// Returns the rules that the app asks for, each with whether it is granted.
    pub fn decided(&self) -> impl Iterator<Item = (&WantedRules, bool)> {
        let decide = |rules| (rules, self.approved.contains(rules));
        self.requested.iter().map(decide)
    }
}

/// The HTTP requests that an app asks to send, and which of them the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpGrants {
    /// What the app's manifest asks for.
    pub requested: Http,
    /// What the owner approved. Only what is in both is granted.
    pub approved: Http,
    /// The hosts that the owner denies, whatever was approved.
    pub denied: Vec<HttpHost>,
}

/// The messages that an app asks to send, and which of them the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageGrants {
    /// What the app's manifest asks for.
    pub requested: Messages,
    /// What the owner approved. Only what is in both is granted.
    pub approved: Messages,
}
