//! Where the released syft-crypto keeps the secret keys of a user.

use std::fs;
use std::path::{Path, PathBuf};

use syft_manifest::Digest;
use syft_protocol::address::Datasite;
use url::Url;

use crate::error::CommandError;

/// The server of who names none, as in the release.
const DEFAULT: &str = "https://syftbox.openmined.org";

/// The URL of a SyftBox server, as the release writes it.
#[derive(Debug, Clone)]
pub(super) struct ServerUrl(Url);

impl ServerUrl {
    /// Reads the URL that the config has.
    ///
    /// # Errors
    /// It is none of a server.
    pub(super) fn parse(said: Option<&str>) -> Result<Self, CommandError> {
        let said = said.unwrap_or(DEFAULT);
        let url = Url::parse(said).ok();
        let is_of_a_server = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        match url.filter(is_of_a_server) {
            Some(url) => Ok(Self(url)),
            None => {
                let message = format!("the server_url of SyftBox is no URL of a server: {said}");
                Err(CommandError::new(message)
                    .hint("correct it in SyftBox's config, or in SYFTBOX_SERVER_URL"))
            }
        }
    }

    /// Returns the host, by which DID documents name their users.
    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Returns the file of a user's secret keys: beside the folder that is synced, below a name
    /// made of the server and the user.
    pub(super) fn own_keys(&self, datasites: &Path, user: &Datasite) -> PathBuf {
        let data_dir = datasites.parent().unwrap_or(datasites);
        // The release resolves links before it looks beside the folder.
        let data_dir = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        let digest = Digest::of(format!("{}::{user}", self.0).as_bytes());
        let beside = data_dir.parent().unwrap_or(&data_dir).join(".syftbox");
        let partition: String = digest.as_str().chars().take(8).collect();
        beside.join(partition).join("pvt.jwks.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(server: Option<&str>, user: &str) -> PathBuf {
        let user = Datasite::parse(user).expect("an email");
        let url = ServerUrl::parse(server).expect("a URL");
        url.own_keys(Path::new("/nowhere/SyftBox/datasites"), &user)
    }

    /// As tests/cases/encryption/release.json has it.
    #[test]
    fn are_where_the_release_keeps_them() {
        for (server, user, expected) in [
            (Some("http://127.0.0.1:9/"), "owner@example.com", "b7812351"),
            (Some("http://127.0.0.1:9"), "owner@example.com", "b7812351"),
            (Some("HTTP://127.0.0.1:9"), "guest@example.com", "2d23fcb7"),
        ] {
            let expected = format!("/nowhere/.syftbox/{expected}/pvt.jwks.json");
            assert_eq!(of(server, user), Path::new(&expected), "{server:?}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for said in ["", "syftbox.net", "ftp://x", "file:///x"] {
            assert!(ServerUrl::parse(Some(said)).is_err(), "{said}");
        }
        assert_eq!(
            ServerUrl::parse(None).expect("one").host(),
            "syftbox.openmined.org"
        );
    }
}
