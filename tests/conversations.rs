//! Two people, each with a host and a tree of their own, and a sync in between that delays, doubles,
//! reorders and drops what it copies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::apps::with_manifest;
use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::random::Random;
use crate::support::site::{CALLER, Site};
use crate::support::wait_long_for;

const SEND: &str = "[messages]\nsend = ['*/app_data/talk/rpc/turn/**']\n";
const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// How many looks at the trees pass before something that was dropped is tried again.
const FULL_SYNC: usize = 150;

/// A file at one moment: when it was written, and its size.
type Version = Option<(SystemTime, u64)>;

/// What a sync knows of a file in both trees.
#[derive(Default)]
struct Synced {
    versions: [Version; 2],
    /// When the change is copied that was seen.
    due: Option<usize>,
}

/// A sync between two trees, with all the faults that one has.
struct Copier {
    trees: [PathBuf; 2],
    /// Where files are made whole before they are moved into a tree.
    scratch: PathBuf,
    files: BTreeMap<PathBuf, Synced>,
    /// Copies that come a second time: when, into which tree, and what.
    doubles: Vec<(usize, usize, PathBuf, Vec<u8>)>,
    random: Random,
    n_looks: usize,
}

impl Copier {
    fn new(sites: [&Site; 2], seed: u64) -> Self {
        Self {
            trees: sites.map(Site::datasites),
            scratch: sites[0].path().join("in-between"),
            files: BTreeMap::new(),
            doubles: Vec::new(),
            random: Random(seed),
            n_looks: 0,
        }
    }

    /// Looks at both trees once, and does what is due.
    fn look(&mut self) {
        self.n_looks += 1;
        let found = self.trees.clone().map(|tree| turns(&tree));
        let paths: BTreeSet<PathBuf> = found.iter().flat_map(BTreeMap::keys).cloned().collect();
        let known = self.files.keys().cloned();
        for path in known.chain(paths).collect::<BTreeSet<_>>() {
            self.follow(&path, [0, 1].map(|side| found[side].get(&path).copied()));
        }
        let n_looks = self.n_looks;
        let due = self.doubles.extract_if(.., |double| double.0 <= n_looks);
        for (_, side, path, content) in due.collect::<Vec<_>>() {
            self.write(side, &path, &content);
        }
    }

    /// Copies a change of a file, once it is due.
    fn follow(&mut self, path: &Path, now: [Version; 2]) {
        let delay = match self.random.below(10) {
            0 => FULL_SYNC + self.random.below(FULL_SYNC),
            _ => self.random.below(15),
        };
        let synced = self.files.entry(path.to_owned()).or_default();
        let Some(side) = (0..2).find(|side| now[*side] != synced.versions[*side]) else {
            if now == [None; 2] {
                self.files.remove(path);
            }
            return;
        };
        if self.n_looks < *synced.due.get_or_insert(self.n_looks + delay) {
            return;
        }
        let (from, other) = (self.trees[side].join(path), 1 - side);
        let content = fs::read(&from).ok();
        match &content {
            Some(content) => {
                self.write(other, path, content);
                if self.random.below(10) == 0 {
                    let at = self.n_looks + self.random.below(2 * FULL_SYNC);
                    self.doubles
                        .push((at, other, path.to_owned(), content.clone()));
                }
            }
            // Somebody may have been faster.
            None => drop(fs::remove_file(self.trees[other].join(path))),
        }
        let mut versions = now;
        // What comes between is seen as another change.
        versions[side] = content.and(now[side]);
        versions[other] = version(&self.trees[other].join(path));
        self.files.insert(
            path.to_owned(),
            Synced {
                versions,
                due: None,
            },
        );
    }

    fn write(&self, side: usize, path: &Path, content: &[u8]) {
        let target = self.trees[side].join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&self.scratch, content).unwrap();
        fs::rename(&self.scratch, target).unwrap();
    }
}

fn version(path: &Path) -> Version {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.modified().unwrap(), metadata.len()))
}

/// Returns the requests and answers of conversations in a tree.
fn turns(tree: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    for (owner, sender) in [(ALICE, BOB), (BOB, ALICE)] {
        let folder = Path::new(owner).join("app_data/talk/rpc/turn").join(sender);
        let Ok(entries) = fs::read_dir(tree.join(&folder)) else {
            continue;
        };
        for entry in entries.map_while(Result::ok) {
            let path = folder.join(entry.file_name());
            let is_message = path
                .extension()
                .is_some_and(|end| end == "request" || end == "response");
            if let Some(version) = version(&tree.join(&path)).filter(|_| is_message) {
                found.insert(path, version);
            }
        }
    }
    found
}

fn serve(site: &Site, owner: &str) -> Host {
    let mut command = syft_host(site);
    command
        .arg("run")
        .arg(with_manifest(site, &guest("conversing"), SEND));
    command.args(["--name", "talk", "--email", owner, "--allow-all-requested"]);
    command.arg("--data-dir").arg(site.data_dir());
    Host::spawn(site, command)
}

/// Sends a request to the app of somebody.
fn ask(host: &Host, owner: &str, endpoint: &str, body: &Value) -> Sent {
    let (id, body) = (Uuid::new_v4(), body.to_string());
    let mut request = request(id, CALLER, endpoint, Some(body.as_bytes()));
    request["url"] = json!(format!("syft://{owner}/app_data/talk/rpc/{endpoint}"));
    let folder = host.rpc.join(endpoint).join(CALLER);
    Sent::write(&folder, id, request.to_string().as_bytes())
}

fn report(host: &Host, owner: &str) -> Value {
    let answer = ask(host, owner, "report", &json!({})).answer();
    serde_json::from_str(&answer.text()).unwrap()
}

/// Has both begin conversations with the other one, and waits until all have ended.
fn converse(n_each: usize, seed: u64) {
    let sites = [Site::in_memory(), Site::in_memory()];
    let people = [(ALICE, BOB), (BOB, ALICE)];
    let hosts = [0, 1].map(|side| serve(&sites[side], people[side].0));
    for (host, (owner, peer)) in hosts.iter().zip(people) {
        for conversation in 0..n_each {
            let body = json!({"peer": peer, "conversation": conversation});
            ask(host, owner, "begin", &body);
        }
    }
    let mut copier = Copier::new([&sites[0], &sites[1]], seed);
    let ended = |(host, (owner, _)): (&Host, (&str, &str))| {
        let report = report(host, owner);
        let n = |key: &str| report[key].as_u64().unwrap() as usize;
        n("ended") + n("failed") + n("wrong") == n_each
    };
    wait_long_for("all conversations to end", || {
        for _ in 0..50 {
            copier.look();
            thread::sleep(Duration::from_millis(1));
        }
        hosts.iter().zip(people).all(ended).then_some(())
    });
    // What comes a second time comes late, too.
    while !copier.doubles.is_empty() {
        copier.look();
        thread::sleep(Duration::from_millis(1));
    }
    for (host, (owner, _)) in hosts.iter().zip(people) {
        let turns = 3 * n_each;
        let expected = json!({
            "begun": n_each, "turns": turns, "replies": turns, "failed": 0, "wrong": 0,
            "ended": n_each, "uneven": [],
        });
        assert_eq!(report(host, owner), expected, "{owner}, seed {seed}");
    }
}

#[test]
fn conversations_end_right_behind_a_sync_that_loses_and_doubles() {
    converse(40, 1);
}

#[test]
#[ignore = "takes half a minute: just conversations"]
fn a_thousand_conversations_end_right() {
    converse(500, 2);
}
