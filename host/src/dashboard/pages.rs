//! The pages.

mod access;
mod app;
mod apps;
mod call;
mod log;
mod overview;
mod parts;
mod requests;
mod waiting;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use maud::Markup;

use super::Shared;
use super::apps::KnownApp;
use super::html::{Failure, Page};

/// Returns the routes of all pages.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview::page))
        .route("/apps", get(apps::page))
        .route("/app", get(app::page))
        .route("/requests", get(requests::page))
        .route("/call", get(call::page))
        .route("/access", get(access::page))
        .route("/waiting", get(waiting::page))
        .route("/logs", get(log::page))
}

/// What a page is made from.
type FromShared = State<Arc<Shared>>;
type PageResult = Result<Page, Failure>;

impl Shared {
    /// Returns a page that changes while it is looked at.
    fn page(&self, apps: &[KnownApp], section: &'static str, title: &str, body: Markup) -> Page {
        Page {
            owner: self.config.email.to_string(),
            title: title.to_owned(),
            section,
            n_waiting: apps.iter().map(KnownApp::n_waiting).sum(),
            is_live: true,
            body,
        }
    }
}
