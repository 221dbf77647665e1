//! What a call has changed so far, by path, above what lies in the tree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use syft_protocol::file_events::FileStamp;
use syft_system::{FileId, SystemError};

use super::super::datasites_dir::Known;
use super::super::guest_path::GuestPath;
use super::place::StagedFile;
use super::plan::{FileNumber, Times};
use crate::meter::Charge;

/// What a path costs besides its text.
const PATH_COST_BYTES: usize = 512;

/// The most bytes of paths of files that the call has read, and may write as well.
const MAX_SEEN_BYTES: usize = 256 << 10;

/// What is in the tree at a path that the call has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InTree {
    File(FileNumber),
    Folder,
}

/// What a call has made of a path.
#[derive(Clone)]
pub(super) enum Made {
    File(Arc<StagedFile>),
    /// A file of the tree that lies elsewhere there, and when it was moved.
    Moved(MovedFile),
    /// A folder, in which nothing of the tree is, and when it was made.
    Folder(u64),
    Nothing,
}

#[derive(Clone)]
pub(super) struct MovedFile {
    pub(super) from: GuestPath,
    pub(super) file: FileNumber,
    pub(super) step: u64,
}

pub(super) struct Node {
    /// What is to be replaced or removed in the tree.
    pub(super) in_tree: Option<InTree>,
    pub(super) made: Made,
}

/// What a guest finds at a path.
pub(super) enum Seen {
    /// What is in the tree.
    InTree,
    Made(Made),
    /// Something on the way is a file.
    BelowFile,
}

/// What a folder shows besides what is in the tree.
pub(in super::super) struct Children {
    /// Whether that is shown, apart from what is hidden of it.
    pub(in super::super) are_in_tree: bool,
    pub(in super::super) hidden: HashSet<String>,
    pub(in super::super) added: Vec<(String, Known)>,
}

pub(super) struct Overlay {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Copies of files of the tree, by which of them they are of.
    pub(super) copies: HashMap<FileId, Arc<StagedFile>>,
    /// Files of the tree as they were when they were copied or read; `None` where nothing was.
    pub(super) found: HashMap<String, Option<FileStamp>>,
    seen_bytes: usize,
    pub(super) folder_times: BTreeMap<String, Times>,
    n_steps: u64,
    charge: Charge,
    /// The call wrote to a file that others had replaced since it was opened.
    pub(super) is_stale: bool,
    /// Nothing more is changed.
    pub(super) has_ended: bool,
}

impl Overlay {
    pub(super) fn new(charge: Charge) -> Self {
        Self {
            nodes: BTreeMap::new(),
            copies: HashMap::new(),
            found: HashMap::new(),
            seen_bytes: 0,
            folder_times: BTreeMap::new(),
            n_steps: 0,
            charge,
            is_stale: false,
            has_ended: false,
        }
    }

    pub(super) fn seen(&self, path: &GuestPath) -> Seen {
        let text = path.text();
        let mut is_in_made = false;
        for (end, _) in text.match_indices('/') {
            match self.nodes.get(&text[..end]).map(|node| &node.made) {
                None => {}
                Some(Made::Folder(_)) => is_in_made = true,
                Some(Made::Nothing) => return Seen::Made(Made::Nothing),
                Some(Made::File(_) | Made::Moved(_)) => return Seen::BelowFile,
            }
        }
        match self.nodes.get(&text) {
            Some(node) => Seen::Made(node.made.clone()),
            None if is_in_made => Seen::Made(Made::Nothing),
            None => Seen::InTree,
        }
    }

    /// Puts something at a path, above what is in the tree there.
    pub(super) fn put(
        &mut self,
        path: &GuestPath,
        made: Made,
        in_tree: Option<InTree>,
    ) -> Result<(), SystemError> {
        if self.has_ended {
            return Err(SystemError::NotPermitted);
        }
        let text = path.text();
        if let Some(node) = self.nodes.get_mut(&text) {
            let before = std::mem::replace(&mut node.made, made);
            self.stays(&before);
            return Ok(());
        }
        let grown = self.charge.grow(text.len() + PATH_COST_BYTES);
        grown.map_err(|_| SystemError::OutOfMemory)?;
        self.nodes.insert(text, Node { in_tree, made });
        Ok(())
    }

    /// A file that was moved to where something else is now: it is in the tree where it was.
    fn stays(&mut self, made: &Made) {
        if let Made::Moved(MovedFile { from, file, .. }) = made
            && let Some(node) = self.nodes.get_mut(&from.text())
        {
            node.in_tree = Some(InTree::File(*file));
        }
    }

    /// Takes note that what is in the tree at a path goes elsewhere.
    pub(super) fn moves_away(&mut self, path: &GuestPath) {
        if let Some(node) = self.nodes.get_mut(&path.text()) {
            node.in_tree = None;
        }
    }

    /// Returns where a file of the tree was moved to.
    pub(super) fn moved_to(&self, inode: u64) -> Option<(GuestPath, MovedFile)> {
        self.nodes.iter().find_map(|(path, node)| match &node.made {
            Made::Moved(moved) if moved.file.inode == inode => {
                Some((GuestPath::of(path), moved.clone()))
            }
            _ => None,
        })
    }

    /// Returns the files that lie in the place of the host for what was changed.
    pub(super) fn staged_files(&self) -> Vec<Arc<StagedFile>> {
        let files = self.nodes.values().filter_map(|node| match &node.made {
            Made::File(staged) => Some(Arc::clone(staged)),
            _ => None,
        });
        files.collect()
    }

    pub(super) fn next_step(&mut self) -> u64 {
        self.n_steps += 1;
        self.n_steps
    }

    /// Takes note of a file of the tree as the call reads it.
    pub(super) fn read(&mut self, path: &GuestPath, stamp: FileStamp) {
        let text = path.text();
        let cost = text.len() + PATH_COST_BYTES;
        if self.found.contains_key(&text) || self.seen_bytes + cost > MAX_SEEN_BYTES {
            return;
        }
        self.seen_bytes += cost;
        self.found.insert(text, Some(stamp));
    }

    /// Takes note that nothing was in the tree at a path where the call has made something.
    pub(super) fn was_absent(&mut self, path: &GuestPath) {
        self.found.entry(path.text()).or_insert(None);
    }

    /// Sets the times of a folder.
    pub(super) fn set_times(&mut self, path: &GuestPath, times: Times) -> Result<(), SystemError> {
        let text = path.text();
        if !self.folder_times.contains_key(&text) {
            let grown = self.charge.grow(text.len() + PATH_COST_BYTES);
            grown.map_err(|_| SystemError::OutOfMemory)?;
        }
        self.folder_times.insert(text, times);
        Ok(())
    }

    pub(super) fn children(&self, folder: &GuestPath) -> Children {
        let mut start = folder.text();
        if !start.is_empty() {
            start.push('/');
        }
        let mut children = Children {
            are_in_tree: matches!(self.seen(folder), Seen::InTree),
            hidden: HashSet::new(),
            added: Vec::new(),
        };
        let below = self.nodes.range(start.clone()..);
        for (path, node) in below.take_while(|(path, _)| path.starts_with(&start)) {
            let name = &path[start.len()..];
            if name.contains('/') {
                continue;
            }
            children.hidden.insert(name.to_owned());
            let known = match node.made {
                Made::Nothing => continue,
                Made::Folder(_) => Known::Folder,
                Made::File(_) | Made::Moved(_) => Known::File,
            };
            children.added.push((name.to_owned(), known));
        }
        children
    }
}
