//! A tree of datasites full of secrets, and what it was like before.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::site::{OWNER, Site};

pub const FRIEND: &str = "friend@example.com";

/// Each file that no test grants begins with this.
pub const SECRET: &str = "SECRET";

/// Files with what they say, below the datasites folder. `%` is the owner.
const FILES: &[(&str, &str)] = &[
    ("%/public/open.txt", "open"),
    ("%/public/sub/deep.txt", "deep"),
    ("%/private/key.txt", "SECRET of the owner"),
    ("%/private/more/key.txt", "SECRET of the owner, deeper"),
    ("%/syft.pub.yaml", "SECRET rules"),
    ("%/app_data/app/out/old.txt", "old"),
    ("%/app_data/other/data.txt", "SECRET of another app"),
    ("%/app_data/other/rpc/x/1.request", "SECRET request"),
    ("friend@example.com/public/scores.json", "scores"),
    ("friend@example.com/public/else.txt", "SECRET beside"),
    ("friend@example.com/private/key.txt", "SECRET of a friend"),
];

/// Returns a site with a small tree of datasites, and a secret outside of it.
pub fn planted() -> Site {
    let site = Site::new();
    for (path, text) in FILES {
        let path = site.datasites().join(path.replace('%', OWNER));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(site.path().join("outside/folder")).unwrap();
    fs::write(site.path().join("outside/key.txt"), "SECRET outside").unwrap();
    fs::write(site.path().join("outside/folder/key.txt"), "SECRET outside").unwrap();
    site
}

impl Site {
    /// Returns a path below the owner's folder.
    pub fn own(&self, path: &str) -> PathBuf {
        self.datasites().join(OWNER).join(path)
    }

    /// Writes a file below the owner's folder, with the folders that it needs.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.own(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes a symlink below the owner's folder.
    pub fn link(&self, target: impl AsRef<Path>, path: &str) {
        std::os::unix::fs::symlink(target, self.own(path)).unwrap();
    }
}

/// Returns the path as the guest names it.
pub fn seen(path: &str) -> String {
    format!("/datasites/{OWNER}/{path}")
}

/// What a file is and says, with all times and numbers that a change leaves a
/// trace in.
pub type Snapshot = BTreeMap<PathBuf, String>;

/// Returns what is on a site, apart from what the app and the host may change.
pub fn snapshot(site: &Site) -> Snapshot {
    let own = site.own("app_data/app");
    // The host makes and fills the logs meanwhile.
    let data = site.path().join(".local/share/syft-host");
    let (logs, apps) = (data.join("logs"), data.join("apps"));
    let ends = |path: &Path, end: &str| path.extension() == Some(end.as_ref());
    let is_ours = |path: &Path| {
        [&own, &logs, &apps].contains(&&path.to_owned())
            || ends(path, "log")
            || ends(path, "journal")
    };
    walkdir::WalkDir::new(site.path())
        .into_iter()
        .filter_entry(|entry| !is_ours(entry.path()))
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| *path != data)
        .map(|path| (path.clone(), describe(&path)))
        .collect()
}

fn describe(path: &Path) -> String {
    let metadata = fs::symlink_metadata(path).unwrap();
    let kind = metadata.file_type();
    let content = match () {
        () if kind.is_symlink() => fs::read_link(path).unwrap().display().to_string(),
        () if kind.is_file() && metadata.len() < 1 << 20 => {
            String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
        }
        () if kind.is_fifo() || kind.is_socket() => "special".to_owned(),
        () => String::new(),
    };
    // Reading changes the time of access, and is allowed in places.
    format!(
        "{:?} {:o} ino {} links {} {} bytes, modified {}.{}, changed {}.{}: {content}",
        kind,
        metadata.mode(),
        metadata.ino(),
        metadata.nlink(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}
