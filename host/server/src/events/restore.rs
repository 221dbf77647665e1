//! What the host remembers of the watches of an app from its last run, and how that
//! goes over into this one.
//!
//! The files that are there when a watch is new are taken as delivered: as with SyftEvent,
//! an app hears of what changes from then on. What changes while the app is not served
//! is delivered at its next start. Where the patterns of a watch or the grants of the app
//! have changed, what they newly cover is taken as delivered, and what they no longer cover
//! is forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_manifest::{Files, Grants};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::file_events::{
    Attempts, FileChange, FileStamp, ParkedEvent, Record, WatchNumber,
};
use syft_protocol::grant::PathPattern;
use syft_protocol::pattern::Globs;
use uuid::Uuid;

use super::scope::Coverage;
use crate::app::Watch;
use syft_runtime::capability::files::FilePolicy;
use syft_runtime::state::Kept;

/// How long an event that failed and did not come up again is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Whom an app runs for and what it may do with files.
pub(super) struct Context<'a> {
    pub(super) datasite: &'a Datasite,
    pub(super) app: &'a AppName,
    pub(super) grants: &'a Grants,
    pub(super) policy: &'a Arc<FilePolicy>,
    /// Microseconds since the epoch.
    pub(super) now: i64,
}

/// What goes over into this run.
pub(super) struct Restored {
    /// For each watch of the app its number and the files as the app knows them.
    pub(super) delivered: Vec<(WatchNumber, HashMap<Arc<str>, FileStamp>)>,
    pub(super) attempts: HashMap<Uuid, Attempts>,
    pub(super) parked: HashMap<Uuid, ParkedEvent>,
    /// What is to be recorded for the next run.
    pub(super) records: Vec<Record>,
}

/// A watch as it is kept: enough to know which files it covered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WatchDefinition {
    index: usize,
    patterns: Vec<String>,
    events: Vec<String>,
    requested: [Vec<String>; 2],
    approved: [Vec<String>; 2],
    denied: Vec<String>,
}

impl WatchDefinition {
    fn new(index: usize, watch: &Watch, grants: &Grants) -> Self {
        let texts = |patterns: &[PathPattern]| -> Vec<String> {
            patterns.iter().map(ToString::to_string).collect()
        };
        let lists = |files: &Files| [texts(&files.read), texts(&files.write)];
        Self {
            index,
            patterns: watch.patterns.clone(),
            events: watch.kinds.names().into_iter().map(str::to_owned).collect(),
            requested: lists(&grants.requested),
            approved: lists(&grants.approved),
            denied: texts(&grants.denied),
        }
    }

    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }

    /// Returns which files it covered; `None` where this host reads it otherwise.
    fn coverage(&self, context: &Context<'_>) -> Option<Coverage> {
        let parse = |texts: &[String]| -> Option<Vec<PathPattern>> {
            let parsed = texts.iter().map(|text| PathPattern::parse(text).ok());
            parsed.collect()
        };
        let files = |[read, write]: &[Vec<String>; 2]| {
            Some(Files {
                read: parse(read)?,
                write: parse(write)?,
                ..Files::default()
            })
        };
        let grants = Grants {
            requested: files(&self.requested)?,
            approved: files(&self.approved)?,
            denied: parse(&self.denied)?,
            ..Grants::default()
        };
        let (datasite, app) = (context.datasite, context.app);
        let globs = Globs::parse(&self.patterns, datasite, app).ok()?;
        let policy = FilePolicy::new(&grants, datasite, app);
        Some(Coverage::new(vec![globs], Arc::new(policy)))
    }

    fn covers_as(&self, other: &Self) -> bool {
        let coverage = |definition: &Self| Self {
            index: 0,
            events: Vec::new(),
            ..definition.clone()
        };
        coverage(self) == coverage(other)
    }
}

/// The last run of a watch.
struct EarlierWatch {
    number: WatchNumber,
    definition: Option<WatchDefinition>,
    delivered: HashMap<Arc<str>, FileStamp>,
}

impl Restored {
    /// Returns what goes over of what was kept, given the files that are there now.
    pub(super) fn new(
        kept: Kept,
        watches: &[Watch],
        found: &HashMap<Arc<str>, FileStamp>,
        context: &Context<'_>,
    ) -> Self {
        let mut next_number = kept.watches.iter().map(|(number, _)| number + 1).max();
        let mut records = Vec::new();
        let attempts = take_attempts(kept.attempts, context.now, &mut records);
        let parked = take_parked(kept.parked, &mut records);
        let mut old = take_old(kept.watches, kept.delivered);
        let definitions: Vec<WatchDefinition> = watches
            .iter()
            .enumerate()
            .map(|(index, watch)| WatchDefinition::new(index, watch, context.grants))
            .collect();
        let mut matched = pair(&mut old, &definitions);
        records.extend(old.into_iter().map(|old| Record::NoWatch(old.number)));
        let mut delivered = Vec::with_capacity(watches.len());
        for (index, watch) in watches.iter().enumerate() {
            let definition = &definitions[index];
            let coverage = Coverage::new(vec![watch.globs.clone()], Arc::clone(context.policy));
            let covered = found
                .iter()
                .filter(|(path, _)| coverage.covers(path))
                .map(|(path, stamp)| (Arc::clone(path), *stamp));
            let (number, files) = match matched.remove(&index) {
                Some(old) => old.go_over(definition, &coverage, covered, context, &mut records),
                None => {
                    let number = next_number.unwrap_or(0);
                    next_number = Some(number + 1);
                    let files: HashMap<_, _> = covered.collect();
                    records.extend(
                        files
                            .iter()
                            .map(|(path, stamp)| delivered_record(number, path, *stamp)),
                    );
                    (number, files)
                }
            };
            records.push(Record::Watch(number, definition.text()));
            delivered.push((number, files));
        }
        Self {
            delivered,
            attempts,
            parked,
            records,
        }
    }
}

impl EarlierWatch {
    fn go_over(
        mut self,
        definition: &WatchDefinition,
        coverage: &Coverage,
        covered: impl Iterator<Item = (Arc<str>, FileStamp)>,
        context: &Context<'_>,
        records: &mut Vec<Record>,
    ) -> (WatchNumber, HashMap<Arc<str>, FileStamp>) {
        let number = self.number;
        let before = self.definition.as_ref();
        if before.is_some_and(|before| before.covers_as(definition)) {
            return (number, self.delivered);
        }
        let forget = |path: &Arc<str>| {
            let change = FileChange {
                path: Arc::clone(path),
                stamp: None,
            };
            Record::Delivered(number, change)
        };
        self.delivered.retain(|path, _| {
            let stays = coverage.covers(path);
            records.extend((!stays).then(|| forget(path)));
            stays
        });
        let old = before.and_then(|before| before.coverage(context));
        for (path, stamp) in covered {
            if !old.as_ref().is_some_and(|old| old.covers(&path)) {
                records.push(delivered_record(number, &path, stamp));
                self.delivered.insert(path, stamp);
            }
        }
        (number, self.delivered)
    }
}

fn delivered_record(number: WatchNumber, path: &Arc<str>, stamp: FileStamp) -> Record {
    let change = FileChange {
        path: Arc::clone(path),
        stamp: Some(stamp),
    };
    Record::Delivered(number, change)
}

fn take_old(
    watches: Vec<(WatchNumber, String)>,
    delivered: Vec<(WatchNumber, String, FileStamp)>,
) -> Vec<EarlierWatch> {
    let mut files: HashMap<WatchNumber, HashMap<Arc<str>, FileStamp>> = HashMap::new();
    for (number, path, stamp) in delivered {
        files
            .entry(number)
            .or_default()
            .insert(Arc::from(path), stamp);
    }
    watches
        .into_iter()
        .map(|(number, text)| EarlierWatch {
            number,
            definition: WatchDefinition::read(&text),
            delivered: files.remove(&number).unwrap_or_default(),
        })
        .collect()
}

/// Finds for each watch which one it was: one of the same patterns, else the one at
/// the same place. Those that are none are left.
fn pair(
    old: &mut Vec<EarlierWatch>,
    definitions: &[WatchDefinition],
) -> HashMap<usize, EarlierWatch> {
    let mut matched = HashMap::new();
    type IsSame = fn(&WatchDefinition, &WatchDefinition) -> bool;
    let rules: [IsSame; 3] = [
        |old, new| old == new,
        |old, new| old.patterns == new.patterns,
        |old, new| old.index == new.index,
    ];
    for is_same in rules {
        for (index, new) in definitions.iter().enumerate() {
            if matched.contains_key(&index) {
                continue;
            }
            let found = old.iter().position(|old| {
                let old = old.definition.as_ref();
                old.is_some_and(|old| is_same(old, new))
            });
            if let Some(at) = found {
                matched.insert(index, old.swap_remove(at));
            }
        }
    }
    matched
}

fn take_attempts(
    kept: Vec<(Uuid, Attempts)>,
    now: i64,
    records: &mut Vec<Record>,
) -> HashMap<Uuid, Attempts> {
    let oldest = now - REMEMBERED.as_micros() as i64;
    let (recent, old): (Vec<_>, Vec<_>) = kept
        .into_iter()
        .partition(|(_, attempts)| attempts.at >= oldest);
    records.extend(old.into_iter().map(|(id, _)| Record::Attempts(id, None)));
    recent.into_iter().collect()
}

fn take_parked(kept: Vec<(Uuid, String)>, records: &mut Vec<Record>) -> HashMap<Uuid, ParkedEvent> {
    let mut parked = HashMap::new();
    for (id, text) in kept {
        match ParkedEvent::read(&text) {
            Some(it) => drop(parked.insert(id, it)),
            None => records.push(Record::Parked(id, None)),
        }
    }
    parked
}
