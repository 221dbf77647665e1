//! What programs get: JSON as `openapi.json` describes it, events as they happen, and metrics.

mod events;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use serde_json::{Value, json};
use syft_manifest::sanitize::{plain, plain_json};

use super::Shared;
use super::apps::{AppState, KnownApp};
use super::html::Failure;
use super::seen::Access;
use crate::activity::{METRICS_CONTENT_TYPE, metrics_text};
use crate::installed::InstalledRelease;
use crate::waiting::{ParkedWork, wishes};

/// The description of it all.
const DESCRIPTION: &str = include_str!("assets/openapi.json");

/// The most entries that one answer has.
const MOST: usize = 500;

type Handler = fn() -> MethodRouter<Arc<Shared>>;

/// What there is, as the description has it.
const ROUTES: &[(&str, Handler)] = &[
    ("/api/openapi.json", || get(description)),
    ("/api/host", || get(host)),
    ("/api/workers", || get(workers)),
    ("/api/apps", || get(apps)),
    ("/api/requests", || get(requests)),
    ("/api/logs", || get(logs)),
    ("/api/access", || get(access)),
    ("/api/waiting", || get(waiting)),
    ("/api/events", || get(events::follow)),
    ("/metrics", || get(metrics)),
];

/// Returns the routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let routes = ROUTES.iter();
    routes.fold(Router::new(), |router, (path, handler)| {
        router.route(path, handler())
    })
}

/// An answer for a program.
struct Json(Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], plain_json(&self.0)).into_response()
    }
}

/// Why a program gets none.
struct JsonFailure(Failure);

impl<E: Into<Failure>> From<E> for JsonFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for JsonFailure {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        let error = failure.error();
        let json = json!({"error": error.to_string(), "hints": error.hints()});
        (failure.status(), Json(json)).into_response()
    }
}

type JsonResult = Result<Json, JsonFailure>;

#[derive(Deserialize)]
struct Wanted {
    app: Option<String>,
    limit: Option<usize>,
}

impl Wanted {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(100).min(MOST)
    }
}

async fn description() -> Response {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let (apps, workers) = (shared.activity.statistics(), shared.activity.workers());
    let text = metrics_text(&apps, workers.as_ref());
    ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response()
}

async fn host(State(shared): State<Arc<Shared>>) -> JsonResult {
    let mut host = serde_json::to_value(shared.activity.host())?;
    host["datasite"] = json!(shared.config.email.as_str());
    host["version"] = json!(env!("CARGO_PKG_VERSION"));
    Ok(Json(host))
}

/// Where all calls run here, there is no server and nobody.
async fn workers(State(shared): State<Arc<Shared>>) -> JsonResult {
    Ok(Json(json!({"workers": shared.activity.workers()})))
}

async fn apps(State(shared): State<Arc<Shared>>) -> JsonResult {
    let apps = shared.apps.get(&shared.config).await?;
    let apps: Vec<Value> = apps.iter().map(|app| app_json(&shared, app)).collect();
    Ok(Json(json!({"apps": apps})))
}

/// Returns an app in the shape in which SyftBox's client lists its own, and what we know
/// beyond that. It has no process of its own and listens on no port.
fn app_json(shared: &Shared, app: &KnownApp) -> Value {
    let config = &shared.config;
    let name = app.name.as_str();
    let owner = config.email.as_str();
    let folder = config.datasites.join(owner).join("app_data").join(name);
    let interface = shared.interface(&app.name);
    let endpoints = interface.map(|interface| interface.endpoints);
    let url = |endpoint: &String| format!("syft://{owner}/app_data/{name}/rpc{endpoint}");
    let endpoints: Vec<String> = endpoints.iter().flatten().map(url).collect();
    let state = app.state();
    let record = app.record();
    json!({
        "name": name,
        "path": folder,
        "status": if state.is_running() { "running" } else { "stopped" },
        "pid": if state.is_running() { std::process::id() } else { 0 },
        "ports": [],
        "state": state_word(state),
        "author": record.map(|record| record.author.as_str()),
        "source": record.map(|record| record.source.as_str()),
        "current": record.map(|record| release_json(&record.current)),
        "previous": record.and_then(|record| record.previous()).map(release_json),
        "waiting": record.and_then(|record| record.waiting.as_ref()).map(release_json),
        "trouble": app.status.as_ref().and_then(|status| status.trouble.as_ref()),
        "endpoints": endpoints,
        "n_waiting": app.n_waiting(),
    })
}

fn state_word(state: AppState) -> &'static str {
    match state {
        AppState::Served => "served",
        AppState::OlderServed => "older-served",
        AppState::Broken => "broken",
        AppState::Suspended => "suspended",
        AppState::Starting => "starting",
        AppState::NotInstalled => "not-installed",
    }
}

fn release_json(release: &InstalledRelease) -> Value {
    json!({
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "signer": release.signer,
        "sha256": release.sha256.as_str(),
        "since": release.since.to_string(),
    })
}

async fn requests(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> JsonResult {
    let seen = shared.seen();
    let calls = seen.calls.newest(wanted.app.as_deref());
    let calls: Vec<_> = calls.take(wanted.limit()).map(|entry| &**entry).collect();
    Ok(Json(json!({"entries": serde_json::to_value(calls)?})))
}

async fn logs(State(shared): State<Arc<Shared>>, Query(wanted): Query<Wanted>) -> JsonResult {
    let seen = shared.seen();
    let lines = seen.lines.newest(wanted.app.as_deref());
    let lines: Vec<_> = lines.take(wanted.limit()).map(|entry| &**entry).collect();
    Ok(Json(json!({"entries": serde_json::to_value(lines)?})))
}

async fn access(State(shared): State<Arc<Shared>>) -> JsonResult {
    let seen = shared.seen();
    let apps: Vec<Value> = seen
        .apps()
        .iter()
        .map(|app| {
            json!({
                "app": app,
                "denied": seen.denied(app).iter().map(access_json).collect::<Vec<_>>(),
                "used": seen.touched(app).iter().map(access_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(Json(json!({"apps": apps})))
}

fn access_json(access: &Access) -> Value {
    json!({
        "what": access.what.as_str(),
        "access": access.access,
        "name": access.name,
        "count": access.count,
        "last": access.last.to_string(),
        "hint": access.hint,
    })
}

async fn waiting(State(shared): State<Arc<Shared>>) -> JsonResult {
    let apps = shared.apps.get(&shared.config).await?;
    let apps: Vec<Value> = apps
        .iter()
        .filter(|app| app.n_waiting() > 0)
        .map(|app| waiting_json(&shared, app))
        .collect();
    Ok(Json(json!({"apps": apps})))
}

fn waiting_json(shared: &Shared, app: &KnownApp) -> Value {
    let record = app.record();
    let parked = app.parked.as_ref().ok();
    let requests = |parked: &ParkedWork| -> Vec<Value> {
        let all = parked.requests.iter().take(MOST);
        all.map(|request| parked.request_json(request)).collect()
    };
    let events = |parked: &ParkedWork| -> Vec<Value> {
        let all = parked.events.iter().take(MOST);
        all.map(|event| parked.event_json(event)).collect()
    };
    let calls = |parked: &ParkedWork| -> Vec<Value> {
        let all = parked.calls.iter().take(MOST);
        all.map(|call| parked.call_json(call)).collect()
    };
    json!({
        "app": app.name.as_str(),
        "release": record.and_then(|record| record.waiting.as_ref()).map(release_json),
        "wants": record.map(|record| wishes(&shared.config, record)).unwrap_or_default(),
        "careful": careful(record.and_then(|record| record.waiting.as_ref())),
        "suspended": app.suspended.as_ref().map(ToString::to_string),
        "requests": parked.map(requests).unwrap_or_default(),
        "events": parked.map(events).unwrap_or_default(),
        "calls": parked.map(calls).unwrap_or_default(),
    })
}

/// Returns what is wide in what a release asks for.
fn careful(release: Option<&InstalledRelease>) -> Vec<String> {
    let warnings = release.map(|release| release.approved.warnings());
    let warnings = warnings.unwrap_or_default().into_iter();
    warnings.map(|warning| plain(&warning.message)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_the_routes_that_there_are() {
        let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
        assert_eq!(description["openapi"], "3.1.0");
        let described: BTreeSet<&str> = description["paths"]
            .as_object()
            .expect("paths")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(described, ROUTES.iter().map(|(path, _)| *path).collect());
    }

    #[test]
    fn what_the_description_refers_to_is_there() {
        let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
        let mut left = vec![&description];
        let mut n_references = 0;
        while let Some(value) = left.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        let pointer = reference.strip_prefix('#').expect("one of its own");
                        assert!(description.pointer(pointer).is_some(), "{reference}");
                        n_references += 1;
                    }
                    left.extend(object.values());
                }
                Value::Array(array) => left.extend(array),
                _ => {}
            }
        }
        assert!(n_references > 5);
    }
}
