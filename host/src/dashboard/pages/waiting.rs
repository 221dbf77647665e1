//! What waits for the owner: releases that want more, work that was given up, suspended apps.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use syft_protocol::timestamp::Timestamp;

use super::super::apps::KnownApp;
use super::super::decision::{Action, Decision};
use super::super::html::{app_link, careful, foreign, foreign_path, nothing, time};
use super::{FromShared, PageResult};
use crate::config::Config;
use crate::waiting::{ParkedWork, call_in_words, wishes};

/// Requests, events and calls that are listed of an app. The command lists all.
const MOST_LISTED: usize = 50;

/// What was decided before.
#[derive(Deserialize)]
pub(super) struct Decided {
    did: Option<Action>,
    #[serde(default)]
    app: String,
}

pub(super) async fn page(State(shared): FromShared, Query(decided): Query<Decided>) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let waiting: Vec<_> = apps.iter().filter(|app| app.n_waiting() > 0).collect();
    let body = html! {
        @if let Some(action) = decided.did {
            p.card role="status" { (foreign(&decided.app)) ": " (action.done()) }
        }
        div #waiting data-live {
            @if waiting.is_empty() { section.card { (nothing("Nothing waits for you.")) } }
            @for app in waiting { (of_app(&shared.config, app)) }
            @for app in apps.iter() {
                @if let Err(error) = &app.parked { p.quote { (foreign(&error.to_string())) } }
            }
        }
    };
    Ok(shared.page(&apps, "/waiting", "Waiting", body))
}

fn of_app(config: &Config, app: &KnownApp) -> Markup {
    let name = app.name.as_str();
    html! {
        section.card {
            h2 { (app_link(name)) }
            @if let Some(suspended) = &app.suspended {
                h3 { "Suspended" }
                p { (foreign(&suspended.to_string())) ". Its requests wait." }
                div.actions { (decision(app, Action::Resume, "").link("")) }
            }
            (approval(config, app))
            @if let Ok(parked) = &app.parked { (given_up(parked)) }
        }
    }
}

fn decision(app: &KnownApp, action: Action, target: &str) -> Decision {
    Decision {
        action,
        app: app.name.to_string(),
        target: target.to_owned(),
    }
}

fn approval(config: &Config, app: &KnownApp) -> Markup {
    let record = app.record();
    let waiting = record.and_then(|record| Some((record, record.waiting.as_ref()?)));
    html! {
        @if let Some((record, release)) = waiting {
            h3 { "Version " (foreign(&release.version.to_string())) " asks for more, to" }
            ul.quotes { @for wish in wishes(config, record) { li.quote { (foreign(&wish)) } } }
            (careful(&release.approved))
            p.soft { (foreign(&record.current.version.to_string())) " is served until you decide." }
            div.actions {
                (decision(app, Action::Approve, release.sha256.as_str()).link(&release.version.to_string()))
                (decision(app, Action::Reject, release.sha256.as_str()).link(&release.version.to_string()))
            }
        }
    }
}

fn given_up(parked: &ParkedWork) -> Markup {
    let counts = [
        parked.requests.len(),
        parked.events.len(),
        parked.calls.len(),
    ];
    let n_more: usize = counts
        .map(|count| count.saturating_sub(MOST_LISTED))
        .iter()
        .sum();
    html! {
        @if !parked.requests.is_empty() {
            h3 { "Requests that were given up" }
            ul.quotes {
                @for request in parked.requests.iter().take(MOST_LISTED) {
                    li {
                        p { code { (foreign_path(&request.address)) } }
                        p.soft { "The host crashed several times while it handled this, the last time at " (time(Timestamp::from_micros(request.at))) }
                        (choices(parked, &request.id, &request.address))
                    }
                }
            }
        }
        @if !parked.events.is_empty() {
            h3 { "Events that the app did not take" }
            ul.quotes {
                @for event in parked.events.iter().take(MOST_LISTED) {
                    li {
                        p { (foreign(&event.kind)) " " code { (foreign_path(&event.path)) } }
                        p.soft { (event.attempts) " attempts until " (time(Timestamp::from_micros(event.at))) ". The last one ended with" }
                        p.quote { (foreign(&event.error)) }
                        (choices(parked, &event.id, &event.path))
                    }
                }
            }
        }
        @if !parked.calls.is_empty() {
            h3 { "Calls that were due and failed" }
            ul.quotes {
                @for call in parked.calls.iter().take(MOST_LISTED) {
                    li {
                        p { code { (foreign(&call_in_words(call))) } }
                        p.soft { "due at " (time(Timestamp::from_micros(call.due))) ", " (call.attempts) " attempts until " (time(Timestamp::from_micros(call.at))) ". The last one ended with" }
                        p.quote { (foreign(&call.error)) }
                        (choices(parked, &call.id, call.kind.handler()))
                    }
                }
            }
        }
        @if n_more > 0 { p.soft { "`syft-host parked " (foreign(parked.app.as_str())) "` lists all." } }
    }
}

fn choices(parked: &ParkedWork, id: &str, what: &str) -> Markup {
    let decision = |action| Decision {
        action,
        app: parked.app.to_string(),
        target: id.to_owned(),
    };
    html! {
        div.actions {
            (decision(Action::Retry).link(what))
            (decision(Action::Drop).link(what))
        }
    }
}
