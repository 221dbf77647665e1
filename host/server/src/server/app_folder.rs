//! The app's own folder: whether it is still the one that is served, and what has to be in it.

use std::sync::Arc;

use anyhow::Context;
use syft_protocol::address::Endpoint;

use super::ServerSetup;
use crate::app::App;
use crate::tree::{Tree, TreeWatcher, write_access_rules};

/// The folder of an app, and what watches it.
pub(super) struct AppFolder {
    pub(super) tree: Arc<Tree>,
    pub(super) watcher: Option<Arc<TreeWatcher>>,
    endpoints: Arc<[Endpoint]>,
    /// The app's own folders and files are there.
    is_settled: bool,
    /// The app's own folder is not there, and the owner knows.
    is_gone: bool,
}

impl AppFolder {
    /// Opens the folder of an app that nobody else serves, and makes what is missing in it.
    pub(super) fn open(app: &App, setup: &ServerSetup) -> anyhow::Result<Self> {
        let mut tree = Tree::open(&setup.datasites, app.datasite(), app.name())?;
        tree.lock()?;
        let endpoints: Arc<[Endpoint]> = app.router().endpoints().cloned().collect();
        let mut folder = Self {
            tree: Arc::new(tree),
            watcher: Some(Arc::new(TreeWatcher::start(endpoints.len()))),
            endpoints,
            is_settled: false,
            is_gone: false,
        };
        folder.settle(app, setup)?;
        Ok(folder)
    }

    /// Returns the endpoints that are served.
    pub(super) fn endpoints(&self) -> Arc<[Endpoint]> {
        Arc::clone(&self.endpoints)
    }

    /// Opens the folder anew where it was moved or removed, and makes what is missing in it.
    /// As long as the whole datasite is gone it waits. Tells whether it is another folder.
    pub(super) fn stay_current(&mut self, app: &App, setup: &ServerSetup) -> bool {
        app.files().stay_current(app.datasite());
        let is_other = !self.tree.is_current();
        if is_other {
            if let Err(error) = self.reopen(app, setup) {
                if !std::mem::replace(&mut self.is_gone, true) {
                    tracing::error!("the app's folder is gone, waiting for it: {error:#}");
                }
                return false;
            }
        } else if std::mem::take(&mut self.is_gone) {
            tracing::info!("the app's folder is back");
        }
        if !self.is_settled
            && let Err(error) = self.settle(app, setup)
        {
            tracing::error!("{error:#}");
        }
        is_other
    }

    fn reopen(&mut self, app: &App, setup: &ServerSetup) -> anyhow::Result<()> {
        let mut tree = Tree::open_in(&setup.datasites, app.datasite(), app.name())?;
        tree.lock()?;
        tracing::warn!(path = %tree.path().display(), "the app's folder was replaced");
        self.tree = Arc::new(tree);
        self.watcher = Some(Arc::new(TreeWatcher::start(self.endpoints.len())));
        self.is_settled = false;
        self.is_gone = false;
        Ok(())
    }

    /// Makes the folders of the endpoints and publishes the schema.
    fn settle(&mut self, app: &App, setup: &ServerSetup) -> anyhow::Result<()> {
        let path = self.tree.path().display();
        let router = app.router();
        self.tree
            .prepare(router.endpoints())
            .with_context(|| format!("make the endpoints' folders in {path}"))?;
        write_access_rules(&setup.datasites, app.datasite(), app.name(), &setup.access)
            .context("write the access rules that the app asks for")?;
        if setup.options.publish_schema {
            self.tree
                .publish_schema(&router.schema())
                .with_context(|| format!("publish the schema in {path}"))?;
        }
        self.is_settled = true;
        Ok(())
    }
}
