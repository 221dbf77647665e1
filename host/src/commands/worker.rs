//! `syft-host worker`

use std::path::PathBuf;
use std::thread;

use clap::Args;
use syft_manifest::units::parse_size;
use syft_package::PublicKey;
use syft_protocol::address::AppName;
use syft_runtime::machine::usual_memory;
use syft_runtime::memory::{LEAST_TOTAL, Memory};
use syft_server::shutdown::Shutdown;
use syft_workers::connect::{ConnectTo, ServerUrl};
use syft_workers::names::WorkerName;
use syft_workers::worker::{Authors, WorkerError, WorkerOptions, run};

use super::{Exit, keys};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Files that a worker keeps where nobody says how much.
const USUAL_CACHE: u64 = 4 << 30;

/// Run calls for the host of an owner on another machine
///
/// The owner adds this worker with `syft-host workers add NAME` and gives it the key. It waits for
/// calls at the NATS server, and runs each in a fresh sandbox; all that a call may see or do is asked
/// of the owner's host, which decides. It checks itself who has signed an app. SIGINT or SIGTERM end
/// it after the calls in progress; a second one ends it at once.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// Address of the NATS server: `nats://HOST:4222`. What is not on this machine has to speak TLS
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    server: ServerUrl,

    /// Key of this worker, which `syft-host workers add` has made
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Certificates that the server's has to be vouched for by [default: those that this machine
    /// trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Run only these apps; may be given more than once [default: all that the owner gives out]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse_app)]
    apps: Vec<String>,

    /// Run only apps that this key has signed: a `.pub` file, or a line `ssh-ed25519 AAAA…`; may be
    /// given more than once [default: all that are signed]
    #[arg(long, value_name = "KEY", conflicts_with = "allow_unsigned")]
    author: Vec<String>,

    /// Run apps that nobody has signed, too
    #[arg(long)]
    allow_unsigned: bool,

    /// Something that this machine has and apps ask for, such as `gpu`; may be given more than once
    #[arg(long, value_name = "LABEL", value_delimiter = ',', value_parser = parse_label)]
    label: Vec<String>,

    /// Calls that run at a time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: Option<u16>,

    /// Memory for all calls together, such as `4GiB` [default: half of what this machine or
    /// container has]
    #[arg(long, value_name = "SIZE", value_parser = parse_total)]
    memory_total: Option<usize>,

    /// Contents of the owner's files that are kept for calls to come [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_cache)]
    cache_total: Option<u64>,
}

pub(super) async fn worker(
    _ui: Ui,
    overrides: &Overrides,
    args: WorkerArgs,
) -> Result<Exit, CommandError> {
    let authors = authors(&args)?;
    let n_processors = thread::available_parallelism().map_or(1, usize::from);
    let memory = Memory::new(args.memory_total.unwrap_or_else(usual_memory));
    memory.tell();
    let options = WorkerOptions {
        connect: ConnectTo {
            server: args.server,
            key_file: args.key,
            ca_file: args.ca,
        },
        labels: args.label,
        concurrency: args.concurrency.map_or(n_processors, usize::from),
        apps: args.apps,
        authors,
        memory,
        compile: Config::find_compile_limits()?,
        code: Config::find_caches(overrides)?[0].clone(),
        cache: Config::find_worker_cache(overrides)?,
        cache_bytes: args.cache_total.unwrap_or(USUAL_CACHE),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let (stop, mut shutdown) = Shutdown::new();
    stop.on_signals()?;
    let mut insisted = shutdown.clone();
    let ran = run(options, async { shutdown.requested().await }, async {
        insisted.insisted().await
    });
    ran.await.map_err(explain)?;
    Ok(Exit::Success)
}

fn authors(args: &WorkerArgs) -> Result<Authors, CommandError> {
    if args.allow_unsigned {
        return Ok(Authors::All);
    }
    if args.author.is_empty() {
        return Ok(Authors::Signed);
    }
    let read = |said: &String| {
        keys::read_public(said).map_err(|error| error.about(format!("no author {said}")))
    };
    let keys: Vec<PublicKey> = args.author.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Authors::These(keys))
}

fn explain(error: WorkerError) -> CommandError {
    match error {
        WorkerError::Connect(error) => {
            let hints = error.hints();
            CommandError::from(error).with_hints(hints)
        }
        WorkerError::NotAWorker(_) => CommandError::from(error)
            .hint("the owner makes one with `syft-host workers add NAME`: `worker-NAME.nk`"),
        WorkerError::Removed => CommandError::from(error)
            .hint("the owner can add it again: `syft-host workers add NAME` makes a new key"),
        error => error.into(),
    }
}

fn parse_app(text: &str) -> Result<String, String> {
    let name = AppName::parse(text).map_err(|error| error.to_string())?;
    Ok(name.to_string())
}

fn parse_label(text: &str) -> Result<String, String> {
    let label = WorkerName::parse(text);
    let wrong = |_| "expected 1 to 32 of the characters a-z, 0-9 and `-`".to_owned();
    label.map(|label| label.to_string()).map_err(wrong)
}

fn parse_cache(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as `4GiB`, or `0B`".to_owned();
    parse_size(text).map(|bytes| bytes as u64).ok_or_else(wrong)
}

fn parse_total(text: &str) -> Result<usize, String> {
    parse_size(text)
        .filter(|bytes| *bytes >= LEAST_TOTAL)
        .ok_or_else(|| "expected a size of `256MiB` or more".to_owned())
}
