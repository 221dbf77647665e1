//! `syft-host doctor`

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::plain;

use super::Exit;
use crate::config::Overrides;
use crate::doctor::{Finding, Health, examine};
use crate::error::CommandError;
use crate::ui::Ui;

/// Check this machine for what keeps apps from being served or built
///
/// Looks at the owner, the sync folder, the host that serves and the systemd unit that starts it,
/// SyftBox's client, the NATS server of workers, the clock, what the kernel allows, and what builds apps; each with what to do
/// about it. Changes nothing. Ends with 2 if something is wrong; warnings alone end with 0.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {}

pub(super) fn doctor(ui: Ui, overrides: &Overrides, _: &DoctorArgs) -> Result<Exit, CommandError> {
    let findings = examine(overrides);
    for finding in &findings {
        ui.json(&to_json(finding))?;
        for line in lines(finding) {
            ui.line(&line)?;
        }
    }
    let count = |health| findings.iter().filter(|it| it.health == health).count();
    let (n_errors, n_warnings) = (count(Health::Error), count(Health::Warning));
    ui.json(&json!({"event": "summary", "errors": n_errors, "warnings": n_warnings}))?;
    ui.line("")?;
    ui.line(&match (n_errors, n_warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, _) => format!("Apps can be served; warnings: {n_warnings}"),
        _ => format!("Apps cannot be served as it is; errors: {n_errors}, warnings: {n_warnings}"),
    })?;
    Ok(if n_errors > 0 {
        Exit::Failure
    } else {
        Exit::Success
    })
}

fn name(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Warning => "warning",
        Health::Error => "error",
    }
}

fn lines(finding: &Finding) -> Vec<String> {
    // What was found may quote anybody, and have several lines.
    let mut said = finding.what.trim_end().lines().map(plain);
    let first = said.next().unwrap_or_default();
    let mut lines = vec![format!(
        "{:<8} {:<12} {first}",
        name(finding.health),
        finding.topic
    )];
    let fixes = finding
        .fixes
        .iter()
        .map(|fix| format!("fix: {}", plain(fix)));
    lines.extend(said.chain(fixes).map(|line| format!("{:<21} {line}", "")));
    lines
}

fn to_json(finding: &Finding) -> Value {
    json!({
        "event": "finding",
        "topic": finding.topic,
        "health": name(finding.health),
        "what": finding.what,
        "fixes": finding.fixes,
    })
}
