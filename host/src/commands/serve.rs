//! `syft-host serve`

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_manifest::units::parse_long_time;

use super::Exit;
use super::manner::MannerArgs;
use super::run::say_if_local;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::launch::{Manner, allow_open_files};
use crate::serve::{Event, Served, Supervisor, follow_authors};
use crate::shutdown::Shutdown;
use crate::ui::Ui;

/// Files that all apps may have open together at most.
const OPEN_FILES: u64 = 524_288;

/// Serve all apps that are installed
///
/// What is installed, updated and removed meanwhile counts at once. SIGHUP has it look again,
/// and try again what could not be served. SIGINT or SIGTERM end it after the calls in
/// progress; a second one ends it at once.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Look for newer releases so often, such as `6h`, and take those that want nothing new; others wait for
    /// `syft-host approve` [default: never, see `syft-host update`]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    update_every: Option<Duration>,

    /// Look so often for what authors have revoked
    #[arg(long, value_name = "DURATION", value_parser = parse_heed, default_value = "5m")]
    heed_every: Duration,

    /// Apps that stay loaded at one time: those that were used last. Others are loaded when they are
    /// called
    #[arg(long, value_name = "N", value_parser = parse_loaded, default_value_t = 32)]
    loaded: usize,

    #[command(flatten)]
    manner: MannerArgs,

    /// Time for calls in progress when it is to stop [default: as long as calls may take;
    /// 2.5 s as an app of SyftBox]
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    stop_within: Option<Duration>,
}

pub(super) async fn serve(
    ui: Ui,
    overrides: &Overrides,
    args: ServeArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let open_files = allow_open_files(OPEN_FILES);
    let (stop, shutdown) = Shutdown::new();
    stop.on_signals()?;
    say_if_local(ui, &config)?;
    let voice = Voice {
        ui,
        datasite: config.email.to_string(),
        is_local: config.is_local,
    };
    let update_every = args.update_every.filter(|every| !every.is_zero());
    tokio::spawn(follow_authors(
        config.clone(),
        args.heed_every,
        update_every,
        shutdown.clone(),
    ));
    let manner: Manner = args.manner.into();
    manner.memory.tell();
    let supervisor = Supervisor::new(config, manner, open_files, args.loaded, args.stop_within)?;
    supervisor.run(shutdown, |event| voice.tell(event)).await?;
    Ok(Exit::Success)
}

fn parse_heed(text: &str) -> Result<Duration, String> {
    // What was revoked is to count within ten minutes.
    parse_long_time(text)
        .ok()
        .filter(|it| (Duration::from_secs(1)..=Duration::from_secs(600)).contains(it))
        .ok_or_else(|| "expected a time from `1s` to `10m`".to_owned())
}

fn parse_loaded(text: &str) -> Result<usize, String> {
    // Each pool takes two TiB of the address space.
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}

/// Tells what happens.
struct Voice {
    ui: Ui,
    datasite: String,
    is_local: bool,
}

impl Voice {
    /// That nobody reads it any more is no reason to serve no more.
    fn tell(&self, event: &Event) {
        let json = self.ui.json(&self.to_json(event));
        let lines = self.to_lines(event);
        let told = json.and_then(|()| lines.iter().try_for_each(|line| self.ui.line(line)));
        if let Err(error) = told {
            tracing::debug!("nobody reads what happens: {error}");
        }
    }

    fn to_json(&self, event: &Event) -> Value {
        match event {
            Event::Ready {
                n_serving,
                n_failed,
            } => json!({
                "event": "ready",
                "datasite": self.datasite,
                "local": self.is_local,
                "serving": n_serving,
                "failed": n_failed,
            }),
            Event::Started(name, served) => served_json("app-started", name.as_str(), served),
            Event::Replaced(name, served) => served_json("app-replaced", name.as_str(), served),
            Event::Stopped(name) => json!({"event": "app-stopped", "app": name.as_str()}),
            Event::Failed(name, trouble) => json!({
                "event": "app-failed",
                "app": name.as_str(),
                "sha256": trouble.sha256,
                "error": trouble.error,
                "hints": trouble.hints,
            }),
        }
    }

    fn to_lines(&self, event: &Event) -> Vec<String> {
        match event {
            Event::Ready {
                n_serving: 0,
                n_failed: 0,
            } => vec![
                format!(
                    "Nothing is installed for {}: waiting for it.",
                    self.datasite
                ),
                "Install an app with `syft-host install FILE`.".to_owned(),
            ],
            Event::Ready {
                n_serving,
                n_failed: 0,
            } => vec![format!("Apps served for {}: {n_serving}", self.datasite)],
            Event::Ready {
                n_serving,
                n_failed,
            } => vec![format!(
                "Apps served for {}: {n_serving}; not as they are installed: {n_failed}",
                self.datasite
            )],
            Event::Started(name, served) => self.served_lines("Serving", name.as_str(), served),
            Event::Replaced(name, served) => {
                self.served_lines("Serving now", name.as_str(), served)
            }
            Event::Stopped(name) => vec![format!("No longer serving {name}")],
            // The log has it with its time.
            Event::Failed(name, trouble) => {
                let mut lines = vec![format!("Cannot serve {name}: {}", plain(&trouble.error))];
                lines.extend(trouble.hints.iter().map(|it| format!("  {}", plain(it))));
                lines
            }
        }
    }

    fn served_lines(&self, verb: &str, name: &str, served: &Served) -> Vec<String> {
        let version = &served.release.version;
        let mut lines = vec![format!(
            "{verb} {name} {version} in {}",
            served.path.display()
        )];
        lines.extend(served.serves.to_lines(&self.datasite, name));
        lines
    }
}

fn served_json(event: &str, name: &str, served: &Served) -> Value {
    let release = &served.release;
    json!({
        "event": event,
        "app": name,
        "version": release.version.to_string(),
        "sequence": release.sequence,
        "sha256": release.sha256,
        "endpoints": served.serves.endpoints,
        "watches": served.serves.watches_json(),
        "path": served.path,
    })
}
