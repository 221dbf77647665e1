//! The last lines of the log.

use axum::extract::{Query, State};
use maud::html;

use super::requests::{OfApp, filter};
use super::{FromShared, PageResult, parts};

const N_LINES: usize = 200;

pub(super) async fn page(State(shared): FromShared, Query(of): Query<OfApp>) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let body = {
        let seen = shared.seen();
        let lines: Vec<_> = seen.lines.newest(of.name()).take(N_LINES).collect();
        html! {
            (filter("/logs", &apps, &of))
            section.card #lines data-live aria-label="Log" {
                p.soft { "The newest first. Requests that went well are on their own page." }
                (parts::lines(&lines, true))
            }
        }
    };
    Ok(shared.page(&apps, "/logs", "Log", body))
}
