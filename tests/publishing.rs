//! Publishing apps in one's own datasite, and finding them there.

mod attacks;
mod changes;
mod reading;
mod releases;
mod rotation;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_package::catalog::{self, Entry, SignedCatalog};
use syft_protocol::address::{AppName, Datasite};

use crate::signing::signer::Signer;
use crate::signing::{component, run, write};
use crate::support::guests::repository;
use crate::support::host::Ended;
use crate::support::sections::{custom, handlers};
use crate::support::site::Site;

const ALICE: &str = "alice@example.org";
const NAME: &str = "leaderboard";

/// The machine of an author.
struct Author {
    site: Site,
    key: Signer,
}

impl Author {
    fn new() -> Self {
        let site = Site::new();
        fs::create_dir(site.datasites().join(ALICE)).unwrap();
        let key = Signer::alice();
        Self { site, key }
    }

    /// Runs a command on the machine, as the author.
    fn run(&self, arguments: &[&str]) -> Ended {
        let data_dir = self.site.data_dir();
        let who = ["--email", ALICE, "--data-dir", data_dir.to_str().unwrap()];
        run(&self.site, &[arguments, &who].concat())
    }

    /// Publishes with the author's key.
    fn publish(&self, arguments: &[&str]) -> Ended {
        let key = self.key.jwks(&self.site);
        self.run(&[&["publish", "--key", &key], arguments].concat())
    }

    /// Writes a signed release of the app, and returns its path.
    fn release(&self, sequence: u64) -> String {
        self.release_by(&self.key, sequence, "")
    }

    /// As [`Author::release`], by another key and with other code.
    fn release_by(&self, key: &Signer, sequence: u64, code: &str) -> String {
        let bytes = signed(key, NAME, ALICE, sequence, code);
        write(&self.site, &format!("{sequence}.wasm"), bytes)
    }

    /// Publishes a release of the app.
    fn publishes(&self, sequence: u64) -> Ended {
        self.publish(&[&self.release(sequence)]).succeeded()
    }

    /// Returns a path in the folder that everybody reads.
    fn shelf(&self, path: &str) -> PathBuf {
        let shelf = self.site.datasites().join(ALICE).join("public/syft-apps");
        shelf.join(path)
    }

    fn catalog(&self) -> SignedCatalog {
        catalog::read(&self.site.datasites(), &alice()).unwrap()
    }

    fn entry(&self) -> Entry {
        let name = AppName::parse(NAME).unwrap();
        self.catalog().catalog().app(&name).unwrap().clone()
    }

    /// Returns all files that others can see, with what they hold.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_below(&self.site.datasites())
    }

    /// Returns the names of the files of the app.
    fn releases(&self) -> Vec<String> {
        let entries = fs::read_dir(self.shelf(NAME)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn alice() -> Datasite {
    Datasite::parse(ALICE).unwrap()
}

/// Returns a small signed app.
fn signed(key: &Signer, name: &str, author: &str, sequence: u64, code: &str) -> Vec<u8> {
    let manifest = serde_json::json!({"app": {
        "name": name, "version": format!("1.{sequence}.0"), "sequence": sequence, "author": author,
    }});
    let manifest = custom("syft:manifest", manifest.to_string().as_bytes());
    let content = [custom("code", code.as_bytes()), handlers(), manifest].concat();
    component(&[key.section(&content), content].concat())
}

/// Returns the files below a folder, what links are included.
fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    let read = |path: &Path| match fs::read_link(path) {
        Ok(target) => target.into_os_string().into_encoded_bytes(),
        Err(_) => fs::read(path).unwrap(),
    };
    files
        .map(|entry| (entry.path().to_owned(), read(entry.path())))
        .collect()
}

/// Returns the error of a command that did nothing.
fn refused(ended: &Ended) -> &str {
    let Ended {
        code,
        stdout,
        stderr,
    } = ended;
    assert_eq!((*code, stdout.as_str()), (Some(2), ""), "{stderr}");
    stderr
}

/// Returns what a command said to scripts.
fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

fn case(name: &str) -> PathBuf {
    repository().join("tests/cases/publishing").join(name)
}
