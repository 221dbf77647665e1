//! `syft-host parked`

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::{plain, quoted};
use syft_protocol::address::{Address, AppName};
use syft_protocol::file_events::ParkedEvent;
use syft_protocol::message::Request;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_server::parked::{ParkedAction, ParkedRequest, ParkedStore};
use syft_server::private_folder::PrivateFolder;
use syft_server::tree::{OpenedRequest, Tree};

/// The most bytes of a request that are shown.
const MAX_SHOWN: u64 = 16 << 20;

/// Show the requests and events that were given up
///
/// A request that crashed the host several times is parked and answered with 500. An event of
/// a watched file is delivered again when the app fails to take it, less and less often, and is
/// parked in the end. What is asked for here is done by the host that serves the app, or by the
/// next one that does.
#[derive(Debug, Args)]
pub(super) struct ParkedArgs {
    /// Name of the app [default: all of them]
    app: Option<String>,

    /// Show all of this one: of a request its body and headers too
    #[arg(long, value_name = "ID", requires = "app", conflicts_with_all = ["retry", "drop"])]
    show: Option<Uuid>,

    /// Try this one again: a request gets a new answer; an event is delivered if it still
    /// describes the file
    #[arg(long, value_name = "ID", requires = "app")]
    retry: Vec<Uuid>,

    /// Forget this one
    #[arg(long, value_name = "ID", requires = "app")]
    drop: Vec<Uuid>,
}

/// What is parked of one app.
struct Parked {
    app: AppName,
    requests: (ParkedStore, Vec<ParkedRequest>),
    events: (ParkedStore, Vec<ParkedEvent>),
}

pub(super) fn parked(
    ui: Ui,
    overrides: &Overrides,
    args: &ParkedArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let known = config.known_apps()?;
    let apps = match &args.app {
        Some(app) => vec![find_app(app, &known)?],
        None => known,
    };
    if apps.is_empty() {
        ui.line("no app has been served yet")?;
    }
    for app in apps {
        let parked = Parked::read(&config.app_folder(&app), app)?;
        if let Some(id) = args.show {
            parked.show(ui, &config, id)?;
        } else if args.retry.is_empty() && args.drop.is_empty() {
            parked.list(ui)?;
        } else {
            let ids = |ids: &[Uuid], asked| ids.iter().map(|id| (*id, asked)).collect::<Vec<_>>();
            let mut all = ids(&args.retry, ParkedAction::Retry);
            all.extend(ids(&args.drop, ParkedAction::Drop));
            parked.ask(ui, &all)?;
        }
    }
    Ok(Exit::Success)
}

fn find_app(name: &str, known: &[AppName]) -> Result<AppName, CommandError> {
    let app = AppName::parse(name)?;
    if known.contains(&app) {
        return Ok(app);
    }
    let error = CommandError::new(format!("no app {app} has been served"));
    let known: Vec<&str> = known.iter().map(AppName::as_str).collect();
    Err(if known.is_empty() {
        error
    } else {
        error.hint(format!("served so far: {}", known.join(", ")))
    })
}

impl Parked {
    fn read(folder: &PrivateFolder, app: AppName) -> Result<Self, CommandError> {
        let (requests, events) = (ParkedStore::requests(folder), ParkedStore::events(folder));
        let describe = |error| CommandError::new(format!("what is parked of {app}: {error}"));
        let listed = (
            requests.list().map_err(describe)?,
            events.list().map_err(describe)?,
        );
        Ok(Self {
            app,
            requests: (requests, listed.0),
            events: (events, listed.1),
        })
    }

    fn request(&self, id: Uuid) -> Option<&ParkedRequest> {
        let id = id.to_string();
        self.requests.1.iter().find(|request| request.id == id)
    }

    fn event(&self, id: Uuid) -> Option<&ParkedEvent> {
        let id = id.to_string();
        self.events.1.iter().find(|event| event.id == id)
    }

    fn missing(&self, id: Uuid) -> CommandError {
        let app = &self.app;
        CommandError::new(format!("{app} has nothing parked of the id {id}"))
            .hint(format!("`syft-host parked {app}` lists what there is"))
    }

    /// Asks for all or nothing.
    fn ask(&self, ui: Ui, all: &[(Uuid, ParkedAction)]) -> Result<(), CommandError> {
        let store = |id: Uuid| {
            let request = self.request(id).map(|_| &self.requests.0);
            request.or_else(|| self.event(id).map(|_| &self.events.0))
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
                ui.status(&format!("asked for: {id}"));
            }
        }
        Ok(())
    }

    fn list(&self, ui: Ui) -> Result<(), CommandError> {
        for request in &self.requests.1 {
            self.list_request(ui, request)?;
        }
        for event in &self.events.1 {
            self.list_event(ui, event)?;
        }
        if self.requests.1.is_empty() && self.events.1.is_empty() {
            ui.line(&format!("{}  nothing is parked", self.app))?;
        }
        Ok(())
    }

    fn list_request(&self, ui: Ui, request: &ParkedRequest) -> Result<(), CommandError> {
        ui.json(&self.request_json(request))?;
        ui.line(&format!("{}  {}  request", self.app, request.id))?;
        ui.line(&quoted(&request.address))?;
        let at = Timestamp::from_micros(request.at);
        ui.line(&format!(
            "    the host crashed several times while it handled this, the last time at {at}"
        ))?;
        Ok(())
    }

    fn list_event(&self, ui: Ui, event: &ParkedEvent) -> Result<(), CommandError> {
        ui.json(&self.event_json(event))?;
        ui.line(&format!("{}  {}  {}", self.app, event.id, event.kind))?;
        ui.line(&quoted(&event.path))?;
        if let Some(from) = &event.moved_from {
            ui.line("    from")?;
            ui.line(&quoted(from))?;
        }
        ui.line(&format!(
            "    {} attempts until {}. The last one ended with",
            event.attempts,
            Timestamp::from_micros(event.at)
        ))?;
        ui.line(&quoted(&event.error))?;
        Ok(())
    }

    fn show(&self, ui: Ui, config: &Config, id: Uuid) -> Result<(), CommandError> {
        let shown = match (self.request(id), self.event(id)) {
            (Some(request), _) => {
                let mut shown = self.request_json(request);
                shown["request"] = self.message(config, request)?;
                shown
            }
            (None, Some(event)) => self.event_json(event),
            (None, None) => return Err(self.missing(id)),
        };
        ui.json(&shown)?;
        for line in format!("{shown:#}").lines() {
            ui.line(&plain(line))?;
        }
        Ok(())
    }

    /// Returns what a request says; null where its file is gone, a text where it is none.
    fn message(&self, config: &Config, parked: &ParkedRequest) -> Result<Value, CommandError> {
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

    fn request_json(&self, request: &ParkedRequest) -> Value {
        json!({
            "app": self.app.as_str(),
            "id": request.id,
            "kind": "request",
            "address": request.address,
            "crashes": request.crashes,
            "at": Timestamp::from_micros(request.at).to_string(),
        })
    }

    fn event_json(&self, event: &ParkedEvent) -> Value {
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
