//! `syft-host parked`

use clap::Args;
use serde_json::json;
use syft_protocol::address::AppName;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::plain::plain;
use crate::ui::Ui;
use crate::watching::parked::{self, Asked, Parked};

/// Show the events that apps would not take
///
/// An event of a watched file is told again when the app fails to take it, less and
/// less often, and is parked in the end. The host that serves the app, or the next one
/// that does, sees to what is asked for here.
#[derive(Debug, Args)]
pub(super) struct ParkedArgs {
    /// Name of the app [default: all of them]
    app: Option<String>,

    /// Tell the app of this event again, as far as it is still so
    #[arg(long, value_name = "ID", requires = "app")]
    retry: Vec<Uuid>,

    /// Forget this event
    #[arg(long, value_name = "ID", requires = "app")]
    drop: Vec<Uuid>,
}

pub(super) fn parked(
    ui: Ui,
    overrides: &Overrides,
    args: &ParkedArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let apps = match &args.app {
        Some(app) => vec![AppName::parse(app)?],
        None => config.known_apps()?,
    };
    for app in apps {
        let folder = config.app_folder(&app);
        let events = parked::list(&folder)?;
        let asked = [(&args.retry, Asked::Retry), (&args.drop, Asked::Drop)];
        for (ids, asked) in asked {
            for id in ids {
                if !events.iter().any(|event| event.id == id.to_string()) {
                    let message = format!("{app} has no parked event {id}");
                    return Err(CommandError::new(message)
                        .hint(format!("`syft-host parked {app}` lists them")));
                }
                parked::ask(&folder, *id, asked)?;
                ui.status(&format!("asked for: {id}"));
            }
        }
        if args.retry.is_empty() && args.drop.is_empty() {
            show(ui, &app, &events)?;
        }
    }
    Ok(Exit::Success)
}

fn show(ui: Ui, app: &AppName, events: &[Parked]) -> Result<(), CommandError> {
    for event in events {
        ui.json(&json!({
            "app": app.as_str(),
            "id": event.id,
            "watch": event.watch,
            "event": event.kind,
            "path": event.path,
            "moved-from": event.moved_from,
            "attempts": event.attempts,
            "error": event.error,
            "at": Timestamp::from_micros(event.at).to_string(),
        }))?;
        let from = event.moved_from.as_ref();
        let from = from.map_or(String::new(), |from| format!(" from {}", plain(from)));
        ui.line(&format!(
            "{app}  {}  {} {}{from}",
            event.id,
            event.kind,
            plain(&event.path)
        ))?;
        ui.line(&format!(
            "    {} attempts until {}: {}",
            event.attempts,
            Timestamp::from_micros(event.at),
            plain(&event.error)
        ))?;
    }
    if events.is_empty() {
        ui.line(&format!("{app}  nothing is parked"))?;
    }
    Ok(())
}
