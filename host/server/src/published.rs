//! What apps publish of themselves in the tree, which strangers may have written.
//!
//! No link is followed, and all that there may be many of has a bound.

use std::io::{self, Read};
use std::path::Path;

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::schema::{MAX_SCHEMA_BYTES, SCHEMA_FILE, Schema, SchemaEntry, SchemaError};
use syft_system::{Dir, DirEntry, FileType, Open, SystemError};
use thiserror::Error;

/// The most names of a folder that are looked at, and the most apps of a datasite.
const MAX_NAMES: usize = 10_000;
const MAX_APPS: usize = 1_000;

/// Folders in a row that a name of an app stands for.
const MAX_DEPTH: usize = 4;

/// The datasites on this machine.
pub struct PublishedApps(Option<Dir>);

/// Why it is not known what an app publishes.
#[derive(Debug, Error)]
pub enum PublishedError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It says nothing.
    #[error("{SCHEMA_FILE} of the app: {0}")]
    Schema(#[from] SchemaError),
}

impl PublishedApps {
    /// Opens the folder of all datasites; where there is none, there are no datasites.
    pub fn open(datasites: &Path) -> Self {
        Self(Dir::open_ambient(datasites).ok())
    }

    /// Returns the datasites of which there is a folder.
    pub fn datasites(&self) -> Vec<Datasite> {
        let names = self.0.as_ref().map(folders_in).unwrap_or_default();
        let datasites = names.iter().map(|name| Datasite::parse(name).ok());
        datasites.flatten().collect()
    }

    /// Tells whether there is a folder of a datasite.
    pub fn has_datasite(&self, datasite: &Datasite) -> bool {
        self.open_below(&[datasite.as_str()]).is_ok()
    }

    /// Returns the apps of a datasite that have a folder for requests.
    pub fn apps(&self, datasite: &Datasite) -> Vec<AppName> {
        let mut apps = Vec::new();
        if let Ok(folder) = self.open_below(&[datasite.as_str(), "app_data"]) {
            collect(&folder, &mut Vec::new(), &mut apps);
        }
        apps.sort();
        apps
    }

    /// Returns what an app publishes of its endpoints, if it does.
    ///
    /// # Errors
    /// It cannot be read, or says nothing of endpoints.
    pub fn schema(
        &self,
        datasite: &Datasite,
        app: &AppName,
    ) -> Result<Option<Vec<SchemaEntry>>, PublishedError> {
        let names: Vec<&str> = [datasite.as_str(), "app_data"]
            .into_iter()
            .chain(app.parts())
            .chain(["rpc"])
            .collect();
        let opened = self
            .open_below(&names)
            .and_then(|folder| folder.open_file(SCHEMA_FILE, Open::READ));
        let opened = match opened {
            Err(SystemError::NotAFile | SystemError::IsAFolder) => return Ok(None),
            Err(error) if error.is_absent() => return Ok(None),
            opened => opened.map_err(io::Error::from)?,
        };
        let mut bytes = Vec::new();
        opened
            .file
            .take(MAX_SCHEMA_BYTES + 1)
            .read_to_end(&mut bytes)?;
        Ok(Some(Schema::read(&bytes)?))
    }

    fn open_below(&self, names: &[&str]) -> Result<Dir, SystemError> {
        let root = self.0.as_ref().ok_or(SystemError::NotFound)?;
        root.open_folder_below(&names.join("/"))
    }
}

/// Finds apps in a folder, which lies below `app_data` as the names say.
fn collect(folder: &Dir, names: &mut Vec<String>, apps: &mut Vec<AppName>) {
    for name in folders_in(folder) {
        let is_of_requests = name == "rpc" && !names.is_empty();
        if is_of_requests {
            apps.extend(AppName::parse(&names.join("/")).ok());
        }
        if apps.len() >= MAX_APPS {
            return;
        }
        // What is below `rpc` are endpoints.
        if is_of_requests || names.len() >= MAX_DEPTH {
            continue;
        }
        if let Ok(below) = folder.open_folder(&name) {
            names.push(name);
            collect(&below, names, apps);
            names.pop();
        }
    }
}

/// Returns the names of the folders in a folder.
fn folders_in(folder: &Dir) -> Vec<String> {
    let Ok(entries) = folder.list() else {
        return Vec::new();
    };
    let names = entries.take(MAX_NAMES).filter_map(|entry| {
        let DirEntry { name, kind } = entry.ok()?;
        let name = name?;
        // Some file systems do not say what it is.
        let kind = kind.or_else(|| Some(folder.look(&name).ok()?.kind));
        (kind == Some(FileType::Folder)).then_some(name)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn datasite(email: &str) -> Datasite {
        Datasite::parse(email).expect("an email")
    }

    fn app(name: &str) -> AppName {
        AppName::parse(name).expect("a name")
    }

    #[test]
    fn what_is_published_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        for folder in [
            "a@x.org/app_data/one/rpc/hello",
            "a@x.org/app_data/llm/x/rpc",
            "a@x.org/app_data/data/of/others",
            "a@x.org/app_data/rpc/rpc",
            "b@x.org/public",
            "no-email",
        ] {
            fs::create_dir_all(path(folder)).expect("a folder");
        }
        let schema = path("a@x.org/app_data/one/rpc/rpc.schema.json");
        fs::write(schema, r#"{"/hello": {}}"#).expect("a file");
        let published = PublishedApps::open(root.path());
        let mut datasites = published.datasites();
        datasites.sort();
        assert_eq!(datasites, [datasite("a@x.org"), datasite("b@x.org")]);
        let alice = datasite("a@x.org");
        let expected = ["llm/x", "one", "rpc"].map(app);
        assert_eq!(published.apps(&alice), expected);
        assert!(published.apps(&datasite("b@x.org")).is_empty());
        let schema = published.schema(&alice, &app("one")).expect("it is read");
        assert_eq!(schema.map(|entries| entries.len()), Some(1));
        let none = published.schema(&alice, &app("llm/x"));
        assert!(none.is_ok_and(|schema| schema.is_none()));
        let nothing = PublishedApps::open(&path("nowhere"));
        assert!(nothing.datasites().is_empty() && !nothing.has_datasite(&alice));
    }

    #[test]
    fn links_and_what_is_no_file_are_not_read() {
        let root = tempfile::tempdir().expect("a folder");
        let rpc = root.path().join("a@x.org/app_data/one/rpc");
        fs::create_dir_all(&rpc).expect("a folder");
        let secret = root.path().join("secret");
        fs::write(&secret, r#"{"/secret": {}}"#).expect("a file");
        let schema = rpc.join(SCHEMA_FILE);
        symlink(&secret, &schema).expect("a link");
        symlink("one", root.path().join("a@x.org/app_data/two")).expect("a link");
        symlink("a@x.org", root.path().join("c@x.org")).expect("a link");
        let (alice, published) = (datasite("a@x.org"), PublishedApps::open(root.path()));
        let is_absent = |published: &PublishedApps| {
            let schema = published.schema(&alice, &app("one"));
            schema.is_ok_and(|schema| schema.is_none())
        };
        assert!(is_absent(&published));
        assert_eq!(published.apps(&alice), [app("one")]);
        assert!(!published.has_datasite(&datasite("c@x.org")));
        fs::remove_file(&schema).expect("it was there");
        fs::create_dir(&schema).expect("a folder");
        assert!(is_absent(&published));
        fs::remove_dir(&schema).expect("it was there");
        fs::write(&schema, "no JSON").expect("a file");
        let error = published.schema(&alice, &app("one")).expect_err("no JSON");
        assert!(error.to_string().contains("rpc.schema.json"), "{error}");
    }
}
