//! `syft-host parked`

use clap::Args;
use syft_manifest::sanitize::{plain, quoted};
use syft_protocol::address::AppName;
use syft_protocol::due_calls::ParkedCall;
use syft_protocol::file_events::ParkedEvent;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::typos;
use crate::ui::Ui;
use crate::waiting::{ParkedWork, call_in_words};
use syft_server::parked::{ParkedAction, ParkedRequest};

/// Show the requests, events and calls that were given up
///
/// A request that crashed the host several times is parked and answered with 500. An event of
/// a watched file is delivered again when the app fails to take it, less and less often, and is
/// parked in the end; so is a call of a schedule, or one with the reply to a message. What is asked for here is done by the host that serves the app, or by the
/// next one that does.
#[derive(Debug, Args)]
pub(super) struct ParkedArgs {
    /// Name of the app [default: all of them]
    app: Option<String>,

    /// Show all of this one: of a request its body and headers too
    #[arg(long, value_name = "ID", requires = "app", conflicts_with_all = ["retry", "drop"])]
    show: Option<Uuid>,

    /// Try this one again: a request gets a new answer; an event is delivered if it still
    /// describes the file; a call runs
    #[arg(long, value_name = "ID", requires = "app")]
    retry: Vec<Uuid>,

    /// Forget this one
    #[arg(long, value_name = "ID", requires = "app")]
    drop: Vec<Uuid>,
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
        let parked = ParkedWork::read(&config, app)?;
        if let Some(id) = args.show {
            show(ui, &config, &parked, id)?;
        } else if args.retry.is_empty() && args.drop.is_empty() {
            list(ui, &parked)?;
        } else {
            let ids = |ids: &[Uuid], asked| ids.iter().map(|id| (*id, asked)).collect::<Vec<_>>();
            let mut all = ids(&args.retry, ParkedAction::Retry);
            all.extend(ids(&args.drop, ParkedAction::Drop));
            parked.ask(&all)?;
            for (id, _) in all {
                ui.status(&format!("asked for: {id}"));
            }
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
    Err(error.with_hints(typos::hint(&app, known)))
}

fn list(ui: Ui, parked: &ParkedWork) -> Result<(), CommandError> {
    for request in &parked.requests {
        list_request(ui, parked, request)?;
    }
    for event in &parked.events {
        list_event(ui, parked, event)?;
    }
    for call in &parked.calls {
        list_call(ui, parked, call)?;
    }
    if parked.count() == 0 {
        ui.line(&format!("{}  nothing is parked", parked.app))?;
    }
    Ok(())
}

fn list_request(ui: Ui, parked: &ParkedWork, request: &ParkedRequest) -> Result<(), CommandError> {
    ui.json(&parked.request_json(request))?;
    ui.line(&format!("{}  {}  request", parked.app, request.id))?;
    ui.line(&quoted(&request.address))?;
    let at = Timestamp::from_micros(request.at);
    ui.line(&format!(
        "    the host crashed several times while it handled this, the last time at {at}"
    ))?;
    Ok(())
}

fn list_event(ui: Ui, parked: &ParkedWork, event: &ParkedEvent) -> Result<(), CommandError> {
    ui.json(&parked.event_json(event))?;
    ui.line(&format!("{}  {}  {}", parked.app, event.id, event.kind))?;
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

fn list_call(ui: Ui, parked: &ParkedWork, call: &ParkedCall) -> Result<(), CommandError> {
    ui.json(&parked.call_json(call))?;
    let kind = call.kind.as_str();
    ui.line(&format!("{}  {}  {kind}", parked.app, call.id))?;
    ui.line(&quoted(&call_in_words(call)))?;
    ui.line(&format!(
        "    due at {}. {} attempts until {}. The last one ended with",
        Timestamp::from_micros(call.due),
        call.attempts,
        Timestamp::from_micros(call.at)
    ))?;
    ui.line(&quoted(&call.error))?;
    Ok(())
}

fn show(ui: Ui, config: &Config, parked: &ParkedWork, id: Uuid) -> Result<(), CommandError> {
    let shown = if let Some(request) = parked.request(id) {
        let mut shown = parked.request_json(request);
        shown["request"] = parked.message(config, request)?;
        shown
    } else if let Some(event) = parked.event(id) {
        parked.event_json(event)
    } else if let Some(call) = parked.call(id) {
        parked.call_json(call)
    } else {
        return Err(parked.missing(id));
    };
    ui.json(&shown)?;
    for line in format!("{shown:#}").lines() {
        ui.line(&plain(line))?;
    }
    Ok(())
}
