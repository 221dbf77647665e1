//! The apps that are installed.

use axum::extract::State;
use maud::{Markup, html};

use super::super::apps::KnownApp;
use super::super::html::{app_link, foreign, millis, nothing};
use super::{FromShared, PageResult};
use crate::activity::AppStatistics;

pub(super) async fn page(State(shared): FromShared) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let statistics = shared.activity.statistics();
    let body = html! {
        section.card #apps data-live aria-label="Installed apps" {
            @if apps.is_empty() {
                (nothing("No app is installed. Install one with `syft-host install`."))
            } @else {
                (table(&apps, &statistics))
            }
        }
    };
    Ok(shared.page(&apps, "/apps", "Apps", body))
}

fn table(apps: &[KnownApp], statistics: &[AppStatistics]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "App" }
                th scope="col" { "Version" }
                th scope="col" { "Author" }
                th scope="col" { "State" }
                th.number scope="col" { "Requests" }
                th.number scope="col" { "Failed" }
                th.number scope="col" { "Usual time" }
            } }
            tbody {
                @for app in apps {
                    (row(app, statistics.iter().find(|one| one.app == app.name.as_str())))
                }
            }
        }
    }
}

fn row(app: &KnownApp, statistics: Option<&AppStatistics>) -> Markup {
    let (class, words) = app.state().words();
    let record = app.record();
    let calls = statistics.map(|app| &app.calls);
    html! {
        tr {
            th scope="row" { span { (app_link(app.name.as_str())) } }
            td data-label="Version" { @if let Some(record) = record { (foreign(&record.current.version.to_string())) } }
            td data-label="Author" { span { @if let Some(record) = record { (foreign(record.author.as_str())) } } }
            td data-label="State" {
                span {
                    span class={ "word " (class) } { (words) }
                    @if app.n_waiting() > 0 { " " a.badge href="/waiting" { (app.n_waiting()) " waiting" } }
                }
            }
            td.number data-label="Requests" { (calls.map_or(0, |calls| calls.count)) }
            td.number data-label="Failed" { (calls.map_or(0, |calls| calls.errors)) }
            td.number data-label="Usual time" {
                @if let Some(calls) = calls.filter(|calls| calls.count > 0) { (millis(calls.latency.p50_ms)) }
            }
        }
    }
}
