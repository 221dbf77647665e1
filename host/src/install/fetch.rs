//! Getting a release from where it comes from.

use std::path::Path;

use syft_manifest::Digest;
use syft_manifest::clock::now;
use syft_manifest::sanitize::plain_excerpt;
use syft_package::catalog::{self, Catalog, CatalogReadError, Entry, Freshness, SignedCatalog};
use syft_package::oci::{self, Auth, Reference, TransferBounds};
use syft_package::source::AppSource;
use syft_package::trust::{AuthorTrust, CatalogFacts, SignerClaim, TrustBasis, did_key};
use syft_package::{Link, PublicKey, Verified};
use syft_protocol::address::Datasite;
use syft_protocol::app_url::SyftAppUrl;
use syft_system::private;

use super::{InstallError, Installer};
use crate::installed::{Installed, InstalledRelease};

/// What came from a source: bytes that nobody has looked at, and what came with them.
pub struct Fetched {
    pub(super) source: AppSource,
    pub(super) component: Vec<u8>,
    /// How the author went over from key to key.
    pub(super) lineage: Vec<Link>,
    pub(super) listed: Option<Listed>,
}

/// What an author's catalog says of it. That the catalog is the author's was checked.
pub(super) struct Listed {
    url: SyftAppUrl,
    entry: Entry,
    pub(super) facts: CatalogFacts,
    pub(super) author_trust: AuthorTrust,
}

impl Fetched {
    /// Checks that it has the digest that the owner expects.
    ///
    /// # Errors
    /// It has another one, both the file and what is signed of it.
    pub fn expect(&self, expected: &Digest, verified: &Verified<'_>) -> Result<(), InstallError> {
        let file = Digest::of(&self.component);
        if file == *expected || Digest::from(verified.signed_digest()) == *expected {
            return Ok(());
        }
        Err(InstallError::Digest {
            expected: expected.to_string(),
            found: file.to_string(),
        })
    }

    /// Checks that it is what the catalog names.
    pub(super) fn check(
        &self,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
    ) -> Result<(), InstallError> {
        let Some(Listed {
            url, entry, facts, ..
        }) = &self.listed
        else {
            return Ok(());
        };
        let release = verified.release();
        let wanted = (url.author(), url.app(), entry.sequence, &entry.version);
        let found = (
            &release.author,
            &release.name,
            release.sequence,
            &release.version,
        );
        if wanted != found || *verified.signed_digest() != entry.signed_sha256 {
            let name =
                |(author, name, sequence, version): (&Datasite, _, u64, &semver::Version)| {
                    format!("{name} {version} (release {sequence}) of {author}")
                };
            return Err(InstallError::Other {
                wanted: format!("what the catalog names, {}", name(wanted)),
                found: name(found),
            });
        }
        Ok(facts.check_release(verified, author_trust)?)
    }
}

/// Returns the epoch that a catalog gives the key of this fingerprint.
fn epoch_of(catalog: &Catalog, author_trust: &AuthorTrust, fingerprint: &str) -> Option<u64> {
    let is = |key: &PublicKey| key.to_string() == fingerprint;
    if is(author_trust.key()) {
        return Some(catalog.epoch());
    }
    // The first link says what the key before it had.
    let old = |link: &Link| is(link.old_key()).then(|| link.epoch() - 1);
    catalog.lineage().iter().find_map(old)
}

impl Installer<'_> {
    /// Gets what is at a source. Of a catalog of an author who is trusted already, note is
    /// taken: what it revokes is revoked whatever comes next.
    ///
    /// # Errors
    /// It cannot be had, or the catalog that names it does not count.
    pub async fn fetch(&self, source: &AppSource) -> Result<Fetched, InstallError> {
        match source {
            AppSource::File(path) => self.fetch_file(path),
            AppSource::Datasite(url) => self.fetch_listed(url),
            AppSource::Registry(reference) => self.fetch_registry(reference).await,
        }
    }

    fn fetch_file(&self, path: &Path) -> Result<Fetched, InstallError> {
        let bytes = private::read(path, self.component_bytes);
        let bytes = bytes.map_err(InstallError::File)?;
        let absent = || InstallError::File(std::io::ErrorKind::NotFound.into());
        Ok(Fetched {
            source: AppSource::File(path.to_owned()),
            component: bytes.ok_or_else(absent)?,
            lineage: Vec::new(),
            listed: None,
        })
    }

    fn fetch_listed(&self, url: &SyftAppUrl) -> Result<Fetched, InstallError> {
        let (datasites, author) = (&self.config.datasites, url.author());
        let (found, author_trust, facts) = self.read_catalog(author)?;
        let entry = found.catalog().app(url.app());
        if let Freshness::Expired(since) = found.freshness(now()) {
            return Err(InstallError::Expired {
                author: author.to_string(),
                since: since.to_string(),
            });
        }
        let entry = entry.ok_or_else(|| InstallError::NotListed(url.to_string()))?;
        Ok(Fetched {
            source: AppSource::Datasite(url.clone()),
            component: catalog::fetch(datasites, author, entry, self.component_bytes)?,
            lineage: found.catalog().lineage().to_vec(),
            listed: Some(Listed {
                url: url.clone(),
                entry: entry.clone(),
                facts,
                author_trust,
            }),
        })
    }

    /// Takes note of what an author's catalog revokes, if it is here and the author is trusted.
    ///
    /// # Errors
    /// It is there, and does not count.
    pub fn heed(&self, author: &Datasite) -> Result<(), InstallError> {
        match self.read_catalog(author) {
            Err(InstallError::Catalog(CatalogReadError::NotThere(_))) => Ok(()),
            read => read.map(|_| ()),
        }
    }

    /// Reads a catalog and finds out whether it is the author's. Where the author is trusted
    /// already, note is taken of it.
    fn read_catalog(
        &self,
        author: &Datasite,
    ) -> Result<(SignedCatalog, AuthorTrust, CatalogFacts), InstallError> {
        let found = catalog::read(&self.config.datasites, author)?;
        let lineage = found.catalog().lineage();
        let author_trust = self.author_trust(author, found.signers(), lineage)?;
        let facts = self.facts(&found, &author_trust);
        match author_trust.basis() {
            TrustBasis::FirstUse { .. } => self.trust.check_catalog(&author_trust, &facts)?,
            TrustBasis::Pinned | TrustBasis::Succeeded { .. } => {
                self.trust.note_catalog(&author_trust, &facts)?
            }
        }
        Ok((found, author_trust, facts))
    }

    /// Returns what a catalog says that concerns trust. A release that is here, and older than the
    /// least that may be used, counts as revoked.
    fn facts(&self, found: &SignedCatalog, author_trust: &AuthorTrust) -> CatalogFacts {
        let catalog = found.catalog();
        let entries = catalog.apps().values();
        let revoked = entries.flat_map(|entry| entry.revoked.iter().map(Digest::from));
        let mut revoked_digests: Vec<Digest> = revoked.collect();
        for (name, entry) in catalog.apps() {
            let Some(least) = entry.least else {
                continue;
            };
            // What cannot be read is not served.
            let here = self.records.get(name).ok().flatten();
            let here = here
                .iter()
                .filter(|installed| installed.author == *catalog.author());
            let is_older = |release: &&InstalledRelease| {
                let own = epoch_of(catalog, author_trust, &release.signer);
                own.is_some_and(|own| (own, release.sequence) < (least.epoch, least.sequence))
            };
            let older = here.flat_map(Installed::releases).filter(is_older);
            revoked_digests.extend(older.map(|release| release.signed_sha256.clone()));
        }
        CatalogFacts {
            counter: catalog.counter(),
            digest: Digest::from(found.digest()),
            expires: catalog.expires(),
            revoked_keys: catalog.revoked_keys().to_vec(),
            revoked_digests,
        }
    }

    async fn fetch_registry(&self, reference: &Reference) -> Result<Fetched, InstallError> {
        let auth = Auth::find(self.config.docker_config.as_deref(), reference)?;
        let (asked, bounds) = (reference.clone(), TransferBounds::default());
        let pulled = tokio::task::spawn_blocking(move || oci::pull(&asked, &auth, &bounds));
        let pulled = pulled.await.map_err(std::io::Error::other)??;
        let lineage = match pulled.annotations.get(oci::LINEAGE) {
            Some(json) => serde_json::from_str(json)
                .map_err(|error| InstallError::Lineage(plain_excerpt(&error.to_string(), 200)))?,
            None => Vec::new(),
        };
        Ok(Fetched {
            source: AppSource::Registry(reference.clone()),
            component: pulled.component,
            lineage,
            listed: None,
        })
    }

    pub(super) fn author_trust(
        &self,
        author: &Datasite,
        signers: &[PublicKey],
        lineage: &[Link],
    ) -> Result<AuthorTrust, InstallError> {
        Ok(self.trust.author_trust(&SignerClaim {
            author: author.clone(),
            signers: signers.to_vec(),
            lineage: lineage.to_vec(),
            did_key: did_key(&self.config.datasites, author),
        })?)
    }
}
