//! `syft-host logs`

mod lines;

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use serde_json::json;
use syft_manifest::units::parse_long_time;
use syft_protocol::address::AppName;
use syft_protocol::timestamp::Timestamp;
use syft_system::private;
use tokio::time::timeout;

use super::Exit;
use crate::activity::{LogEntry, LogReader, WantedEntries};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::installed::InstalledRecords;
use crate::supervisor::ChangeHint;
use crate::typos;
use crate::ui::Ui;

/// How many lines are shown where nothing says how many.
const USUAL_LINES: usize = 100;

/// How often it is looked for new lines where nothing hints at any.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a line may take from the host that makes it to the log.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Show what apps did, and what went wrong
///
/// `run` and `serve` keep it: each call, what was refused and denied, what apps wrote, and what
/// the host says of them. It can be read while they run and afterwards. Times are in UTC.
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// Name of the app [default: all of them, and the host]
    app: Option<String>,

    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,

    /// Only warnings and errors
    #[arg(long)]
    errors: bool,

    /// Only what is about this request or event; the first characters are enough
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Only what is not older, such as `1h`
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time)]
    since: Option<Duration>,

    /// The last lines [default: 100; with --id or --since all]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
}

pub(super) async fn logs(
    ui: Ui,
    overrides: &Overrides,
    args: &LogsArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let apps = match &args.app {
        Some(app) => vec![Some(find_app(&config, app)?)],
        None => all(&config)?,
    };
    match show(ui, &config, args, apps).await {
        // Such as `head`, which has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        shown => Ok(shown.map(|()| Exit::Success)?),
    }
}

fn find_app(config: &Config, name: &str) -> Result<AppName, CommandError> {
    let app = AppName::parse(name)?;
    let mut known = config.logs().apps()?;
    known.extend(config.known_apps()?);
    known.extend(InstalledRecords::open(&config.installed)?.names()?);
    if known.contains(&app) {
        return Ok(app);
    }
    known.sort();
    known.dedup();
    let error = CommandError::new(format!("no app {app} was run or installed here"));
    Err(error.with_hints(typos::hint(&app, &known)))
}

/// Returns all that has a log; what belongs to no app is about the host.
fn all(config: &Config) -> io::Result<Vec<Option<AppName>>> {
    let apps = config.logs().apps()?.into_iter().map(Some);
    Ok(std::iter::once(None).chain(apps).collect())
}

async fn show(
    ui: Ui,
    config: &Config,
    args: &LogsArgs,
    apps: Vec<Option<AppName>>,
) -> io::Result<()> {
    let wanted = args.wanted();
    let logs = config.logs();
    // Before it is read, so that nothing falls in between.
    let hint = args.follow.then(|| {
        private::make_folder(logs.path())?;
        Ok::<_, io::Error>(ChangeHint::below(logs.path()).ok())
    });
    let hint = hint.transpose()?.flatten();
    let mut readers = Readers::default();
    readers.add(config, apps);
    let mut entries = readers.read(&wanted, LogReader::read)?;
    let asked = Instant::now();
    // What has just happened is on its way.
    while entries.is_empty() && args.id.is_some() && asked.elapsed() < ON_ITS_WAY {
        tokio::time::sleep(ON_ITS_WAY / 10).await;
        if args.app.is_none() {
            readers.add(config, all(config)?);
        }
        entries = readers.read(&wanted, LogReader::read)?;
    }
    let n_shown = tell(ui, entries)?;
    readers.tell_unreadable(ui);
    if !args.follow {
        if n_shown == 0 && !ui.is_json() {
            ui.status("nothing that matches was logged");
        }
        return Ok(());
    }
    let to_come = WantedEntries {
        last: None,
        ..wanted
    };
    loop {
        if let Some(hint) = &hint {
            timeout(LOOK_EVERY, hint.changed()).await.ok();
        } else {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if args.app.is_none() {
            readers.add(config, all(config)?);
        }
        tell(ui, readers.read(&to_come, LogReader::read_on)?)?;
    }
}

fn tell(ui: Ui, entries: Vec<LogEntry>) -> io::Result<usize> {
    for entry in &entries {
        ui.json(&json!(entry))?;
        for line in lines::of(entry) {
            ui.line(&line)?;
        }
    }
    Ok(entries.len())
}

/// The logs that are read.
#[derive(Default)]
struct Readers(Vec<(Option<AppName>, LogReader)>);

impl Readers {
    /// Adds those of apps of which there is none yet.
    fn add(&mut self, config: &Config, apps: Vec<Option<AppName>>) {
        for app in apps {
            if !self.0.iter().any(|(known, _)| *known == app) {
                let reader = LogReader::new(config.logs().of(app.as_ref()));
                self.0.push((app, reader));
            }
        }
    }

    /// Reads all of them, and returns what was found in the order in which it happened.
    fn read(
        &mut self,
        wanted: &WantedEntries,
        read: impl Fn(&mut LogReader, &WantedEntries) -> io::Result<Vec<LogEntry>>,
    ) -> io::Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        for (_, reader) in &mut self.0 {
            entries.extend(read(reader, wanted)?);
        }
        entries.sort_by_key(|entry| entry.time);
        let n_more = wanted
            .last
            .map_or(0, |last| entries.len().saturating_sub(last));
        entries.drain(..n_more);
        Ok(entries)
    }

    fn tell_unreadable(&self, ui: Ui) {
        for (app, reader) in &self.0 {
            let n = reader.n_unreadable();
            if n > 0 {
                let whose = app.as_ref().map_or("the host", AppName::as_str);
                ui.status(&format!("note: lines of {whose} that cannot be read: {n}"));
            }
        }
    }
}

impl LogsArgs {
    fn wanted(&self) -> WantedEntries {
        let since = self.since.map(|age| {
            let at = SystemTime::now().checked_sub(age);
            Timestamp::from_system_time(at.unwrap_or(SystemTime::UNIX_EPOCH))
        });
        let is_bounded = self.since.is_some() || self.id.is_some();
        WantedEntries {
            errors: self.errors,
            id: self.id.clone(),
            since,
            last: self.lines.or((!is_bounded).then_some(USUAL_LINES)),
        }
    }
}
