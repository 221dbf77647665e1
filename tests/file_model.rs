//! Thousands of random operations by a guest, beside a model of the policy and of
//! a file system that is as simple as can be: same outcomes, same tree.
//!
//! `SYFT_MODEL_SEED` runs another seed.

mod glob;
pub(crate) mod model;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::apps::{Approved, ops, start_files};
use crate::support::planted::{FRIEND, planted};
use crate::support::random::Random;
use crate::support::site::{OWNER, Site};
use model::{Model, Node};

const SEEDS: [u64; 3] = [1, 20_250_611, 0xfeed_beef];
const ROUNDS: usize = 10;
const BATCHES: usize = 2;
const OPS: usize = 150;

const NAMES: &[&str] = &[
    "public",
    "private",
    "a",
    "b.txt",
    "c.json",
    "d",
    "syft.pub.yaml",
];
pub(crate) const READ: &[&str] = &[
    "**",
    "*/public/**",
    "{datasite}/**",
    "*/a/*",
    "*/public/*.txt",
    "**/c.json",
    "*/*/a",
    "friend@example.com/**",
    "{datasite}/public/?/**",
];
pub(crate) const WRITE: &[&str] = &[
    "**",
    "{datasite}/**",
    "*/public/**",
    "{datasite}/public/a/**",
    "*/*/b.txt",
    "**/d/**",
    "{datasite}/app_data/other/**",
];
pub(crate) const DENY: &[&str] = &[
    "*/private",
    "**/c.json",
    "{datasite}/a",
    "*/public/a/b.txt",
    "*/*/d",
];

impl Random {
    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    pub(crate) fn some(&mut self, from: &[&str], range: std::ops::Range<usize>) -> Vec<String> {
        let n = range.start + self.below(range.len());
        (0..n).map(|_| self.of(from).to_owned()).collect()
    }

    /// Returns the names of a path.
    fn path(&mut self) -> Vec<String> {
        let mut path = vec![self.of(&[OWNER, OWNER, FRIEND])];
        if self.below(6) == 0 {
            path = vec![OWNER, "app_data", self.of(&["other", "other", "Other"])];
            if self.below(2) == 0 {
                path.push("rpc");
            }
        }
        for _ in 0..1 + self.below(3) {
            path.push(self.of(NAMES));
        }
        path.into_iter().map(ToOwned::to_owned).collect()
    }

    /// Returns a path as a guest may spell it.
    fn spelled(&mut self, path: &[String]) -> String {
        let mut text = "/datasites".to_owned();
        for name in path {
            text.push_str(match self.below(12) {
                0 => "//",
                1 => "/./",
                2 => "/nothing/../",
                _ => "/",
            });
            text.push_str(name);
        }
        text
    }

    pub(crate) fn operation(&mut self) -> (Value, model::Operation) {
        use model::Operation::*;
        let (path, other) = (self.path(), self.path());
        let (at, to) = (self.spelled(&path), self.spelled(&other));
        let text = format!("text {}", self.below(1_000));
        let n = self.below(12);
        let (step, operation) = match self.below(15) {
            0 | 1 => (json!({"write": [at, text]}), Write(path, text)),
            2 => (json!({"append": [at, text]}), Append(path, text)),
            3 => (json!({"create_new": [at, text]}), CreateNew(path, text)),
            4 => (json!({"set_len": [at, n]}), SetLen(path, n)),
            5 | 6 => (json!({"read": at}), Read(path)),
            7 => (json!({"stat": at}), Stat(path)),
            8 => (json!({"list": at}), List(path)),
            9 => (
                json!({"list": self.spelled(&path[..1])}),
                List(path[..1].to_vec()),
            ),
            10 => (json!({"mkdir": at}), Mkdir(path)),
            11 => (json!({"rmdir": at}), Rmdir(path)),
            12 => (json!({"unlink": at}), Unlink(path)),
            13 => (json!({"rename": [at, to]}), Rename(path, other)),
            _ => (json!({"symlink": [at]}), Symlink),
        };
        let text = step.to_string();
        match (nowhere(&text), operation) {
            // What a link would lead to is no path yet.
            (_, Symlink) => (
                json!({"symlink": [to, at]}),
                nowhere(&at).map_or(Symlink, Nowhere),
            ),
            (Some(path), _) => (step, Nowhere(path)),
            (None, operation) => (step, operation),
        }
    }
}

/// Returns the path of what is not there, where a way leads out of it.
fn nowhere(text: &str) -> Option<Vec<String>> {
    let (before, _) = text.split_once("/nothing/..")?;
    let (_, path) = before.rsplit_once("/datasites")?;
    let names = path.split('/').filter(|name| !["", "."].contains(name));
    Some(names.chain(["nothing"]).map(str::to_owned).collect())
}

/// Plants some files, folders and links.
pub(crate) fn plant(site: &Site, random: &mut Random) {
    for _ in 0..40 {
        let path = site.datasites().join(random.path().join("/"));
        drop(fs::create_dir_all(path.parent().unwrap()));
        match random.below(8) {
            0..5 => drop(fs::write(&path, format!("planted {}", random.below(1_000)))),
            5..7 => drop(fs::create_dir(&path)),
            _ => drop(symlink(site.own("private"), &path)),
        }
    }
}

/// Returns what is there, apart from what is in the folder of the app itself.
fn found(site: &Site) -> Model {
    let (root, own) = (site.datasites(), site.own("app_data/app"));
    let mut model = Model::default();
    for entry in walkdir::WalkDir::new(&root).min_depth(1) {
        let entry = entry.unwrap();
        let path = entry.path();
        if path != own && path.starts_with(&own) {
            continue;
        }
        model
            .nodes
            .insert(names(path.strip_prefix(&root).unwrap()), node(path));
    }
    model
}

fn names(path: &Path) -> Vec<String> {
    path.iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

fn node(path: &Path) -> Node {
    let kind = fs::symlink_metadata(path).unwrap().file_type();
    match () {
        () if kind.is_dir() => Node::Folder,
        () if kind.is_file() => Node::File(fs::read(path).unwrap()),
        () => Node::Link,
    }
}

/// Leaves out when files were modified.
fn normal(mut outcome: Value) -> Value {
    let stat = outcome.get_mut("ok").and_then(Value::as_object_mut);
    if let Some(stat) = stat {
        stat.remove("modified");
    }
    outcome
}

fn check(seed: u64) {
    for round in 0..ROUNDS {
        check_round(seed, round);
    }
}

fn check_round(seed: u64, round: usize) {
    let mut random = Random(seed.wrapping_mul(1_000).wrapping_add(round as u64));
    let site = planted();
    plant(&site, &mut random);
    let approved = Approved {
        read: random.some(READ, 1..4),
        write: random.some(WRITE, 0..3),
        deny: random.some(DENY, 0..3),
    };
    let host = start_files(&site, &approved, &[]);
    let mut model = found(&site);
    model.policy = model::Policy::new(&approved, OWNER);
    for batch in 0..BATCHES {
        let steps: Vec<_> = (0..OPS).map(|_| random.operation()).collect();
        let outcomes = ops(&host, &steps.iter().map(|(step, _)| step.clone()).collect());
        for ((step, operation), outcome) in steps.iter().zip(outcomes.as_array().unwrap()) {
            let expected = model.run(operation);
            let outcome = normal(outcome.clone());
            assert_eq!(
                outcome, expected,
                "left is found, right the model; seed {seed}, round {round}, batch {batch}: {step} with {approved:#?}"
            );
        }
        let found = found(&site);
        assert_eq!(
            found.nodes, model.nodes,
            "seed {seed}, round {round}, batch {batch}"
        );
    }
}

#[test]
fn agrees_with_a_simple_model() {
    for seed in SEEDS {
        check(seed);
    }
}

#[test]
fn agrees_with_a_simple_model_for_one_more_seed() {
    if let Ok(seed) = std::env::var("SYFT_MODEL_SEED") {
        check(seed.parse().unwrap());
    }
}
