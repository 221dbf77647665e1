//! `syft-host approve`

use clap::Args;
use syft_manifest::Digest;
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::installed::Installed;
use crate::ui::Ui;
use crate::waiting::{self, wishes};

/// Approve a release that wants more than the one before
///
/// Shows what it wants beyond what was approved, and asks. Until then the one before goes on.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// Name of the app [default: show all that wait]
    app: Option<String>,

    /// Do not ask: the release that waits must have this SHA-256, of the file or of what
    /// was signed
    #[arg(long, value_name = "SHA256", value_parser = Digest::parse, requires = "app")]
    expect_digest: Option<Digest>,

    /// Deny the app these files with all below them, whatever it asks for, beside what you
    /// denied before; may be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, requires = "app")]
    deny: Vec<PathPattern>,

    /// Do not take this release, and go on with the one before
    #[arg(long, requires = "app", conflicts_with_all = ["expect_digest", "deny"])]
    reject: bool,
}

pub(super) async fn approve(
    ui: Ui,
    overrides: &Overrides,
    args: &ApproveArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let Some(app) = &args.app else {
        return show_all(ui, &config, &installer);
    };
    let name = AppName::parse(app)?;
    let installed = installer.installed(&name).map_err(consent::explain)?;
    if args.reject {
        let installed = waiting::reject(&installer, &installed)?;
        ui.json(&consent::to_json("rejected", &installed))?;
        let version = &installed.current.version;
        ui.line(&format!("{name} stays at {version}."))?;
        return Ok(Exit::Success);
    }
    let Some(waiting) = &installed.waiting else {
        return Err(consent::nothing_waits(&name));
    };
    show(ui, &config, &installed, &args.deny);
    match &args.expect_digest {
        Some(digest) if [&waiting.sha256, &waiting.signed_sha256].contains(&digest) => {}
        Some(_) => {
            let found = &waiting.sha256;
            return Err(CommandError::new(format!(
                "not approved: what waits has the SHA-256 {found}"
            )));
        }
        None if ui.can_ask() => {
            let otherwise = format!(
                "Not approved: {} goes on, and {} waits.",
                installed.current.version, waiting.version
            );
            let asked = consent::ask(ui, "Approve it? [y]es, [n]o:", &otherwise);
            let never = format!("to take it never: `syft-host approve {name} --reject`");
            asked.map_err(|error| error.hint(never))?;
        }
        None => {
            return Err(
                CommandError::new("nobody is there to be asked, so not approved").hint(format!(
                    "approve it with --expect-digest {}",
                    waiting.sha256
                )),
            );
        }
    }
    let waits = ui.wait(&format!("compiling {} {}", installed.name, waiting.version));
    let installed = waiting::approve(&installer, &installed, &args.deny).await?;
    drop(waits);
    consent::tell_installed(ui, &config, &installed)?;
    Ok(Exit::Success)
}

fn show_all(ui: Ui, config: &Config, installer: &Installer<'_>) -> Result<Exit, CommandError> {
    let mut exit = Exit::Success;
    let mut waits = false;
    for name in installer.records().names()? {
        // One that cannot be read hides no other.
        match installer.installed(&name) {
            Ok(installed) if installed.waiting.is_some() => {
                waits = true;
                consent::tell_waits(ui, &installed, &wishes(config, &installed))?;
            }
            Ok(_) => {}
            Err(error) => {
                exit = Exit::Failure;
                ui.error(&consent::explain(error).about(&name));
            }
        }
    }
    if !waits {
        ui.line("Nothing waits for approval.")?;
    }
    Ok(exit)
}

fn show(ui: Ui, config: &Config, installed: &Installed, denied: &[PathPattern]) {
    let Some(waiting) = &installed.waiting else {
        return;
    };
    let Installed {
        name,
        author,
        current,
        ..
    } = installed;
    ui.status(&format!(
        "{name} {} (release {}) of {author}",
        waiting.version, waiting.sequence
    ));
    ui.status(&format!("Key      {}", waiting.signer));
    ui.status(&format!("SHA-256  {}", waiting.sha256));
    ui.status(&format!(
        "Replaces {} (release {})",
        current.version, current.sequence
    ));
    for line in consent::careful(&waiting.approved) {
        ui.status(&line);
    }
    let denied = consent::denial(&installed.denied_with(denied));
    let title = "It asks for more than that, to";
    let asked = consent::block(title, &wishes(config, installed));
    for line in denied.into_iter().chain(asked) {
        ui.status(&line);
    }
}
