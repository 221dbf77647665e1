//! What apps were given and what they were refused, app by app.

use axum::extract::State;
use maud::html;

use super::super::html::{app_link, nothing};
use super::{FromShared, PageResult, parts};

pub(super) async fn page(State(shared): FromShared) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let body = {
        let seen = shared.seen();
        let names = seen.apps();
        html! {
            div #access data-live {
                p.soft { "Files, hosts and secrets that apps wanted since this host started. What was refused says how to allow it." }
                @if names.is_empty() {
                    section.card { (nothing("No app wanted any file, host or secret yet.")) }
                }
                @for name in &names {
                    section.card {
                        h2 { (app_link(name)) }
                        h3 { "Refused" }
                        (parts::denied(name, &seen.denied(name)))
                        h3 { "Used" }
                        (parts::touched(&seen.touched(name)))
                    }
                }
            }
        }
    };
    Ok(shared.page(&apps, "/access", "Access", body))
}
