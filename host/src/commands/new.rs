//! `syft-host new`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use syft_protocol::address::AppName;

use super::Exit;
use crate::error::CommandError;
use crate::scaffold::{Language, NewApp};
use crate::ui::Ui;

/// Make the folder of a new app
///
/// The folder has the sources of a small app, a test that passes, and the manifest
/// `syft-app.toml`. An app is written in Python, as for SyftEvent, unless you say otherwise.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Name of the app, which is its folder below `app_data`, too
    name: String,

    /// Write it in Python (the default)
    #[arg(long, conflicts_with = "rust")]
    python: bool,

    /// Write it in Rust. It gets a copy of the crate syft-guest
    #[arg(long)]
    rust: bool,

    /// Folder of the crate syft-guest that the app is to use in place of a copy, such as
    /// `guest-sdk` of a clone of syft-host
    #[arg(long, value_name = "DIR", requires = "rust")]
    sdk: Option<PathBuf>,
}

pub(super) fn new(ui: Ui, args: &NewArgs) -> Result<Exit, CommandError> {
    let name = AppName::parse(&args.name).map_err(|error| {
        let error = CommandError::from(error);
        if args.name.starts_with(['/', '.', '~']) {
            error.hint("give a name and no path: the folder is made in the current one")
        } else {
            error.hint("a name such as `greeter` or `my-app`")
        }
    })?;
    let language = if args.rust {
        Language::Rust
    } else {
        Language::Python
    };
    let app = NewApp {
        name: &name,
        language,
        sdk: args.sdk.as_deref(),
    };
    let folder = app.make(Path::new(""))?;
    let shown = folder.display();
    ui.json(&json!({
        "event": "made",
        "app": name.as_str(),
        "folder": folder,
        "language": if args.rust { "rust" } else { "python" },
    }))?;
    let language = match language {
        Language::Rust => "Rust",
        Language::Python if args.python => "Python",
        Language::Python => "Python (--rust makes one in Rust)",
    };
    ui.line(&format!("Made {shown}/, an app in {language}. Next:"))?;
    ui.line("")?;
    ui.line(&format!("  cd {shown}"))?;
    ui.line("  syft-host run --watch    serve it, and each change of it")?;
    ui.line("  syft-host test           run its tests")?;
    Ok(Exit::Success)
}
