//! Parts that several pages have.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;
use syft_manifest::Digest;

use super::super::html::{app_link, foreign, foreign_path, link, millis, nothing, status, time};
use super::super::seen::Access;
use crate::activity::{DeliveryEnd, EntryKind, LogEntry, Severity};

/// Returns a table of answers.
pub(super) fn calls(entries: &[&Arc<LogEntry>], with_app: bool) -> Markup {
    if entries.is_empty() {
        return nothing("No request has come since this host started.");
    }
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Time" }
                @if with_app { th scope="col" { "App" } }
                th scope="col" { "Request" }
                th scope="col" { "Asked by" }
                th scope="col" { "Answer" }
                th.number scope="col" { "Took" }
            } }
            tbody { @for entry in entries { (call(entry, with_app)) } }
        }
    }
}

fn call(entry: &LogEntry, with_app: bool) -> Markup {
    let app = entry.app.as_deref().unwrap_or_default();
    let row = Row::of(entry);
    html! {
        tr {
            td data-label="Time" { (time(entry.time)) }
            @if with_app { td data-label="App" { span { (app_link(app)) } } }
            td data-label="Request" { span { a href=(call_path(app, entry.id())) { (foreign(row.what)) } } }
            td data-label="Asked by" { span { (foreign(row.who)) } }
            td data-label="Answer" { span { (row.end) @if let Some(detail) = row.detail { " " (foreign(detail)) } } }
            td.number data-label="Took" { (row.ms.map(millis).unwrap_or_default()) }
        }
    }
}

/// What a table says of an answer.
struct Row<'a> {
    what: &'a str,
    who: &'a str,
    end: Markup,
    detail: Option<&'a str>,
    ms: Option<f64>,
}

impl<'a> Row<'a> {
    fn of(entry: &'a LogEntry) -> Self {
        match &entry.kind {
            EntryKind::Call(call) => Self {
                what: &call.endpoint,
                who: &call.sender,
                end: status(call.status),
                detail: call.detail.as_deref(),
                ms: Some(call.ms),
            },
            EntryKind::Refused {
                endpoint,
                sender,
                status: code,
                ..
            } => Self {
                what: endpoint,
                who: sender,
                end: status(*code),
                detail: Some("refused"),
                ms: None,
            },
            EntryKind::Delivery {
                event,
                path,
                result,
                ms,
                ..
            } => Self {
                what: path,
                who: event,
                end: delivery(*result),
                detail: entry.fields.get("detail").and_then(Value::as_str),
                ms: *ms,
            },
            _ => Self {
                what: &entry.message,
                who: "",
                end: html! {},
                detail: None,
                ms: None,
            },
        }
    }
}

fn delivery(end: DeliveryEnd) -> Markup {
    let (class, word) = match end {
        DeliveryEnd::Taken => ("good", "taken"),
        DeliveryEnd::Failed => ("warn", "failed"),
        DeliveryEnd::Parked => ("bad", "given up"),
    };
    html! { span class={ "word " (class) } { (word) } }
}

/// Returns the path of the page of a call.
fn call_path(app: &str, id: &str) -> String {
    link("/call", &[("app", app), ("id", id)])
}

/// Returns lines of the log.
pub(super) fn lines(entries: &[&Arc<LogEntry>], with_app: bool) -> Markup {
    if entries.is_empty() {
        return nothing("Nothing was logged since this host started.");
    }
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Time" }
                th scope="col" { "Level" }
                @if with_app { th scope="col" { "App" } }
                th scope="col" { "What" }
            } }
            tbody {
                @for entry in entries {
                    tr {
                        td data-label="Time" { (time(entry.time)) }
                        td data-label="Level" { (level(entry.level)) }
                        @if with_app {
                            td data-label="App" { span { @if let Some(app) = &entry.app { (app_link(app)) } } }
                        }
                        td data-label="What" { (what(entry)) }
                    }
                }
            }
        }
    }
}

fn level(level: Severity) -> Markup {
    let class = match level {
        Severity::Error => "bad",
        Severity::Warn => "warn",
        _ => "plain",
    };
    html! { span class={ "word " (class) } { (level.as_str()) } }
}

/// What an app says is marked as its own words.
fn what(entry: &LogEntry) -> Markup {
    let text = |name: &str| entry.fields.get(name).and_then(Value::as_str);
    match &entry.kind {
        EntryKind::Output { stream, .. } => html! {
            div { span.soft { "The app, on " (foreign(stream)) } p.quote { (foreign(&entry.message)) } }
        },
        EntryKind::Denied {
            access, name, hint, ..
        } => html! {
            div {
                (foreign(&entry.message)) ": " (foreign(access)) " " code { (foreign_path(name)) }
                @if !hint.is_empty() { p.hint { (foreign(hint)) } }
            }
        },
        EntryKind::Call(call) => html! {
            div { (foreign(&call.endpoint)) " " (status(call.status)) " " (foreign(&entry.message))
                @if let Some(detail) = &call.detail { p.quote { (foreign(detail)) } } }
        },
        EntryKind::Refused {
            endpoint,
            status: code,
            ..
        } => html! {
            div { (foreign(endpoint)) " " (status(*code)) " " (foreign(&entry.message)) }
        },
        EntryKind::Delivery { path, .. } => html! {
            div { (foreign(path)) " " (foreign(&entry.message)) }
        },
        _ => html! {
            div { (foreign(&entry.message)) @if let Some(detail) = text("detail") { p.quote { (foreign(detail)) } } }
        },
    }
}

/// Returns the cells of what was used or refused, how often, and when last.
fn what_and_when(access: &Access) -> Markup {
    html! {
        td data-label="What" { span { span.soft { (access.what.as_str()) " " } code { (foreign_path(&access.name)) } } }
        td.number data-label="Times" { (access.count) }
        td data-label="Last" { (time(access.last)) }
    }
}

/// Returns what an app was not given, each with what would allow it.
pub(super) fn denied(app: &str, accesses: &[Access]) -> Markup {
    if accesses.is_empty() {
        return nothing("Nothing was refused since this host started.");
    }
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Refused" }
                th scope="col" { "What" }
                th.number scope="col" { "Times" }
                th scope="col" { "Last" }
                th scope="col" { "To allow it" }
            } }
            tbody {
                @for access in accesses {
                    tr {
                        td data-label="Refused" { span.word.bad { (foreign(&access.access)) } }
                        (what_and_when(access))
                        td data-label="To allow it" { (remedy(app, access)) }
                    }
                }
            }
        }
    }
}

fn remedy(app: &str, access: &Access) -> Markup {
    let hint = access.hint.as_deref().unwrap_or_default();
    // Our hints are `what to do: the line for it`.
    let (what, line) = hint.split_once(": ").unwrap_or((hint, ""));
    html! {
        @if hint.is_empty() {
            span.soft { "see the log" }
        } @else {
            details id=(remedy_id(app, access)) {
                summary { "Show how" span.unseen { " to allow " (access.access) " " (access.name) } }
                p { (foreign(what)) }
                @if !line.is_empty() { pre { code { (foreign(line)) } } }
            }
        }
    }
}

/// Returns by what the script knows that it was opened, also when others have come before it.
fn remedy_id(app: &str, access: &Access) -> String {
    let all = [app, access.what.as_str(), &access.access, &access.name].join("\n");
    format!("remedy-{}", &Digest::of(all.as_bytes()).as_str()[..16])
}

/// Returns what an app was given.
pub(super) fn touched(accesses: &[Access]) -> Markup {
    if accesses.is_empty() {
        return nothing("It used none since this host started.");
    }
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Done" }
                th scope="col" { "What" }
                th.number scope="col" { "Times" }
                th scope="col" { "Last" }
            } }
            tbody {
                @for access in accesses {
                    tr {
                        td data-label="Done" { span.word.good { (foreign(&access.access)) } }
                        (what_and_when(access))
                    }
                }
            }
        }
    }
}
