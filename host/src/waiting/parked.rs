//! Requests, events and calls of one app that were given up.

use serde_json::{Value, json};
use syft_protocol::address::{Address, AppName};
use syft_protocol::due_calls::{DueKind, ParkedCall};
use syft_protocol::file_events::ParkedEvent;
use syft_protocol::message::Request;
use syft_protocol::timestamp::Timestamp;
use syft_server::parked::{ParkedAction, ParkedRequest, ParkedStore};
use syft_server::tree::{OpenedRequest, Tree};
use uuid::Uuid;

use crate::config::Config;
use crate::error::CommandError;

/// The most bytes of a request that are shown.
const MAX_SHOWN: u64 = 16 << 20;

/// What is parked of one app.
pub struct ParkedWork {
    /// Whose it is.
    pub app: AppName,
    /// Requests during which the host crashed.
    pub requests: Vec<ParkedRequest>,
    /// Events that the app did not take.
    pub events: Vec<ParkedEvent>,
    /// Calls that were due and failed.
    pub calls: Vec<ParkedCall>,
    request_store: ParkedStore,
    event_store: ParkedStore,
    call_store: ParkedStore,
}

impl ParkedWork {
    /// Returns what is parked of an app.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(config: &Config, app: AppName) -> Result<Self, CommandError> {
        let folder = config.app_folder(&app);
        let request_store = ParkedStore::requests(&folder);
        let event_store = ParkedStore::events(&folder);
        let call_store = ParkedStore::calls(&folder);
        let describe = |error| CommandError::new(format!("what is parked of {app}: {error}"));
        Ok(Self {
            requests: request_store.list().map_err(describe)?,
            events: event_store.list().map_err(describe)?,
            calls: call_store.list().map_err(describe)?,
            request_store,
            event_store,
            call_store,
            app,
        })
    }

    /// Returns the request of an id, if it is parked.
    pub fn request(&self, id: Uuid) -> Option<&ParkedRequest> {
        let id = id.to_string();
        self.requests.iter().find(|request| request.id == id)
    }

    /// Returns the event of an id, if it is parked.
    pub fn event(&self, id: Uuid) -> Option<&ParkedEvent> {
        let id = id.to_string();
        self.events.iter().find(|event| event.id == id)
    }

    /// Returns the call of an id, if it is parked.
    pub fn call(&self, id: Uuid) -> Option<&ParkedCall> {
        let id = id.to_string();
        self.calls.iter().find(|call| call.id == id)
    }

    /// Returns how much is parked.
    pub fn count(&self) -> usize {
        self.requests.len() + self.events.len() + self.calls.len()
    }

    /// Returns that nothing of an id is parked.
    pub fn missing(&self, id: Uuid) -> CommandError {
        let app = &self.app;
        CommandError::new(format!("{app} has nothing parked of the id {id}"))
            .hint(format!("`syft-host parked {app}` lists what there is"))
    }

    /// Asks the host that serves the app, now or next, for all of it or for nothing.
    ///
    /// # Errors
    /// One of them is not parked, or is to be both; or the disk.
    pub fn ask(&self, all: &[(Uuid, ParkedAction)]) -> Result<(), CommandError> {
        let store = |id: Uuid| {
            let request = self.request(id).map(|_| &self.request_store);
            let event = || self.event(id).map(|_| &self.event_store);
            let call = || self.call(id).map(|_| &self.call_store);
            request.or_else(event).or_else(call)
        };
        if let Some((id, _)) = all.iter().find(|(id, _)| store(*id).is_none()) {
            return Err(self.missing(*id));
        }
        let is_dropped = |id| all.contains(&(id, ParkedAction::Drop));
        if let Some((id, _)) =
            (all.iter()).find(|(id, action)| *action == ParkedAction::Retry && is_dropped(*id))
        {
            return Err(CommandError::new(format!(
                "{id} can be tried again or forgotten, not both"
            )));
        }
        for (id, asked) in all {
            if let Some(store) = store(*id) {
                store.ask(*id, *asked)?;
            }
        }
        Ok(())
    }

    /// Returns what a request says; null where its file is gone, a text where it is none.
    ///
    /// # Errors
    /// The disk.
    pub fn message(&self, config: &Config, parked: &ParkedRequest) -> Result<Value, CommandError> {
        let Some(address) = Address::parse(&parked.address) else {
            return Ok(Value::Null);
        };
        let tree = Tree::find(&config.datasites, &config.email, &self.app);
        let opened = tree
            .map(|tree| tree.open_any_request(&address))
            .transpose()?;
        let Some(OpenedRequest::File(file)) = opened else {
            return Ok(Value::Null);
        };
        if file.stamp().bytes > MAX_SHOWN {
            return Ok(json!(format!("{} bytes", file.stamp().bytes)));
        }
        let bytes = file.read()?;
        let now = Timestamp::from_micros(parked.at);
        Ok(match Request::from_json(&bytes, now) {
            Ok(request) => request_json(&request),
            Err(error) => json!(format!("no request: {error}")),
        })
    }

    /// Returns a request for scripts.
    pub fn request_json(&self, request: &ParkedRequest) -> Value {
        json!({
            "app": self.app.as_str(),
            "id": request.id,
            "kind": "request",
            "address": request.address,
            "crashes": request.crashes,
            "at": Timestamp::from_micros(request.at).to_string(),
        })
    }

    /// Returns an event for scripts.
    pub fn event_json(&self, event: &ParkedEvent) -> Value {
        json!({
            "app": self.app.as_str(),
            "id": event.id,
            "kind": "event",
            "watch": event.watch,
            "event": event.kind,
            "path": event.path,
            "moved-from": event.moved_from,
            "attempts": event.attempts,
            "error": event.error,
            "at": Timestamp::from_micros(event.at).to_string(),
        })
    }

    /// Returns a call that was due, for scripts.
    pub fn call_json(&self, call: &ParkedCall) -> Value {
        let (message, url) = match &call.kind {
            DueKind::Schedule { .. } => (None, None),
            DueKind::Reply { message, url, .. } => (Some(message.to_string()), Some(url)),
        };
        json!({
            "app": self.app.as_str(),
            "id": call.id,
            "kind": call.kind.as_str(),
            "handler": call.kind.handler(),
            "message": message,
            "url": url,
            "due": Timestamp::from_micros(call.due).to_string(),
            "attempts": call.attempts,
            "error": call.error,
            "at": Timestamp::from_micros(call.at).to_string(),
        })
    }
}

/// Returns what a call that was due is for.
pub fn call_in_words(call: &ParkedCall) -> String {
    match &call.kind {
        DueKind::Schedule { name } => format!("schedule {name}"),
        DueKind::Reply { handler, url, .. } => format!("{handler}, for the reply of {url}"),
    }
}

/// Shows a body as text where it is one.
fn request_json(request: &Request) -> Value {
    let body = request.body.as_deref().map(|bytes| {
        let text = std::str::from_utf8(bytes);
        text.map_or_else(|_| json!({"bytes": bytes.len()}), |text| json!(text))
    });
    let headers = request.headers.iter();
    let headers: serde_json::Map<String, Value> = headers
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    json!({
        "sender": request.sender,
        "url": request.url.as_str(),
        "method": request.method.as_str(),
        "headers": headers,
        "body": body,
        "created": request.created.to_string(),
        "expires": request.expires.to_string(),
    })
}
