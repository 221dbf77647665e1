//! What a worker has to say of files. The owner's host looks for itself before it logs anything.

use super::super::guest_path::GuestPath;
use super::super::policy::Want;
use super::{OwnerFiles, Refused};
use crate::wire::{FileNote, FileRight, NotedPath};

impl OwnerFiles {
    pub(super) fn take_note(&self, note: FileNote) -> Result<(), Refused> {
        let guard = self.guard();
        match note {
            FileNote::Refused(noted, access) => self.refuse(path(&noted)?, access),
            FileNote::Granted(noted, access) => self.grant(&path(&noted)?, access),
            FileNote::Unfit(noted) => self.find_unfit(path(&noted)?),
            FileNote::Outside(noted, outside) => guard.log_outside(&path(&noted)?, &outside),
            FileNote::Limit(noted, limit) => guard.log_limit(&path(&noted)?, limit),
            FileNote::Closed(handle) => drop(self.handles().take(handle)),
        }
        Ok(())
    }

    /// Logs that something is refused, if it is.
    fn refuse(&self, path: GuestPath, wanted: FileRight) {
        let guard = self.guard();
        let access = guard.access(path);
        let refusal = match wanted {
            FileRight::See => access.see().err(),
            FileRight::Read => access.read().err(),
            FileRight::Write => access.write().err(),
            FileRight::MakeFolder => access.make_folder().err(),
        };
        if let Some(refusal) = refusal {
            guard.log_refusal(&refusal);
        }
    }

    /// Logs that something was granted, if it is.
    fn grant(&self, path: &GuestPath, wanted: FileRight) {
        let access = self.guard().access(path.clone());
        let (is_granted, want) = match wanted {
            FileRight::See => (access.see().is_ok(), Want::See),
            FileRight::Read => (access.read().is_ok(), Want::Read),
            FileRight::Write => (access.write().is_ok(), Want::Write),
            FileRight::MakeFolder => (access.make_folder().is_ok(), Want::MakeFolder),
        };
        if is_granted {
            self.guard().log_granted(path, want);
        }
    }

    /// Logs what lies at a path and does not exist for guests, if that is so.
    fn find_unfit(&self, path: GuestPath) {
        let guard = self.guard();
        let access = guard.access(path);
        let looked = match (access.read(), access.write(), access.see()) {
            (Ok(granted), ..) => granted.look(),
            (_, Ok(granted), _) => granted.look(),
            (.., Ok(granted)) => granted.look(),
            _ => return,
        };
        if let Ok(stat) = looked {
            // It logs what it does not know.
            guard.known(access.path(), &stat).ok();
        }
    }
}

fn path(noted: &NotedPath) -> Result<GuestPath, Refused> {
    let path = GuestPath::of_note(noted);
    path.ok_or(Refused::Breach("it speaks of what is no path"))
}
