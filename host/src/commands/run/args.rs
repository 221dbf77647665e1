//! What is said of an app on the command line: what it may do, and its limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use syft_manifest::units::{parse_size, parse_time};
use syft_manifest::{HttpOrigin, Limits, Manifest, VariableName};
use syft_protocol::grant::PathPattern;

use super::super::serve_args::SharedServeArgs;
use crate::approval::ApprovalFlags;
use crate::error::CommandError;
use crate::ui::Ui;

/// Serve an app in the foreground
///
/// The app is a component file, the folder of a guest crate, or a SyftEvent program in Python.
/// Crates are built first. A program is not, unless you say so: the Python that it runs on is
/// built once, and the program starts in each call. The app is served until SIGINT or SIGTERM;
/// calls in progress are finished. It needs no signature and gets only what is allowed here. If
/// it has a signature, the signature must be valid.
///
/// Building a crate runs code of its author outside of any sandbox (`build.rs` and macros, also
/// of its dependencies). You are asked before, unless you approved the folder for good. Python
/// programs and components never run outside of a sandbox.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Component file, folder of a guest crate, Python program, or folder with `app.py`
    #[arg(default_value = ".", value_name = "PATH")]
    pub(super) app: PathBuf,

    /// Build the app again when its sources change, and serve the new build in the place of the
    /// one before. No request is lost meanwhile, and one that does not build changes nothing
    #[arg(long, short)]
    pub(super) watch: bool,

    /// Name of the app, which is its folder below `app_data` [default: of the file
    /// or of the crate]
    #[arg(long)]
    pub(super) name: Option<String>,

    /// File beside a Python program that goes into the app; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(super) include: Vec<String>,

    /// Arguments of a Python program, after `--`: what it finds in `sys.argv`
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(super) arguments: Vec<String>,

    /// Build a Python program as `syft-host build` does, and serve that: it takes a minute after
    /// each change, and calls are faster
    #[arg(long)]
    pub(super) build: bool,

    /// Build a crate without asking, although that runs code of its author outside of any
    /// sandbox: `build.rs` and macros, also of its dependencies
    #[arg(long)]
    pub(super) allow_native_build: bool,

    /// Time a call may take, such as `500ms` or `10s`
    #[arg(long, value_name = "DURATION", value_parser = parse_call_time, help_heading = "Limits")]
    pub(super) time: Option<Duration>,

    /// Memory a call may use, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_memory, help_heading = "Limits")]
    pub(super) memory: Option<usize>,

    /// Calls that run at the same time
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Limits")]
    pub(super) concurrency: Option<usize>,

    /// What the app may keep between calls, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = parse_state, help_heading = "Limits")]
    pub(super) state: Option<u64>,

    /// Environment variable of the app, in the place of what its `syft-app.toml` says; may be
    /// given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub(super) env: Vec<(VariableName, String)>,

    /// Allow all that the app asks for: files, HTTP requests, messages, secrets, access rules and
    /// limits
    #[arg(long, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_all_requested: bool,

    /// Allow the app to read these, if it asks for them; may be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_read: Vec<PathPattern>,

    /// Allow the app to read and write these, if it asks for them
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_write: Vec<PathPattern>,

    /// Allow the app to send HTTP requests there, if it asks for that; may be given more than once
    #[arg(long, value_name = "ORIGIN", value_parser = HttpOrigin::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_http: Vec<HttpOrigin>,

    /// Allow the app to send messages to these endpoints of apps, such as
    /// `*/app_data/pingpong/rpc/**`, if it asks for that; may be given more than once
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_send: Vec<PathPattern>,

    /// Allow the app this secret, which `syft-host secret set` sets, if it asks for it; may be
    /// given more than once
    #[arg(long, value_name = "NAME", value_parser = VariableName::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) allow_secret: Vec<VariableName>,

    /// Allow these access rules of the app's own folder, if it asks for them, by the path of their
    /// file in it; may be given more than once
    #[arg(long, value_name = "PATH", help_heading = "Files, HTTP and secrets")]
    pub(super) allow_access: Vec<String>,

    /// Deny the app these files and everything below them, messages to there too, whatever else is
    /// allowed
    #[arg(long, value_name = "PATTERN", value_parser = PathPattern::parse, help_heading = "Files, HTTP and secrets")]
    pub(super) deny: Vec<PathPattern>,

    /// Record its calls, each in a file that `syft-host replay` runs again [default folder: the
    /// app's private one]. They hold private data
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub(super) record: Option<Option<PathBuf>>,

    /// Refuse the app unless its author, whose key is known, has signed it as the trust policy
    /// requires
    #[arg(long)]
    pub(super) require_signature: bool,

    /// Run the app of an author who is not trusted yet although their name looks like that of
    /// one who is
    #[arg(long)]
    pub(super) accept_lookalike: bool,

    #[command(flatten)]
    pub(super) shared: SharedServeArgs,
}

impl RunArgs {
    pub(super) fn flags(&self) -> ApprovalFlags {
        ApprovalFlags {
            allow_all_requested: self.allow_all_requested,
            allow_read: self.allow_read.clone(),
            allow_write: self.allow_write.clone(),
            allow_http: self.allow_http.clone(),
            allow_send: self.allow_send.clone(),
            allow_secret: self.allow_secret.clone(),
            allow_access: self.allow_access.clone(),
            deny: self.deny.clone(),
        }
    }

    /// Returns the limits: as the owner says; else as the app asks, which is more
    /// than usual only where the owner approved all that it asks for.
    pub(super) fn limits(&self, ui: Ui, manifest: &Manifest, is_all_approved: bool) -> Limits {
        let usual = Limits::default();
        let asked = manifest.limits.over(usual.clone());
        let is_more = asked.time > usual.time
            || asked.memory_bytes > usual.memory_bytes
            || asked.concurrency > usual.concurrency
            || asked.state_bytes > usual.state_bytes;
        if is_more && !is_all_approved {
            ui.status("note: the app asks for more than the usual limits and does not get it");
            ui.status(
                "hint: allow it with --allow-all-requested, or set --time, --memory, \
                 --concurrency, --state",
            );
        }
        let most = if is_all_approved {
            asked
        } else {
            Limits {
                time: asked.time.min(usual.time),
                memory_bytes: asked.memory_bytes.min(usual.memory_bytes),
                concurrency: asked.concurrency.min(usual.concurrency),
                state_bytes: asked.state_bytes.min(usual.state_bytes),
                ..usual
            }
        };
        Limits {
            time: self.time.unwrap_or(most.time),
            memory_bytes: self.memory.unwrap_or(most.memory_bytes),
            concurrency: self.concurrency.unwrap_or(most.concurrency),
            state_bytes: self.state.unwrap_or(most.state_bytes),
            ..most
        }
    }
}

/// Returns the variables of an app: its own, with those that the owner gives.
pub(super) fn variables(
    manifest: &Manifest,
    given: &[(VariableName, String)],
) -> Result<BTreeMap<VariableName, String>, CommandError> {
    let mut variables = manifest.env.clone();
    for (name, value) in given {
        if manifest.secrets.iter().any(|secret| secret.name == *name) {
            let error = CommandError::new(format!("{name} is a secret of the app"));
            return Err(error.hint(format!("set it with: syft-host secret set APP {name}")));
        }
        variables.insert(name.clone(), value.clone());
    }
    Ok(variables)
}

pub(crate) fn parse_call_time(text: &str) -> Result<Duration, String> {
    // The same bounds as in a manifest.
    parse_time(text)
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(600)).contains(time))
        .ok_or_else(|| "expected a time from `1ms` to `10m`".to_owned())
}

fn parse_memory(text: &str) -> Result<usize, String> {
    parse_size(text)
        .filter(|bytes| (1 << 20..=4 << 30).contains(bytes))
        .ok_or_else(|| "expected a size from `1MiB` to `4GiB`".to_owned())
}

fn parse_state(text: &str) -> Result<u64, String> {
    parse_size(text)
        .map(|bytes| bytes as u64)
        .filter(|bytes| (1 << 20..=16 << 30).contains(bytes))
        .ok_or_else(|| "expected a size from `1MiB` to `16GiB`".to_owned())
}

fn parse_variable(text: &str) -> Result<(VariableName, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected `NAME=VALUE`")?;
    let name = VariableName::parse(name).map_err(|error| error.to_string())?;
    Ok((name, value.to_owned()))
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000).contains(&count) => Ok(count),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}
