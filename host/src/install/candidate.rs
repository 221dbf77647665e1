//! A release that was checked, and what installing it would change.

use std::path::PathBuf;

use syft_manifest::clock::now;
use syft_manifest::{Digest, Manifest};
use syft_package::Verified;
use syft_package::trust::AuthorTrust;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;

use super::fetch::{Fetched, Listed};
use crate::installed::{Installed, InstalledRelease, added_permissions};

/// A release that may be installed, if the owner likes it.
pub struct Candidate<'f> {
    fetched: &'f Fetched,
    verified: Verified<'f>,
    /// Who made it, as far as that is known.
    pub author_trust: AuthorTrust,
    /// It may be older than one that was here before.
    pub(super) allow_downgrade: bool,
    /// What was installed when it was checked.
    pub(super) before: Option<Installed>,
    /// What installing it would change.
    pub change: ReleaseChange,
    /// It would get what an app kept that was run by the same name.
    pub inherits: bool,
    /// Secrets were set for its name before it was here, and it asks for some.
    pub meets_secrets: bool,
    /// What lies in the datasite as its folder, of nobody knows whose app.
    pub meets: Option<PathBuf>,
    /// An installed app of another author whose name looks like its name.
    pub resembles: Option<Installed>,
    /// What it asks for beyond what was approved for the one that is installed, in words.
    pub added_permissions: Vec<String>,
}

/// What installing a release would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseChange {
    /// The app is new here.
    New,
    /// It is what is served.
    Same,
    /// It waits for the owner already.
    Waits,
    /// The owner went back from it, or did not want it.
    Skipped,
    /// It takes the place of another.
    Replaces,
}

impl<'f> Candidate<'f> {
    pub(super) fn new(
        fetched: &'f Fetched,
        verified: Verified<'f>,
        author_trust: AuthorTrust,
        before: Option<Installed>,
        owner: &Datasite,
    ) -> Self {
        let signed = Digest::from(verified.signed_digest());
        let is = |release: &InstalledRelease| release.signed_sha256 == signed;
        let change = match &before {
            None => ReleaseChange::New,
            Some(it) if is(&it.current) => ReleaseChange::Same,
            Some(it) if it.waiting.as_ref().is_some_and(is) => ReleaseChange::Waits,
            Some(it) if it.skipped.contains(&signed) => ReleaseChange::Skipped,
            Some(_) => ReleaseChange::Replaces,
        };
        let (name, asked) = (&verified.release().name, verified.manifest());
        let approved = before
            .as_ref()
            .map(|installed| installed.current.approved.clone());
        let added_permissions =
            added_permissions(&approved.unwrap_or_default(), asked, owner, name);
        Self {
            fetched,
            verified,
            author_trust,
            allow_downgrade: false,
            before,
            change,
            inherits: false,
            meets_secrets: false,
            meets: None,
            resembles: None,
            added_permissions,
        }
    }

    /// Returns the component, its signatures included.
    pub fn component(&self) -> &'f [u8] {
        self.verified.component()
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.verified.release().name
    }

    /// Returns the app, whose signatures hold.
    pub fn verified(&self) -> &Verified<'f> {
        &self.verified
    }

    /// Returns what is installed of the app.
    pub fn before(&self) -> Option<&Installed> {
        self.before.as_ref()
    }

    /// Returns what is denied to the app, with more that is.
    pub fn denied_with(&self, more: &[PathPattern]) -> Vec<PathPattern> {
        match &self.before {
            Some(before) => before.denied_with(more),
            None => more.to_vec(),
        }
    }

    /// Returns where it came from.
    pub fn source(&self) -> String {
        self.fetched.source.to_string()
    }

    pub(super) fn listed(&self) -> Option<&Listed> {
        self.fetched.listed.as_ref()
    }

    /// Returns what would be installed, for those who only look.
    pub(super) fn would_be(&self) -> Installed {
        let release = self.to_record(Vec::new());
        match (self.before.clone(), self.added_permissions.is_empty()) {
            (None, _) => self.to_new_record(release),
            (Some(before), true) => before.replaced_by(release, self.source()),
            (Some(before), false) => Installed {
                waiting: Some(release),
                ..before
            },
        }
    }

    pub(super) fn to_record(&self, denied: Vec<PathPattern>) -> InstalledRelease {
        let release = self.verified.release();
        let manifest = self.verified.manifest();
        InstalledRelease {
            version: release.version.clone(),
            sequence: release.sequence,
            epoch: self.author_trust.epoch(),
            signer: self.author_trust.key().to_string(),
            sha256: Digest::of(self.component()),
            signed_sha256: Digest::from(self.verified.signed_digest()),
            since: now(),
            approved: Manifest {
                files: manifest.files.clone(),
                http: manifest.http.clone(),
                messages: manifest.messages.clone(),
                secrets: manifest.secrets.clone(),
                access: manifest.access.clone(),
                limits: manifest.limits.clone(),
                ..Manifest::default()
            },
            denied,
        }
    }

    pub(super) fn to_new_record(&self, current: InstalledRelease) -> Installed {
        Installed {
            name: self.name().clone(),
            author: self.verified.release().author.clone(),
            source: self.source(),
            current,
            earlier: Vec::new(),
            waiting: None,
            skipped: Vec::new(),
        }
    }
}
