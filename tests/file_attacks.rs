//! Attacks on files: a planted tree, steps of a probing guest, and what comes of
//! them. Whatever it is, no secret is answered and nothing outside is changed.

mod descriptors;
mod exhaustion;
mod grants;
mod links;
mod moves;
mod names;
mod own_folder;
mod races;
mod things;

use serde_json::{Value, json};

use crate::support::apps::{Approved, ops, start_files, start_files_at_once};
use crate::support::host::Host;
use crate::support::planted::{SECRET, Snapshot, planted, snapshot};
use crate::support::site::Site;

/// A site under attack.
struct Attack {
    site: Site,
    host: Host,
    before: Snapshot,
}

impl Attack {
    /// Starts the guest with what is usual here: reading what is public, and
    /// writing into a folder of its own.
    fn new(plant: impl FnOnce(&Site)) -> Self {
        let read = ["{datasite}/public/**", "*/public/scores.json"];
        Self::with(&Approved::new(&read, &["{app_data}/out/**"], &[]), plant)
    }

    fn with(approved: &Approved, plant: impl FnOnce(&Site)) -> Self {
        Self::start(plant, |site| start_files(site, approved, &[]))
    }

    /// As [`Attack::new`], with an app whose writes are seen at once: others act upon them while
    /// a call runs.
    fn at_once(plant: impl FnOnce(&Site)) -> Self {
        let read = ["{datasite}/public/**", "*/public/scores.json"];
        let approved = Approved::new(&read, &["{app_data}/out/**"], &[]);
        let options = ["--time", "1m"];
        Self::start(plant, |site| start_files_at_once(site, &approved, &options))
    }

    /// As [`Attack::new`], with time for very many steps.
    fn long() -> Self {
        let approved = Approved::new(&[], &["{app_data}/out/**"], &[]);
        Self::start(
            |_| {},
            |site| start_files(site, &approved, &["--time", "1m"]),
        )
    }

    fn start(plant: impl FnOnce(&Site), start: impl FnOnce(&Site) -> Host) -> Self {
        let site = planted();
        plant(&site);
        let host = start(&site);
        let before = snapshot(&site);
        Self { site, host, before }
    }

    /// Does the steps in one request and compares the outcomes.
    fn check(&self, steps: &[(Value, Value)]) {
        let outcomes = self.run(steps.iter().map(|(step, _)| step.clone()).collect());
        let mut wrong = Vec::new();
        for ((step, expected), outcome) in steps.iter().zip(outcomes.as_array().unwrap()) {
            if expected != outcome {
                wrong.push(format!("{step}: {outcome} and not {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Does steps of which each is refused, with any error.
    fn check_refused(&self, steps: &[Value]) {
        let outcomes = self.run(steps.iter().cloned().collect());
        for (step, outcome) in steps.iter().zip(outcomes.as_array().unwrap()) {
            assert!(outcome["error"].is_string(), "{step}: {outcome}");
        }
    }

    fn run(&self, steps: Value) -> Value {
        let outcomes = ops(&self.host, &steps);
        assert!(!outcomes.to_string().contains(SECRET), "{outcomes}");
        self.check_unchanged();
        outcomes
    }

    fn check_unchanged(&self) {
        let after = snapshot(&self.site);
        for (path, before) in &self.before {
            assert_eq!(after.get(path), Some(before), "{}", path.display());
        }
        let new = after.keys().find(|path| !self.before.contains_key(*path));
        assert_eq!(new, None, "something new");
    }
}

fn ok(value: impl Into<Value>) -> Value {
    json!({"ok": value.into()})
}

fn done() -> Value {
    json!({"ok": null})
}

fn error(kind: &str) -> Value {
    json!({"error": kind})
}
