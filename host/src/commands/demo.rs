//! `syft-host demo`
//!
//! Why: docs/decisions/74-the-demo-is-in-the-program.md

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::message::{Headers, Method, Response};
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

use super::{Exit, files};
use crate::config::{Config, inherited};
use crate::error::CommandError;
use crate::prepared_app::{AppSpec, PreparedApp};
use crate::ui::Ui;
use syft_manifest::units::log_ms;
use syft_manifest::{Grants, Limits, WorkerNeeds};
use syft_runtime::memory::Memory;
use syft_runtime::sandbox::Compiling;
use syft_server::client::{CallResult, ClientCall};
use syft_server::server::{ServeOptions, Server};
use syft_server::shutdown::Shutdown;

/// The example that is served, as `syft-host build examples-guest/hello` makes it.
const HELLO: &[u8] = include_bytes!("demo/hello.wasm");

/// Where its source is, and this program's.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

const OWNER: &str = "alice@example.org";
const CALLER: &str = "bob@example.org";

/// What is called, and with which body.
const CALLS: [(&str, Option<&str>); 5] = [
    ("hello", None),
    ("hello", Some(r#"{"name":"Ada"}"#)),
    ("calculate", Some(r#"{"a":6,"b":7,"operation":"multiply"}"#)),
    ("calculate", Some(r#"{"a":6,"b":7,"operation":"guess"}"#)),
    ("calculate", Some(r#"{"a":"six","b":7}"#)),
];

/// Serve a sample app and call it
///
/// Serves the hello example in a temporary datasite, and calls it as another user. The example is
/// part of this program, so nothing else needs to be there.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep serving until Ctrl-C, for calls from another terminal
    #[arg(long)]
    keep_serving: bool,

    /// Only write the example to this file, as an app to sign, publish and install
    #[arg(long, value_name = "FILE", conflicts_with = "keep_serving")]
    save: Option<PathBuf>,
}

pub(super) async fn demo(ui: Ui, args: DemoArgs) -> Result<Exit, CommandError> {
    if let Some(path) = &args.save {
        files::write(path, HELLO)?;
        ui.line(&format!("Wrote the example `hello` to {}", path.display()))?;
        ui.json(&json!({"event": "written", "path": path}))?;
        return Ok(Exit::Success);
    }
    let place = tempfile::Builder::new()
        .prefix("syft-host-demo-")
        .tempdir()?;
    let config = Config::throw_away(Datasite::parse(OWNER)?, place.path())?;
    let datasites = &config.datasites;
    let server = prepare(&config).await?;
    ui.line(&format!(
        "Made a datasite for {OWNER}: {}",
        datasites.join(OWNER).display()
    ))?;
    ui.line("Serving the example `hello` for it, each call in a fresh sandbox.")?;
    let (stop, shutdown) = Shutdown::new();
    let serving = tokio::spawn(server.run(shutdown));
    for (endpoint, body) in CALLS {
        show_call(ui, datasites, endpoint, body).await?;
    }
    what_next(ui, &args, place.path())?;
    if args.keep_serving {
        stop.on_signals()?;
    } else {
        stop.stop();
    }
    serving.await?;
    Ok(Exit::Success)
}

/// Prepares the example as `run` prepares any app.
async fn prepare(config: &Config) -> Result<Server, CommandError> {
    let options = ServeOptions::new(Memory::unbounded());
    let spec = AppSpec {
        name: AppName::parse("hello")?,
        author: String::new(),
        grants: Grants::default(),
        limits: Limits::default(),
        args: Vec::new(),
        env: BTreeMap::new(),
        schedules: Vec::new(),
        worker: WorkerNeeds::default(),
    };
    let (component, memory) = (HELLO.to_vec(), &options.memory);
    let prepared = PreparedApp::alone(config, memory, spec, component, Compiling::Alone).await?;
    prepared.start(config, &options).await
}

async fn show_call(
    ui: Ui,
    datasites: &Path,
    endpoint: &str,
    body: Option<&str>,
) -> Result<(), CommandError> {
    let url = format!("syft://{OWNER}/app_data/hello/rpc/{endpoint}");
    ui.line("")?;
    ui.line(&format!("{CALLER} calls {url}"))?;
    ui.line(&format!("  request   {}", body.unwrap_or("(no body)")))?;
    let call = ClientCall {
        id: Uuid::new_v4(),
        url: SyftUrl::parse(&url)?,
        sender: Datasite::parse(CALLER)?,
        method: if body.is_some() {
            Method::Post
        } else {
            Method::Get
        },
        headers: Headers::default(),
        body: body.map(|body| body.as_bytes().to_vec()),
        timeout: Duration::from_secs(30),
    };
    let start = Instant::now();
    match call.make(datasites).await? {
        CallResult::Answered(response) => show_answer(ui, &response, start.elapsed()),
        other => Err(CommandError::new(format!(
            "the demo got no answer: {other:?}"
        ))),
    }
}

fn show_answer(ui: Ui, response: &Response, took: Duration) -> Result<(), CommandError> {
    let status = response.status;
    let body = String::from_utf8_lossy(response.body.as_deref().unwrap_or_default());
    let ms = log_ms(took);
    ui.line(&format!(
        "  response  {} {}  ({ms:.1} ms)",
        status.code(),
        status.reason()
    ))?;
    ui.line(&format!("            {body}"))?;
    ui.json(&json!({
        "event": "answer",
        "status_code": status.code(),
        "body": body,
        "ms": ms,
    }))?;
    Ok(())
}

fn what_next(ui: Ui, args: &DemoArgs, place: &Path) -> Result<(), CommandError> {
    let program = this_program();
    ui.line("")?;
    if args.keep_serving {
        ui.line("Still serving; Ctrl-C ends it. In another terminal:")?;
        // Lines that are short: where one is broken for want of room, it is no command any more.
        ui.line(&format!(
            "  {program} call \\\n    --data-dir {} --email {CALLER} \\\n    \
             syft://{OWNER}/app_data/hello/rpc/hello \\\n    --body '{{\"name\":\"Grace\"}}'",
            place.display()
        ))?;
        return Ok(());
    }
    ui.line("What to try next:")?;
    ui.line(&format!("  {program} demo --keep-serving"))?;
    ui.line("      stay, and call it yourself")?;
    ui.line(&format!("  {program} new greeter"))?;
    ui.line("      begin an app of your own, in Python; --rust makes one in Rust")?;
    ui.line(&format!("  {program} run app.py"))?;
    ui.line("      serve a program that you have, in your own datasite")?;
    ui.line(&format!("  {REPOSITORY}"))?;
    ui.line("      the handlers, in examples-guest/hello/src/lib.rs, and how to write your own")?;
    Ok(())
}

/// Returns how this program is called from another terminal: by its name, where that finds it.
fn this_program() -> String {
    const NAME: &str = "syft-host";
    let found = inherited::find_program(NAME).and_then(|path| path.canonicalize().ok());
    match env::current_exe() {
        Ok(program) if found.as_ref() != Some(&program) => program.to_string_lossy().into_owned(),
        _ => NAME.to_owned(),
    }
}
