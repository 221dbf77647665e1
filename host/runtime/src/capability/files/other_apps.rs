//! Folders of other apps that lie in the folder of an app.
//!
//! Why: docs/decisions/61-app-names-are-paths.md

use syft_protocol::address::{AppName, Datasite, MAX_APP_NAME_PARTS};
use syft_system::SystemError;

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;

/// The names of the folders that lead to a folder in which apps lie.
const N_ABOVE: usize = 2;

/// The folder of an app, by its names below the datasites folder.
#[derive(Debug, Clone, Default)]
pub(super) struct AppFolder(Vec<String>);

impl AppFolder {
    pub(super) fn new(datasite: &Datasite, app: &AppName) -> Self {
        let above = [datasite.as_str(), "app_data"].into_iter();
        Self(above.chain(app.parts()).map(str::to_owned).collect())
    }

    /// Returns the folder of the innermost app that a path in this one is in; no names where
    /// that is this app.
    pub(super) fn other_app<'a, 'n>(
        &self,
        datasites: &DatasitesDir,
        path: &'a [&'n str],
    ) -> &'a [&'n str] {
        if !path.starts_with(&self.names()) {
            return &[];
        }
        let deepest = path.len().min(N_ABOVE + MAX_APP_NAME_PARTS);
        let folders = (self.0.len() + 1..=deepest).rev().map(|end| &path[..end]);
        let mut others = folders.filter(|folder| datasites.has_app_in(folder));
        others.next().unwrap_or_default()
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl DatasitesDir {
    /// Tells whether an app lies in a folder: whoever serves one makes it a folder for
    /// requests, and no guest can. Where that cannot be found out, one does.
    fn has_app_in(&self, folder: &[&str]) -> bool {
        let rpc = GuestPath::of(&folder.join("/")).child("rpc");
        !self.look(&rpc).is_err_and(SystemError::is_absent)
    }
}
