//! The command line, one file a command.

mod access;
mod approve;
mod autostart;
mod build;
mod call;
mod clean;
mod completions;
mod config;
mod consent;
mod demo;
mod describe;
mod doctor;
mod encryption;
mod files;
mod in_words;
mod inspect;
mod install;
mod keygen;
mod keys;
mod list;
mod logs;
mod man;
mod new;
mod parked;
mod passphrase;
mod publish;
mod record;
mod remove;
mod replay;
mod resume;
mod rollback;
mod rotate;
mod run;
mod secret;
mod serve;
mod serve_args;
mod serve_workers;
mod sign;
mod signature_check;
mod status;
mod target;
mod test;
mod trust;
mod update;
mod verify;
mod wheels;
mod worker;
mod workers;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::activity::Activity;
use crate::config::{Overrides, failpoint as failpoint_said, log_filter};
use crate::error::CommandError;
use crate::logging::{self, LogFormat};
use crate::paint::ColourChoice;
use crate::ui::Ui;
use syft_runtime::failpoint;

/// Run SyftBox apps you do not trust
///
/// Each request runs in a fresh WebAssembly sandbox that sees only what was
/// granted. Released SyftBox clients cannot tell it from SyftEvent.
#[derive(Debug, Parser)]
#[command(name = "syft-host", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,

    /// How the log on stderr is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormatArg::Text)]
    log_format: LogFormatArg,

    /// What is logged: a level, or a filter such as `warn,guest=debug` [default:
    /// $SYFT_HOST_LOG, else $RUST_LOG, else info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,

    /// When there are colours: `auto` as NO_COLOR and CLICOLOR_FORCE say, else on a terminal
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorArg::Auto)]
    color: ColorArg,

    // The last one, since its heading is for all that follow.
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "SyftBox")]
struct ConfigArgs {
    /// SyftBox config file [default: $SYFTBOX_CLIENT_CONFIG_PATH, else
    /// ~/.syftbox/config.json]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Email of the owner [default: $SYFTBOX_EMAIL, else the config file's]
    #[arg(long, global = true)]
    email: Option<String>,

    /// Folder that holds `datasites` [default: $SYFTBOX_DATA_DIR, else the config
    /// file's]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl From<ConfigArgs> for Overrides {
    fn from(args: ConfigArgs) -> Self {
        let ConfigArgs {
            config,
            email,
            data_dir,
        } = args;
        Self {
            config,
            email,
            data_dir,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

impl From<ColorArg> for ColourChoice {
    fn from(choice: ColorArg) -> Self {
        match choice {
            ColorArg::Auto => Self::Auto,
            ColorArg::Always => Self::Always,
            ColorArg::Never => Self::Never,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormatArg {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl From<LogFormatArg> for LogFormat {
    fn from(format: LogFormatArg) -> Self {
        match format {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::NewArgs),
    Run(Box<run::RunArgs>),
    Serve(serve::ServeArgs),
    Autostart(autostart::AutostartArgs),
    Worker(Box<worker::WorkerArgs>),
    Workers(workers::WorkersArgs),
    Install(install::InstallArgs),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    #[command(visible_alias = "upgrade")]
    Update(update::UpdateArgs),
    Approve(approve::ApproveArgs),
    Rollback(rollback::RollbackArgs),
    #[command(visible_aliases = ["uninstall", "rm"])]
    Remove(remove::RemoveArgs),
    Record(record::RecordArgs),
    Replay(replay::ReplayArgs),
    Parked(parked::ParkedArgs),
    Resume(resume::ResumeArgs),
    Logs(logs::LogsArgs),
    #[command(visible_alias = "ps")]
    Status(status::StatusArgs),
    Secret(secret::SecretArgs),
    Test(test::TestArgs),
    Build(build::BuildArgs),
    Inspect(inspect::InspectArgs),
    Keygen(keygen::KeygenArgs),
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    Publish(publish::PublishArgs),
    Rotate(rotate::RotateArgs),
    Trust(trust::TrustArgs),
    Encryption(encryption::EncryptionArgs),
    Access(access::AccessArgs),
    Call(call::CallArgs),
    Describe(describe::DescribeArgs),
    Config(config::ConfigCommandArgs),
    Doctor(doctor::DoctorArgs),
    Clean(clean::CleanArgs),
    Wheels(wheels::WheelsArgs),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// How a command ended, as its exit code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked to.
    Success,
    /// 1: an app answered with an error.
    HandlerError,
    /// 1: a test failed.
    TestFailed,
    /// 1: a recorded call did something else when it ran again.
    Parted,
    /// 2: it could not be done.
    Failure,
    /// 3: no answer came in time.
    Timeout,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::HandlerError | Exit::TestFailed | Exit::Parted => 1,
            Exit::Failure => 2,
            Exit::Timeout => 3,
        })
    }
}

impl Cli {
    /// Reads the command line, or ends with what is wrong with it.
    pub fn read() -> Self {
        let matches = Self::command().color(said_color()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command to its end.
    pub fn run(self) -> Exit {
        ColourChoice::from(self.color).take_effect();
        let ui = Ui::new(self.json);
        self.start(ui).unwrap_or_else(|error| {
            if error.is_reader_gone() {
                return Exit::Success;
            }
            ui.error(&error);
            Exit::Failure
        })
    }

    fn start(self, ui: Ui) -> Result<Exit, CommandError> {
        let works = matches!(self.command, Command::Worker(_));
        let quiet = !works && !matches!(self.command, Command::Run(_) | Command::Serve(_));
        let filter = self.log.or_else(log_filter);
        // What becomes of connections is told by those who have them.
        let default = if quiet {
            "warn"
        } else {
            "info,async_nats=warn"
        };
        let filter = filter.as_deref().unwrap_or(default);
        let activity = Activity::new();
        // A worker serves no app of its own, of which there would be a feed.
        let noted = (!quiet && !works).then_some(&activity);
        logging::start(self.log_format.into(), filter, noted)?;
        if let Some(text) = failpoint_said() {
            failpoint::arm(&text);
        }
        let overrides = self.config.into();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let exit = runtime.block_on(async {
            match self.command {
                Command::New(args) => new::new(ui, &args),
                Command::Run(args) => run::run(ui, &overrides, &activity, *args).await,
                Command::Serve(args) => serve::serve(ui, &overrides, &activity, args).await,
                Command::Autostart(args) => autostart::autostart(ui, &overrides, &args),
                Command::Worker(args) => worker::worker(ui, &overrides, *args).await,
                Command::Workers(args) => workers::workers(ui, &overrides, &args),
                Command::Install(args) => install::install(ui, &overrides, &args).await,
                Command::List(args) => list::list(ui, &overrides, &args),
                Command::Update(args) => update::update(ui, &overrides, &args).await,
                Command::Approve(args) => approve::approve(ui, &overrides, &args).await,
                Command::Rollback(args) => rollback::rollback(ui, &overrides, &args),
                Command::Remove(args) => remove::remove(ui, &overrides, &args).await,
                Command::Record(args) => record::record(ui, &overrides, &args),
                Command::Replay(args) => replay::replay(ui, &overrides, &args).await,
                Command::Parked(args) => parked::parked(ui, &overrides, &args),
                Command::Resume(args) => resume::resume(ui, &overrides, &args),
                Command::Logs(args) => logs::logs(ui, &overrides, &args).await,
                Command::Status(args) => status::status(ui, &overrides, &args).await,
                Command::Secret(args) => secret::secret(ui, &overrides, &args),
                Command::Access(args) => access::access(ui, &overrides, &args),
                Command::Test(args) => test::test(ui, &overrides, &args).await,
                Command::Build(args) => build::build(ui, &overrides, &args).await,
                Command::Inspect(args) => inspect::inspect(ui, &overrides, &args).await,
                Command::Keygen(args) => keygen::keygen(ui, &overrides, &args),
                Command::Sign(args) => sign::sign(ui, &overrides, &args),
                Command::Verify(args) => verify::verify(ui, &args),
                Command::Publish(args) => publish::publish(ui, &overrides, &args).await,
                Command::Rotate(args) => rotate::rotate(ui, &overrides, &args),
                Command::Trust(args) => trust::trust(ui, &overrides, &args),
                Command::Encryption(args) => encryption::encryption(ui, &overrides, &args),
                Command::Call(args) => call::call(ui, &overrides, args).await,
                Command::Describe(args) => describe::describe(ui, &overrides, &args).await,
                Command::Config(args) => config::config(ui, &overrides, &args),
                Command::Doctor(args) => doctor::doctor(ui, &overrides, &args),
                Command::Clean(args) => clean::clean(ui, &overrides, &args),
                Command::Wheels(args) => wheels::wheels(ui, &overrides, &args),
                Command::Demo(args) => demo::demo(ui, args).await,
                Command::Completions(args) => completions::completions(ui, &args),
                Command::Man(args) => man::man(ui, &args),
            }
        });
        activity.finish();
        // A guest that was cut off at the end may still hold a thread.
        runtime.shutdown_background();
        exit
    }
}

/// Returns when help and errors of the command line itself have colours: they come before it is
/// read.
fn said_color() -> clap::ColorChoice {
    let arguments: Vec<String> = std::env::args_os()
        .take_while(|argument| argument != "--")
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let pairs = arguments.windows(2).filter(|pair| pair[0] == "--color");
    let said = pairs.map(|pair| pair[1].as_str());
    let said = said.chain(
        arguments
            .iter()
            .filter_map(|one| one.strip_prefix("--color=")),
    );
    match said.last() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}
