//! The author's own side: changes the catalog and puts releases beside it.
//!
//! Why: docs/decisions/36-a-release-is-written-before-its-catalog.md

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::timestamp::Timestamp;
use thiserror::Error;

use super::local_copy::LocalCopy;
use super::publish_dir::{DirItem, PublishDir};
use super::reader::{self, CatalogReadError, SignedCatalog, place, sha256};
use super::release_path::is_of_release;
use super::{CATALOG_FILE, Catalog, CatalogError, ChangeError, Entry, KIND, ReleasePath};
use crate::package::{Envelope, Package, PackageError, PublicKey, SecretKey, Verified};

/// The catalog of an author, to be changed and published.
#[derive(Debug)]
pub struct Publisher<'a> {
    dir: PublishDir,
    local_copy: LocalCopy,
    key: PublicKey,
    catalog: Catalog,
    base: CatalogBase,
    release: Option<NewRelease<'a>>,
}

/// A release that is to be written.
#[derive(Debug)]
struct NewRelease<'a> {
    app: AppName,
    path: ReleasePath,
    component: &'a [u8],
    /// The release before it, which those who have read the last catalog are on the way to.
    earlier: Option<ReleasePath>,
}

/// What the changes are made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogBase {
    /// Nothing was published before.
    Nothing,
    /// The catalog in the tree.
    Tree,
    /// The own copy of the last catalog: the one in the tree is gone, older or not the
    /// author's.
    Copy,
    /// Nothing but the counter: the last catalog was signed by a key that is given up.
    Counter,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// The catalog, as everybody can read it now.
    pub catalog: Catalog,
    /// Where it is.
    pub path: PathBuf,
    /// Earlier releases that could not be deleted, and why.
    pub left: Vec<String>,
}

/// Why nothing is published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// There is nowhere to put it.
    #[error("open {0}/public/syft-apps without following links: {1}")]
    Datasite(PathBuf, io::Error),
    /// Something cannot be read or written.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The catalog in the tree cannot be used.
    #[error(transparent)]
    Tree(CatalogReadError),
    /// The catalog in the tree is by somebody else.
    #[error("{0} is not signed with this key, but with {1}")]
    NotOwn(PathBuf, String),
    /// The last catalog is by another key of the author's.
    #[error("the last catalog was signed with {0}, and not with this key")]
    OtherKey(String),
    /// The host's own copy cannot be used.
    #[error("the host's own copy {0} cannot be used: {1}")]
    Copy(PathBuf, CatalogError),
    /// What was made would not be read.
    #[error("the catalog would not be read: {0}")]
    Catalog(#[from] CatalogError),
    /// The catalog cannot be changed like this.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The app is of another author.
    #[error("the author of the app is {0}, and this is the datasite of {1}")]
    Author(Datasite, Datasite),
    /// A release that is to be revoked is not there to be looked at.
    #[error("release {0} of the app is no longer there")]
    NoRelease(u64),
    /// Another file is in the place of a release that is to be revoked.
    #[error("the file of release {0} of the app is another, or not signed by you")]
    OtherRelease(u64),
    /// A release that is to be revoked cannot be read.
    #[error("release {0} of the app cannot be read: {1}")]
    Release(u64, PackageError),
}

impl<'a> Publisher<'a> {
    /// Opens the author's catalog, or begins one. It has to be the author's own: signed with
    /// this key, which is the one of today. Where another lies in its place, the own copy is
    /// gone on from if `replaces` says so.
    ///
    /// # Errors
    /// There is no datasite, or its catalog is not by this key.
    pub fn open(
        datasites: &Path,
        copy: &Path,
        author: &Datasite,
        key: &PublicKey,
        replaces: bool,
    ) -> Result<Self, PublishError> {
        let dir = PublishDir::open(datasites, author)
            .map_err(|error| PublishError::Datasite(datasites.join(author.as_str()), error))?;
        let wrong = |error| PublishError::Io(format!("open {}", copy.display()), error);
        let local_copy = LocalCopy::open(copy).map_err(wrong)?;
        let last = match local_copy.read().map_err(wrong)? {
            Some(bytes) => Some(
                SignedCatalog::open(bytes, author)
                    .map_err(|error| PublishError::Copy(local_copy.path(), error))?,
            ),
            None => None,
        };
        let tree = match reader::read_from(&dir, author) {
            Err(CatalogReadError::NotThere(_)) => None,
            Err(CatalogReadError::Foreign(_) | CatalogReadError::Catalog(..)) if replaces => None,
            Ok(found) if !found.is_by(key) && replaces => None,
            Ok(found) => Some(found),
            Err(error) => return Err(PublishError::Tree(error)),
        };
        let (catalog, base) = choose(&dir, author, key, tree, last, replaces)?;
        Ok(Self {
            dir,
            local_copy,
            key: *key,
            catalog,
            base,
            release: None,
        })
    }

    /// Returns what the changes are made to.
    pub fn base(&self) -> CatalogBase {
        self.base
    }

    /// Returns the catalog, to look at and to change.
    pub fn catalog(&mut self) -> &mut Catalog {
        &mut self.catalog
    }

    /// Puts in a release of an own app.
    ///
    /// # Errors
    /// It is somebody else's, does not follow the one that is there, or was revoked.
    pub fn add(&mut self, verified: &Verified<'a>) -> Result<(), PublishError> {
        let release = verified.release();
        let author = self.catalog.author();
        if release.author != *author {
            return Err(PublishError::Author(release.author.clone(), author.clone()));
        }
        let component = verified.component();
        let path = ReleasePath::of(&release.name, release.sequence);
        let entry = Entry {
            version: release.version.clone(),
            epoch: self.catalog.epoch(),
            sequence: release.sequence,
            sha256: sha256(component),
            signed_sha256: *verified.signed_digest(),
            size: component.len() as u64,
            path: path.clone(),
            least: None,
            revoked: Vec::new(),
        };
        let earlier = self.catalog.put(&release.name, entry)?;
        self.release = Some(NewRelease {
            app: release.name.clone(),
            path,
            component,
            earlier: earlier.map(|entry| entry.path),
        });
        Ok(())
    }

    /// Revokes a release by its number, as long as it is there to be looked at.
    ///
    /// # Errors
    /// There is no such release, or another file in its place.
    pub fn revoke_release(
        &mut self,
        app: &AppName,
        sequence: u64,
        limit: u64,
    ) -> Result<(), PublishError> {
        let newest = self
            .catalog
            .app(app)
            .filter(|entry| entry.sequence == sequence);
        let digest = match newest {
            Some(entry) => entry.signed_sha256,
            None => self.find_release(app, sequence, limit)?,
        };
        Ok(self.catalog.revoke(app, digest)?)
    }

    /// Returns the digest of what is signed of a release. Another file in its place would be
    /// revoked instead of it.
    fn find_release(
        &self,
        app: &AppName,
        sequence: u64,
        limit: u64,
    ) -> Result<[u8; 32], PublishError> {
        let path = ReleasePath::of(app, sequence);
        let read = self.dir.read(path.names(), limit);
        let read = read.map_err(|error| self.wrong("read", &path, error))?;
        let DirItem::Bytes(bytes) = read else {
            return Err(PublishError::NoRelease(sequence));
        };
        let verified = Package::read(&bytes).and_then(|package| package.verify(&[]));
        let verified = verified.map_err(|error| PublishError::Release(sequence, error))?;
        let release = verified.release();
        let is_it = (&release.author, &release.name, release.sequence)
            == (self.catalog.author(), app, sequence);
        if is_it && verified.signers().iter().any(|key| self.is_own(key)) {
            Ok(*verified.signed_digest())
        } else {
            Err(PublishError::OtherRelease(sequence))
        }
    }

    /// Tells whether a key is the author's, today's or an earlier one.
    fn is_own(&self, key: &PublicKey) -> bool {
        let mut links = self.catalog.lineage().iter();
        *key == self.key || links.any(|link| link.old_key() == key)
    }

    /// Signs the catalog and writes what is new: first the release, which nobody knows of yet,
    /// then the own copy, then the catalog for all to see. Releases before the last two are
    /// deleted in the end.
    ///
    /// # Errors
    /// Something cannot be written. What was published before stays.
    pub fn publish(
        mut self,
        key: &SecretKey,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Published, PublishError> {
        self.catalog.issue(now, lifetime)?;
        let envelope = Envelope::seal(KIND, self.catalog.to_json(), &[key]).to_bytes();
        let found = SignedCatalog::open(envelope, self.catalog.author())?;
        if let Some(release) = &self.release {
            self.dir
                .write(release.path.names(), release.component)
                .map_err(|error| self.wrong("write", &release.path, error))?;
        }
        let path = self.local_copy.path();
        self.local_copy
            .write(found.envelope())
            .map_err(|error| PublishError::Io(format!("write {}", path.display()), error))?;
        let path = self.dir.path().join(CATALOG_FILE);
        self.dir
            .write([CATALOG_FILE].into_iter(), found.envelope())
            .map_err(|error| PublishError::Io(format!("write {}", path.display()), error))?;
        Ok(Published {
            left: self
                .release
                .iter()
                .flat_map(|release| self.tidy(release))
                .collect(),
            catalog: self.catalog,
            path,
        })
    }

    /// Deletes the releases of an app but for the new one and the one before it. Returns what
    /// could not be deleted.
    fn tidy(&self, new: &NewRelease<'_>) -> Vec<String> {
        let Some(earlier) = new.earlier.as_ref().filter(|path| **path != new.path) else {
            return Vec::new();
        };
        let names = match self.dir.list(new.app.parts()) {
            Ok(names) => names,
            Err(error) => return vec![format!("{}: {error}", new.app)],
        };
        let stays = [&new.path, earlier].map(ReleasePath::to_string);
        let goes =
            |name: &String| is_of_release(name) && !stays.contains(&format!("{}/{name}", new.app));
        let mut left = Vec::new();
        for name in names.into_iter().filter(goes) {
            if let Err(error) = self.dir.remove(new.app.parts(), &name) {
                left.push(format!("{}/{name}: {error}", new.app));
            }
        }
        left
    }

    fn wrong(&self, what: &str, path: &ReleasePath, error: io::Error) -> PublishError {
        let place = place(&self.dir, path);
        PublishError::Io(format!("{what} {}", place.display()), error)
    }
}

/// Chooses between the catalog in the tree and the own copy of the last one: the newer of
/// those that are signed with the key, which may have been used on another machine too.
fn choose(
    dir: &PublishDir,
    author: &Datasite,
    key: &PublicKey,
    tree: Option<SignedCatalog>,
    last: Option<SignedCatalog>,
    replaces: bool,
) -> Result<(Catalog, CatalogBase), PublishError> {
    let is_before =
        |catalog: &SignedCatalog| last.iter().any(|last| is_of_before(catalog, last, key));
    let tree = tree.filter(|catalog| !is_before(catalog));
    if let Some(foreign) = tree.as_ref().filter(|catalog| !catalog.is_by(key)) {
        let path = dir.path().join(CATALOG_FILE);
        return Err(PublishError::NotOwn(path, foreign.signers_in_words()));
    }
    let Some(last) = last else {
        return Ok(match tree {
            Some(tree) => (tree.catalog().clone(), CatalogBase::Tree),
            None => (Catalog::new(author.clone()), CatalogBase::Nothing),
        });
    };
    let counter = last.catalog().counter();
    match tree {
        Some(tree) if tree.catalog().counter() >= counter => {
            Ok((tree.catalog().clone(), CatalogBase::Tree))
        }
        _ if last.is_by(key) => Ok((last.catalog().clone(), CatalogBase::Copy)),
        _ if replaces => {
            let catalog = Catalog::new(author.clone()).counted_from(counter);
            Ok((catalog, CatalogBase::Counter))
        }
        _ => Err(PublishError::OtherKey(last.signers_in_words())),
    }
}

/// Tells whether a catalog is by a key that this one has followed, as the own copy says: the end
/// of a rotation was cut off, or somebody has put it back.
fn is_of_before(tree: &SignedCatalog, last: &SignedCatalog, key: &PublicKey) -> bool {
    let mut links = last.catalog().lineage().iter();
    last.is_by(key) && !tree.is_by(key) && links.any(|link| tree.is_by(link.old_key()))
}

impl PublishError {
    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Datasite(folder, error) if error.kind() == io::ErrorKind::NotFound => {
                return vec![format!(
                    "there has to be {}: set up SyftBox with `syftbox login`, or mount its disk",
                    folder.display()
                )];
            }
            Self::Tree(CatalogReadError::Io(..)) => return Vec::new(),
            Self::Tree(_) | Self::NotOwn(..) => {
                "somebody else wrote it, or it is older than your last: --replace-catalog writes \
                 your own over it"
            }
            Self::OtherKey(_) => {
                return vec![
                    "sign the app with that key, and give it with --key".to_owned(),
                    "if it is lost, --replace-catalog starts over: users who trust your apps must \
                     be told the new fingerprint"
                        .to_owned(),
                ];
            }
            Self::Copy(..) => "move it away, and the catalog in the tree counts",
            Self::Author(..) => "publish as its author: --email",
            Self::NoRelease(_) | Self::OtherRelease(_) | Self::Release(..) => {
                "give the digest of what is signed, as `syft-host verify` shows it"
            }
            Self::Change(error) => return error.hint().map(str::to_owned).into_iter().collect(),
            Self::Datasite(..) | Self::Io(..) | Self::Catalog(_) => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
