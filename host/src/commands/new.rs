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
    #[arg(long, group = "language")]
    python: bool,

    /// Write it in Rust. It gets a copy of the crate syft-guest
    #[arg(long, group = "language")]
    rust: bool,

    /// Write it in JavaScript. Node.js builds it
    #[arg(long, group = "language")]
    js: bool,

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
    let language = match (args.rust, args.js) {
        (true, _) => Language::Rust,
        (_, true) => Language::JavaScript,
        _ => Language::Python,
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
        "language": language.name(),
    }))?;
    let note = match language {
        Language::Python if !args.python => " (--rust and --js make one in another language)",
        _ => "",
    };
    let language_name = language.name();
    ui.line(&format!(
        "Made {shown}/, an app in {language_name}{note}. Next:"
    ))?;
    ui.line("")?;
    ui.line(&format!("  cd {shown}"))?;
    let built = format!("{}.wasm", name.file_name());
    let steps = match language {
        Language::JavaScript => vec![
            ("npm install", "get what builds it"),
            ("npm test", "run its tests"),
            ("npm run build", "build it"),
        ],
        Language::Rust | Language::Python => vec![
            ("syft-host run --watch", "serve it, and each change of it"),
            ("syft-host test", "run its tests"),
        ],
    };
    for (step, what) in steps {
        ui.line(&format!("  {step:<24} {what}"))?;
    }
    if language == Language::JavaScript {
        ui.line(&format!("  syft-host run --watch {built}"))?;
    }
    Ok(Exit::Success)
}
