//! The last requests, of all apps or of one.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::apps::KnownApp;
use super::super::html::foreign;
use super::{FromShared, PageResult, parts};

const N_CALLS: usize = 100;

/// Of which app; empty for all.
#[derive(Deserialize)]
pub(super) struct OfApp {
    #[serde(default)]
    pub(super) app: String,
}

impl OfApp {
    pub(super) fn name(&self) -> Option<&str> {
        (!self.app.is_empty()).then_some(self.app.as_str())
    }
}

pub(super) async fn page(State(shared): FromShared, Query(of): Query<OfApp>) -> PageResult {
    let apps = shared.apps.get(&shared.config).await?;
    let body = {
        let seen = shared.seen();
        let calls: Vec<_> = seen.calls.newest(of.name()).take(N_CALLS).collect();
        html! {
            (filter("/requests", &apps, &of))
            section.card #calls data-live aria-label="Last requests" { (parts::calls(&calls, true)) }
        }
    };
    Ok(shared.page(&apps, "/requests", "Requests", body))
}

/// Returns a form that shows one app alone.
pub(super) fn filter(page: &str, apps: &[KnownApp], of: &OfApp) -> Markup {
    html! {
        form.filter action=(page) method="get" {
            label for="app" { "Of" }
            select #app name="app" {
                option value="" { "all apps" }
                @for app in apps {
                    option value=(app.name.as_str()) selected[of.app == app.name.as_str()] { (foreign(app.name.as_str())) }
                }
            }
            button.second type="submit" { "Show" }
        }
    }
}
