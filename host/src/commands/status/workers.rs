//! The machines that run calls for this host, as lines for people.

use std::time::Duration;

use syft_manifest::sanitize::plain;

use super::super::in_words::{ago, count};
use super::table::aligned;
use crate::activity::{WorkerStatistics, WorkersStatistics};

const TITLES: [&str; 6] = ["WORKER", "RUNS", "DONE", "LOST", "HEARD", "LABELS"];

/// Returns how the workers are, below how the apps are.
pub(super) fn lines(workers: &WorkersStatistics) -> Vec<String> {
    let WorkersStatistics {
        server,
        is_connected,
        queued,
        running,
        finished,
        redelivered,
        lost,
        refused,
        workers,
    } = workers;
    let reached = if *is_connected {
        ""
    } else {
        ", which is not reached: is it there, and does it know the key? See `syft-host doctor`"
    };
    let mut lines = vec![
        String::new(),
        format!("Workers by {}{reached}", plain(server)),
        format!("  now        {}, {running} running", waits(*queued)),
        format!(
            "  so far     {} done, {redelivered} given out again, {lost} lost, {refused} refused",
            count(*finished, "call")
        ),
    ];
    if workers.is_empty() {
        lines.push("  No worker is there: start one with `syft-host worker`.".to_owned());
        return lines;
    }
    let titles = std::iter::once(TITLES.map(str::to_owned));
    let rows: Vec<_> = titles.chain(workers.iter().map(row)).collect();
    lines.extend(aligned(&rows));
    lines
}

fn waits(queued: usize) -> String {
    match queued {
        1 => "1 call waits".to_owned(),
        queued => format!("{queued} calls wait"),
    }
}

fn row(worker: &WorkerStatistics) -> [String; TITLES.len()] {
    let labels = worker.labels.iter().map(|label| plain(label));
    [
        plain(&worker.name),
        format!("{} of {}", worker.running, worker.concurrency),
        worker.finished.to_string(),
        worker.lost.to_string(),
        ago(Duration::from_millis(worker.heard_ms_ago)),
        labels.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_shown_with_what_waits_for_them() {
        let worker = |name: &str, running, labels: &[&str]| WorkerStatistics {
            name: name.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            concurrency: 4,
            running,
            heard_ms_ago: 1_500,
            finished: 12,
            lost: 1,
        };
        let mut workers = WorkersStatistics {
            server: "tls://nats.example.org".to_owned(),
            is_connected: true,
            queued: 1,
            running: 3,
            finished: 24,
            redelivered: 2,
            lost: 2,
            refused: 0,
            workers: vec![
                worker("one", 3, &[]),
                worker("other-one", 0, &["eu", "gpu"]),
            ],
        };
        let expected = [
            "",
            "Workers by tls://nats.example.org",
            "  now        1 call waits, 3 running",
            "  so far     24 calls done, 2 given out again, 2 lost, 0 refused",
            "WORKER     RUNS    DONE  LOST  HEARD    LABELS",
            "one        3 of 4  12    1     1 s ago",
            "other-one  0 of 4  12    1     1 s ago  eu, gpu",
        ];
        assert_eq!(lines(&workers), expected);
        (workers.is_connected, workers.workers) = (false, Vec::new());
        let shown = lines(&workers).join("\n");
        assert!(shown.contains("is not reached"), "{shown}");
        assert!(
            shown.contains("start one with `syft-host worker`"),
            "{shown}"
        );
    }
}
