//! The files that an app gets.

use syft_protocol::grant::PathPattern;

use crate::manifest::Files;

/// What an app asks for and what of it the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// What the app's manifest asks for.
    pub requested: Files,
    /// What the owner approved. Only what is in both is granted.
    pub approved: Files,
    /// What the owner denies, whatever was approved.
    pub denied: Vec<PathPattern>,
}
