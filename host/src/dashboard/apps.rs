//! The apps as the host's own records have them, read as the commands read them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syft_protocol::address::AppName;
use syft_protocol::due_calls::ScheduleStatus;
use syft_server::due_calls;
use syft_server::suspension::{self, Suspended};

use crate::config::Config;
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::installed::Installed;
use crate::settings::{AppRules, HostSettings};
use crate::supervisor::{AppStatus, HostStatus};
use crate::waiting::ParkedWork;

/// How long what was read is shown. Pages that are open ask every second, and there may be a
/// thousand apps.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// An app that is installed, or has something parked.
pub(super) struct KnownApp {
    pub(super) name: AppName,
    /// What is installed, or why that cannot be read; nothing if the app is not installed.
    pub(super) installed: Option<Result<Installed, CommandError>>,
    pub(super) status: Option<AppStatus>,
    pub(super) suspended: Option<Suspended>,
    /// What the owner denies it and lets it use, whatever was approved.
    pub(super) rules: AppRules,
    /// What was given up, or why that cannot be read.
    pub(super) parked: Result<ParkedWork, CommandError>,
    /// Its schedules, as its host listed them last.
    pub(super) schedules: Vec<ScheduleStatus>,
}

/// How an app is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppState {
    Served,
    /// An older release is, since the one that is installed cannot be.
    OlderServed,
    Broken,
    Suspended,
    Starting,
    NotInstalled,
}

impl AppState {
    /// Returns the class of its colour and the words for it.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Served => ("good", "served"),
            Self::OlderServed => ("warn", "the release before is served"),
            Self::Broken => ("bad", "cannot be served"),
            Self::Suspended => ("bad", "suspended"),
            Self::Starting => ("plain", "starting"),
            Self::NotInstalled => ("plain", "not installed"),
        }
    }

    /// Tells whether requests are answered.
    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Served | Self::OlderServed)
    }
}

impl KnownApp {
    fn read(
        installer: &Installer<'_>,
        config: &Config,
        status: &HostStatus,
        settings: &HostSettings,
        name: AppName,
    ) -> Self {
        let installed = installer.records().get(&name);
        let installed = installed.map_err(CommandError::from).transpose();
        // What it says of itself is not needed to tell that it is there.
        let suspended = suspension::suspended(&config.app_folder(&name));
        Self {
            installed,
            status: status.apps.get(name.as_str()).cloned(),
            suspended: suspended.unwrap_or_default(),
            rules: settings.rules_of(&name),
            parked: ParkedWork::read(config, name.clone()),
            schedules: due_calls::schedules(&config.app_folder(&name)).unwrap_or_default(),
            name,
        }
    }

    /// Returns how it is.
    pub(super) fn state(&self) -> AppState {
        let Some(installed) = &self.installed else {
            return AppState::NotInstalled;
        };
        if self.suspended.is_some() {
            return AppState::Suspended;
        }
        match (&self.status, installed) {
            (Some(status), _) => match (&status.serving, &status.trouble) {
                (Some(_), None) => AppState::Served,
                (Some(_), Some(_)) => AppState::OlderServed,
                (None, Some(_)) => AppState::Broken,
                (None, None) => AppState::Starting,
            },
            (None, Err(_)) => AppState::Broken,
            (None, Ok(_)) => AppState::Starting,
        }
    }

    /// Returns what is installed, if that can be read.
    pub(super) fn record(&self) -> Option<&Installed> {
        self.installed.as_ref()?.as_ref().ok()
    }

    /// Returns how many things of it wait for the owner.
    pub(super) fn n_waiting(&self) -> usize {
        let releases = self
            .record()
            .map_or(0, |record| record.waiting.iter().len());
        releases + usize::from(self.suspended.is_some()) + self.n_parked()
    }

    /// Returns how many requests, events and calls of it were given up.
    pub(super) fn n_parked(&self) -> usize {
        self.parked.as_ref().map_or(0, ParkedWork::count)
    }
}

/// All of them, as they were a moment ago.
#[derive(Default)]
pub(super) struct Apps(Mutex<Option<(Instant, Arc<Vec<KnownApp>>)>>);

impl Apps {
    /// Returns the apps by name.
    pub(super) async fn get(
        &self,
        config: &Arc<Config>,
    ) -> Result<Arc<Vec<KnownApp>>, CommandError> {
        if let Some((since, apps)) = &*self.kept()
            && since.elapsed() < GOOD_FOR
        {
            return Ok(Arc::clone(apps));
        }
        let config = Arc::clone(config);
        let apps = tokio::task::spawn_blocking(move || read(&config)).await??;
        let apps = Arc::new(apps);
        *self.kept() = Some((Instant::now(), Arc::clone(&apps)));
        Ok(apps)
    }

    /// Has the next one who asks read them again.
    pub(super) fn forget(&self) {
        *self.kept() = None;
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<Vec<KnownApp>>)>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

fn read(config: &Config) -> Result<Vec<KnownApp>, CommandError> {
    let installer = Installer::open(config).map_err(InstallError::explained)?;
    let status = HostStatus::read(&config.serving)?.unwrap_or_default();
    // The host goes on with what it has read before, where the file is not in order.
    let settings = HostSettings::load().unwrap_or_default();
    let installed: BTreeSet<AppName> = installer.records().names()?.into_iter().collect();
    let known = config.known_apps()?.into_iter();
    let names: BTreeSet<AppName> = known.chain(installed).collect();
    let apps = names
        .into_iter()
        .map(|name| KnownApp::read(&installer, config, &status, &settings, name));
    // Of an app that was removed only what it left undone is of interest.
    Ok(apps
        .filter(|app| app.installed.is_some() || app.n_waiting() > 0)
        .collect())
}
