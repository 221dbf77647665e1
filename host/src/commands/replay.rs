//! `syft-host replay`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use syft_manifest::Limits;
use syft_manifest::sanitize::plain;
use syft_protocol::address::AppName;
use syft_system::private;

use super::Exit;
use crate::app_builder::{self, NativeBuild, ProgramFiles, ProgramInputs};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::installed::{Components, InstalledRecords};
use crate::replay::{self, Difference, DifferentPart, OtherCode, Replayed};
use crate::ui::Ui;
use syft_runtime::recording::Recording;

/// Run a recorded call again, and say where it parts
///
/// The call runs offline: with the files, state, HTTP answers, clocks and random numbers of the
/// recording, and with nothing else. It changes nothing but a folder that is thrown away. Exit
/// code 0: it did the same. 1: it did something else, of which the first is shown, with what
/// differs in its answer and in what it wrote.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file that `syft-host record` or `syft-host run --record` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Run it with this: a component, a Python program, the folder of a crate or a program, or the
    /// name of an installed app [default: the component that it ran with]
    #[arg(long, value_name = "APP|COMPONENT|FOLDER")]
    with: Option<String>,

    /// File beside a Python program that goes into the app; may be given more than once
    #[arg(long, value_name = "FILE", requires = "with")]
    include: Vec<String>,

    /// Build a crate without asking, although that runs code of its author outside of any sandbox
    #[arg(long)]
    allow_native_build: bool,
}

pub(super) async fn replay(
    ui: Ui,
    overrides: &Overrides,
    args: &ReplayArgs,
) -> Result<Exit, CommandError> {
    let recording = replay::read(&args.file)?;
    let config = Config::load(overrides)?;
    let other = match &args.with {
        Some(with) => Some(args.find(ui, overrides, &config, with).await?),
        None => None,
    };
    // The files of a program are there as long as this is.
    let (code, _files) = other.map_or((None, None), |(code, files)| (Some(code), files));
    let replayed = {
        let _waiting = ui.wait("running the call again");
        replay::replay(&config, &recording, code).await?
    };
    let difference = Difference::of(&recording, &replayed.recording);
    report(ui, &recording, &replayed, &difference)?;
    Ok(if difference.is_none() {
        Exit::Success
    } else {
        Exit::Parted
    })
}

impl ReplayArgs {
    /// Returns what the user named.
    async fn find(
        &self,
        ui: Ui,
        overrides: &Overrides,
        config: &Config,
        with: &str,
    ) -> Result<(OtherCode, Option<ProgramFiles>), CommandError> {
        let path = Path::new(with);
        let alone = |component| {
            let files = None;
            (OtherCode { component, files }, None)
        };
        if app_builder::is_source(path) {
            let inputs = ProgramInputs {
                included: &self.include,
                arguments: &[],
                variables: &[],
            };
            let ready = app_builder::make_ready(ui, overrides, config, path, inputs, None).await?;
            if let Some(app) = ready {
                let code = OtherCode {
                    component: app.base,
                    files: Some(app.files.path()),
                };
                return Ok((code, Some(app.files)));
            }
            let native = NativeBuild::by_option(self.allow_native_build);
            let built = app_builder::build(ui, overrides, path, inputs, native)?;
            return Ok(alone(built.component));
        }
        let limit = Limits::default().component_bytes;
        let read = private::read(path, limit);
        let read = read.map_err(|error| CommandError::new(format!("read {with}: {error}")))?;
        match read {
            Some(component) => Ok(alone(component)),
            None => installed(config, with, limit).map(alone),
        }
    }
}

fn installed(config: &Config, name: &str, limit: u64) -> Result<Vec<u8>, CommandError> {
    let missing = || {
        CommandError::new(format!(
            "`{name}` is no file, no folder and no installed app"
        ))
        .hint("`syft-host list` shows which apps are installed")
    };
    let app = AppName::parse(name).map_err(|_| missing())?;
    let records = InstalledRecords::open(&config.installed)?;
    let installed = records.get(&app)?.ok_or_else(missing)?;
    let components = Components::open(&config.components)?;
    Ok(components.read(&installed.current.sha256, limit)?)
}

fn report(
    ui: Ui,
    recording: &Recording,
    replayed: &Replayed,
    difference: &Difference,
) -> Result<(), CommandError> {
    let is_same = difference.is_none();
    let lacks: Vec<_> = (replayed.lacks.iter())
        .map(|lack| json!({"after": lack.n_before, "what": lack.what}))
        .collect();
    ui.json(&json!({
        "event": "replayed",
        "same": is_same,
        "outcome": replayed.recording.end.outcome,
        "asked": replayed.recording.steps.len(),
        "parts": difference.to_json(),
        "lacks": lacks,
        "secrets": recording.given.secrets,
    }))?;
    let line = |text: &str| ui.line(&plain(text));
    let (request, end) = (&recording.request, &replayed.recording.end);
    line(&format!(
        "{} of {}, called by {}: {}",
        request.endpoint, recording.app.name, request.sender, end.outcome
    ))?;
    if is_same {
        let asked = match replayed.recording.steps.len() {
            0 => "nothing".to_owned(),
            1 => "one thing".to_owned(),
            n_steps => format!("{n_steps} things"),
        };
        line(&format!(
            "The same: it asked for {asked} and did what it did before."
        ))?;
    }
    if let Some(part) = &difference.step {
        line(&format!("It parts at {}.", part.what))?;
        lines(ui, part)?;
    }
    for part in &difference.end {
        line(&format!("Different: {}", part.what))?;
        lines(ui, part)?;
    }
    for lack in &replayed.lacks {
        line(&format!(
            "The recording does not have {}, which it wanted after {} other things.",
            lack.what, lack.n_before
        ))?;
    }
    if !is_same && !recording.given.secrets.is_empty() {
        line(&format!(
            "note: recordings have no secrets; in the place of these stood their names: {}",
            recording.given.secrets.join(", ")
        ))?;
    }
    Ok(())
}

fn lines(ui: Ui, part: &DifferentPart) -> Result<(), CommandError> {
    for (word, lines) in [("recorded", &part.recorded), ("now", &part.now)] {
        for text in lines {
            ui.line(&plain(&format!("    {word:<9} {text}")))?;
        }
    }
    Ok(())
}
