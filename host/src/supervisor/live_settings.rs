//! The settings of the owner while the host serves: read again when it is told to look.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::CommandError;
use crate::settings::HostSettings;

/// Reads the settings anew, with what the command line says over them.
pub type ReadSettings = Box<dyn Fn() -> Result<HostSettings, CommandError> + Send + Sync>;

/// The settings as they are, and how they are read again.
pub struct LiveSettings {
    read: ReadSettings,
    current: watch::Sender<Arc<HostSettings>>,
}

impl LiveSettings {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// Something in them is wrong.
    pub fn new(read: ReadSettings) -> Result<Self, CommandError> {
        let current = Arc::new(read()?);
        Ok(Self {
            read,
            current: watch::Sender::new(current),
        })
    }

    /// Returns them as they are.
    pub fn current(&self) -> Arc<HostSettings> {
        Arc::clone(&self.current.borrow())
    }

    /// Returns who tells of changes.
    pub fn subscribe(&self) -> watch::Receiver<Arc<HostSettings>> {
        self.current.subscribe()
    }

    /// Reads them again. Where something is wrong with them, those before stay.
    pub(super) fn reload(&self) {
        let newer = match (self.read)() {
            Ok(newer) => newer,
            Err(error) => {
                return tracing::error!("the settings stay as they were: {error}");
            }
        };
        let before = self.current();
        for key in before.wait_for_a_restart(&newer) {
            tracing::warn!("{key} was changed, which counts when the host is started again");
        }
        if *before != newer {
            tracing::info!("settings were changed");
            self.current.send_replace(Arc::new(newer));
        }
    }
}
