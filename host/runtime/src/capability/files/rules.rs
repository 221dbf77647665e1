//! The datasites' own access rules, read from the tree as they are needed.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;

use syft_protocol::acl::{Access, Acl, Decision, Reason, RuleSet};
use syft_protocol::permissions::PERMISSION_FILE;
use syft_protocol::timestamp::Timestamp;
use syft_system::{Open, OpenedFile, Stat, SystemError};

use super::datasites_dir::DatasitesDir;
use super::guest_path::{GuestPath, PathError};

/// The most bytes of a permission file that are read; one more than are parsed.
const READ_BYTES: u64 = (256 << 10) + 1;

/// How often a file that changes while it is read is read again.
const TRIES: usize = 3;

/// The names under which sync sets a permission file aside.
const SET_ASIDE: [&str; 2] = ["syft.pub.conflict.yaml", "syft.pub.rejected.yaml"];

/// What is done about a whole file whose rules the SyftBox server refuses too.
/// Whatever else cannot be used closes its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// As the server does once it was started again: a file further up decides.
    AsServer,
    /// It lets nobody in: what its author meant is not known.
    Closed,
}

/// Rules on the way to the paths that were asked about so far.
pub struct Rules {
    acl: Acl,
    looked_into: HashSet<GuestPath>,
    broken: Broken,
    /// Why the folders of these permission files are closed.
    faults: HashMap<String, String>,
}

/// A decision and, where a file that cannot be used makes it, what is wrong with
/// that.
pub struct Ruling<'a> {
    /// The decision.
    pub decision: Decision<'a>,
    /// Such as "is empty".
    pub fault: Option<&'a str>,
}

impl Rules {
    /// Returns rules of which none was read yet.
    pub fn new(broken: Broken) -> Self {
        Self {
            acl: Acl::new(),
            looked_into: HashSet::new(),
            broken,
            faults: HashMap::new(),
        }
    }

    /// Decides about a path below the datasites folder.
    pub fn decide(
        &mut self,
        root: &DatasitesDir,
        now: Timestamp,
        user: &str,
        path: &str,
        access: Access,
    ) -> Ruling<'_> {
        // A path that cannot be one is for the rules to refuse.
        let path_below = path.trim_start_matches('/');
        let named = GuestPath::default().resolve(path_below, |_| Ok::<_, PathError>(()));
        if let Ok(named) = named {
            self.read_on_the_way(root, named.path);
        }
        let decision = self.acl.decide(now, user, path, access);
        let fault = match decision.reason {
            Reason::Rule(rule) => self.faults.get(rule.file),
            Reason::NoRule { file } => self.faults.get(file),
            _ => None,
        };
        Ruling {
            decision,
            fault: fault.map(String::as_str),
        }
    }

    fn read_on_the_way(&mut self, root: &DatasitesDir, path: GuestPath) {
        let mut folder = Some(path);
        while let Some(path) = folder {
            if !self.looked_into.insert(path.clone()) {
                return;
            }
            if let Some(rules) = self.read(root, &path)
                && let Err(error) = self.acl.insert(&path.text(), rules)
            {
                tracing::warn!(folder = path.text(), "rules not used: {error}");
            }
            folder = path.split().map(|(parent, _)| parent);
        }
    }

    fn read(&mut self, root: &DatasitesDir, folder: &GuestPath) -> Option<RuleSet> {
        // The folder of all datasites has no rules.
        folder.split()?;
        let file = folder.child(PERMISSION_FILE);
        let fault = match read_file(root, &file) {
            Ok(None) => return None,
            Ok(Some(text)) => match RuleSet::parse(&text) {
                Ok(rules) => return Some(rules),
                Err(error) if self.broken == Broken::AsServer && error.server_refuses() => {
                    tracing::warn!(folder = folder.text(), "rules not usable: {error}");
                    return None;
                }
                Err(error) => format!("cannot be used ({error})"),
            },
            Err(fault) => fault,
        };
        tracing::warn!(
            folder = folder.text(),
            "closed: its {PERMISSION_FILE} {fault}"
        );
        self.faults.insert(file.text(), fault);
        Some(RuleSet::closed())
    }
}

/// Returns what a permission file holds; `None` where there is none. What is not a
/// whole, regular file with something in it is an error, never absent: the server
/// may well have the rules that were in it.
fn read_file(root: &DatasitesDir, path: &GuestPath) -> Result<Option<Vec<u8>>, String> {
    for _ in 0..TRIES {
        let opened = match root.open_file(path, Open::READ) {
            Ok(opened) => opened,
            Err(SystemError::NotFound | SystemError::NotAFolder) => return absent(root, path),
            // A link on the way is no folder to sync, so nothing is in it.
            Err(SystemError::Link) if root.look(path).is_err() => return Ok(None),
            Err(SystemError::Link) => return Err("is a symbolic link".to_owned()),
            Err(SystemError::IsAFolder) => return Err("is a folder".to_owned()),
            Err(SystemError::NotAFile) => return Err("is no regular file".to_owned()),
            Err(error) => return Err(format!("cannot be read ({error})")),
        };
        let OpenedFile {
            file,
            found: before,
        } = opened;
        let mut text = Vec::new();
        let bound = (&file).take(READ_BYTES).read_to_end(&mut text);
        bound.map_err(|error| format!("cannot be read ({error})"))?;
        if is_same(&before, &stat(&file)?, text.len()) {
            if text.is_empty() {
                return Err("is empty".to_owned());
            }
            return Ok(Some(text));
        }
    }
    Err("changes while it is read".to_owned())
}

fn stat(file: &File) -> Result<Stat, String> {
    Stat::of(file).map_err(|error| format!("cannot be read ({error})"))
}

/// Tells whether nobody wrote to a file while `n_read` bytes were read from it.
fn is_same(before: &Stat, after: &Stat, n_read: usize) -> bool {
    let stamp = |found: &Stat| (found.bytes, found.modified, found.changed);
    stamp(before) == stamp(after) && n_read as u64 == before.bytes.min(READ_BYTES)
}

/// Makes sure that a file is not missing only because sync has set it aside: until it
/// fetched the server's, the rules in force are not known.
fn absent(root: &DatasitesDir, path: &GuestPath) -> Result<Option<Vec<u8>>, String> {
    let Some((folder, _)) = path.split() else {
        return Ok(None);
    };
    match SET_ASIDE
        .into_iter()
        .find(|name| root.look(&folder.child(name)).is_ok())
    {
        Some(name) => Err(format!("was set aside by sync as {name}")),
        None => Ok(None),
    }
}
