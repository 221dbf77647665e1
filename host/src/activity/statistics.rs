//! What is counted of apps while a host runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_protocol::timestamp::Timestamp;

use super::entry::{CallEntry, DeliveryEnd, EntryKind, LogEntry, Severity};
use super::histogram::{Histogram, Latency};
use super::line_quota::LineQuota;

/// Endpoints of an app that are counted by themselves. No app has as many; should one have
/// more, they are counted together.
const MAX_ENDPOINTS: usize = 256;
const OTHER_ENDPOINTS: &str = "(other)";

/// The most bytes of an error that is shown as the last one.
const MAX_ERROR_CHARS: usize = 500;

/// What was counted of an app since its host started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppStatistics {
    /// Its name.
    pub app: String,
    /// The version that is served, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is doing; nothing, if it is not served.
    pub load: Option<AppLoad>,
    /// Calls, of all its endpoints together.
    pub calls: CallStatistics,
    /// Its endpoints that were called, by name.
    pub endpoints: Vec<EndpointStatistics>,
    /// Requests that were answered without it.
    pub refused: u64,
    /// What it wanted and was not given.
    pub denied: u64,
    /// Events that it took.
    pub events_taken: u64,
    /// Attempts to deliver events at which it failed.
    pub events_failed: u64,
    /// Events that were given up.
    pub events_parked: u64,
    /// The last warning or error about it.
    pub last_error: Option<LastError>,
}

/// What was counted of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatistics {
    /// Its path.
    pub endpoint: String,
    /// Its calls.
    pub calls: CallStatistics,
}

/// What was counted of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallStatistics {
    /// How many were answered.
    pub count: u64,
    /// How many by the first digit of their status: 1xx to 5xx.
    pub by_class: [u64; 5],
    /// Those whose status is 500 or more.
    pub errors: u64,
    /// How long they took.
    pub latency: Latency,
    /// The most memory that one took, beside what each takes.
    pub peak_memory_bytes: u64,
    /// How many ran on other machines of the owner.
    #[serde(default)]
    pub on_workers: u64,
    /// The last one with a status of 500 or more.
    pub last_error: Option<LastError>,
}

/// The last thing that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastError {
    /// When, in microseconds since 1970.
    pub micros: i64,
    /// The id of the request or event; empty where it is about none.
    pub id: String,
    /// What.
    pub message: String,
}

/// What an app is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppLoad {
    /// Requests that are read, run or answered now.
    pub in_progress: usize,
    /// The most calls that run at a time.
    pub most_in_progress: usize,
    /// Requests in line.
    pub waiting: usize,
    /// Requests and events that were given up.
    pub parked: usize,
    /// Messages that have no answer yet, or one of which the app was not told.
    #[serde(default)]
    pub messages: usize,
}

/// The counters of all apps.
#[derive(Debug, Default)]
pub(super) struct Statistics(RwLock<HashMap<String, Arc<AppCounters>>>);

/// The counters of an app.
#[derive(Debug, Default)]
pub(super) struct AppCounters {
    /// What is kept of its entries.
    pub(super) quota: LineQuota,
    endpoints: RwLock<HashMap<String, Arc<CallCounters>>>,
    refused: AtomicU64,
    denied: AtomicU64,
    events_taken: AtomicU64,
    events_failed: AtomicU64,
    events_parked: AtomicU64,
    last_error: Mutex<Option<LastError>>,
}

#[derive(Debug, Default)]
struct CallCounters {
    by_class: [AtomicU64; 5],
    histogram: Histogram,
    peak_memory_bytes: AtomicU64,
    on_workers: AtomicU64,
    last_error: Mutex<Option<LastError>>,
}

/// What is counted of a call.
#[derive(Debug, Default)]
pub(super) struct CallNumbers {
    pub(super) status: u16,
    pub(super) time: Duration,
    pub(super) memory_bytes: u64,
    pub(super) is_on_worker: bool,
}

impl LastError {
    /// Returns what an entry says that went wrong.
    pub fn new(entry: &LogEntry) -> Self {
        let detail = match &entry.kind {
            EntryKind::Call(CallEntry { detail, .. }) => detail.as_deref(),
            EntryKind::Denied { name, .. } => Some(name.as_str()),
            _ => entry.fields.get("detail").and_then(|value| value.as_str()),
        };
        let message = match detail {
            Some(detail) => format!("{}: {detail}", entry.message),
            None => entry.message.clone(),
        };
        Self {
            micros: entry.time.micros(),
            id: entry.id().to_owned(),
            message: syft_manifest::sanitize::plain_excerpt(&message, MAX_ERROR_CHARS),
        }
    }

    /// Returns when it was.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.micros)
    }
}

impl Statistics {
    /// Returns the counters of an app, which are made if there are none.
    pub(super) fn app(&self, name: &str) -> Arc<AppCounters> {
        find(&self.0, name, usize::MAX)
    }

    /// Returns what was counted, by the names of apps.
    pub(super) fn all(&self) -> Vec<AppStatistics> {
        let mut apps: Vec<_> = listed(&self.0);
        apps.sort_by(|(one, _), (other, _)| one.cmp(other));
        apps.into_iter()
            .map(|(name, counters)| counters.statistics(name))
            .collect()
    }
}

impl AppCounters {
    /// Counts an entry.
    pub(super) fn count(&self, entry: &LogEntry) {
        match &entry.kind {
            EntryKind::Call(call) => {
                let endpoint = self.endpoint(&call.endpoint);
                endpoint.count(&call.numbers());
                if call.status >= 500 {
                    *locked(&endpoint.last_error) = Some(LastError::new(entry));
                }
            }
            EntryKind::Refused { .. } => add(&self.refused),
            EntryKind::Denied { .. } => add(&self.denied),
            EntryKind::Delivery { result, .. } => match result {
                DeliveryEnd::Taken => add(&self.events_taken),
                DeliveryEnd::Failed => add(&self.events_failed),
                DeliveryEnd::Parked => {
                    add(&self.events_failed);
                    add(&self.events_parked);
                }
            },
            EntryKind::Touched { .. }
            | EntryKind::Span(_)
            | EntryKind::Output { .. }
            | EntryKind::Other => {}
        }
        // What an app writes itself is no error of which the host knows.
        let is_output = matches!(entry.kind, EntryKind::Output { .. });
        if entry.level >= Severity::Warn && !is_output {
            *locked(&self.last_error) = Some(LastError::new(entry));
        }
    }

    /// Counts a call of which there is no entry.
    pub(super) fn count_call(&self, endpoint: &str, call: &CallNumbers) {
        self.endpoint(endpoint).count(call);
    }

    fn endpoint(&self, name: &str) -> Arc<CallCounters> {
        find(&self.endpoints, name, MAX_ENDPOINTS)
    }

    fn statistics(&self, app: String) -> AppStatistics {
        let mut endpoints = listed(&self.endpoints);
        endpoints.sort_by(|(one, _), (other, _)| one.cmp(other));
        let calls = CallStatistics::of(endpoints.iter().map(|(_, counters)| &**counters));
        let endpoints = endpoints.into_iter().map(|(endpoint, counters)| {
            let calls = CallStatistics::of([&*counters]);
            EndpointStatistics { endpoint, calls }
        });
        AppStatistics {
            app,
            version: None,
            load: None,
            calls,
            endpoints: endpoints.collect(),
            refused: get(&self.refused),
            denied: get(&self.denied),
            events_taken: get(&self.events_taken),
            events_failed: get(&self.events_failed),
            events_parked: get(&self.events_parked),
            last_error: locked(&self.last_error).clone(),
        }
    }
}

impl CallCounters {
    fn count(&self, call: &CallNumbers) {
        let class = usize::from(call.status / 100).clamp(1, 5) - 1;
        add(&self.by_class[class]);
        self.histogram.add(call.time);
        if call.is_on_worker {
            add(&self.on_workers);
        }
        let peak = &self.peak_memory_bytes;
        // Reading is cheaper than writing what is there already.
        if get(peak) < call.memory_bytes {
            peak.fetch_max(call.memory_bytes, Ordering::Relaxed);
        }
    }
}

impl CallEntry {
    fn numbers(&self) -> CallNumbers {
        CallNumbers {
            status: self.status,
            time: Duration::try_from_secs_f64(self.ms / 1e3).unwrap_or_default(),
            memory_bytes: self.memory_bytes,
            is_on_worker: self.worker.is_some(),
        }
    }
}

impl CallStatistics {
    fn of<'a>(all: impl IntoIterator<Item = &'a CallCounters> + Clone) -> Self {
        let mut by_class = [0; 5];
        let (mut peak_memory_bytes, mut on_workers, mut last_error) = (0, 0, None);
        for counters in all.clone() {
            for (sum, count) in by_class.iter_mut().zip(&counters.by_class) {
                *sum += get(count);
            }
            peak_memory_bytes = get(&counters.peak_memory_bytes).max(peak_memory_bytes);
            on_workers += get(&counters.on_workers);
            let of_one = locked(&counters.last_error).clone();
            last_error = std::cmp::max_by_key(last_error, of_one, |error: &Option<LastError>| {
                error.as_ref().map(|error| error.micros)
            });
        }
        Self {
            count: by_class.iter().sum(),
            by_class,
            errors: by_class[4],
            latency: Histogram::latency(all.into_iter().map(|counters| &counters.histogram)),
            peak_memory_bytes,
            on_workers,
            last_error,
        }
    }
}

/// Returns the counters of a name, which are made if there is room for them.
fn find<T: Default>(map: &RwLock<HashMap<String, Arc<T>>>, name: &str, most: usize) -> Arc<T> {
    let found = map.read().expect("no holder of this lock panics");
    if let Some(counters) = found.get(name) {
        return Arc::clone(counters);
    }
    drop(found);
    let mut map = map.write().expect("no holder of this lock panics");
    let has_room = map.len() < most || map.contains_key(name);
    let name = if has_room { name } else { OTHER_ENDPOINTS };
    Arc::clone(map.entry(name.to_owned()).or_default())
}

fn listed<T>(map: &RwLock<HashMap<String, Arc<T>>>) -> Vec<(String, Arc<T>)> {
    let map = map.read().expect("no holder of this lock panics");
    let all = map.iter();
    all.map(|(name, counters)| (name.clone(), Arc::clone(counters)))
        .collect()
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().expect("no holder of this lock panics")
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn call(endpoint: &str, status: u16, ms: f64) -> LogEntry {
        LogEntry {
            time: Timestamp::from_micros(i64::from(status)),
            level: if status < 500 {
                Severity::Info
            } else {
                Severity::Warn
            },
            app: Some("app".to_owned()),
            kind: EntryKind::Call(CallEntry {
                endpoint: endpoint.to_owned(),
                id: status.to_string(),
                sender: "bob@example.org".to_owned(),
                proof: "folder".to_owned(),
                status,
                ms,
                wait_ms: 0.0,
                memory_bytes: u64::from(status),
                worker: (status == 404).then(|| "w1".to_owned()),
                detail: None,
            }),
            message: "answered".to_owned(),
            fields: Map::new(),
        }
    }

    #[test]
    fn calls_are_counted_by_app_and_endpoint() {
        let statistics = Statistics::default();
        for (endpoint, status) in [
            ("/a", 200),
            ("/a", 404),
            ("/b", 500),
            ("/b", 503),
            ("/b", 99),
        ] {
            statistics.app("app").count(&call(endpoint, status, 1.0));
        }
        let [app] = &statistics.all()[..] else {
            panic!("one app");
        };
        assert_eq!((app.calls.count, app.calls.errors), (5, 2));
        assert_eq!(app.calls.by_class, [1, 1, 0, 1, 2]);
        assert_eq!(
            (app.calls.peak_memory_bytes, app.calls.on_workers),
            (503, 1)
        );
        let last = app.calls.last_error.as_ref().expect("an error");
        assert_eq!((last.id.as_str(), last.micros), ("503", 503));
        let endpoints: Vec<_> = (app.endpoints.iter())
            .map(|endpoint| (endpoint.endpoint.as_str(), endpoint.calls.count))
            .collect();
        assert_eq!(endpoints, [("/a", 2), ("/b", 3)]);
        assert_eq!(app.endpoints[0].calls.last_error, None);
    }

    #[test]
    fn no_app_makes_the_host_count_without_end() {
        let statistics = Statistics::default();
        for n in 0..MAX_ENDPOINTS * 2 {
            statistics
                .app("app")
                .count(&call(&format!("/{n}"), 200, 1.0));
        }
        let [app] = &statistics.all()[..] else {
            panic!("one app");
        };
        assert_eq!(app.endpoints.len(), MAX_ENDPOINTS + 1);
        let others = app.endpoints.iter();
        let others = others.filter(|endpoint| endpoint.endpoint == OTHER_ENDPOINTS);
        assert_eq!(others.map(|others| others.calls.count).sum::<u64>(), 256);
        assert_eq!(app.calls.count, 512);
    }
}
