//! What each operation does, if the promises hold.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::glob::{is_start, leads_below, matches};
use crate::support::apps::Approved;

type Names = Vec<String>;

#[derive(Debug)]
pub enum Operation {
    Write(Names, String),
    Append(Names, String),
    CreateNew(Names, String),
    SetLen(Names, usize),
    Read(Names),
    Stat(Names),
    List(Names),
    Mkdir(Names),
    Rmdir(Names),
    Unlink(Names),
    Rename(Names, Names),
    Symlink,
    /// Anything by a path that leads out of what is not there.
    Nowhere(Names),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Folder,
    File(Vec<u8>),
    Link,
}

#[derive(Debug, Default)]
pub struct Policy {
    read: Vec<Names>,
    write: Vec<Names>,
    deny: Vec<Names>,
}

impl Policy {
    pub fn new(approved: &Approved, owner: &str) -> Self {
        let resolve = |texts: &[String]| -> Vec<Names> {
            let resolved = texts.iter().map(|text| text.replace("{datasite}", owner));
            resolved
                .map(|text| text.split('/').map(ToOwned::to_owned).collect())
                .collect()
        };
        Self {
            read: resolve(&approved.read),
            write: resolve(&approved.write),
            deny: resolve(&approved.deny),
        }
    }

    fn is_closed(&self, path: &[String]) -> bool {
        let in_app_data = path.get(1).is_some_and(|name| name == "app_data");
        let is_rpc = in_app_data && path.iter().skip(3).any(|name| name == "rpc");
        let starts = (0..=path.len()).map(|end| &path[..end]);
        let mut denied =
            starts.filter(|start| self.deny.iter().any(|pattern| matches(pattern, start)));
        is_rpc || denied.next().is_some()
    }

    fn may_read(&self, path: &[String]) -> bool {
        let mut all = self.read.iter().chain(&self.write);
        !self.is_closed(path) && all.any(|pattern| matches(pattern, path))
    }

    fn may_see(&self, path: &[String]) -> bool {
        let mut all = self.read.iter().chain(&self.write);
        !self.is_closed(path)
            && all.any(|pattern| matches(pattern, path) || leads_below(pattern, path))
    }

    fn may_write(&self, path: &[String]) -> bool {
        let is_ruling = path.iter().any(|name| name == "syft.pub.yaml");
        !self.is_closed(path)
            && !is_ruling
            && self.write.iter().any(|pattern| matches(pattern, path))
    }

    fn may_make_folder(&self, path: &[String]) -> bool {
        let is_ruling = path.iter().any(|name| name == "syft.pub.yaml");
        let is_on_the_way = self.write.iter().any(|pattern| is_start(pattern, path));
        self.may_write(path) || (!self.is_closed(path) && !is_ruling && is_on_the_way)
    }
}

/// A tree, and what may be done with it.
#[derive(Debug, Default)]
pub struct Model {
    pub nodes: BTreeMap<Names, Node>,
    pub policy: Policy,
}

type Outcome = Result<Value, &'static str>;

const NOT_FOUND: &str = "NotFound";
const DENIED: &str = "PermissionDenied";
const BLOCKED: &str = "NotADirectory";
const IS_FOLDER: &str = "IsADirectory";
const EXISTS: &str = "AlreadyExists";
const INTO_ITSELF: &str = "InvalidInput";
/// For which the standard library has no kind on this target.
const NOT_EMPTY: &str = "Uncategorized";

impl Model {
    pub fn run(&mut self, operation: &Operation) -> Value {
        use Operation::*;
        let outcome = match operation {
            Write(path, text) => self.open_to_write(path, true).map(|()| {
                self.put(path, text.as_bytes().to_vec());
                Value::Null
            }),
            Append(path, text) => self.change(path, |bytes| bytes.extend(text.as_bytes())),
            SetLen(path, length) => self.change(path, |bytes| bytes.resize(*length, 0)),
            CreateNew(path, text) => self.create_new(path, text),
            Read(path) => self.read(path),
            Stat(path) => self.stat(path),
            List(path) => self.list(path),
            Mkdir(path) => self.mkdir(path),
            Rmdir(path) => self.rmdir(path),
            Unlink(path) => self.unlink(path),
            Rename(path, to) => self.rename(path, to),
            Symlink => Err(DENIED),
            Nowhere(path) => self.stat(path),
        };
        match outcome {
            Ok(value) => json!({"ok": value}),
            Err(error) => json!({"error": error}),
        }
    }

    fn put(&mut self, path: &[String], bytes: Vec<u8>) {
        self.nodes.insert(path.to_vec(), Node::File(bytes));
    }

    /// Goes to the folder of a path, and returns what is at the path.
    fn find(&self, path: &[String]) -> Result<Option<&Node>, &'static str> {
        for end in 1..path.len() {
            match self.nodes.get(&path[..end]) {
                None | Some(Node::Link) => return Err(NOT_FOUND),
                Some(Node::Folder) => {}
                Some(Node::File(_)) => return Err(BLOCKED),
            }
        }
        Ok(self.nodes.get(path))
    }

    fn children(&self, path: &[String]) -> impl Iterator<Item = (&Names, &Node)> {
        let is_child = |names: &Names| names.len() == path.len() + 1 && names.starts_with(path);
        self.nodes.iter().filter(move |(names, _)| is_child(names))
    }

    fn open_to_write(&self, path: &[String], creates: bool) -> Result<(), &'static str> {
        if !self.policy.may_write(path) {
            return Err(DENIED);
        }
        match self.find(path)? {
            None if creates => Ok(()),
            None => Err(NOT_FOUND),
            Some(Node::File(_)) => Ok(()),
            Some(Node::Folder) => Err(IS_FOLDER),
            Some(Node::Link) if creates => Err(EXISTS),
            Some(Node::Link) => Err(NOT_FOUND),
        }
    }

    fn change(&mut self, path: &[String], change: impl FnOnce(&mut Vec<u8>)) -> Outcome {
        self.open_to_write(path, false)?;
        if let Some(Node::File(bytes)) = self.nodes.get_mut(path) {
            change(bytes);
        }
        Ok(Value::Null)
    }

    fn create_new(&mut self, path: &[String], text: &str) -> Outcome {
        if !self.policy.may_write(path) {
            return Err(DENIED);
        }
        match self.find(path)? {
            Some(_) => Err(EXISTS),
            None => {
                self.put(path, text.as_bytes().to_vec());
                Ok(Value::Null)
            }
        }
    }

    fn read(&self, path: &[String]) -> Outcome {
        let (may_read, may_see) = (self.policy.may_read(path), self.policy.may_see(path));
        if !may_read && !may_see {
            return Err(NOT_FOUND);
        }
        match self.find(path)? {
            Some(Node::File(bytes)) if may_read => Ok(json!(String::from_utf8_lossy(bytes))),
            Some(Node::Folder) => Err(IS_FOLDER),
            _ => Err(NOT_FOUND),
        }
    }

    fn stat(&self, path: &[String]) -> Outcome {
        let (may_read, may_see) = (self.policy.may_read(path), self.policy.may_see(path));
        if !may_read && !may_see {
            return Err(NOT_FOUND);
        }
        match self.find(path)? {
            Some(Node::File(bytes)) if may_read => Ok(json!({"kind": "file", "len": bytes.len()})),
            Some(Node::Folder) if may_see => Ok(json!({"kind": "folder", "len": 0})),
            _ => Err(NOT_FOUND),
        }
    }

    fn list(&self, path: &[String]) -> Outcome {
        if !self.policy.may_see(path) {
            return Err(NOT_FOUND);
        }
        match self.find(path)? {
            Some(Node::Folder) => {}
            Some(Node::File(_)) if self.policy.may_read(path) => return Err(BLOCKED),
            _ => return Err(NOT_FOUND),
        }
        let entry = |(path, node): (&Names, &Node)| match node {
            Node::File(_) => self
                .policy
                .may_read(path)
                .then(|| json!([path.last(), "file"])),
            Node::Folder => self
                .policy
                .may_see(path)
                .then(|| json!([path.last(), "folder"])),
            Node::Link => None,
        };
        Ok(self.children(path).filter_map(entry).collect())
    }

    fn mkdir(&mut self, path: &[String]) -> Outcome {
        let is_folder = matches!(self.find(path), Ok(Some(Node::Folder)));
        if is_folder && self.policy.may_see(path) {
            return Err(EXISTS);
        }
        if !self.policy.may_make_folder(path) {
            return Err(DENIED);
        }
        match self.find(path)? {
            Some(_) => Err(EXISTS),
            None => {
                self.nodes.insert(path.to_vec(), Node::Folder);
                Ok(Value::Null)
            }
        }
    }

    fn rmdir(&mut self, path: &[String]) -> Outcome {
        if !self.policy.may_write(path) {
            return Err(DENIED);
        }
        match self.find(path)? {
            None | Some(Node::Link) => return Err(NOT_FOUND),
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(BLOCKED),
        }
        if self.children(path).next().is_some() {
            return Err(NOT_EMPTY);
        }
        self.nodes.remove(path);
        Ok(Value::Null)
    }

    /// Files alone are deleted and moved; a link is not there.
    fn find_file(&self, path: &[String]) -> Result<&Vec<u8>, &'static str> {
        match self.find(path)? {
            Some(Node::File(bytes)) => Ok(bytes),
            Some(Node::Folder) => Err(IS_FOLDER),
            Some(Node::Link) | None => Err(NOT_FOUND),
        }
    }

    fn unlink(&mut self, path: &[String]) -> Outcome {
        if !self.policy.may_write(path) {
            return Err(DENIED);
        }
        self.find_file(path)?;
        self.nodes.remove(path);
        Ok(Value::Null)
    }

    fn rename(&mut self, path: &[String], to: &[String]) -> Outcome {
        if !self.policy.may_write(path) || !self.policy.may_write(to) {
            return Err(DENIED);
        }
        // Both folders are looked for before what is in them.
        match self.find(path) {
            Err(error) => return Err(error),
            Ok(_) => self.find(to)?,
        };
        match self.find(path)? {
            Some(Node::File(_)) => self.rename_file(path, to),
            Some(Node::Folder) => self.rename_folder(path, to),
            Some(Node::Link) | None => Err(NOT_FOUND),
        }
    }

    fn rename_file(&mut self, path: &[String], to: &[String]) -> Outcome {
        match self.find(to)? {
            Some(Node::Folder) => return Err(IS_FOLDER),
            Some(Node::Link) => return Err(EXISTS),
            Some(Node::File(_)) | None => {}
        }
        self.move_all(path, to);
        Ok(Value::Null)
    }

    fn rename_folder(&mut self, path: &[String], to: &[String]) -> Outcome {
        if path == to {
            return Ok(Value::Null);
        }
        if to.starts_with(path) {
            return Err(INTO_ITSELF);
        }
        match self.find(to)? {
            Some(Node::File(_)) => return Err(BLOCKED),
            Some(Node::Link) => return Err(EXISTS),
            Some(Node::Folder) if self.children(to).next().is_some() => return Err(NOT_EMPTY),
            Some(Node::Folder) | None => {}
        }
        let below = self
            .nodes
            .iter()
            .filter(|(names, _)| names.starts_with(path));
        let mut inner = below.filter(|(names, _)| names.len() > path.len());
        let may_move = |(names, node): (&Names, &Node)| {
            let new = [to, &names[path.len()..]].concat();
            let may_come = match node {
                Node::Folder => self.policy.may_make_folder(&new),
                Node::File(_) => self.policy.may_write(&new),
                Node::Link => false,
            };
            may_come && self.policy.may_write(names)
        };
        if !inner.all(may_move) {
            return Err(DENIED);
        }
        self.move_all(path, to);
        Ok(Value::Null)
    }

    fn move_all(&mut self, path: &[String], to: &[String]) {
        let is_moved = |names: &Names, _: &mut Node| names.starts_with(path);
        let moved: Vec<_> = self.nodes.extract_if(.., is_moved).collect();
        let new = |names: Names| [to, &names[path.len()..]].concat();
        let moved = moved.into_iter().map(|(names, node)| (new(names), node));
        self.nodes.extend(moved);
    }
}
