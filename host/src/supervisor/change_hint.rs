//! A hint that something in a folder has changed. Looking at it stays the truth.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use notify::event::EventKind;
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Watches the files of a folder until it is dropped.
pub(crate) struct ChangeHint {
    _watcher: RecommendedWatcher,
    changed: Arc<Notify>,
}

impl ChangeHint {
    /// Watches what lies in a folder.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        Self::watch(folder, RecursiveMode::NonRecursive)
    }

    /// Watches all that lies below a folder.
    pub(crate) fn below(folder: &Path) -> anyhow::Result<Self> {
        Self::watch(folder, RecursiveMode::Recursive)
    }

    fn watch(folder: &Path, mode: RecursiveMode) -> anyhow::Result<Self> {
        let changed = Arc::new(Notify::new());
        let hint = Arc::clone(&changed);
        let note = move |event: notify::Result<notify::Event>| {
            // Our own reading is no change.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                hint.notify_one();
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(note, config)
            .context("start to watch (see fs.inotify.max_user_instances)")?;
        watcher
            .watch(folder, mode)
            .with_context(|| format!("watch {}", folder.display()))?;
        Ok(Self {
            _watcher: watcher,
            changed,
        })
    }

    /// Waits until something may have changed since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
