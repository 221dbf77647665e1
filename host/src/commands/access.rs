//! `syft-host access`

use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::plain;
use syft_protocol::acl::{Access, Reason, RuleRef};
use syft_protocol::timestamp::Timestamp;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use syft_runtime::capability::files::{Broken, DatasitesDir, Rules, Ruling};

/// Show what somebody may do with a path, and which rule says so
///
/// Decides as the SyftBox server does, by the `syft.pub.yaml` files of the tree.
/// One that is empty, damaged or no regular file closes its folder. SECURITY.md
/// lists where else it is stricter than the server.
#[derive(Debug, Args)]
pub(super) struct AccessArgs {
    // Not `email`: that is the owner's, an option of all commands.
    /// Who
    #[arg(value_name = "EMAIL")]
    who: String,

    /// Path below the datasites folder, such as `alice@example.org/public/x.csv`
    path: String,
}

pub(super) fn access(
    ui: Ui,
    overrides: &Overrides,
    args: &AccessArgs,
) -> Result<Exit, CommandError> {
    let datasites = Config::find_datasites(overrides)?;
    let root = DatasitesDir::open(&datasites)
        .map_err(|error| CommandError::new(format!("open {}: {error}", datasites.display())))?;
    let now = Timestamp::from_system_time(SystemTime::now());
    let mut rules = Rules::new(Broken::AsServer);
    let mut may = |access| {
        let ruling = rules.decide(&root, now, &args.who, &args.path, access);
        (ruling.decision.allowed, explain(&ruling))
    };
    let (read, by) = may(Access::Read);
    let (write, write_by) = may(Access::Write);
    let (admin, _) = may(Access::Admin);
    ui.json(&json!({
        "email": args.who,
        "path": args.path,
        "read": read,
        "write": write,
        "admin": admin,
        "file": by.file,
        "rule": by.rule,
        "reason": by.words,
    }))?;
    for (what, allowed, by) in [
        ("read", read, &by),
        ("write", write, &write_by),
        ("admin", admin, &write_by),
    ] {
        let answer = if allowed { "yes" } else { "no" };
        ui.line(&format!("{what:<6} {answer:<4} {}", plain(&by.words)))?;
    }
    Ok(Exit::Success)
}

/// What decides, in words and for scripts.
struct By {
    words: String,
    file: Value,
    rule: Value,
}

fn explain(ruling: &Ruling<'_>) -> By {
    let by = |words: String| By {
        words,
        file: Value::Null,
        rule: Value::Null,
    };
    match ruling.decision.reason {
        Reason::Owner => by("the owner may do everything".to_owned()),
        Reason::Rule(RuleRef { file, .. }) | Reason::NoRule { file } if ruling.fault.is_some() => {
            By {
                words: format!(
                    "{file} {}, which closes its folder",
                    ruling.fault.unwrap_or_default()
                ),
                file: file.into(),
                rule: Value::Null,
            }
        }
        Reason::Rule(rule) => of_rule(&rule, ""),
        Reason::Unknown(rule, _) => {
            of_rule(&rule, ", of which it cannot be told whether it applies")
        }
        Reason::NoFile => by("no syft.pub.yaml applies".to_owned()),
        Reason::NoRule { file } => By {
            words: format!("no rule of {file} matches"),
            file: file.into(),
            rule: Value::Null,
        },
        Reason::Nobody => by("nobody has that name".to_owned()),
        Reason::Path(fault) => by(format!("the path {}", fault.as_str())),
    }
}

fn of_rule(rule: &RuleRef<'_>, remark: &str) -> By {
    let words = match rule.index {
        Some(index) => format!(
            "rule {} ({}) of {}{remark}",
            index + 1,
            rule.pattern,
            rule.file
        ),
        None => format!("no rule of {} matches, which closes it", rule.file),
    };
    By {
        words,
        file: rule.file.into(),
        rule: rule.pattern.into(),
    }
}
