//! `syft-host status`

mod lines;
mod table;
mod workers;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use syft_protocol::address::AppName;
use tokio::time::sleep;

use super::{Exit, consent};
use crate::activity::{
    AppStatistics, HostActivity, LastError, LogReader, WantedEntries, WorkersStatistics,
    metrics_text,
};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::installed::{Installed, added_permissions};
use crate::settings::HostSettings;
use crate::supervisor::{AppStatus, HostStatus};
use crate::typos;
use crate::ui::Ui;
use syft_manifest::Manifest;
use syft_protocol::due_calls::ScheduleStatus;
use syft_server::due_calls;
use syft_server::suspension::{self, Suspended};

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Show how apps are: served or not, their calls, errors, times, memory, and what waits
///
/// It asks the hosts that run now, `serve` and each `run`, which count since they were started.
/// With the name of an app it also shows each endpoint, what the app may, and its releases.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Name of the app [default: all of them]
    app: Option<String>,

    /// Show it again every second, until Ctrl-C
    #[arg(long, short)]
    watch: bool,

    /// Print what was counted in the text format of Prometheus
    #[arg(long, conflicts_with = "watch")]
    metrics: bool,
}

/// How an app is.
struct AppState {
    name: AppName,
    installed: Option<Installed>,
    status: Option<AppStatus>,
    suspended: Option<Suspended>,
    /// The host that serves it and what that counted.
    counted: Option<Counted>,
    /// What went wrong last by its log, where no host counts.
    last_logged: Option<LastError>,
    /// Its schedules, as its host listed them last.
    schedules: Vec<ScheduleStatus>,
}

/// What was found out.
struct Found {
    /// A host serves what is installed.
    is_hosted: bool,
    /// The workers that it gives calls to, where there may be any.
    workers: Option<WorkersStatistics>,
    states: Vec<AppState>,
}

/// What a host has counted of an app.
struct Counted {
    pid: u32,
    since: i64,
    statistics: AppStatistics,
}

pub(super) async fn status(
    ui: Ui,
    overrides: &Overrides,
    args: &StatusArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let app = args.app.as_deref().map(AppName::parse).transpose()?;
    loop {
        let found = find(ui, &config, app.as_ref())?;
        let shown = if args.metrics {
            ui.bytes(metrics(&found).as_bytes())
        } else {
            show(ui, &config, args, &found)
        };
        match shown {
            // Such as `head`, which has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Success),
            shown => shown?,
        }
        if !args.watch {
            return Ok(Exit::Success);
        }
        sleep(WATCH_EVERY).await;
    }
}

/// Finds out how the apps are.
fn find(ui: Ui, config: &Config, wanted: Option<&AppName>) -> Result<Found, CommandError> {
    let installer = Installer::open(config).map_err(consent::explain)?;
    let installed = installer.records().names()?;
    let host = HostStatus::read(&config.serving)?;
    let (mut counted, mut workers) = (BTreeMap::new(), None);
    if let Some(mut activity) = ask(&config.serving)? {
        workers = activity.workers.take();
        add(&mut counted, activity);
    }
    let mut names = installed.clone();
    for name in config.known_apps()? {
        let is_new = !counted.contains_key(name.as_str());
        // A host that was killed a moment ago leaves its socket, and answers no more.
        if let (true, Some(activity)) = (is_new, ask(&config.app_folder(&name))?) {
            add(&mut counted, activity);
        }
        let is_run = counted.contains_key(name.as_str());
        if (is_run || wanted == Some(&name)) && !names.contains(&name) {
            names.push(name);
        }
    }
    if let Some(wanted) = wanted {
        if !names.contains(wanted) {
            names.extend(config.known_apps()?);
            names.sort();
            names.dedup();
            let error = CommandError::new(format!("no app {wanted} is installed or was run here"));
            return Err(error.with_hints(typos::hint(wanted, &names)));
        }
        names.retain(|name| name == wanted);
    }
    names.sort();
    let mut states = Vec::new();
    for name in names {
        let is_installed = installed.contains(&name);
        let record = is_installed.then(|| installer.installed(&name)).transpose();
        // One that cannot be read hides no other.
        let record = record.unwrap_or_else(|error| {
            ui.error(&consent::explain(error).about(&name));
            None
        });
        states.push(AppState {
            installed: record,
            status: host
                .as_ref()
                .and_then(|host| host.apps.get(name.as_str()).cloned()),
            suspended: suspension::suspended(&config.app_folder(&name))?,
            last_logged: match wanted {
                Some(_) if !counted.contains_key(name.as_str()) => last_logged(config, &name)?,
                _ => None,
            },
            counted: counted.remove(name.as_str()),
            schedules: due_calls::schedules(&config.app_folder(&name))?,
            name,
        });
    }
    Ok(Found {
        is_hosted: host.is_some(),
        workers,
        states,
    })
}

/// Returns what went wrong last by the log of an app.
fn last_logged(config: &Config, name: &AppName) -> io::Result<Option<LastError>> {
    let wanted = WantedEntries {
        errors: true,
        last: Some(1),
        ..WantedEntries::default()
    };
    let entries = LogReader::new(config.logs().of(Some(name))).read(&wanted)?;
    Ok(entries.last().map(LastError::new))
}

/// Asks the host of a folder, which need not be there.
pub(super) fn ask(folder: &std::path::Path) -> Result<Option<HostActivity>, CommandError> {
    HostActivity::ask(folder).map_err(|error| {
        CommandError::from(error)
            .about("a host runs and does not say how its apps are")
            .hint("it may be of another version: restart it")
    })
}

fn add(counted: &mut BTreeMap<String, Counted>, host: HostActivity) {
    let HostActivity {
        pid, since, apps, ..
    } = host;
    for statistics in apps {
        let of_app = Counted {
            pid,
            since,
            statistics,
        };
        counted.insert(of_app.statistics.app.clone(), of_app);
    }
}

fn metrics(found: &Found) -> String {
    let counted = found
        .states
        .iter()
        .filter_map(|state| state.counted.as_ref());
    let all: Vec<_> = counted.map(|counted| counted.statistics.clone()).collect();
    metrics_text(&all, found.workers.as_ref())
}

fn show(ui: Ui, config: &Config, args: &StatusArgs, found: &Found) -> io::Result<()> {
    let Found {
        is_hosted,
        workers,
        states,
    } = found;
    let states = states.as_slice();
    // How apps are is shown also where what the owner says of them is not in order.
    let settings = HostSettings::load().unwrap_or_else(|error| {
        ui.error(&error);
        HostSettings::default()
    });
    for state in states {
        ui.json(&state.to_json(config, &settings))?;
    }
    // Which machines there are is about no app.
    let workers = workers.as_ref().filter(|_| args.app.is_none());
    if let Some(workers) = workers {
        let mut json = json!(workers);
        json["event"] = json!("workers");
        ui.json(&json)?;
    }
    if args.watch {
        ui.clear()?;
    }
    let is_any_installed = states.iter().any(|state| state.installed.is_some());
    if is_any_installed && !*is_hosted {
        ui.line("No host serves what is installed: start `syft-host serve`.")?;
    }
    if states.is_empty() {
        ui.line("No app is installed or running. Run one with `syft-host run`.")?;
        return show_workers(ui, workers);
    }
    let lines = match (&args.app, states) {
        (Some(_), [state]) => {
            let rules = settings.rules_of(&state.name);
            lines::of_one(state, &state.rights(config), &rules)
        }
        _ => lines::table(states),
    };
    lines.iter().try_for_each(|line| ui.line(line))?;
    show_workers(ui, workers)
}

fn show_workers(ui: Ui, workers: Option<&WorkersStatistics>) -> io::Result<()> {
    let lines = workers.map(workers::lines).unwrap_or_default();
    lines.iter().try_for_each(|line| ui.line(line))
}

impl AppState {
    /// Returns in words what the app may.
    fn rights(&self, config: &Config) -> Vec<String> {
        let Some(installed) = &self.installed else {
            return Vec::new();
        };
        let approved = &installed.current.approved;
        added_permissions(&Manifest::default(), approved, &config.email, &self.name)
    }

    /// Returns whether it is served now.
    fn is_served(&self) -> bool {
        let load = self
            .counted
            .as_ref()
            .and_then(|counted| counted.statistics.load);
        load.is_some()
    }

    fn to_json(&self, config: &Config, settings: &HostSettings) -> Value {
        let mut json = match &self.installed {
            Some(installed) => consent::to_json("status", installed),
            None => json!({"event": "status", "name": self.name.as_str()}),
        };
        json["settings"] = json!(self.installed.as_ref().map(|installed| {
            let rules = settings.rules_of(&self.name);
            rules.to_json(&installed.current.limits())
        }));
        json["served"] = json!(self.is_served());
        json["status"] = json!(self.status);
        json["suspended"] = json!(self.suspended);
        json["schedules"] = json!(self.schedules);
        json["may"] = json!(self.rights(config));
        json["pid"] = json!(self.counted.as_ref().map(|counted| counted.pid));
        json["since_micros"] = json!(self.counted.as_ref().map(|counted| counted.since));
        json["statistics"] = json!(self.counted.as_ref().map(|counted| &counted.statistics));
        json
    }
}
