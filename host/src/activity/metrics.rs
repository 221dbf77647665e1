//! Statistics in the text format of Prometheus.
//!
//! Labels have values of which there are few: apps, their endpoints, and classes of statuses.
//! Senders choose none of them.

use std::fmt::{self, Write};

use super::histogram::PUBLISHED_BOUNDS;
use super::statistics::AppStatistics;
use super::workers::{WorkerStatistics, WorkersStatistics};

/// The type of what [`metrics_text`] returns, as HTTP has it.
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A metric with one number for each app.
struct OfApp {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    value: fn(&AppStatistics) -> Option<u64>,
}

/// A metric of the workers together.
struct OfWorkers {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    value: fn(&WorkersStatistics) -> u64,
}

/// A metric with one number for each worker.
struct OfWorker {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    value: fn(&WorkerStatistics) -> u64,
}

const OF_WORKERS: &[OfWorkers] = &[
    OfWorkers {
        name: "syft_host_workers_connected",
        help: "Whether the NATS server is reached by which calls are given to workers.",
        kind: "gauge",
        value: |workers| u64::from(workers.is_connected),
    },
    OfWorkers {
        name: "syft_host_workers_queued",
        help: "Calls that wait for a worker.",
        kind: "gauge",
        value: |workers| workers.queued as u64,
    },
    OfWorkers {
        name: "syft_host_workers_running",
        help: "Calls that workers run now.",
        kind: "gauge",
        value: |workers| workers.running as u64,
    },
    OfWorkers {
        name: "syft_host_workers_finished_total",
        help: "Calls that ended on a worker.",
        kind: "counter",
        value: |workers| workers.finished,
    },
    OfWorkers {
        name: "syft_host_workers_redelivered_total",
        help: "Times that a call was given out again.",
        kind: "counter",
        value: |workers| workers.redelivered,
    },
    OfWorkers {
        name: "syft_host_workers_lost_total",
        help: "Times that a worker did not bring a call to its end.",
        kind: "counter",
        value: |workers| workers.lost,
    },
    OfWorkers {
        name: "syft_host_workers_refused_total",
        help: "What workers asked for or sent that was refused.",
        kind: "counter",
        value: |workers| workers.refused,
    },
];

const OF_EACH_WORKER: &[OfWorker] = &[
    OfWorker {
        name: "syft_host_worker_slots",
        help: "Calls that the worker runs at a time.",
        kind: "gauge",
        value: |worker| worker.concurrency as u64,
    },
    OfWorker {
        name: "syft_host_worker_calls_running",
        help: "Calls that the worker runs now.",
        kind: "gauge",
        value: |worker| worker.running as u64,
    },
    OfWorker {
        name: "syft_host_worker_calls_finished_total",
        help: "Calls that the worker brought to their end.",
        kind: "counter",
        value: |worker| worker.finished,
    },
    OfWorker {
        name: "syft_host_worker_calls_lost_total",
        help: "Calls that the worker did not bring to their end.",
        kind: "counter",
        value: |worker| worker.lost,
    },
];

const OF_APPS: &[OfApp] = &[
    OfApp {
        name: "syft_host_calls_on_workers_total",
        help: "Calls of the app that ran on workers.",
        kind: "counter",
        value: |app| Some(app.calls.on_workers),
    },
    OfApp {
        name: "syft_host_refused_requests_total",
        help: "Requests that were answered without the app.",
        kind: "counter",
        value: |app| Some(app.refused),
    },
    OfApp {
        name: "syft_host_denials_total",
        help: "Files, hosts and secrets that the app wanted and was not given.",
        kind: "counter",
        value: |app| Some(app.denied),
    },
    OfApp {
        name: "syft_host_events_taken_total",
        help: "File events that the app took.",
        kind: "counter",
        value: |app| Some(app.events_taken),
    },
    OfApp {
        name: "syft_host_events_failed_total",
        help: "Attempts to deliver file events at which the app failed.",
        kind: "counter",
        value: |app| Some(app.events_failed),
    },
    OfApp {
        name: "syft_host_app_served",
        help: "Whether the app is served.",
        kind: "gauge",
        value: |app| Some(u64::from(app.load.is_some())),
    },
    OfApp {
        name: "syft_host_requests_in_progress",
        help: "Requests that are read, run or answered now.",
        kind: "gauge",
        value: |app| Some(app.load?.in_progress as u64),
    },
    OfApp {
        name: "syft_host_requests_waiting",
        help: "Requests in line.",
        kind: "gauge",
        value: |app| Some(app.load?.waiting as u64),
    },
    OfApp {
        name: "syft_host_parked",
        help: "Requests and events that were given up.",
        kind: "gauge",
        value: |app| Some(app.load?.parked as u64),
    },
    OfApp {
        name: "syft_host_messages_open",
        help: "Messages of the app that have no answer yet, or one of which it was not told.",
        kind: "gauge",
        value: |app| Some(app.load?.messages as u64),
    },
];

/// Returns statistics in the text format of Prometheus.
pub fn metrics_text(apps: &[AppStatistics], workers: Option<&WorkersStatistics>) -> String {
    let mut text = String::new();
    let workers = |text: &mut String| workers.map_or(Ok(()), |all| write_workers(text, all));
    // A string takes all that is written to it.
    let written = write_all(&mut text, apps).and_then(|()| workers(&mut text));
    written.expect("there is memory");
    text
}

fn write_workers(text: &mut String, workers: &WorkersStatistics) -> fmt::Result {
    for metric in OF_WORKERS {
        head(text, metric.name, metric.help, metric.kind)?;
        writeln!(text, "{} {}", metric.name, (metric.value)(workers))?;
    }
    for metric in OF_EACH_WORKER {
        head(text, metric.name, metric.help, metric.kind)?;
        for worker in &workers.workers {
            let (name, value) = (escaped(&worker.name), (metric.value)(worker));
            writeln!(text, "{}{{worker=\"{name}\"}} {value}", metric.name)?;
        }
    }
    Ok(())
}

fn write_all(text: &mut String, apps: &[AppStatistics]) -> fmt::Result {
    let name = "syft_host_calls_total";
    head(
        text,
        name,
        "Calls that were answered, by the class of their status.",
        "counter",
    )?;
    for (labels, calls) in endpoints(apps) {
        for (class, count) in CLASSES.iter().zip(calls.by_class) {
            writeln!(text, "{name}{{{labels},code=\"{class}\"}} {count}")?;
        }
    }
    let name = "syft_host_call_duration_seconds";
    head(
        text,
        name,
        "How long the answers of calls took.",
        "histogram",
    )?;
    for (labels, calls) in endpoints(apps) {
        let latency = &calls.latency;
        for (bound, count) in PUBLISHED_BOUNDS.iter().zip(&latency.at_most) {
            writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")?;
        }
        let count = latency.count;
        writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
        writeln!(text, "{name}_sum{{{labels}}} {}", latency.sum_ms / 1e3)?;
        writeln!(text, "{name}_count{{{labels}}} {count}")?;
    }
    let name = "syft_host_call_memory_peak_bytes";
    head(
        text,
        name,
        "The most memory that a call took, beside what each takes.",
        "gauge",
    )?;
    for (labels, calls) in endpoints(apps) {
        writeln!(text, "{name}{{{labels}}} {}", calls.peak_memory_bytes)?;
    }
    for metric in OF_APPS {
        head(text, metric.name, metric.help, metric.kind)?;
        for app in apps {
            if let Some(value) = (metric.value)(app) {
                writeln!(
                    text,
                    "{}{{app=\"{}\"}} {value}",
                    metric.name,
                    escaped(&app.app)
                )?;
            }
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Returns all endpoints with their labels.
fn endpoints(
    apps: &[AppStatistics],
) -> impl Iterator<Item = (String, &super::statistics::CallStatistics)> {
    apps.iter().flat_map(|app| {
        let name = escaped(&app.app);
        app.endpoints.iter().map(move |endpoint| {
            let path = escaped(&endpoint.endpoint);
            let labels = format!("app=\"{name}\",endpoint=\"{path}\"");
            (labels, &endpoint.calls)
        })
    })
}

/// Returns the value of a label as the format wants it.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::statistics::{AppLoad, CallStatistics, EndpointStatistics};
    use super::*;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let calls = CallStatistics {
            count: 3,
            by_class: [0, 2, 0, 0, 1],
            errors: 1,
            latency: super::super::histogram::Latency {
                count: 3,
                sum_ms: 12.5,
                p50_ms: 2.0,
                p99_ms: 9.0,
                max_ms: 9.5,
                at_most: vec![1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3],
            },
            peak_memory_bytes: 1 << 20,
            on_workers: 2,
            last_error: None,
        };
        let app = AppStatistics {
            app: "a\"b\\c\nd".to_owned(),
            endpoints: vec![EndpointStatistics {
                endpoint: "/hello".to_owned(),
                calls,
            }],
            load: Some(AppLoad {
                waiting: 7,
                ..AppLoad::default()
            }),
            ..AppStatistics::default()
        };
        let workers = WorkersStatistics {
            is_connected: true,
            queued: 4,
            redelivered: 5,
            workers: vec![WorkerStatistics {
                name: "w1".to_owned(),
                running: 6,
                ..WorkerStatistics::default()
            }],
            ..WorkersStatistics::default()
        };
        let text = metrics_text(&[app, AppStatistics::default()], Some(&workers));
        let labels = r#"app="a\"b\\c\nd",endpoint="/hello""#;
        for line in [
            format!(r#"syft_host_calls_total{{{labels},code="2xx"}} 2"#),
            format!(r#"syft_host_calls_total{{{labels},code="5xx"}} 1"#),
            format!(r#"syft_host_call_duration_seconds_bucket{{{labels},le="0.005"}} 2"#),
            format!(r#"syft_host_call_duration_seconds_bucket{{{labels},le="+Inf"}} 3"#),
            format!("syft_host_call_duration_seconds_sum{{{labels}}} 0.0125"),
            r#"syft_host_requests_waiting{app="a\"b\\c\nd"} 7"#.to_owned(),
            r#"syft_host_app_served{app=""} 0"#.to_owned(),
            r#"syft_host_calls_on_workers_total{app="a\"b\\c\nd"} 2"#.to_owned(),
            "syft_host_workers_connected 1".to_owned(),
            "syft_host_workers_queued 4".to_owned(),
            "syft_host_workers_redelivered_total 5".to_owned(),
            r#"syft_host_worker_calls_running{worker="w1"} 6"#.to_owned(),
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        let heads = |what: &str| text.lines().filter(|line| line.starts_with(what)).count();
        assert_eq!(heads("# HELP "), heads("# TYPE "));
    }
}
