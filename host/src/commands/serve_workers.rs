//! The options that say which calls other machines run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::activity::Activity;
use crate::error::CommandError;
use crate::settings::{HostSettings, SettingValue};
use crate::workers_link::{self, WorkersLink};
use syft_server::app::{OnWorkers, Placement, WithoutWorkers};

#[derive(Debug, Clone, Args)]
pub(super) struct WorkersArgs {
    /// Give calls to other machines of yours by this NATS server, such as
    /// `tls://nats.example.org:4222`; see `syft-host workers setup` [default: all calls run here]
    #[arg(long, value_name = "URL", help_heading = "Workers")]
    workers: Option<String>,

    /// Folder that `syft-host workers setup` made, with the key of this machine [default: `workers`
    /// beside config.toml]
    #[arg(long, value_name = "DIR", help_heading = "Workers")]
    workers_folder: Option<PathBuf>,

    /// Certificates, in PEM, that vouch for the NATS server [default: the authorities that this
    /// machine trusts]
    #[arg(long, value_name = "FILE", help_heading = "Workers")]
    workers_ca: Option<PathBuf>,

    /// Whose calls are given to workers [default: asked]
    #[arg(long, value_enum, value_name = "WHOSE", help_heading = "Workers")]
    on_workers: Option<OnWorkersArg>,

    /// What becomes of such a call while no worker can take it [default: run]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Workers")]
    without_workers: Option<WithoutWorkersArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnWorkersArg {
    /// Those of apps with a section `[worker]` in their manifest
    Asked,
    /// Those of every app that can run there
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WithoutWorkersArg {
    /// This machine runs it
    Run,
    /// It waits until a worker can take it
    Wait,
}

impl WorkersArgs {
    /// Puts what was said on the command line over what the settings say.
    pub(super) fn over(&self, settings: &mut HostSettings) {
        let path = |path: &PathBuf| SettingValue::Text(path.display().to_string());
        settings.say(
            "serve.workers",
            self.workers.clone().map(SettingValue::Text),
        );
        settings.say(
            "serve.workers-folder",
            self.workers_folder.as_ref().map(path),
        );
        settings.say("serve.workers-ca", self.workers_ca.as_ref().map(path));
        let on_workers = self.on_workers.map(|said| match said {
            OnWorkersArg::Asked => "asked",
            OnWorkersArg::All => "all",
        });
        settings.say("serve.on-workers", on_workers.map(SettingValue::Word));
        let without = self.without_workers.map(|said| match said {
            WithoutWorkersArg::Run => "run",
            WithoutWorkersArg::Wait => "wait",
        });
        settings.say("serve.without-workers", without.map(SettingValue::Word));
    }
}

/// Begins to give calls to other machines, where that was said.
///
/// # Errors
/// The owner has to mend something: the address, the key, the certificates.
pub(super) async fn connect_workers(
    settings: &HostSettings,
    activity: &Activity,
) -> Result<Option<WorkersLink>, CommandError> {
    let Some(options) = workers_link::options(settings)? else {
        return Ok(None);
    };
    let workers = WorkersLink::start(options).await?;
    let view = workers.clone();
    activity.on_workers(move || view.statistics());
    Ok(Some(workers))
}

/// Returns where calls run by what was said.
pub(super) fn placement(settings: &HostSettings, workers: Option<&WorkersLink>) -> Placement {
    Placement {
        pool: workers.map(WorkersLink::pool),
        on_workers: match settings.word("serve.on-workers") {
            Some("all") => OnWorkers::All,
            _ => OnWorkers::Asked,
        },
        without_workers: match settings.word("serve.without-workers") {
            Some("wait") => WithoutWorkers::Wait,
            _ => WithoutWorkers::Run,
        },
    }
}
