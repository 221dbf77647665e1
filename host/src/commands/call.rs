//! `syft-host call`

mod check;
mod served;

use std::fs;
use std::io::Read;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use data_encoding::BASE64URL;
use serde_json::{Value, json};
use syft_manifest::units::{parse_long_time, show_time};
use syft_protocol::address::Datasite;
use syft_protocol::message::{Headers, Method, Response};
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

use super::target::Target;
use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::installed::InstalledRecords;
use crate::ui::Ui;
use check::{GO_ON, Unknown, check};
use served::{Server, check_served};
use syft_server::client::{CallResult, ClientCall, ClientError};
use syft_server::published::PublishedApps;
use syft_server::subscriptions::Subscriptions;

/// Call an endpoint and print its answer
///
/// Writes the request into the tree as any SyftBox client does, waits for the
/// answer and prints its body. Exit code: 0 for an answer, 1 for an answer that is
/// an error, 2 where the call could not be made, 3 where no answer came in time.
#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Endpoint: `hello/greet` of your own app `hello`, `alice@example.org/hello/greet` of
    /// somebody else's, or `syft://alice@example.org/app_data/hello/rpc/greet`
    #[arg(value_name = "ENDPOINT")]
    target: String,

    /// Body as it is, `@FILE`, or `-` for stdin
    #[arg(long, short)]
    body: Option<String>,

    /// GET, HEAD, POST, PUT, PATCH or DELETE [default: POST with a body, else GET]
    #[arg(long, short)]
    method: Option<String>,

    /// Header, such as `Accept: text/plain`; may be given more than once
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,

    /// Who calls [default: the owner of this machine's datasite]
    #[arg(long = "as", value_name = "EMAIL")]
    sender: Option<String>,

    /// How long to wait for the answer
    #[arg(long, value_name = "DURATION", value_parser = parse_long_time, default_value = "30s")]
    timeout: Duration,

    /// Send the request also where nothing of that name is known on this machine, or no host of it
    /// serves the app
    #[arg(long)]
    no_check: bool,
}

/// A call that takes longer than this says so to who watches.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn call(
    ui: Ui,
    overrides: &Overrides,
    args: CallArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let published = PublishedApps::open(&config.datasites);
    let named = Target::parse(&args.target, &config.email, &published)?;
    let within = show_time(args.timeout);
    let call = args.read(&config.email, named.url()?)?;
    let id = call.id;
    if !args.no_check {
        let installed = InstalledRecords::open(&config.installed)?.names()?;
        let unknown = check(&named, &config.email, &published, &installed)?;
        agree(ui, &named, &unknown)?;
        if named.datasite == config.email && check_served(&config, &named.app)? == Server::Unknown {
            ui.status(&format!(
                "note: no host of this machine serves `{}`: waiting up to {within} for whoever \
                 does",
                named.app
            ));
        }
    }
    let subscriptions = Subscriptions::find(&config.datasites, &config.email);
    let target = SyncTarget::of(&call.url);
    if let Some(missing) = target
        .as_ref()
        .and_then(|target| target.missing(&subscriptions))
    {
        ui.status(&format!(
            "warning: SyftBox's client does not sync requests to {}: {missing}",
            call.url.datasite()
        ));
    }
    match make(ui, call, &config, &within).await.map_err(explain)? {
        CallResult::Answered(response) => {
            let in_log = if named.datasite == config.email {
                format!("`syft-host logs --id {id}` shows what happened")
            } else {
                format!("{} finds it in the host's log, id {id}", named.datasite)
            };
            print(ui, &response, id, &in_log)
        }
        CallResult::Rejected => {
            ui.status(
                "error: 403 the sync server rejected the request: no permission to write there",
            );
            ui.json(&json!({ "event": "rejected", "status_code": 403, "id": id.to_string() }))?;
            Ok(Exit::HandlerError)
        }
        CallResult::Removed => {
            ui.status("error: no answer: the request was removed before it was answered");
            if let Some(target) = target {
                ui.status(&format!(
                    "hint: SyftBox's client removes requests to others that its owner does not subscribe to: {}",
                    target.advice(&subscriptions)
                ));
            }
            ui.json(&json!({ "event": "removed", "id": id.to_string() }))?;
            Ok(Exit::Timeout)
        }
        CallResult::TimedOut => {
            ui.status(&format!("error: no answer within {within}, id {id}"));
            ui.json(&json!({ "event": "timeout", "id": id.to_string() }))?;
            Ok(Exit::Timeout)
        }
    }
}

/// Makes sure that a request is wanted to what this machine knows nothing of. It makes the folders
/// of it, in which SyftBox may bring an answer.
fn agree(ui: Ui, named: &Target, unknown: &Unknown) -> Result<(), CommandError> {
    let what = match unknown {
        Unknown::Datasite => format!("the datasite {}", named.datasite),
        Unknown::App => format!("the app `{}` of {}", named.app, named.datasite),
        Unknown::Nothing => return Ok(()),
    };
    let message = format!("{what} is not on this machine");
    if !ui.can_ask() {
        return Err(CommandError::new(message).hint(GO_ON));
    }
    ui.status(&format!(
        "{message}. SyftBox may bring an answer all the same."
    ));
    consent::ask(ui, "Send the request? [y]es, [n]o:", "Not called.")
}

/// Makes the call, and says that it waits where that takes a while and somebody watches.
async fn make(
    ui: Ui,
    call: ClientCall,
    config: &Config,
    within: &str,
) -> Result<CallResult, ClientError> {
    let mut made = pin!(call.make(&config.datasites));
    tokio::select! {
        result = &mut made => return result,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    if ui.is_watched() {
        ui.status(&format!(
            "waiting for the answer, up to {within} (Ctrl-C ends it)"
        ));
    }
    made.await
}

fn explain(error: ClientError) -> CommandError {
    let is_url = matches!(error, ClientError::NotAnEndpoint(_));
    let error = CommandError::from(error);
    if is_url {
        return error.hint("endpoints look like syft://alice@example.org/app_data/hello/rpc/hello");
    }
    error
}

/// What the client has to sync for a call.
struct SyncTarget {
    datasite: String,
    app: String,
}

impl SyncTarget {
    fn of(url: &SyftUrl) -> Option<Self> {
        Some(Self {
            datasite: url.datasite().to_owned(),
            app: url.rpc_target()?.0,
        })
    }

    fn pattern(&self) -> String {
        format!("app_data/{}/rpc/**", self.app)
    }

    fn missing(&self, subscriptions: &Subscriptions) -> Option<String> {
        let to_app = [&*self.datasite, "app_data"].into_iter();
        let to_request = ["rpc", "any", "any.request"];
        let names: Vec<&str> = to_app
            .chain(self.app.split('/'))
            .chain(to_request)
            .collect();
        subscriptions.missing(&names, &self.pattern())
    }

    fn advice(&self, subscriptions: &Subscriptions) -> String {
        subscriptions.advice(&self.datasite, &self.pattern())
    }
}

/// Prints an answer, and where there is more of one that is an error.
fn print(ui: Ui, response: &Response, id: Uuid, in_log: &str) -> Result<Exit, CommandError> {
    let (status, body) = (response.status, response.body.as_deref());
    match body {
        _ if ui.is_json() => ui.json(&describe(response, id))?,
        Some(body) => ui.bytes(body)?,
        None => {}
    }
    if status.code() < 400 {
        return Ok(Exit::Success);
    }
    ui.status(&format!("error: {} {}", status.code(), status.reason()));
    ui.status(&format!("hint: {in_log}"));
    Ok(Exit::HandlerError)
}

/// Returns the answer for scripts. Its body is JSON where it is JSON, else text,
/// else in `body_base64`.
fn describe(response: &Response, id: Uuid) -> Value {
    let body = response.body.as_deref();
    let text = body.and_then(|body| std::str::from_utf8(body).ok());
    let json_body = body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let headers: serde_json::Map<String, Value> = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    json!({
        "event": "answer",
        "id": id.to_string(),
        "status_code": response.status.code(),
        "headers": headers,
        "body": json_body.or_else(|| text.map(Value::from)),
        "body_base64": body.map(|body| BASE64URL.encode(body)),
        "sender": response.sender,
        "url": response.url.as_str(),
        "created": response.created.to_string(),
        "expires": response.expires.to_string(),
    })
}

impl CallArgs {
    fn read(&self, owner: &Datasite, url: SyftUrl) -> Result<ClientCall, CommandError> {
        let sender = match &self.sender {
            Some(email) => Datasite::parse(email)?,
            None => owner.clone(),
        };
        let body = self.body.as_deref().map(read_body).transpose()?;
        let method = match &self.method {
            Some(name) => parse_method(name)?,
            None if body.is_some() => Method::Post,
            None => Method::Get,
        };
        let headers: Headers = self
            .headers
            .iter()
            .map(|header| parse_header(header))
            .collect::<Result<_, _>>()?;
        Ok(ClientCall {
            id: Uuid::new_v4(),
            url,
            sender,
            method,
            headers,
            body,
            timeout: self.timeout,
        })
    }
}

fn read_body(text: &str) -> Result<Vec<u8>, CommandError> {
    if text == "-" {
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body)?;
        return Ok(body);
    }
    match text.strip_prefix('@') {
        Some(path) => {
            fs::read(path).map_err(|error| CommandError::new(format!("read {path}: {error}")))
        }
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn parse_method(name: &str) -> Result<Method, CommandError> {
    Method::parse(name).ok_or_else(|| {
        CommandError::new(format!("`{name}` is no method"))
            .hint("use GET, HEAD, POST, PUT, PATCH or DELETE")
    })
}

fn parse_header(text: &str) -> Result<(String, String), CommandError> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => {
            Err(CommandError::new(format!("`{text}` is no header"))
                .hint("write it as `Name: value`"))
        }
    }
}
