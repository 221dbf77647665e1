//! What a call may do with one path, decided once, and the proof of it.
//!
//! A path is opened by what was granted and by nothing else: only an `Access` makes a
//! `Granted`, and only a `Granted` has the folder to open it in.

use std::cell::OnceCell;
use std::marker::PhantomData;

use syft_system::{Dir, Open, SetTimes, Stat, SystemError};

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use super::listing::Entries;
use super::policy::{Denied, PathRights, ReadRight, Want};
use super::sender::CallSender;
use super::staging::{Opened, Staging};
use super::temporary::Temporary;
use super::tree::InFolder;

/// The decision about one path.
pub(super) struct Access<'a> {
    path: GuestPath,
    root: Root<'a>,
    sender: &'a CallSender,
    rights: PathRights,
    /// What the rules say of the sender, read where that is what counts.
    sender_may_read: OnceCell<Result<(), Denied>>,
}

/// The folder in which a path is looked for.
#[derive(Clone, Copy)]
pub(super) enum Root<'a> {
    /// That of all datasites, if there is one, and what the call has staged for it.
    Datasites(Option<&'a DatasitesDir>, Option<&'a Staging>),
    /// That of another machine, and what the call has staged for it.
    Away(&'a Staging),
    /// That of the call.
    Temporary(&'a Temporary),
    /// That of the program, if there is one.
    Program(Option<&'a DatasitesDir>),
}

impl<'a> Root<'a> {
    /// Returns the folder of this machine.
    fn here(self, path: &GuestPath, want: Want) -> Option<&'a DatasitesDir> {
        match self {
            Self::Datasites(root, _) | Self::Program(root) => root,
            Self::Away(_) => None,
            Self::Temporary(temporary) => temporary.folder(path, want),
        }
    }

    fn place(self, path: &GuestPath, want: Want) -> Option<Place<'a>> {
        match self {
            Self::Away(staging) => Some(Place::Staged(staging)),
            Self::Datasites(Some(_), Some(staging)) => Some(Place::Staged(staging)),
            _ => self.here(path, want).map(Place::AtOnce),
        }
    }
}

/// Where operations on a path are done.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// In a folder, at once.
    AtOnce(&'a DatasitesDir),
    /// In what the call stages.
    Staged(&'a Staging),
}

/// Proof that something may be done with a path.
pub(super) struct Granted<'a, What> {
    place: Place<'a>,
    path: &'a GuestPath,
    what: PhantomData<What>,
}

/// To know a folder, and what of it may be known.
pub(super) struct ToSee;
/// To read a file.
pub(super) struct ToRead;
/// To make, change, move or delete a file, or to delete a folder.
pub(super) struct ToWrite;
/// To make a folder.
pub(super) struct ToMakeFolder;

/// What may not be done with a path, and why.
pub(super) struct Refusal<'a> {
    pub(super) path: &'a GuestPath,
    pub(super) want: Want,
    pub(super) denied: Denied,
}

type Decided<'a, What> = Result<Granted<'a, What>, Refusal<'a>>;

impl<'a> Access<'a> {
    pub(super) fn new(
        path: GuestPath,
        root: Root<'a>,
        sender: &'a CallSender,
        rights: PathRights,
    ) -> Self {
        Self {
            path,
            root,
            sender,
            rights,
            sender_may_read: OnceCell::new(),
        }
    }

    pub(super) fn path(&self) -> &GuestPath {
        &self.path
    }

    pub(super) fn into_path(self) -> GuestPath {
        self.path
    }

    pub(super) fn see(&self) -> Decided<'_, ToSee> {
        self.decided(Want::See, self.may_read(&self.rights.see))
    }

    pub(super) fn read(&self) -> Decided<'_, ToRead> {
        self.decided(Want::Read, self.may_read(&self.rights.read))
    }

    pub(super) fn write(&self) -> Decided<'_, ToWrite> {
        self.decided(Want::Write, self.rights.write.clone())
    }

    pub(super) fn make_folder(&self) -> Decided<'_, ToMakeFolder> {
        self.decided(Want::MakeFolder, self.rights.make_folder.clone())
    }

    fn may_read(&self, right: &ReadRight) -> Result<(), Denied> {
        match right {
            ReadRight::Granted => Ok(()),
            ReadRight::IfSenderMay => self.sender_may_read(),
            ReadRight::Denied(denied) => Err(denied.clone()),
        }
    }

    fn sender_may_read(&self) -> Result<(), Denied> {
        let ask = || {
            let root = self.root.here(&self.path, Want::Read);
            let root = root.ok_or_else(|| "there are no files".to_owned());
            let may = root.and_then(|root| self.sender.may_read(root, &self.path));
            may.map_err(Denied::SenderMayNot)
        };
        self.sender_may_read.get_or_init(ask).clone()
    }

    fn decided<What>(&self, want: Want, decided: Result<(), Denied>) -> Decided<'_, What> {
        let path = &self.path;
        match (decided, self.root.place(path, want)) {
            (Ok(()), Some(place)) => Ok(Granted {
                place,
                path,
                what: PhantomData,
            }),
            // Without files there are no patterns either, so nothing is lost here.
            (Ok(()), None) => Err(Refusal {
                path,
                want,
                denied: Denied::NotRequested,
            }),
            (Err(denied), _) => Err(Refusal { path, want, denied }),
        }
    }
}

impl<'a, What> Granted<'a, What> {
    pub(super) fn path(&self) -> &'a GuestPath {
        self.path
    }

    /// Looks at what is there. A link is looked at itself.
    pub(super) fn look(&self) -> Result<Stat, SystemError> {
        match self.place {
            Place::Staged(staging) => staging.look(self.path),
            Place::AtOnce(root) => root.look(self.path),
        }
    }

    /// Returns what the call has staged, where it stages what it changes.
    pub(super) fn staging(&self) -> Option<&'a Staging> {
        match self.place {
            Place::Staged(staging) => Some(staging),
            Place::AtOnce(_) => None,
        }
    }

    fn listed(&self) -> Result<Entries, SystemError> {
        match self.place {
            Place::Staged(staging) => staging.list(self.path),
            Place::AtOnce(root) => {
                let in_tree = InFolder::Here(root.list(self.path)?);
                Ok(Entries::new(in_tree, None))
            }
        }
    }
}

impl Granted<'_, ToSee> {
    /// Lists the folder.
    pub(super) fn list(&self) -> Result<Entries, SystemError> {
        self.listed()
    }

    /// Opens the folder.
    pub(super) fn open_folder(&self) -> Result<Dir, SystemError> {
        match self.place {
            Place::Staged(staging) => staging.open_folder(self.path),
            Place::AtOnce(root) => root.open_known_folder(self.path),
        }
    }
}

impl Granted<'_, ToRead> {
    /// Opens the file that is there, to read it.
    pub(super) fn open(&self) -> Result<Opened, SystemError> {
        match self.place {
            Place::Staged(staging) => staging.open_to_read(self.path),
            Place::AtOnce(root) => {
                let file = root.open_file(self.path, Open::READ)?;
                Ok(Opened::AtOnce(file.into()))
            }
        }
    }
}

impl<'a> Granted<'a, ToWrite> {
    /// Opens the file that is there, or makes one, as is said. Whether it is then truncated is to
    /// be known, since what is truncated need not be copied.
    pub(super) fn open(&self, how: Open, truncates: bool) -> Result<Opened, SystemError> {
        match self.place {
            Place::Staged(staging) => staging.open_to_write(self.path, how, truncates),
            Place::AtOnce(root) => {
                let file = root.open_file(self.path, how)?;
                Ok(Opened::AtOnce(file.into()))
            }
        }
    }

    /// Lists the folder that is there, to move what is in it.
    pub(super) fn list(&self) -> Result<Entries, SystemError> {
        self.listed()
    }

    /// Removes the file that is there.
    pub(super) fn remove_file(&self) -> Result<(), SystemError> {
        if let Some(staging) = self.staging() {
            return staging.remove(self.path);
        }
        let (folder, name) = self.open_parent()?;
        folder.remove_file(name)
    }

    /// Removes the folder that is there, if nothing is in it.
    pub(super) fn remove_folder(&self) -> Result<(), SystemError> {
        let Some(staging) = self.staging() else {
            let (folder, name) = self.open_parent()?;
            return folder.remove_folder(name);
        };
        if !staging.is_empty(self.path)? {
            return Err(SystemError::NotEmpty);
        }
        staging.remove(self.path)
    }

    /// Makes sure that there is a folder that holds the path.
    pub(super) fn check_parent(&self) -> Result<(), SystemError> {
        match self.place {
            Place::Staged(staging) => staging.check_parent(self.path),
            Place::AtOnce(root) => root.open_parent(self.path).map(drop),
        }
    }

    /// Opens the folder that holds the path, for operations on its name that are done at once.
    pub(super) fn open_parent(&self) -> Result<(Dir, &'a str), SystemError> {
        match self.place {
            Place::Staged(_) => Err(SystemError::CrossesDevices),
            Place::AtOnce(root) => root.open_parent(self.path),
        }
    }
}

impl Granted<'_, ToMakeFolder> {
    /// Sets the times of the folder that is there.
    pub(super) fn set_times(&self, times: &SetTimes) -> Result<(), SystemError> {
        match self.place {
            Place::Staged(staging) => staging.set_folder_times(self.path, times),
            Place::AtOnce(root) => root.open_known_folder(self.path)?.set_times(times),
        }
    }

    pub(super) fn make(&self) -> Result<(), SystemError> {
        match self.place {
            Place::Staged(staging) => staging.make_folder(self.path),
            Place::AtOnce(root) => {
                let (folder, name) = root.open_parent(self.path)?;
                folder.make_folder(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use syft_manifest::{Files, Grants};
    use syft_protocol::address::{AppName, Datasite};
    use syft_protocol::grant::PathPattern;

    use super::super::guest_path::Mount;
    use super::*;
    use crate::capability::files::policy::FilePolicy;

    fn policy(read: &str, on_behalf: &str) -> FilePolicy {
        let patterns = |text| vec![PathPattern::parse(text).expect("a pattern")];
        let files = Files {
            read: patterns(read),
            on_behalf_of_sender: patterns(on_behalf),
            ..Files::default()
        };
        let grants = Grants {
            requested: files.clone(),
            approved: files,
            ..Grants::default()
        };
        let datasite = Datasite::parse("o@x.org").expect("an email");
        FilePolicy::new(&grants, &datasite, &AppName::parse("app").expect("a name"))
    }

    #[test]
    fn what_was_granted_opens_and_what_was_not_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let datasite = folder.path().join("a@x.org/public");
        fs::create_dir_all(&datasite).expect("a datasite");
        fs::write(datasite.join("f"), "text").expect("a file");
        let root = DatasitesDir::open(folder.path()).expect("a folder");
        let policy = policy("*/public/f", "*/shared/**");
        let sender = CallSender::new(None, None);
        let access = |path: &str| {
            let path = GuestPath::of(path);
            let rights = policy.decide(&path.names());
            Access::new(path, Root::Datasites(Some(&root), None), &sender, rights)
        };
        let file = access("a@x.org/public/f");
        let granted = file.read().ok().expect("a grant");
        let mut text = String::new();
        let opened = granted.open().expect("a file").into_file();
        let mut content = opened.file();
        content.read_to_string(&mut text).expect("its text");
        assert_eq!(text, "text");
        let refusal = file.write().err().expect("no grant");
        assert_eq!(
            (refusal.want, refusal.denied),
            (Want::Write, Denied::NotRequested)
        );
        let folder = access("a@x.org/public");
        let granted = folder.see().ok().expect("a grant");
        assert!(granted.open_folder().is_ok());
        assert!(folder.read().is_err(), "a folder on the way to a file");
        let shared = access("a@x.org/shared/f");
        let refusal = shared.read().err().expect("no grant");
        assert!(matches!(refusal.denied, Denied::SenderMayNot(_)));
    }

    #[test]
    fn files_of_the_program_are_there_to_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("app.py"), "text").expect("a file");
        let root = DatasitesDir::open(folder.path()).expect("a folder");
        let sender = CallSender::new(None, None);
        let path = GuestPath::top(Mount::Program).child("app.py");
        let access = |root| {
            Access::new(
                path.clone(),
                Root::Program(root),
                &sender,
                PathRights::to_read(),
            )
        };
        let file = access(Some(&root));
        assert!(file.read().is_ok_and(|granted| granted.open().is_ok()));
        let refused = [file.write().err(), file.make_folder().err()];
        for refusal in refused {
            assert_eq!(refusal.expect("no grant").denied, Denied::Never);
        }
        assert!(access(None).read().is_err(), "where there are none");
    }

    #[test]
    fn without_files_nothing_is_granted() {
        let sender = CallSender::new(None, None);
        let path = GuestPath::of("a@x.org/public/f");
        let rights = policy("**", "**").decide(&path.names());
        let access = Access::new(path, Root::Datasites(None, None), &sender, rights);
        assert!(access.read().is_err() && access.see().is_err());
    }
}
