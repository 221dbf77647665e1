//! The folder of an app in the synced tree, once nobody serves the app any more.

use std::io;
use std::path::{Path, PathBuf};

use syft_protocol::address::{AppName, Datasite};
use syft_system::{Dir, SystemError};

use super::prepare::SCHEMA_FILE;

/// The most entries that are counted, and how deep: a larger folder is told as such.
const MAX_COUNTED: u64 = 100_000;
const MAX_DEPTH: u32 = 64;

/// The folder of an app in its owner's datasite, reached without following links.
#[derive(Debug)]
pub struct SharedFolder {
    parent: Dir,
    name: String,
    folder: Dir,
    path: PathBuf,
}

/// What lies in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderContents {
    /// Files and links.
    pub n_files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// There is more than was counted.
    pub is_more: bool,
}

impl SharedFolder {
    /// Finds the folder, if there is one.
    ///
    /// # Errors
    /// It is there and cannot be opened.
    pub fn find(datasites: &Path, datasite: &Datasite, app: &AppName) -> io::Result<Option<Self>> {
        let mut parts: Vec<&str> = vec![datasite.as_str(), "app_data"];
        parts.extend(app.parts());
        let path = parts
            .iter()
            .fold(datasites.to_owned(), |path, part| path.join(part));
        let name = parts.pop().unwrap_or_default().to_owned();
        let open = || -> Result<Self, SystemError> {
            let parent = Dir::open_ambient(datasites)?.open_folder_below(&parts.join("/"))?;
            let folder = parent.open_folder(&name)?;
            Ok(Self {
                parent,
                name,
                folder,
                path,
            })
        };
        match open() {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts what lies in it, but for some of its folders.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn contents(&self, spared: &[&str]) -> io::Result<FolderContents> {
        let mut found = FolderContents::default();
        count(&self.folder, spared, 0, &mut found)?;
        Ok(found)
    }

    /// Deletes the file that tells callers which endpoints there are. Tells whether there was one.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn unadvertise(&self) -> io::Result<bool> {
        let deleted = self
            .folder
            .open_folder("rpc")
            .and_then(|rpc| rpc.remove_file(SCHEMA_FILE));
        match deleted {
            Ok(()) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes it with all that lies in it, but for some of its folders.
    ///
    /// # Errors
    /// Something cannot be deleted.
    pub fn delete(self, spared: &[&str]) -> io::Result<()> {
        let removed = if spared.is_empty() {
            self.parent.remove_folder_whole(&self.name)
        } else {
            self.folder.remove_all_but(spared)
        };
        Ok(removed?)
    }
}

fn count(dir: &Dir, spared: &[&str], depth: u32, found: &mut FolderContents) -> io::Result<()> {
    for entry in dir.list()? {
        let entry = entry?;
        let name = entry.name.as_deref();
        if name.is_some_and(|name| spared.contains(&name)) {
            continue;
        }
        if found.n_files >= MAX_COUNTED || depth >= MAX_DEPTH {
            found.is_more = true;
            return Ok(());
        }
        // What vanished meanwhile has nothing, and nor does what has a name that is no text.
        let looked = name.and_then(|name| Some((name, dir.look(name).ok()?)));
        match looked {
            Some((name, looked)) if looked.is_folder() => {
                if let Ok(folder) = dir.open_folder(name) {
                    count(&folder, &[], depth + 1, found)?;
                }
            }
            looked => {
                found.n_files += 1;
                found.bytes += looked.map_or(0, |(_, looked)| looked.bytes);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_but_the_folder_itself_is_deleted() {
        let site = tempfile::tempdir().expect("a folder");
        let owner = Datasite::parse("alice@example.org").expect("an email");
        let app = AppName::parse("llm").expect("a name");
        let find = || SharedFolder::find(site.path(), &owner, &app).expect("it can be opened");
        assert!(find().is_none());

        let own = site.path().join("alice@example.org/app_data/llm");
        fs::create_dir_all(own.join("rpc/hello")).expect("folders");
        fs::create_dir_all(own.join("x/rpc")).expect("folders");
        fs::write(own.join("rpc/rpc.schema.json"), "{}").expect("a file");
        fs::write(own.join("note.txt"), "note").expect("a file");
        fs::write(own.join("x/note.txt"), "of another app").expect("a file");
        let outside = site.path().join("outside");
        fs::create_dir(&outside).expect("a folder");
        fs::write(outside.join("file"), "file").expect("a file");
        symlink(&outside, own.join("rpc/link")).expect("a link");

        let found = find().expect("a folder");
        let contents = found.contents(&["x"]).expect("contents");
        assert_eq!((contents.n_files, contents.is_more), (3, false));
        assert!(found.unadvertise().expect("deleted"));
        assert!(!found.unadvertise().expect("nothing is left"));
        found.delete(&["x"]).expect("deleted");
        let left = fs::read_dir(&own).expect("a folder").count();
        assert!(left == 1 && own.join("x/note.txt").is_file());
        assert!(outside.join("file").is_file());

        find().expect("a folder").delete(&[]).expect("deleted");
        assert!(!own.exists());
        symlink(&outside, &own).expect("a link");
        assert!(find().is_none(), "a link is no folder of an app");
    }
}
