//! `syft-host serve`

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_manifest::units::parse_long_time;

use super::Exit;
use super::run::say_where;
use super::serve_args::{SharedServeArgs, log_bounds, serve_options};
use super::serve_workers::{connect_workers, placement};
use crate::activity::{Activity, StatusSocket};
use crate::config::{Config, LoopbackAddress, Overrides, TraceTarget};
use crate::dashboard::Dashboard;
use crate::error::CommandError;
use crate::open_files::allow_open_files;
use crate::settings::{HostSettings, QuietHours, SettingValue};
use crate::supervisor::{
    LiveSettings, ReadSettings, ServedApp, Supervisor, SupervisorEvent, SupervisorOptions,
    follow_authors,
};
use crate::traces::Traces;
use crate::ui::Ui;
use syft_server::server::ServeOptions;
use syft_server::shutdown::Shutdown;

/// Files that all apps may have open together at most.
const OPEN_FILES: u64 = 524_288;

/// Apps that stay loaded where the owner says nothing.
const LOADED: usize = 32;

/// Serve all apps that are installed
///
/// It notices at once what is installed, updated or removed. On SIGHUP it looks again, retries
/// apps that could not be served, and reads its config file again. SIGINT or SIGTERM end it after
/// the calls in progress; a second one ends it at once. Options count before what the config file
/// says: see `syft-host config`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// How often to look for newer releases, such as `6h`. A release that wants no new rights is
    /// installed; others wait for `syft-host approve` [default: never, see `syft-host update`]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    update_every: Option<Duration>,

    /// Hours of the day in which no update is taken by itself, such as `22:00-07:00` [default: none]
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = parse_quiet)]
    quiet: Option<QuietHours>,

    /// How often to look for what authors have revoked [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = parse_heed)]
    heed_every: Option<Duration>,

    /// How many apps stay loaded: the most recently used. Others are loaded when they are called
    /// [default: 32]
    #[arg(long, value_name = "N", value_parser = parse_loaded)]
    loaded: Option<u64>,

    /// Open a page for your browser, on this machine alone, that shows what the apps do and what
    /// waits for you. A link to it is printed [default address: 127.0.0.1:7980]
    #[arg(long, value_name = "ADDRESS", value_parser = LoopbackAddress::parse, num_args = 0..=1,
        require_equals = true, default_missing_value = "127.0.0.1:7980")]
    dashboard: Option<LoopbackAddress>,

    #[command(flatten)]
    shared: SharedServeArgs,

    /// Time for calls in progress to finish after SIGINT or SIGTERM [default: the time limit of
    /// a call; 2.5 s as an app of SyftBox]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    stop_within: Option<Duration>,
}

pub(super) async fn serve(
    ui: Ui,
    overrides: &Overrides,
    activity: &Activity,
    args: ServeArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let settings = LiveSettings::new(args.reader())?;
    let now = settings.current();
    let open_files = allow_open_files(OPEN_FILES);
    let (stop, shutdown) = Shutdown::new();
    stop.on_signals()?;
    say_where(ui, &config)?;
    let reporter = Reporter {
        ui,
        datasite: config.email.to_string(),
        is_local: config.is_local,
    };
    let changes = settings.subscribe();
    tokio::spawn(follow_authors(config.clone(), changes, shutdown.clone()));
    let loaded = now.count("serve.loaded");
    let loaded = loaded.and_then(|loaded| usize::try_from(loaded).ok());
    let (logs, log_bounds) = (config.logs(), log_bounds(&now));
    let trace_target = TraceTarget::find(now.text("serve.otlp"))?;
    let dashboard_at = now.text("serve.dashboard").map(LoopbackAddress::parse);
    let dashboard_at = dashboard_at.transpose().map_err(CommandError::new)?;
    let serving = config.serving.clone();
    let workers = connect_workers(&now, activity).await?;
    let serve = ServeOptions {
        placement: placement(&now, workers.as_ref()),
        ..serve_options(&now)
    };
    let options = SupervisorOptions {
        activity: activity.clone(),
        serve,
        workers,
        open_files,
        most_loaded: loaded.unwrap_or(LOADED),
        stop_within: now.time("serve.stop-within"),
        settings,
    };
    options.serve.memory.tell();
    let supervisor = Supervisor::new(config.clone(), options)?;
    // From here on nobody else serves what is installed.
    activity.start(logs, log_bounds)?;
    let _status = StatusSocket::open(&serving, activity)?;
    let dashboard = match dashboard_at {
        Some(at) => Some(Dashboard::open(at, &config, activity, shutdown.clone()).await?),
        None => None,
    };
    if let Some(dashboard) = &dashboard {
        reporter.tell_of(dashboard);
    }
    let mut waiting = Some(ui.wait("loading the installed apps; what is new is compiled once"));
    let report = |event: &SupervisorEvent| {
        if matches!(event, SupervisorEvent::Ready { .. }) {
            drop(waiting.take());
        }
        if let Some(dashboard) = &dashboard {
            dashboard.note(event);
        }
        reporter.report(event);
    };
    let traces = trace_target.map(|target| Traces::start(&target, activity));
    let traces = traces.transpose()?;
    let served = supervisor.run(shutdown, report).await;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    served?;
    Ok(Exit::Success)
}

impl ServeArgs {
    /// Returns what reads the config file, with these options over it.
    fn reader(self) -> ReadSettings {
        Box::new(move || {
            let mut settings = HostSettings::load()?;
            let time = |time: Option<Duration>| time.map(SettingValue::Time);
            settings.say("serve.update-every", time(self.update_every));
            settings.say("serve.quiet", self.quiet.map(SettingValue::Hours));
            settings.say("serve.heed-every", time(self.heed_every));
            settings.say("serve.loaded", self.loaded.map(SettingValue::Count));
            settings.say("serve.stop-within", time(self.stop_within));
            let dashboard = self.dashboard.as_ref();
            let dashboard = dashboard.map(|at| SettingValue::Text(at.to_string()));
            settings.say("serve.dashboard", dashboard);
            self.shared.over(&mut settings);
            Ok(settings)
        })
    }
}

fn parse_quiet(text: &str) -> Result<QuietHours, String> {
    let wrong = || "expected hours of a day, as in `22:00-07:00`".to_owned();
    QuietHours::parse(text).ok_or_else(wrong)
}

fn parse_heed(text: &str) -> Result<Duration, String> {
    // A revocation has to take effect within ten minutes.
    parse_long_time(text)
        .ok()
        .filter(|time| (Duration::from_secs(1)..=Duration::from_secs(600)).contains(time))
        .ok_or_else(|| "expected a time from `1s` to `10m`".to_owned())
}

fn parse_loaded(text: &str) -> Result<u64, String> {
    // Each pool takes two TiB of the address space.
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}

/// Prints what happens.
struct Reporter {
    ui: Ui,
    datasite: String,
    is_local: bool,
}

impl Reporter {
    /// Tells where the dashboard is. Whoever has the link is let in.
    fn tell_of(&self, dashboard: &Dashboard) {
        let json = json!({
            "event": "dashboard",
            "link": dashboard.link(),
            "token-file": dashboard.token_file(),
        });
        let lines = [
            "Dashboard, for you alone: open this link in a browser of this machine.".to_owned(),
            format!("  {}", dashboard.link()),
        ];
        self.print(&json, &lines);
    }

    fn report(&self, event: &SupervisorEvent) {
        self.print(&self.to_json(event), &self.to_lines(event));
    }

    /// Serving goes on even if nobody reads this any more.
    fn print(&self, json: &Value, lines: &[String]) {
        let json = self.ui.json(json);
        let written = json.and_then(|()| lines.iter().try_for_each(|line| self.ui.line(line)));
        if let Err(error) = written {
            tracing::debug!("cannot print an event: {error}");
        }
    }

    fn to_json(&self, event: &SupervisorEvent) -> Value {
        match event {
            SupervisorEvent::Ready {
                n_serving,
                n_failed,
            } => json!({
                "event": "ready",
                "datasite": self.datasite,
                "local": self.is_local,
                "serving": n_serving,
                "failed": n_failed,
            }),
            SupervisorEvent::Started(name, served) => {
                served_json("app-started", name.as_str(), served)
            }
            SupervisorEvent::Replaced(name, served) => {
                served_json("app-replaced", name.as_str(), served)
            }
            SupervisorEvent::Stopped(name) => json!({"event": "app-stopped", "app": name.as_str()}),
            SupervisorEvent::Failed(name, trouble) => json!({
                "event": "app-failed",
                "app": name.as_str(),
                "sha256": trouble.sha256,
                "error": trouble.error,
                "hints": trouble.hints,
            }),
        }
    }

    fn to_lines(&self, event: &SupervisorEvent) -> Vec<String> {
        match event {
            SupervisorEvent::Ready {
                n_serving: 0,
                n_failed: 0,
            } => vec![
                format!("No app is installed for {} yet.", self.datasite),
                "Install an app with `syft-host install FILE`.".to_owned(),
            ],
            SupervisorEvent::Ready {
                n_serving,
                n_failed: 0,
            } => vec![format!("Apps served for {}: {n_serving}", self.datasite)],
            SupervisorEvent::Ready {
                n_serving,
                n_failed,
            } => vec![format!(
                "Apps served for {}: {n_serving}; not as they are installed: {n_failed}",
                self.datasite
            )],
            SupervisorEvent::Started(name, served) => {
                self.served_lines("Serving", name.as_str(), served)
            }
            SupervisorEvent::Replaced(name, served) => {
                self.served_lines("Serving now", name.as_str(), served)
            }
            SupervisorEvent::Stopped(name) => vec![format!("No longer serving {name}")],
            // The log has it with its time.
            SupervisorEvent::Failed(name, trouble) => {
                let mut lines = vec![format!("Cannot serve {name}: {}", plain(&trouble.error))];
                lines.extend(
                    trouble
                        .hints
                        .iter()
                        .map(|hint| format!("  {}", plain(hint))),
                );
                lines
            }
        }
    }

    fn served_lines(&self, verb: &str, name: &str, served: &ServedApp) -> Vec<String> {
        let version = &served.release.version;
        let mut lines = vec![format!(
            "{verb} {name} {version} in {}",
            served.path.display()
        )];
        lines.extend(served.interface.to_lines(&self.datasite, name));
        lines
    }
}

fn served_json(event: &str, name: &str, served: &ServedApp) -> Value {
    let release = &served.release;
    json!({
        "event": event,
        "app": name,
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "sha256": release.sha256,
        "endpoints": served.interface.endpoints,
        "watches": served.interface.watches_json(),
        "schedules": served.interface.schedules_json(),
        "path": served.path,
    })
}
