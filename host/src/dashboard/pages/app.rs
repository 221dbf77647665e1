//! One app: what it is, who signed it, what it may do, and what it did.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use syft_manifest::Manifest;
use syft_protocol::timestamp::Timestamp;

use super::super::apps::KnownApp;
use super::super::html::{Failure, careful, foreign, foreign_path, millis, time};
use super::super::seen::Seen;
use super::{FromShared, PageResult, parts};
use crate::activity::AppStatistics;
use crate::config::Config;
use crate::installed::{Installed, InstalledRelease, added_permissions};
use crate::prepared_app::AppInterface;
use crate::settings::AppRules;

const N_CALLS: usize = 20;
const N_LINES: usize = 30;

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn page(State(shared): FromShared, Query(named): Query<Named>) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let app = apps.iter().find(|app| app.name.as_str() == named.name);
    let app = app.ok_or_else(|| Failure::not_found("app of this name"))?;
    let statistics = shared.activity.statistics();
    let statistics = statistics.iter().find(|one| one.app == named.name);
    let interface = shared.interface(&app.name);
    let body = html! {
        section.card #app data-live aria-label="State" { (state(app)) }
        @if let Some(interface) = interface { (endpoints(&shared.config, &named.name, &interface)) }
        (schedules(app))
        @if let Some(record) = app.record() { (releases(&shared.config, record, &app.rules)) }
        @if let Some(statistics) = statistics { (numbers(statistics)) }
        (activity(&shared.seen(), &named.name))
    };
    Ok(shared.page(&apps, "/apps", &named.name, body))
}

fn state(app: &KnownApp) -> Markup {
    let (class, words) = app.state().words();
    html! {
        p { span class={ "word " (class) } { (words) }
            @if app.n_waiting() > 0 { " " a href="/waiting" { (app.n_waiting()) " waiting for you" } } }
        @if let Some(suspended) = &app.suspended { p { (foreign(&suspended.to_string())) } }
        @if let Some(Err(error)) = &app.installed { p.quote { (foreign(&error.to_string())) } }
        @if let Some(trouble) = app.status.as_ref().and_then(|status| status.trouble.as_ref()) {
            p.quote { (foreign(&trouble.error)) }
            @for hint in &trouble.hints { p.hint { (foreign(hint)) } }
        }
    }
}

fn endpoints(config: &Config, app: &str, interface: &AppInterface) -> Markup {
    html! {
        section.card aria-labelledby="endpoints" {
            h2 #endpoints { "What it answers" }
            ul.quotes {
                @for line in interface.to_lines(config.email.as_str(), app) { li { code { (foreign_path(line.trim())) } } }
            }
        }
    }
}

fn schedules(app: &KnownApp) -> Markup {
    html! {
        @if !app.schedules.is_empty() {
            section.card #schedules data-live aria-labelledby="schedules-title" {
                h2 #schedules-title { "What it does by the clock" }
                table.stack {
                    thead { tr {
                        th scope="col" { "Schedule" }
                        th scope="col" { "Due" }
                        th scope="col" { "Next" }
                        th scope="col" { "Last run" }
                    } }
                    tbody {
                        @for schedule in &app.schedules {
                            tr {
                                th scope="row" { (foreign(&schedule.name)) }
                                td data-label="Due" { code { (foreign(&schedule.times)) } }
                                td data-label="Next" {
                                    @if let Some(next) = schedule.next { (time(Timestamp::from_micros(next))) }
                                }
                                td data-label="Last run" {
                                    @if let Some(run) = &schedule.last_run {
                                        (time(Timestamp::from_micros(run.ended))) " " (foreign(&run.outcome))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn releases(config: &Config, record: &Installed, rules: &AppRules) -> Markup {
    html! {
        section.card #releases data-live aria-labelledby="releases-title" {
            h2 #releases-title { "Releases" }
            dl.facts {
                dt { "Author" } dd { (foreign(record.author.as_str())) }
                dt { "From" } dd { (foreign(&record.source)) }
            }
            (release(config, record, "Installed", &record.current))
            (left(&record.current, rules))
            @if let Some(waiting) = &record.waiting { (release(config, record, "Waits for you", waiting)) }
            @if let Some(previous) = record.previous() { (release(config, record, "Before", previous)) }
        }
    }
}

fn release(config: &Config, record: &Installed, title: &str, release: &InstalledRelease) -> Markup {
    let nothing = Manifest::default();
    let rights = added_permissions(&nothing, &release.approved, &config.email, &record.name);
    html! {
        h3 { (title) ": " (foreign(&release.version.to_string())) " (release " (release.sequence) ")" }
        dl.facts {
            dt { "Signed with" } dd { code { (foreign(&release.signer)) } }
            dt { "SHA-256" } dd { code { (release.sha256.as_str()) } }
            dt { "Since" } dd { (time(release.since)) }
            dt { "It may" }
            dd {
                @if rights.is_empty() { "answer requests, and nothing else" }
                ul.quotes { @for right in &rights { li.quote { (foreign(right)) } } }
                (careful(&release.approved))
            }
            @if !release.denied.is_empty() {
                dt { "You deny it" }
                dd { ul.quotes { @for pattern in &release.denied { li { code { (foreign(&pattern.to_string())) } } } } }
            }
        }
    }
}

/// Returns what the owner's settings leave of what was approved.
fn left(release: &InstalledRelease, rules: &AppRules) -> Markup {
    let (denied, limited) = (
        rules.denied_in_words(),
        rules.limited_in_words(&release.limits()),
    );
    let list = |title: &str, texts: &[String]| {
        html! {
            @if !texts.is_empty() {
                dt { (title) }
                dd { ul.quotes { @for text in texts { li { (foreign(text)) } } } }
            }
        }
    };
    html! {
        @if !(denied.is_empty() && limited.is_empty()) {
            dl.facts {
                (list("Your config.toml denies it", &denied))
                (list("Your config.toml sets its limits", &limited))
            }
        }
    }
}

fn numbers(statistics: &AppStatistics) -> Markup {
    let row = |name: &str, calls: &crate::activity::CallStatistics| {
        html! {
            tr {
                th scope="row" { (foreign(name)) }
                td.number data-label="Requests" { (calls.count) }
                td.number data-label="Failed" { (calls.errors) }
                td.number data-label="Half within" { (millis(calls.latency.p50_ms)) }
                td.number data-label="99 of 100 within" { (millis(calls.latency.p99_ms)) }
            }
        }
    };
    html! {
        section.card #numbers data-live aria-labelledby="numbers-title" {
            h2 #numbers-title { "Requests by endpoint" }
            table.stack {
                thead { tr {
                    th scope="col" { "Endpoint" }
                    th.number scope="col" { "Requests" }
                    th.number scope="col" { "Failed" }
                    th.number scope="col" { "Half within" }
                    th.number scope="col" { "99 of 100 within" }
                } }
                tbody {
                    @for endpoint in &statistics.endpoints { (row(&endpoint.endpoint, &endpoint.calls)) }
                    (row("All together", &statistics.calls))
                }
            }
            @if let Some(error) = &statistics.last_error {
                p.soft { "Last error, at " (time(error.time())) ":" }
                p.quote { (foreign(&error.message)) }
            }
        }
    }
}

fn activity(seen: &Seen, name: &str) -> Markup {
    let calls: Vec<_> = seen.calls.newest(Some(name)).take(N_CALLS).collect();
    let lines: Vec<_> = seen.lines.newest(Some(name)).take(N_LINES).collect();
    html! {
        section.card #denied data-live aria-labelledby="denied-title" {
            h2 #denied-title { "What it was refused" }
            (parts::denied(name, &seen.denied(name)))
        }
        section.card #touched data-live aria-labelledby="touched-title" {
            h2 #touched-title { "Files and hosts that it used" }
            (parts::touched(&seen.touched(name)))
        }
        section.card #calls data-live aria-labelledby="calls-title" {
            h2 #calls-title { "Last requests" }
            (parts::calls(&calls, false))
        }
        section.card #lines data-live aria-labelledby="lines-title" {
            h2 #lines-title { "Log" }
            (parts::lines(&lines, false))
        }
    }
}
