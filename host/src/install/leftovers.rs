//! What stays of an app that is removed: what it kept, its secrets, and its folder in the datasite.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use syft_manifest::Limits;
use syft_protocol::address::AppName;
use tokio::time::{Instant, sleep};

use super::Installer;
use crate::error::CommandError;
use syft_runtime::secrets::SecretStore;
use syft_runtime::state::{Damaged, Store, StoreOptions};
use syft_server::private_folder::PrivateFolder;
use syft_server::tree::{FolderContents, SharedFolder};

/// A host that serves the app lets go of what it kept once its calls have ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// What there is of an app beside its component.
pub struct Leftovers {
    /// The private folder, with the state, if there is one.
    pub private: Option<PrivateFolder>,
    /// The bytes in it.
    pub private_bytes: u64,
    /// The names of its secrets.
    pub secrets: Vec<String>,
    /// Where its logs are, if there are any, and their bytes.
    pub logs: Option<(PathBuf, u64)>,
    /// The folder in the datasite, with what lies in it but for the folders of other apps.
    pub shared: Option<(SharedFolder, FolderContents)>,
    /// The folders of other apps in it.
    spared: Vec<String>,
}

impl Leftovers {
    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.private.is_none() && self.shared.is_none() && self.logs.is_none()
    }

    /// Deletes what tells callers which endpoints the app has: nobody answers there any more.
    ///
    /// # Errors
    /// The disk.
    pub fn unadvertise(&self) -> io::Result<()> {
        match &self.shared {
            Some((folder, _)) => folder.unadvertise().map(drop),
            None => Ok(()),
        }
    }

    /// Deletes all of it, as soon as nobody serves the app.
    ///
    /// # Errors
    /// It is served still, or the disk.
    pub async fn delete(self) -> Result<(), CommandError> {
        // Held until all is gone, so that nobody begins to serve it meanwhile.
        let held = match &self.private {
            Some(folder) => hold(folder).await?,
            None => None,
        };
        if let Some((folder, _)) = self.shared {
            let spared: Vec<&str> = self.spared.iter().map(String::as_str).collect();
            folder.delete(&spared)?;
        }
        if let Some(folder) = &self.private {
            fs::remove_dir_all(&**folder)?;
        }
        if let Some((folder, _)) = &self.logs {
            fs::remove_dir_all(folder)?;
        }
        drop(held);
        Ok(())
    }
}

impl Installer<'_> {
    /// Returns what there is of an app.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn leftovers(&self, name: &AppName) -> Result<Leftovers, CommandError> {
        let private = self.config.app_folder(name);
        let private = private.is_dir().then_some(private);
        let secrets = match &private {
            Some(folder) => SecretStore::new(folder).names()?,
            None => Vec::new(),
        };
        let spared = self.apps_below(name)?;
        let names: Vec<&str> = spared.iter().map(String::as_str).collect();
        let shared = SharedFolder::find(&self.config.datasites, &self.config.email, name)?;
        let shared = shared.map(|folder| Ok::<_, io::Error>((folder.contents(&names)?, folder)));
        let shared = shared
            .transpose()?
            .map(|(contents, folder)| (folder, contents));
        let logs = self.config.logs().of(Some(name));
        let logs = logs
            .is_dir()
            .then(|| Ok::<_, io::Error>((bytes_in(&logs)?, logs)));
        let logs = logs.transpose()?.map(|(bytes, folder)| (folder, bytes));
        Ok(Leftovers {
            logs,
            private_bytes: private.as_ref().map_or(Ok(0), |folder| bytes_in(folder))?,
            private,
            secrets: secrets.iter().map(ToString::to_string).collect(),
            // A folder that holds those of other apps only is none of this one.
            shared: shared.filter(|(_, contents)| names.is_empty() || contents.n_files > 0),
            spared,
        })
    }

    /// Returns the names of the folders in that of an app which are, or lead to, those of others.
    fn apps_below(&self, name: &AppName) -> Result<Vec<String>, CommandError> {
        let mut all = self.records.names()?;
        all.extend(self.config.known_apps()?);
        let below = all.iter().filter_map(|other| {
            let rest = other.as_str().strip_prefix(name.as_str())?;
            rest.strip_prefix('/')?.split('/').next()
        });
        let mut below: Vec<String> = below.map(str::to_owned).collect();
        below.sort();
        below.dedup();
        Ok(below)
    }
}

/// Waits until nobody serves an app any more, and keeps it so. What is damaged cannot be held.
async fn hold(folder: &Path) -> Result<Option<Store>, CommandError> {
    let deadline = Instant::now() + PATIENCE;
    let (limits, options) = (Limits::default(), StoreOptions::default());
    loop {
        match Store::open(folder, &limits, &options) {
            Ok(store) => return Ok(Some(store)),
            Err(error) if error.is::<Damaged>() => return Ok(None),
            Err(error) if Instant::now() > deadline => {
                return Err(CommandError::from(error).about("its data is not deleted"));
            }
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Returns how many bytes the files of a private folder have. What vanishes meanwhile has none.
fn bytes_in(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path())?,
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
    }
    Ok(bytes)
}
