//! The datasites' own access rules, read from the tree as they are needed.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

use rustix::fs::OFlags;
use syft_protocol::acl::{Access, Acl, Decision, RuleSet};
use syft_protocol::permissions::PERMISSION_FILE;
use syft_protocol::timestamp::Timestamp;

use super::place::{Place, Root, kind};

/// The most bytes of a permission file that are read; one more than are parsed.
const READ_BYTES: u64 = (256 << 10) + 1;

/// What is done about a permission file that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// As the SyftBox server does: one that it cannot load either is as if it were
    /// not there, and a file further up decides.
    AsServer,
    /// It lets nobody in: what its author meant is not known.
    Closed,
}

/// Rules on the way to the paths that were asked about so far.
pub struct Rules {
    acl: Acl,
    looked_into: HashSet<Place>,
    broken: Broken,
}

impl Rules {
    /// Returns rules of which none was read yet.
    pub fn new(broken: Broken) -> Self {
        Self {
            acl: Acl::new(),
            looked_into: HashSet::new(),
            broken,
        }
    }

    /// Decides about a path below the datasites folder.
    pub fn decide(
        &mut self,
        root: &Root,
        now: Timestamp,
        user: &str,
        path: &str,
        access: Access,
    ) -> Decision<'_> {
        // A path that is no place is for the rules to refuse.
        if let Ok(named) = Place::default().resolve(path.trim_start_matches('/')) {
            self.read_on_the_way(root, named.place);
        }
        self.acl.decide(now, user, path, access)
    }

    fn read_on_the_way(&mut self, root: &Root, place: Place) {
        let mut folder = Some(place);
        while let Some(place) = folder {
            if !self.looked_into.insert(place.clone()) {
                return;
            }
            if let Some(rules) = self.read(root, &place)
                && let Err(error) = self.acl.insert(&place.text(), rules)
            {
                tracing::warn!(folder = place.text(), "rules not used: {error}");
            }
            folder = place.split().map(|(parent, _)| parent);
        }
    }

    fn read(&self, root: &Root, folder: &Place) -> Option<RuleSet> {
        let text = match read_file(root, &folder.child(PERMISSION_FILE)) {
            Ok(text) => text?,
            Err(error) => {
                tracing::warn!(folder = folder.text(), "rules not readable: {error}");
                return Some(RuleSet::closed());
            }
        };
        match RuleSet::parse(&text) {
            Ok(rules) => Some(rules),
            Err(error) => {
                tracing::warn!(folder = folder.text(), "rules not usable: {error}");
                let is_ignored = self.broken == Broken::AsServer && !error.server_loads();
                (!is_ignored).then(RuleSet::closed)
            }
        }
    }
}

/// Returns what a permission file holds; `None` where there is none.
fn read_file(root: &Root, place: &Place) -> std::io::Result<Option<Vec<u8>>> {
    use rustix::io::Errno;
    let file = match root.open_place(place, OFlags::RDONLY) {
        // Sync leaves links alone, so the server has no such file.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        result => result?,
    };
    if !kind(&rustix::fs::fstat(&file)?).is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    File::from(file).take(READ_BYTES).read_to_end(&mut text)?;
    // The server takes an empty file for none.
    Ok((!text.is_empty()).then_some(text))
}
