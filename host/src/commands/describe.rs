//! `syft-host describe`

mod example;
mod words;

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::sanitize::{in_shell, plain, plain_excerpt, plain_json, quoted};
use syft_manifest::{Limits, Manifest};
use syft_protocol::address::{AppName, Datasite, Endpoint};
use syft_protocol::schema::{Parameter, SchemaEntry};

use super::target::{Target, name_of};
use super::{Exit, files};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::installed::{Components, InstalledRecords};
use crate::prepared_app::try_component;
use crate::typos::meant;
use crate::ui::Ui;
use example::{example_body, whole_body};
use syft_server::published::PublishedApps;
use words::type_in_words;

/// The most that is shown of a description.
const MAX_DESCRIPTION_CHARS: usize = 2_000;
const MAX_NAME_CHARS: usize = 100;

/// A longer body is given in a file.
const MAX_BODY_IN_LINE: usize = 200;

/// Show which endpoints an app has, what they take and what they answer
///
/// Of an app in a datasite it is what the app publishes there in `rpc.schema.json`. A component
/// file, and an app that is installed and not served, is asked in the sandbox, with nothing
/// granted. With an endpoint, an example of its body and the command that sends it are shown as
/// well.
#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    /// App or endpoint: `hello` or `hello/greet` of your own, `alice@example.org/hello` of somebody
    /// else's, a `syft://` URL, or a component file
    target: String,

    /// Endpoint of a component file
    endpoint: Option<String>,
}

/// What is known of an app's endpoints.
struct Described {
    app: AppName,
    /// Where it can be called.
    datasite: Datasite,
    entries: Vec<SchemaEntry>,
    /// Who says so.
    source: String,
    /// The file, where it is one.
    file: Option<String>,
}

pub(super) async fn describe(
    ui: Ui,
    overrides: &Overrides,
    args: &DescribeArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let said = args.endpoint.as_deref().map(Endpoint::parse).transpose()?;
    let path = Path::new(&args.target);
    let (described, endpoint) = if path.extension().is_some_and(|end| end == "wasm") {
        (of_file(&config, path).await?, said)
    } else {
        let published = PublishedApps::open(&config.datasites);
        let target = Target::parse(&args.target, &config.email, &published)?;
        let described = of_app(&config, &target, &published).await?;
        (described, said.or(target.endpoint))
    };
    let wanted = endpoint.map(|endpoint| described.entry(&endpoint));
    let wanted = wanted.transpose()?;
    ui.json(&described.to_json(wanted, &config.email))?;
    let lines = match wanted {
        Some(entry) => described.one_to_lines(entry, &config.email),
        None => described.to_lines(&config.email),
    };
    for line in lines {
        ui.line(&line)?;
    }
    Ok(Exit::Success)
}

async fn of_file(config: &Config, path: &Path) -> Result<Described, CommandError> {
    let wrong = |error: CommandError| error.about(format!("cannot describe {}", path.display()));
    let limit = Limits::default().component_bytes;
    let component = files::read_bounded(path, limit).map_err(wrong)?;
    let source = format!("as {} says", path.display());
    let described = of_component(config, component, None, source).await;
    Ok(Described {
        file: Some(path.display().to_string()),
        ..described.map_err(wrong)?
    })
}

/// Finds an app by what it publishes, or among those that are installed.
async fn of_app(
    config: &Config,
    target: &Target,
    published: &PublishedApps,
) -> Result<Described, CommandError> {
    let Target { datasite, app, .. } = target;
    let wrong = |error: CommandError| error.about(format!("cannot describe `{app}`"));
    let schema = published.schema(datasite, app);
    if let Some(entries) = schema.map_err(|error| wrong(error.into()))? {
        return Ok(Described {
            app: app.clone(),
            datasite: datasite.clone(),
            entries,
            source: format!("as {datasite} publishes it"),
            file: None,
        });
    }
    let mut apps = published.apps(datasite);
    let records = InstalledRecords::open(&config.installed)?;
    if *datasite == config.email
        && let Some(installed) = records.get(app)?
    {
        let digest = &installed.current.sha256;
        let limit = Limits::default().component_bytes;
        let component = Components::open(&config.components)?.read(digest, limit)?;
        let source = format!("as its release {} says", installed.current.version);
        return of_component(config, component, Some(app), source)
            .await
            .map_err(wrong);
    }
    if *datasite == config.email {
        apps.extend(records.names()?);
    }
    Err(not_found(target, &config.email, &apps))
}

fn not_found(target: &Target, owner: &Datasite, apps: &[AppName]) -> CommandError {
    let Target { datasite, app, .. } = target;
    let error = CommandError::new(format!("nothing is known of an app `{app}` of {datasite}"));
    let is_there = apps.contains(app);
    match meant(app.as_str(), apps.iter().map(AppName::as_str)) {
        Some(_) if is_there => error.hint(
            "it has a folder and publishes no rpc.schema.json: serve it without --no-schema, or \
             wait until SyftBox has synced it",
        ),
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if datasite == owner => error.hint("serve it with `syft-host run`, or install it"),
        None => error.hint("its rpc.schema.json is not on this machine: SyftBox has not synced it"),
    }
}

async fn of_component(
    config: &Config,
    component: Vec<u8>,
    name: Option<&AppName>,
    source: String,
) -> Result<Described, CommandError> {
    let manifest = Manifest::from_component(&component)?.unwrap_or_default();
    let name = name.or(manifest.name.as_ref());
    let app = name.map_or_else(|| AppName::parse("app"), |name| Ok(name.clone()))?;
    let interface = try_component(config, &manifest, component).await?;
    Ok(Described {
        app,
        datasite: config.email.clone(),
        entries: interface.schema,
        source,
        file: None,
    })
}

impl Described {
    fn entry(&self, endpoint: &Endpoint) -> Result<&SchemaEntry, CommandError> {
        let found = self.entries.iter().find(|it| it.endpoint == *endpoint);
        found.ok_or_else(|| {
            let error = CommandError::new(format!("`{}` has no endpoint {endpoint}", self.app));
            let names: Vec<String> = (self.entries.iter())
                .map(|entry| entry.endpoint.to_string())
                .collect();
            match meant(&endpoint.to_string(), names.iter().map(String::as_str)) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint("leave it out to see which there are"),
            }
        })
    }

    /// Returns all endpoints for people, each with what its author says first.
    fn to_lines(&self, owner: &Datasite) -> Vec<String> {
        let mut lines = vec![format!("Endpoints of {}, {}:", self.app, self.source)];
        if self.entries.is_empty() {
            lines.push("  none".to_owned());
        }
        for entry in &self.entries {
            lines.push(String::new());
            lines.push(quoted(&signature(entry)));
            let said = entry.description.as_deref().unwrap_or_default();
            let first = said.lines().map(str::trim).find(|line| !line.is_empty());
            lines.extend(first.map(quoted));
        }
        if let Some(first) = self.entries.first() {
            let target = match &self.file {
                Some(file) => format!("{} {}", word(file), word(&first.endpoint.to_string())),
                None => word(&name_of(&self.datasite, &self.app, &first.endpoint, owner)),
            };
            lines.push(String::new());
            lines.push("One of them in detail:".to_owned());
            lines.push(format!("  syft-host describe {target}"));
        }
        lines
    }

    /// Returns one endpoint for people.
    fn one_to_lines(&self, entry: &SchemaEntry, owner: &Datasite) -> Vec<String> {
        let mut lines = vec![
            format!("Endpoint of {}, {}:", self.app, self.source),
            quoted(&signature(entry)),
        ];
        let mut block = |title: &str, texts: Vec<String>| {
            if !texts.is_empty() {
                lines.push(String::new());
                lines.push(title.to_owned());
                lines.extend(texts);
            }
        };
        let said = entry.description.iter();
        let said = said.map(|text| cut(text, MAX_DESCRIPTION_CHARS));
        let said: Vec<String> = said
            .flat_map(|text| text.lines().map(quoted).collect::<Vec<_>>())
            .collect();
        block("Says of itself:", said);
        let parameters = entry.parameters.iter();
        let whole = whole_body(entry).is_some();
        block(
            "Takes:",
            parameters.map(|it| quoted(&in_words(it, whole))).collect(),
        );
        let returns = type_in_words(&entry.returns, entry.returns_schema.as_ref());
        block("Answers with:", vec![quoted(&returns)]);
        let body = example_body(entry).map(|body| plain_json(&body));
        block(
            "Body, for example:",
            body.iter().map(|it| quoted(it)).collect(),
        );
        block("Call it:", self.call_lines(entry, body.as_deref(), owner));
        lines
    }

    /// Returns the command that calls an endpoint, ready to paste.
    fn call_lines(&self, entry: &SchemaEntry, body: Option<&str>, owner: &Datasite) -> Vec<String> {
        let name = name_of(&self.datasite, &self.app, &entry.endpoint, owner);
        let call = format!("  syft-host call {}", word(&name));
        match body {
            None => vec![call],
            Some(body) if body.len() > MAX_BODY_IN_LINE => {
                vec![format!("{call} --body @body.json")]
            }
            Some(body) => vec![
                format!("{call} \\"),
                format!("    --body {}", in_shell(body)),
            ],
        }
    }

    /// Returns it for scripts: all endpoints, or the one that is wanted.
    fn to_json(&self, wanted: Option<&SchemaEntry>, owner: &Datasite) -> Value {
        let parameter = |it: &Parameter| {
            json!({
                "name": it.name,
                "type": it.type_json,
                "required": it.required,
                "schema": it.schema,
            })
        };
        let endpoint = |entry: &SchemaEntry| {
            json!({
                "endpoint": entry.endpoint.to_string(),
                "description": entry.description,
                "parameters": entry.parameters.iter().map(parameter).collect::<Vec<_>>(),
                "returns": entry.returns,
                "returns_schema": entry.returns_schema,
                "example_body": example_body(entry),
                "target": name_of(&self.datasite, &self.app, &entry.endpoint, owner),
            })
        };
        let entries: Vec<Value> = match wanted {
            Some(entry) => vec![endpoint(entry)],
            None => self.entries.iter().map(endpoint).collect(),
        };
        json!({
            "event": "described",
            "app": self.app.as_str(),
            "datasite": self.datasite.as_str(),
            "endpoints": entries,
        })
    }
}

/// Returns the path of an endpoint with its parameters, on one line.
fn signature(entry: &SchemaEntry) -> String {
    let parameters = entry.parameters.iter().map(|it| {
        let mark = if it.required { "" } else { "?" };
        let name = plain_excerpt(&it.name, MAX_NAME_CHARS);
        format!(
            "{name}{mark}: {}",
            type_in_words(&it.type_json, it.schema.as_ref())
        )
    });
    let parameters: Vec<String> = parameters.collect();
    let returns = type_in_words(&entry.returns, entry.returns_schema.as_ref());
    format!("{} ({}) → {returns}", entry.endpoint, parameters.join(", "))
}

fn in_words(parameter: &Parameter, is_whole_body: bool) -> String {
    let Parameter {
        name,
        type_json,
        schema,
        required,
    } = parameter;
    let name = plain_excerpt(name, MAX_NAME_CHARS);
    let words = type_in_words(type_json, schema.as_ref());
    let schema = schema.as_ref();
    let default = schema.and_then(|schema| schema.get("default"));
    let optional = match (required, default) {
        (true, _) => String::new(),
        (false, None) => ", optional".to_owned(),
        (false, Some(default)) => {
            let default = plain_excerpt(&default.to_string(), MAX_NAME_CHARS);
            format!(", {default} if left out")
        }
    };
    let said = schema.and_then(|schema| schema.get("description")?.as_str());
    let said = said.map(|text| format!(": {}", plain_excerpt(text, MAX_DESCRIPTION_CHARS)));
    let whole = if is_whole_body {
        ", which is the whole body"
    } else {
        ""
    };
    format!(
        "{name}: {words}{optional}{whole}{}",
        said.unwrap_or_default()
    )
}

/// Returns a word of a command line, quoted where that is needed.
fn word(text: &str) -> String {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "@/._+:-".contains(c);
    if text.chars().all(is_simple) {
        text.to_owned()
    } else {
        in_shell(&plain(text))
    }
}

fn cut(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}
