//! `syft-host record`

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_manifest::units::show_size;
use syft_protocol::address::{AppName, Endpoint};
use syft_server::recordings::{
    KeptRecording, MAX_CALLS, MAX_KEPT, RecordingFolder, RecordingOrder,
};

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::installed::InstalledRecords;
use crate::replay;
use crate::typos;
use crate::ui::Ui;

/// What the log has in the place of an endpoint where it tells of a file event.
const EVENT: &str = "(watch)";

/// Calls of an order where nobody says how many.
const CALLS: u32 = 5;

/// Keep calls of an app whole, to replay them
///
/// The host that serves the app, now or next, records its next calls: what each was asked and
/// told, what it did, and how it ended. Each goes into a file of its own that you alone can read
/// and that `syft-host replay` runs again. It holds private data: the request, files, state, HTTP
/// answers. Values of secrets are left out. Nothing sends it anywhere. File events are not
/// recorded. Without options, this lists what is to be recorded and what was.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Name of the app [default: list those of all apps]
    app: Option<String>,

    /// Record the next so many calls, 100 at most [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CALLS)), requires = "app")]
    calls: Option<u32>,

    /// Record only calls of this endpoint, such as `/hello`
    #[arg(long, value_name = "PATH", requires = "app")]
    endpoint: Option<String>,

    /// Record only calls of this sender
    #[arg(long, value_name = "EMAIL", requires = "app")]
    sender: Option<String>,

    /// Record only calls that fail, or answer with a status of 400 and more
    #[arg(long, requires = "app")]
    errors: bool,

    /// Record no more calls
    #[arg(long, requires = "app", conflicts_with_all = ["calls", "endpoint", "sender", "errors"])]
    off: bool,

    /// Delete what was recorded
    #[arg(long, requires = "app", conflicts_with_all = ["calls", "endpoint", "sender", "errors"])]
    clear: bool,
}

pub(super) fn record(
    ui: Ui,
    overrides: &Overrides,
    args: &RecordArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let mut known = config.known_apps()?;
    known.extend(InstalledRecords::open(&config.installed)?.names()?);
    known.sort();
    known.dedup();
    let apps = match &args.app {
        Some(app) => vec![find(app, &known)?],
        None => known,
    };
    if apps.is_empty() {
        ui.line("no app is installed or has been served yet")?;
    }
    for app in apps {
        let folder = RecordingFolder::of(&config.app_folder(&app));
        let wrong = |error: CommandError| error.about(format!("recordings of {app}"));
        args.change(ui, &app, &folder).map_err(wrong)?;
        list(ui, &app, &folder).map_err(wrong)?;
    }
    Ok(Exit::Success)
}

fn find(name: &str, known: &[AppName]) -> Result<AppName, CommandError> {
    let app = AppName::parse(name)?;
    if known.contains(&app) {
        return Ok(app);
    }
    let error = CommandError::new(format!("no app {app} is installed or has been served"));
    let serve = || "serve it once: `syft-host serve`, or `syft-host run`".to_owned();
    Err(error.hint(typos::hint(&app, known).unwrap_or_else(serve)))
}

impl RecordArgs {
    fn is_order(&self) -> bool {
        self.calls.is_some() || self.endpoint.is_some() || self.sender.is_some() || self.errors
    }

    /// Does what is asked for, if anything is.
    fn change(&self, ui: Ui, app: &AppName, folder: &RecordingFolder) -> Result<(), CommandError> {
        if self.off {
            folder.put_order(None)?;
            ui.status(&format!("calls of {app} are not recorded any more"));
        }
        if self.clear {
            let n_deleted = folder.clear()?;
            ui.status(&format!("recordings of {app} deleted: {n_deleted}"));
        }
        if !self.is_order() {
            return Ok(());
        }
        if folder.kept()?.len() >= MAX_KEPT {
            let error = CommandError::new(format!("there are {MAX_KEPT} recordings already"));
            return Err(error.hint(format!("delete them: syft-host record {app} --clear")));
        }
        let endpoint = self.endpoint.as_deref().map(endpoint).transpose()?;
        folder.put_order(Some(&RecordingOrder {
            endpoint,
            sender: self.sender.clone(),
            only_errors: self.errors,
            calls: self.calls.unwrap_or(CALLS),
        }))?;
        ui.status("note: recordings hold private data: requests, files, state, HTTP answers");
        ui.status("note: only requests are recorded; file events are not");
        Ok(())
    }
}

/// Returns an endpoint as requests name it.
fn endpoint(said: &str) -> Result<String, CommandError> {
    if said == EVENT {
        return Err(CommandError::new("file events are not recorded")
            .hint("what became of them: `syft-host logs`, and `syft-host parked`"));
    }
    let names = Endpoint::parse(said.trim_matches('/'))?;
    Ok(names.to_string())
}

fn list(ui: Ui, app: &AppName, folder: &RecordingFolder) -> Result<(), CommandError> {
    let (order, kept) = (folder.order()?, folder.kept()?);
    let shown = kept.iter().map(kept_json).collect::<Vec<_>>();
    ui.json(&json!({
        "app": app.as_str(),
        "recording": order,
        "folder": folder.path(),
        "kept": shown,
    }))?;
    match &order {
        Some(order) => ui.line(&format!("{app}  records {}", in_words(order)))?,
        None => ui.line(&format!("{app}  records nothing"))?,
    }
    for recording in &kept {
        ui.line(&format!("    {}", kept_line(recording)))?;
        ui.line(&format!("        {}", recording.path.display()))?;
    }
    Ok(())
}

fn in_words(order: &RecordingOrder) -> String {
    let calls = match (order.calls, order.only_errors) {
        (1, false) => "the next call".to_owned(),
        (1, true) => "the next call that fails".to_owned(),
        (calls, false) => format!("the next {calls} calls"),
        (calls, true) => format!("the next {calls} calls that fail"),
    };
    let endpoint = order
        .endpoint
        .as_ref()
        .map(|path| format!(" of {}", plain(path)));
    let sender = order
        .sender
        .as_ref()
        .map(|sender| format!(" from {}", plain(sender)));
    [Some(calls), endpoint, sender]
        .into_iter()
        .flatten()
        .collect()
}

fn kept_line(kept: &KeptRecording) -> String {
    let size = show_size(kept.bytes);
    match replay::read(&kept.path) {
        Ok(recording) => format!(
            "{}  {}  {}  {size}",
            plain(&recording.request.endpoint),
            plain(&recording.request.sender),
            plain(&recording.end.outcome),
        ),
        Err(error) => format!("{}  {size}  {error}", kept.id),
    }
}

fn kept_json(kept: &KeptRecording) -> Value {
    let recording = replay::read(&kept.path).ok();
    json!({
        "id": kept.id.to_string(),
        "file": kept.path,
        "bytes": kept.bytes,
        "endpoint": recording.as_ref().map(|recording| &recording.request.endpoint),
        "sender": recording.as_ref().map(|recording| &recording.request.sender),
        "outcome": recording.as_ref().map(|recording| &recording.end.outcome),
    })
}
