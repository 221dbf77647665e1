//! Takes releases of apps in, and changes what is installed.
//!
//! Fetching, checking and recording are steps of their own, so that an owner can be asked in
//! between. Nothing is written before all checks have passed, and what was checked is what is
//! kept: bytes in memory, never a file that is read again.
//!
//! Why: docs/decisions/39-installing-has-three-steps.md

mod candidate;
mod data;
mod error;
mod fetch;
mod leftovers;
mod published;
mod update;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use syft_manifest::clock::now;
use syft_manifest::{Digest, Grants, Limits, Manifest};
use syft_package::trust::{TrustRefusal, TrustStore, look_alike};
use syft_package::{Package, Release};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;

use crate::caches;
use crate::config::Config;
use crate::installed::{Components, Installed, InstalledError, InstalledRecords, InstalledRelease};
use crate::prepared_app::{AppSpec, PreparedApp};
use crate::typos;
use syft_runtime::memory::Memory;
use syft_runtime::sandbox::Compiling;
use syft_runtime::secrets::SecretStore;

pub use candidate::{Candidate, ReleaseChange};
pub use data::data_owner;
pub use error::InstallError;
pub use fetch::Fetched;
pub use leftovers::Leftovers;
pub use update::Update;

/// What is installed for an owner, and what it takes to change that.
pub struct Installer<'a> {
    config: &'a Config,
    trust: TrustStore,
    records: InstalledRecords,
    components: Components,
    component_bytes: u64,
}

impl<'a> Installer<'a> {
    /// Opens what is installed for the owner.
    ///
    /// # Errors
    /// One of the host's own folders cannot be made.
    pub fn open(config: &'a Config) -> Result<Self, InstallError> {
        Ok(Self {
            config,
            trust: TrustStore::open(&config.trust)?,
            records: InstalledRecords::open(&config.installed)?,
            components: Components::open(&config.components)?,
            component_bytes: Limits::default().component_bytes,
        })
    }

    /// Returns the records.
    pub fn records(&self) -> &InstalledRecords {
        &self.records
    }

    /// Returns what is installed of an app.
    ///
    /// # Errors
    /// Nothing is, or its record cannot be read.
    pub fn installed(&self, name: &AppName) -> Result<Installed, InstallError> {
        let installed = self.records.get(name)?;
        installed.ok_or_else(|| self.not_installed(name))
    }

    /// Returns that an app is not installed, with what may have been meant.
    pub fn not_installed(&self, name: &AppName) -> InstallError {
        let names = self.records.names().unwrap_or_default();
        let meant = typos::meant(name.as_str(), names.iter().map(AppName::as_str));
        InstallError::NotInstalled {
            name: name.to_string(),
            meant: meant.map(str::to_owned),
        }
    }

    /// Returns the component of what is served of an app, and where it lies.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn component(&self, installed: &Installed) -> Result<(PathBuf, Vec<u8>), InstallError> {
        let path = self.components.path(&installed.current.sha256);
        Ok((path, self.read(&installed.current)?))
    }

    /// Checks what was fetched: whose it is, that it is as it was signed, that it has the digest
    /// that the owner expects, and that it is none of the releases that are to be refused.
    /// Changes nothing.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn examine<'f>(
        &self,
        fetched: &'f Fetched,
        expected: Option<&Digest>,
        allow_downgrade: bool,
    ) -> Result<Candidate<'f>, InstallError> {
        let verified = Package::read(&fetched.component)?.verify(&[])?;
        if let Some(expected) = expected {
            fetched.expect(expected, &verified)?;
        }
        let Release { name, author, .. } = verified.release();
        let author_trust = self.author_trust(author, verified.signers(), &fetched.lineage)?;
        fetched.check(&verified, &author_trust)?;
        let before = self.records.get(name)?;
        if let Some(before) = before.iter().find(|installed| installed.author != *author) {
            return Err(InstallError::OfAnother {
                name: name.to_string(),
                author: before.author.to_string(),
                other: author.to_string(),
            });
        }
        self.check_data(name, author)?;
        let owner = &self.config.email;
        let mut candidate = Candidate::new(fetched, verified, author_trust, before, owner);
        // What is served already may be older than what the owner went back from.
        let allow_downgrade = allow_downgrade || candidate.change == ReleaseChange::Same;
        candidate.allow_downgrade = allow_downgrade;
        if candidate.change == ReleaseChange::New {
            self.look_around(&mut candidate)?;
        }
        let (verified, author_trust) = (candidate.verified(), &candidate.author_trust);
        self.trust
            .check_release(verified, author_trust, allow_downgrade)?;
        Ok(candidate)
    }

    /// Compiles a release that the owner agrees with and asks it what it serves, so that nothing
    /// is installed that cannot be served. What was compiled is kept for whoever serves it.
    ///
    /// # Errors
    /// It cannot be served.
    pub async fn try_out(&self, candidate: &Candidate<'_>) -> Result<(), InstallError> {
        let manifest = candidate.verified().manifest();
        let component = candidate.component().to_owned();
        let author = &candidate.verified().release().author;
        self.try_within(candidate.name(), author, component, manifest)
            .await
    }

    /// Does the same to what waits.
    ///
    /// # Errors
    /// It cannot be served.
    pub async fn try_waiting(&self, seen: &Installed) -> Result<(), InstallError> {
        let nothing = || InstallError::NothingWaits(seen.name.to_string());
        let waiting = seen.waiting.as_ref().ok_or_else(nothing)?;
        let component = self.read(waiting)?;
        let manifest = Manifest::from_component(&component)
            .map_err(|error| InstallError::Unfit(error.into()))?;
        let manifest = Manifest {
            limits: waiting.approved.limits.clone(),
            ..manifest.unwrap_or_default()
        };
        self.try_within(&seen.name, &seen.author, component, &manifest)
            .await
    }

    async fn try_within(
        &self,
        name: &AppName,
        author: &Datasite,
        component: Vec<u8>,
        manifest: &Manifest,
    ) -> Result<(), InstallError> {
        let spec = AppSpec {
            name: name.clone(),
            author: author.to_string(),
            grants: Grants::default(),
            limits: manifest.limits.over(Limits::default()),
            args: Vec::new(),
            env: BTreeMap::new(),
            schedules: manifest.schedules.clone(),
            worker: manifest.worker.clone(),
        };
        let (memory, compiling) = (Memory::unbounded(), Compiling::BesideOthers);
        let prepared = PreparedApp::alone(self.config, &memory, spec, component, compiling).await;
        prepared.map_err(InstallError::Unfit)?;
        Ok(())
    }

    /// Installs a release with all that it asks for but what is denied here, and was for those
    /// before it. Returns what is installed now.
    ///
    /// # Errors
    /// The disk, or something else was installed since it was checked.
    pub fn install(
        &self,
        candidate: &Candidate<'_>,
        denied: &[PathPattern],
    ) -> Result<Installed, InstallError> {
        self.change(candidate, |before| {
            let release = candidate.to_record(candidate.denied_with(denied));
            match before {
                Some(before) => before.replaced_by(release, candidate.source()),
                None => candidate.to_new_record(release),
            }
        })
    }

    /// Has a release wait for the owner, while the one that is installed goes on.
    ///
    /// # Errors
    /// As for [`Self::install`].
    pub fn hold(
        &self,
        candidate: &Candidate<'_>,
        denied: &[PathPattern],
    ) -> Result<Installed, InstallError> {
        self.change(candidate, |before| {
            let before = before.expect("what waits has something that goes on");
            let waiting = candidate.to_record(candidate.denied_with(denied));
            Installed {
                waiting: Some(waiting),
                ..before
            }
        })
    }

    /// Refuses an app that would get what another author's app kept.
    fn check_data(&self, name: &AppName, author: &Datasite) -> Result<(), InstallError> {
        let folder = self.config.app_folder(name);
        match data_owner(&folder)? {
            Some(other) if other != *author => Err(InstallError::DataOfAnother {
                name: name.to_string(),
                author: other.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Looks at what is there by the name of an app that is new here.
    fn look_around(&self, candidate: &mut Candidate<'_>) -> Result<(), InstallError> {
        let Config {
            datasites, email, ..
        } = self.config;
        let private = self.config.app_folder(candidate.name());
        candidate.inherits = data::is_of_nobody(&private)?;
        let wants_secrets = !candidate.verified().manifest().secrets.is_empty();
        candidate.meets_secrets = wants_secrets && !SecretStore::new(&private).names()?.is_empty();
        let own = datasites.join(email.as_str()).join("app_data");
        let folder = own.join(candidate.name().as_str());
        let is_known = data_owner(&private)?.is_some();
        candidate.meets = (!is_known && folder.symlink_metadata().is_ok()).then_some(folder);
        candidate.resembles = self.find_alike(candidate)?;
        Ok(())
    }

    /// Returns an installed app of another author that people may take this one for.
    fn find_alike(&self, candidate: &Candidate<'_>) -> Result<Option<Installed>, InstallError> {
        let (name, author) = (candidate.name(), candidate.author_trust.author());
        for other in self.records.names()? {
            if !look_alike(name.as_str(), other.as_str()) {
                continue;
            }
            // A record that cannot be read concerns this app no more than that it is there.
            if let Ok(Some(installed)) = self.records.get(&other)
                && installed.author != *author
            {
                return Ok(Some(installed));
            }
        }
        Ok(None)
    }

    fn change(
        &self,
        candidate: &Candidate<'_>,
        record: impl FnOnce(Option<Installed>) -> Installed,
    ) -> Result<Installed, InstallError> {
        let lock = self.records.lock()?;
        let before = self.records.get(candidate.name())?;
        if before != candidate.before {
            return Err(InstallError::Meanwhile(candidate.name().to_string()));
        }
        self.components.keep(candidate.component())?;
        self.note(candidate)?;
        let installed = record(before);
        data::own(&self.config.app_folder(&installed.name), &installed.author)?;
        self.records.put(&installed)?;
        self.clean()?;
        drop(lock);
        Ok(installed)
    }

    /// Takes note of a release that is here already, and repairs its component if it was damaged.
    ///
    /// # Errors
    /// As for [`Self::install`].
    pub fn renew(&self, candidate: &Candidate<'_>) -> Result<(), InstallError> {
        let _lock = self.records.lock()?;
        let here = self.records.get(candidate.name())?;
        let component = candidate.component();
        let digest = Digest::of(component);
        let mut here = here.iter().flat_map(Installed::releases);
        if here.any(|release| release.sha256 == digest) {
            self.components.keep(component)?;
        }
        self.note(candidate)
    }

    /// Remembers what is to be remembered of a release that the owner agrees with: whose key it
    /// is, and that nothing older is to follow.
    ///
    /// # Errors
    /// Something that was checked has changed since.
    fn note(&self, candidate: &Candidate<'_>) -> Result<(), InstallError> {
        if let Some(listed) = candidate.listed() {
            self.trust
                .note_catalog(&listed.author_trust, &listed.facts)?;
        }
        let (verified, author_trust) = (candidate.verified(), &candidate.author_trust);
        self.trust
            .note_release(verified, author_trust, candidate.allow_downgrade)?;
        Ok(())
    }

    /// Denies more to an app that is installed, and takes updates of it from here on.
    ///
    /// # Errors
    /// The disk, or something else was installed since.
    pub fn adjust(
        &self,
        seen: &Installed,
        denied: &[PathPattern],
        source: String,
    ) -> Result<Installed, InstallError> {
        self.edit(seen, |mut seen| {
            seen.current.denied = seen.denied_with(denied);
            Ok(Installed { source, ..seen })
        })
    }

    /// Serves what waits from now on, with all that it asks for but what is denied here, and was
    /// before.
    ///
    /// # Errors
    /// Nothing waits; what waits, or the key that signed it, was revoked since; or the disk.
    pub fn approve(
        &self,
        seen: &Installed,
        denied: &[PathPattern],
    ) -> Result<Installed, InstallError> {
        self.edit(seen, |seen| {
            let waiting = seen.waiting.clone();
            let waiting =
                waiting.ok_or_else(|| InstallError::NothingWaits(seen.name.to_string()))?;
            self.still_taken(&seen.author, &waiting)?;
            let release = InstalledRelease {
                denied: seen.denied_with(denied),
                since: now(),
                ..waiting
            };
            let source = seen.source.clone();
            Ok(seen.replaced_by(release, source))
        })
    }

    /// Forgets what waits; it is not offered again.
    ///
    /// # Errors
    /// Nothing waits, or the disk.
    pub fn reject(&self, seen: &Installed) -> Result<Installed, InstallError> {
        self.edit(seen, |seen| {
            let waiting = seen.waiting.clone();
            let waiting =
                waiting.ok_or_else(|| InstallError::NothingWaits(seen.name.to_string()))?;
            let mut skipped = seen.skipped.clone();
            skipped.push(waiting.signed_sha256);
            Ok(Installed {
                waiting: None,
                skipped,
                ..seen
            })
        })
    }

    /// Serves an older release again: the newest of those that are kept, or the one with this
    /// sequence. Never goes forward.
    ///
    /// # Errors
    /// There is none, or it was revoked since.
    pub fn rollback(
        &self,
        seen: &Installed,
        sequence: Option<u64>,
    ) -> Result<Installed, InstallError> {
        self.edit(seen, |seen| {
            let older = seen.older();
            let is_meant =
                |release: &&&InstalledRelease| sequence.is_none_or(|it| release.sequence == it);
            let target = older.iter().find(is_meant).copied().cloned();
            let target = target.ok_or_else(|| InstallError::NothingBefore {
                name: seen.name.to_string(),
                current: seen.current.in_words(),
                from: seen.source.clone(),
            })?;
            self.still_good(&seen.author, &target)?;
            let target = InstalledRelease {
                denied: seen.denied_with(&target.denied),
                ..target
            };
            Ok(seen.back_at(target))
        })
    }

    fn edit(
        &self,
        seen: &Installed,
        change: impl FnOnce(Installed) -> Result<Installed, InstallError>,
    ) -> Result<Installed, InstallError> {
        let _lock = self.records.lock()?;
        if self.records.get(&seen.name)?.as_ref() != Some(seen) {
            return Err(InstallError::Meanwhile(seen.name.to_string()));
        }
        let changed = change(seen.clone())?;
        self.records.put(&changed)?;
        self.clean()?;
        Ok(changed)
    }

    /// Serves an app no longer. What it kept stays. Tells whether it was installed.
    ///
    /// # Errors
    /// The disk.
    pub fn remove(&self, name: &AppName) -> Result<bool, InstallError> {
        let _lock = self.records.lock()?;
        let is_installed = self.records.names()?.contains(name);
        if is_installed {
            self.records.remove(name)?;
            self.clean()?;
        }
        Ok(is_installed)
    }

    /// Checks that what waits would still be taken if it came now: its key may have been revoked
    /// since, or followed by another. That a newer release was seen is the owner's to weigh.
    fn still_taken(
        &self,
        author: &Datasite,
        release: &InstalledRelease,
    ) -> Result<(), InstallError> {
        let component = self.read(release)?;
        let verified = Package::read(&component)?.verify(&[])?;
        let author_trust = self.author_trust(author, verified.signers(), &[])?;
        self.trust.check_release(&verified, &author_trust, true)?;
        Ok(())
    }

    fn read(&self, release: &InstalledRelease) -> Result<Vec<u8>, InstalledError> {
        self.components.read(&release.sha256, self.component_bytes)
    }

    /// Checks that what was installed once was not revoked since. Its key may have been.
    fn still_good(
        &self,
        author: &Datasite,
        release: &InstalledRelease,
    ) -> Result<(), InstallError> {
        self.read(release)?;
        match self.trust.is_revoked(author, &release.digests())? {
            Some((digest, by)) => Err(TrustRefusal::RevokedDigest { digest, by }.into()),
            None => Ok(()),
        }
    }

    /// Deletes components that no record names, with their compiled code. A record that cannot be read may name any.
    fn clean(&self) -> Result<(), InstallError> {
        let names = self.records.names()?;
        let records: Result<Vec<_>, _> = names.iter().map(|name| self.records.get(name)).collect();
        let Ok(records) = records else {
            return Ok(());
        };
        let records = records.iter().flatten();
        let named = records
            .flat_map(Installed::releases)
            .map(|release| release.sha256.clone());
        let deleted = self
            .components
            .keep_only(&named.collect::<HashSet<Digest>>())?;
        caches::delete_compiled(&self.config.cache, &deleted)?;
        Ok(())
    }
}
