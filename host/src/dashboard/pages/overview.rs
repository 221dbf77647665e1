//! The first page: how it goes, and what needs the owner.

use axum::extract::State;
use maud::{Markup, html};
use syft_manifest::units::show_size;

use super::super::apps::{AppState, KnownApp};
use super::super::chart::Chart;
use super::super::html::{app_link, foreign, millis, nothing};
use super::super::samples::{self, Samples, Totals};
use super::super::seen::Seen;
use super::{FromShared, PageResult, parts};
use crate::activity::{WorkerStatistics, WorkersStatistics};

/// Answers that are shown here; all are on their own page.
const N_CALLS: usize = 12;

pub(super) async fn page(State(shared): FromShared) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let totals = Totals::of(&shared.activity.statistics());
    let body = html! {
        (alerts(&apps))
        (tiles(&apps, &totals, &shared.samples()))
        (charts(&shared.samples()))
        (workers(shared.activity.workers().as_ref()))
        (last_calls(&shared.seen()))
    };
    Ok(shared.page(&apps, "/", "Overview", body))
}

/// Says what is wrong, and where to do something about it.
fn alerts(apps: &[KnownApp]) -> Markup {
    let n_waiting: usize = apps.iter().map(KnownApp::n_waiting).sum();
    let broken = |app: &&KnownApp| matches!(app.state(), AppState::Broken | AppState::OlderServed);
    html! {
        div #alerts data-live {
            @if n_waiting > 0 {
                section.card.alert {
                    h2 { (n_waiting) @if n_waiting == 1 { " thing waits for you" } @else { " things wait for you" } }
                    p { a.button href="/waiting" { "See what waits" } }
                }
            }
            @for app in apps.iter().filter(broken) {
                section.card.alert.bad {
                    h2 { (app_link(app.name.as_str())) " " (app.state().words().1) }
                    @if let Some(trouble) = app.status.as_ref().and_then(|status| status.trouble.as_ref()) {
                        p.quote { (foreign(&trouble.error)) }
                        @for hint in &trouble.hints { p.hint { (foreign(hint)) } }
                    }
                }
            }
        }
    }
}

fn tiles(apps: &[KnownApp], totals: &Totals, samples: &Samples) -> Markup {
    let n_running = apps.iter().filter(|app| app.state().is_running()).count();
    let last = samples.last();
    html! {
        dl.tiles #tiles data-live {
            div { dt { "Apps served" } dd { (n_running) small { "of " (apps.len()) } } }
            div { dt { "Requests" } dd { (totals.calls) small { (totals.refused) " more refused" } } }
            div { dt { "Failed" } dd { (totals.errors) small { "answers of 500 and more" } } }
            div { dt { "Accesses refused" } dd { (totals.denied) small { a href="/access" { "which" } } } }
            div { dt { "Now" } dd { (per_second(last.calls_per_second)) small { @if last.calls_per_second > 0.0 { (millis(last.mean_ms)) " each" } @else { "idle" } } } }
            div { dt { "Memory" } dd { (bytes(last.memory_bytes)) small { "of the whole host" } } }
        }
    }
}

fn charts(samples: &Samples) -> Markup {
    let rate = samples.of(|sample| sample.calls_per_second);
    let latency = samples.of(|sample| sample.mean_ms);
    let memory = samples.of(|sample| sample.memory_bytes);
    let seconds = samples::EVERY.as_secs() * rate.len() as u64;
    let since = match seconds {
        ..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds / 60),
    };
    let chart = |id, title, values, in_words| {
        let since = since.clone();
        let chart = Chart {
            id,
            title,
            values,
            since,
            in_words,
        };
        chart.render()
    };
    html! {
        div.grid {
            (chart("rate", "Requests", &rate, per_second))
            (chart("latency", "Time of a request", &latency, millis))
            (chart("memory", "Memory", &memory, bytes))
        }
    }
}

/// Tells how the machines are that run calls for this host, where there may be any.
fn workers(workers: Option<&WorkersStatistics>) -> Markup {
    let Some(all) = workers else {
        return html! {};
    };
    let class = if all.is_connected {
        "card"
    } else {
        "card alert bad"
    };
    html! {
        section #workers class=(class) data-live aria-labelledby="workers-title" {
            h2 #workers-title { "Workers" }
            @if !all.is_connected {
                p { "The NATS server at " code { (foreign(&all.server)) } " is not reached. Calls that are for workers run here, or wait, as you configured." }
                p.hint { "See what is wrong with " code { "syft-host doctor" } "." }
            }
            dl.facts {
                dt { "Waiting" } dd { (all.queued) }
                dt { "Running" } dd { (all.running) }
                dt { "Done" } dd { (all.finished) }
                dt { "Given out again" } dd { (all.redelivered) }
                dt { "Lost" } dd { (all.lost) }
                dt { "Refused" } dd { (all.refused) }
            }
            @if all.workers.is_empty() { (nothing("No worker is there.")) }
            @else { (worker_table(&all.workers)) }
        }
    }
}

fn worker_table(workers: &[WorkerStatistics]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Worker" }
                th.number scope="col" { "Running" }
                th.number scope="col" { "Done" }
                th.number scope="col" { "Lost" }
                th.number scope="col" { "Last heard" }
                th scope="col" { "Labels" }
            } }
            tbody {
                @for worker in workers {
                    tr {
                        td data-label="Worker" { (foreign(&worker.name)) }
                        td.number data-label="Running" { (worker.running) " of " (worker.concurrency) }
                        td.number data-label="Done" { (worker.finished) }
                        td.number data-label="Lost" { (worker.lost) }
                        td.number data-label="Last heard" { (millis(worker.heard_ms_ago as f64)) " ago" }
                        td data-label="Labels" { (foreign(&worker.labels.join(", "))) }
                    }
                }
            }
        }
    }
}

fn per_second(rate: f64) -> String {
    if rate >= 10.0 {
        format!("{rate:.0}/s")
    } else {
        format!("{rate:.1}/s")
    }
}

fn bytes(bytes: f64) -> String {
    show_size(bytes as u64 >> 20 << 20)
}

fn last_calls(seen: &Seen) -> Markup {
    let calls: Vec<_> = seen.calls.newest(None).take(N_CALLS).collect();
    html! {
        section.card #calls data-live aria-labelledby="calls-title" {
            h2 #calls-title { "Last requests" }
            (parts::calls(&calls, true))
            p { a href="/requests" { "All requests" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_a_table_that_reads_as_lines_on_narrow_pages() {
        assert_eq!(workers(None).into_string(), "");
        let mut all = WorkersStatistics {
            server: "tls://<nats>".to_owned(),
            is_connected: true,
            queued: 7,
            workers: vec![WorkerStatistics {
                name: "big<b>".to_owned(),
                labels: vec!["eu".to_owned(), "gpu".to_owned()],
                concurrency: 4,
                running: 3,
                ..WorkerStatistics::default()
            }],
            ..WorkersStatistics::default()
        };
        let page = workers(Some(&all)).into_string();
        let n_heads = page.matches("<th ").count();
        assert_eq!(page.matches("data-label=").count(), n_heads, "{page}");
        for part in ["big&lt;b&gt;", "3 of 4", "eu, gpu", "<dd>7</dd>"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        (all.is_connected, all.workers) = (false, Vec::new());
        let page = workers(Some(&all)).into_string();
        for part in [
            "is not reached",
            "tls://&lt;nats&gt;",
            "No worker is there.",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
