//! A hint that something in a folder has changed. Looking at it stays the truth.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use syft_system::watch::{Depth, PathChangeKind, PathWatch};
use tokio::sync::Notify;

/// Watches the files of a folder until it is dropped.
pub(crate) struct ChangeHint {
    _watch: PathWatch,
    changed: Arc<Notify>,
}

impl ChangeHint {
    /// Watches what lies in a folder.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        Self::watch(folder, Depth::Folder)
    }

    /// Watches all that lies below a folder.
    pub(crate) fn below(folder: &Path) -> anyhow::Result<Self> {
        Self::watch(folder, Depth::Tree)
    }

    fn watch(folder: &Path, depth: Depth) -> anyhow::Result<Self> {
        let changed = Arc::new(Notify::new());
        let hint = Arc::clone(&changed);
        let mut watch = PathWatch::new(move |change| {
            // Our own reading is no change.
            if !matches!(change.what, PathChangeKind::Read | PathChangeKind::Closed) {
                hint.notify_one();
            }
        })
        .context("start to watch (see fs.inotify.max_user_instances)")?;
        watch
            .add(folder, depth)
            .with_context(|| format!("watch {}", folder.display()))?;
        Ok(Self {
            _watch: watch,
            changed,
        })
    }

    /// Waits until something may have changed since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
