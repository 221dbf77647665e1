//! `syft-host clean`

use std::path::Path;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::units::show_mib;

use super::Exit;
use crate::caches::{self, Item, Kind};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Show and clear what is kept to save time
///
/// That is the compiled code of apps, and what Python programs are built with. All of it is made
/// again when it is needed. Apps that are served go on; nothing of what they keep is touched. The
/// logs of apps are shown too, and stay unless you say otherwise.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Only show what there is
    #[arg(long)]
    dry_run: bool,

    /// Clear what builds Python programs too, which has to be fetched again
    #[arg(long)]
    all: bool,

    /// Clear the logs of all apps too
    #[arg(long)]
    logs: bool,
}

/// What there is of a kind, and what became of it.
#[derive(Debug, Default)]
struct Sum {
    n_items: usize,
    bytes: u64,
    n_deleted: usize,
    deleted_bytes: u64,
    n_in_use: usize,
}

pub(super) fn clean(ui: Ui, overrides: &Overrides, args: &CleanArgs) -> Result<Exit, CommandError> {
    let [compiled, python] = Config::find_caches(overrides)?;
    let logs = Config::find_logs(overrides)?;
    let items = caches::list(&compiled, &python, &logs)?;
    let mut exit = Exit::Success;
    let mut sums = Vec::new();
    for kind in Kind::ALL {
        let mut sum = Sum::default();
        for item in items.iter().filter(|item| item.kind == kind) {
            // One that cannot be deleted keeps no other.
            if let Err(error) = sum.add(item, args) {
                exit = Exit::Failure;
                ui.error(&CommandError::from(error).about("not all is cleared"));
            }
        }
        sums.push((kind, sum));
    }
    tell(ui, &sums, args, [&compiled, &python])?;
    Ok(exit)
}

impl Sum {
    fn add(&mut self, item: &Item, args: &CleanArgs) -> std::io::Result<()> {
        self.n_items += 1;
        self.bytes += item.bytes;
        let stays = match item.kind {
            Kind::Logs => !args.logs,
            _ => item.is_current_tool && !args.all,
        };
        if args.dry_run || stays {
            return Ok(());
        }
        if item.delete(SystemTime::now())? {
            self.n_deleted += 1;
            self.deleted_bytes += item.bytes;
        } else {
            self.n_in_use += 1;
        }
        Ok(())
    }

    fn to_json(&self, kind: Kind) -> Value {
        json!({
            "kind": kind.name(),
            "items": self.n_items,
            "bytes": self.bytes,
            "deleted": self.n_deleted,
            "deleted_bytes": self.deleted_bytes,
            "in_use": self.n_in_use,
        })
    }

    fn to_line(&self, kind: Kind) -> String {
        let in_use = match self.n_in_use {
            0 => String::new(),
            n => format!("  ({n} in use)"),
        };
        format!(
            "{:<14} {:>6} {:>12}{in_use}",
            kind.title(),
            self.n_items,
            show_mib(self.bytes)
        )
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::CompiledCode => "compiled_code",
            Self::PythonBuilds => "python_builds",
            Self::PythonTools => "python_tools",
            Self::Unfinished => "unfinished",
            Self::Logs => "logs",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::CompiledCode => "Compiled code",
            Self::PythonBuilds => "Python builds",
            Self::PythonTools => "Python tools",
            Self::Unfinished => "Unfinished",
            Self::Logs => "Logs",
        }
    }
}

fn tell(
    ui: Ui,
    sums: &[(Kind, Sum)],
    args: &CleanArgs,
    [compiled, python]: [&Path; 2],
) -> Result<(), CommandError> {
    let freed: u64 = sums.iter().map(|(_, sum)| sum.deleted_bytes).sum();
    // What is only shown is no part of what could be freed.
    let counted = sums
        .iter()
        .filter(|(kind, _)| *kind != Kind::Logs || args.logs);
    let all: u64 = counted.map(|(_, sum)| sum.bytes).sum();
    ui.json(&json!({
        "event": if args.dry_run { "caches" } else { "cleaned" },
        "folders": [compiled, python],
        "caches": sums.iter().map(|(kind, sum)| sum.to_json(*kind)).collect::<Vec<_>>(),
        "bytes": all,
        "deleted_bytes": freed,
    }))?;
    ui.line(&format!("In {}", compiled.display()))?;
    ui.line(&format!("and {}", python.display()))?;
    for (kind, sum) in sums {
        ui.line(&sum.to_line(*kind))?;
    }
    if args.dry_run {
        ui.line(&format!("{} in all; nothing was cleared", show_mib(all)))?
    } else {
        ui.line(&format!("Cleared {} of {}", show_mib(freed), show_mib(all)))?
    }
    let stays = sums.iter().any(|(kind, sum)| {
        *kind == Kind::PythonTools && sum.n_items > sum.n_deleted + sum.n_in_use
    });
    if stays && !args.dry_run {
        ui.line("The Python tools stay, since they would have to be fetched again: --all")?;
    }
    let has_logs = sums
        .iter()
        .any(|(kind, sum)| *kind == Kind::Logs && sum.n_items > 0);
    if has_logs && !args.logs && !args.dry_run {
        ui.line("The logs of apps stay: --logs")?;
    }
    Ok(())
}
