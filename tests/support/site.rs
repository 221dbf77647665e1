//! A throw-away data folder with the datasites of several people.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub const OWNER: &str = "owner@example.com";
pub const CALLER: &str = "guest@example.com";

/// A SyftBox data folder, and a private folder of the host, until it is dropped.
pub struct Site {
    folder: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// Returns a site in memory where there is such a folder: a disk takes minutes for
    /// very many files.
    pub fn in_memory() -> Self {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() {
            Self::new_in(&memory)
        } else {
            Self::new()
        }
    }

    /// Returns a site in a folder.
    pub fn new_in(folder: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("syft-test-")
            .tempdir_in(folder)
            .unwrap();
        let site = Self { folder };
        fs::create_dir_all(site.datasites()).unwrap();
        site
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn datasites(&self) -> PathBuf {
        self.data_dir().join("datasites")
    }

    /// Returns the `rpc/` folder of one of the owner's apps.
    pub fn rpc(&self, app: &str) -> PathBuf {
        self.datasites()
            .join(OWNER)
            .join("app_data")
            .join(app)
            .join("rpc")
    }

    /// Writes a config file as SyftBox does, and returns its path.
    pub fn config(&self, email: &str) -> PathBuf {
        let path = self.path().join(format!("{email}.json"));
        let config = serde_json::json!({
            "data_dir": self.data_dir(),
            "email": email,
            "server_url": "http://127.0.0.1:9/",
            "client_url": "http://127.0.0.1:9/",
        });
        fs::write(&path, config.to_string()).unwrap();
        path
    }
}
