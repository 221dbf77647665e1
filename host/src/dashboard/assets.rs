//! The style and the script of the pages, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Shared;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");

/// Returns their routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/assets/style.css",
            get(async || file("text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/assets/live.js",
            get(async || file("text/javascript; charset=utf-8", SCRIPT)),
        )
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], text).into_response()
}
