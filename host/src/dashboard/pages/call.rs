//! One request or event: all that is remembered of it.

use axum::extract::{Query, State};
use maud::html;
use serde::Deserialize;

use super::super::html::{app_link, foreign, foreign_path, millis, nothing, status, time};
use super::{FromShared, PageResult, parts};
use crate::activity::EntryKind;

#[derive(Deserialize)]
pub(super) struct OfCall {
    app: String,
    id: String,
}

pub(super) async fn page(State(shared): FromShared, Query(of): Query<OfCall>) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let entries = shared.seen().of_call(&of.app, &of.id);
    let call = entries.iter().find_map(|entry| match &entry.kind {
        EntryKind::Call(call) => Some((entry.time, call)),
        _ => None,
    });
    let body = html! {
        section.card #call data-live aria-label="The request" {
            dl.facts {
                dt { "App" } dd { (app_link(&of.app)) }
                dt { "Id" } dd { code { (foreign(&of.id)) } }
                @if let Some((at, call)) = call {
                    dt { "Endpoint" } dd { (foreign(&call.endpoint)) }
                    dt { "Asked by" } dd { (foreign(&call.sender)) " " span.soft { "(known by: " (foreign(&call.proof)) ")" } }
                    dt { "Answer" } dd { (status(call.status)) @if let Some(detail) = &call.detail { p.quote { (foreign(detail)) } } }
                    dt { "Answered" } dd { (time(at)) }
                    dt { "Took" } dd { (millis(call.ms)) ", after waiting for " (millis(call.wait_ms)) }
                    @if let Some(worker) = &call.worker { dt { "Ran on" } dd { (foreign(worker)) } }
                    dt { "Memory" } dd { (call.memory_bytes >> 10) " KiB" }
                }
            }
        }
        section.card #steps data-live aria-labelledby="steps-title" {
            h2 #steps-title { "What happened, in order" }
            @if entries.is_empty() { (nothing("Nothing is remembered of it any more: `syft-host logs` has what was kept.")) }
            @else {
                ul.quotes {
                    @for entry in &entries {
                        @if let EntryKind::Touched { what, access, name, .. } = &entry.kind {
                            li { (time(entry.time)) " " span.word.good { (foreign(access)) } " " span.soft { (what.as_str()) } " " code { (foreign_path(name)) } }
                        }
                    }
                }
                (parts::lines(&entries.iter().filter(|entry| !matches!(entry.kind, EntryKind::Touched { .. })).collect::<Vec<_>>(), false))
            }
        }
    };
    Ok(shared.page(&apps, "/requests", "Request", body))
}
