//! The options of `serve` that say which calls other machines run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::settings::{HostSettings, SettingValue};
use syft_server::app::{OnWorkers, WithoutWorkers};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workers")]
pub(super) struct WorkersArgs {
    /// Give calls to other machines of yours by this NATS server, such as
    /// `tls://nats.example.org:4222`; see `syft-host workers setup` [default: all calls run here]
    #[arg(long, value_name = "URL")]
    workers: Option<String>,

    /// Folder that `syft-host workers setup` made, with the key of this machine [default: `workers`
    /// beside config.toml]
    #[arg(long, value_name = "DIR")]
    workers_folder: Option<PathBuf>,

    /// Certificates, in PEM, that vouch for the NATS server [default: the authorities that this
    /// machine trusts]
    #[arg(long, value_name = "FILE")]
    workers_ca: Option<PathBuf>,

    /// Whose calls are given to workers [default: asked]
    #[arg(long, value_enum, value_name = "WHOSE")]
    on_workers: Option<OnWorkersArg>,

    /// What becomes of such a call while no worker can take it [default: run]
    #[arg(long, value_enum, value_name = "WHAT")]
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
        settings.say("serve.workers", self.workers.clone().map(SettingValue::Text));
        settings.say("serve.workers-folder", self.workers_folder.as_ref().map(path));
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

/// Returns whose calls are given to workers by what was said.
pub(super) fn on_workers(settings: &HostSettings) -> OnWorkers {
    match settings.word("serve.on-workers") {
        Some("all") => OnWorkers::All,
        _ => OnWorkers::Asked,
    }
}

/// Returns what becomes of such calls without workers by what was said.
pub(super) fn without_workers(settings: &HostSettings) -> WithoutWorkers {
    match settings.word("serve.without-workers") {
        Some("wait") => WithoutWorkers::Wait,
        _ => WithoutWorkers::Run,
    }
}
