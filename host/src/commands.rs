//! The command line, one file a command.

mod call;
mod demo;
mod run;

use clap::{Parser, Subcommand};

use crate::config::{self, ConfigArgs};
use crate::error::CommandError;
use crate::logging::{self, LogFormat};
use crate::ui::Ui;

/// Run SyftBox apps you do not trust
///
/// Each request runs in a fresh WebAssembly sandbox that sees only what was
/// granted. Released SyftBox clients cannot tell it from SyftEvent.
#[derive(Debug, Parser)]
#[command(name = "syft-host", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    config: ConfigArgs,

    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,

    /// How the log on stderr is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// What is logged: a level, or a filter such as `warn,guest=debug` [default:
    /// $SYFT_HOST_LOG, else $RUST_LOG, else info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Call(call::CallArgs),
    Demo(demo::DemoArgs),
}

/// How a command ended, as its exit code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked to.
    Success,
    /// 1: an app answered with an error.
    HandlerError,
    /// 2: it could not be done.
    Failure,
    /// 3: no answer came in time.
    Timeout,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::HandlerError => 1,
            Exit::Failure => 2,
            Exit::Timeout => 3,
        })
    }
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Exit {
        let ui = Ui::new(self.json);
        self.start(ui).unwrap_or_else(|error| {
            ui.error(&error);
            Exit::Failure
        })
    }

    fn start(self, ui: Ui) -> Result<Exit, CommandError> {
        let quiet = !matches!(self.command, Command::Run(_));
        let filter = self.log.or_else(config::log_filter);
        let default = if quiet { "warn" } else { "info" };
        logging::start(self.log_format, filter.as_deref().unwrap_or(default))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let exit = runtime.block_on(async {
            match self.command {
                Command::Run(args) => run::run(ui, &self.config, args).await,
                Command::Call(args) => call::call(ui, &self.config, args).await,
                Command::Demo(args) => demo::demo(ui, args).await,
            }
        });
        // A guest that was cut off at the end may still hold a thread.
        runtime.shutdown_background();
        exit
    }
}
