//! `syft-host encryption`

use std::io::ErrorKind;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use syft_manifest::clock::now;
use syft_manifest::sanitize::in_shell;
use syft_protocol::address::Datasite;
use syft_protocol::encryption::IdentityKey;
use syft_server::encryption::{
    Document, KeyPlaces, Made, OwnKeysError, PinnedSender, SenderKeys, read_document,
};

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Manage the keys of encrypted requests
///
/// Callers encrypt requests for the keys in your did.json, as released SyftBox clients do. The
/// secret keys lie beside your SyftBox folder, where those clients keep them; no app can reach
/// them. The key of a sender is kept from their first encrypted request on.
#[derive(Debug, Args)]
pub(super) struct EncryptionArgs {
    #[command(subcommand)]
    command: EncryptionCommand,
}

#[derive(Debug, Subcommand)]
enum EncryptionCommand {
    /// Make your keys and your did.json, or what is missing of them
    ///
    /// They are made by the rules of the released clients, which find them. Nothing that is there
    /// is changed.
    Setup,
    /// Show your key, and the keys of senders
    Show,
    Accept(AcceptArgs),
    Forget(ForgetArgs),
}

/// Accept the key that is now in the did.json of a sender
///
/// Encrypted requests of a sender whose key has changed are refused until then. Compare the
/// fingerprint with what the sender told you: whoever can write into their datasite, as the
/// SyftBox server can, can put another key there.
#[derive(Debug, Args)]
struct AcceptArgs {
    /// Email of the sender
    #[arg(value_name = "EMAIL")]
    sender: String,

    /// Fingerprint of the key, SHA256:…, which you have from the sender
    #[arg(long)]
    fingerprint: Option<String>,
}

/// Forget the key of a sender
///
/// That in their next encrypted request is kept as the first.
#[derive(Debug, Args)]
struct ForgetArgs {
    /// Email of the sender
    #[arg(value_name = "EMAIL")]
    sender: String,
}

pub(super) fn encryption(
    ui: Ui,
    overrides: &Overrides,
    args: &EncryptionArgs,
) -> Result<Exit, CommandError> {
    let places = Config::load(overrides)?.key_places();
    match &args.command {
        EncryptionCommand::Setup => setup(ui, &places)?,
        EncryptionCommand::Show => show(ui, &places)?,
        EncryptionCommand::Accept(args) => accept(ui, &places, args)?,
        EncryptionCommand::Forget(args) => forget(ui, &places.sender_keys(), args)?,
    }
    Ok(Exit::Success)
}

fn setup(ui: Ui, places: &KeyPlaces) -> Result<(), CommandError> {
    let made = places.make_own_keys().map_err(explain)?;
    let (event, words) = match made {
        Made::Keys => ("made", "Made keys and a did.json."),
        Made::Document => (
            "document-made",
            "Made the did.json of the keys that are there.",
        ),
        Made::Nothing => ("there", "Keys and did.json are there already."),
    };
    ui.json(&own_json(event, places)?)?;
    ui.line(words)?;
    show_own(ui, places)?;
    if made == Made::Keys {
        ui.line(
            "Keep a copy of the secret keys: what is encrypted for them opens with no others.",
        )?;
    }
    Ok(())
}

fn show(ui: Ui, places: &KeyPlaces) -> Result<(), CommandError> {
    ui.json(&own_json("own", places)?)?;
    show_own(ui, places)?;
    let senders = places.sender_keys().all()?;
    if senders.is_empty() {
        ui.line("No sender has sent an encrypted request yet.")?;
    }
    for PinnedSender { email, key, since } in senders {
        ui.json(&json!({
            "event": "sender",
            "email": email.as_str(),
            "fingerprint": key.to_string(),
            "since": since.to_string(),
        }))?;
        ui.line(&format!("{email}  {key}  since {since}"))?;
    }
    Ok(())
}

fn own_json(event: &str, places: &KeyPlaces) -> Result<Value, CommandError> {
    let own = places.own_keys().map_err(explain)?;
    Ok(json!({
        "event": event,
        "email": places.owner.as_str(),
        "keys": places.own_keys,
        "did": places.did(),
        "fingerprint": own.map(|own| own.public().identity().to_string()),
    }))
}

fn show_own(ui: Ui, places: &KeyPlaces) -> Result<(), CommandError> {
    let Some(own) = places.own_keys().map_err(explain)? else {
        return Ok(ui.line(&format!(
            "{} has no keys, so that nobody can send encrypted requests. `syft-host encryption \
             setup` makes some.",
            places.owner
        ))?);
    };
    ui.line(&format!("Secret keys  {}", places.own_keys.display()))?;
    ui.line(&format!("Public keys  {}", places.did().display()))?;
    ui.line(&format!("Fingerprint  {}", own.public().identity()))?;
    Ok(())
}

fn accept(ui: Ui, places: &KeyPlaces, args: &AcceptArgs) -> Result<(), CommandError> {
    let email = Datasite::parse(&args.sender)?;
    let key = key_in_tree(places, &email)?;
    let senders = places.sender_keys();
    let known = senders.of(&email)?;
    if let Some(other) = senders
        .all()?
        .into_iter()
        .find(|one| one.key == key && one.email != email)
    {
        let message = format!("the key {key} is known as that of {}", other.email);
        return Err(CommandError::new(message).hint(format!(
            "if it is not theirs: `syft-host encryption forget {}`",
            in_shell(other.email.as_str())
        )));
    }
    agree(ui, args, known.as_ref(), key)?;
    let since = now();
    senders.put(&PinnedSender {
        email: email.clone(),
        key,
        since,
    })?;
    let before = known.map(|known| known.key.to_string());
    ui.json(&json!({
        "event": "accepted",
        "email": email.as_str(),
        "fingerprint": key.to_string(),
        "before": before,
    }))?;
    ui.line(&format!("The key of {email} is {key} from now on."))?;
    Ok(())
}

fn key_in_tree(places: &KeyPlaces, email: &Datasite) -> Result<IdentityKey, CommandError> {
    match read_document(&places.datasites, email) {
        Document::Keys(keys) => Ok(keys.identity()),
        Document::Missing => {
            let message = format!("there is no did.json of {email} here");
            Err(CommandError::new(message).hint(
                "wait until SyftBox has synced it; whoever sends encrypted requests publishes one",
            ))
        }
        Document::Bad(why) => Err(CommandError::new(format!(
            "the did.json of {email} is of no use: {why}"
        ))
        .hint("ask its owner to publish another")),
    }
}

/// Makes sure that the owner has compared the key.
fn agree(
    ui: Ui,
    args: &AcceptArgs,
    known: Option<&PinnedSender>,
    key: IdentityKey,
) -> Result<(), CommandError> {
    if let Some(given) = &args.fingerprint {
        if *given == key.to_string() {
            return Ok(());
        }
        let message = format!("the key in the did.json of {} is {key}", args.sender);
        return Err(CommandError::new(message).hint(
            "ask the sender for their fingerprint: `syft-host encryption show` shows it to them",
        ));
    }
    if !ui.can_ask() {
        return Err(CommandError::new("nobody is there to be asked").hint(
            "say which key it is: --fingerprint SHA256:…, as the sender told you by another way",
        ));
    }
    if let Some(known) = known {
        ui.status(&format!("Known  {}  since {}", known.key, known.since));
    }
    ui.status(&format!("Now    {key}"));
    consent::ask(
        ui,
        "Is this the key of the sender? [y]es, [n]o:",
        "Not accepted.",
    )
}

fn forget(ui: Ui, senders: &SenderKeys, args: &ForgetArgs) -> Result<(), CommandError> {
    let email = Datasite::parse(&args.sender)?;
    if !senders.forget(&email)? {
        return Err(CommandError::new(format!("no key of {email} is known"))
            .hint("`syft-host encryption show` lists those that are"));
    }
    ui.json(&json!({"event": "forgotten", "email": email.as_str()}))?;
    ui.line(&format!(
        "The key of {email} is forgotten: that in the next encrypted request is kept."
    ))?;
    Ok(())
}

fn explain(error: OwnKeysError) -> CommandError {
    let hint = match &error {
        OwnKeysError::KeysMissing { .. } | OwnKeysError::Disagree { .. } => Some(
            "put the secret keys there from where they were made; or delete that did.json and run \
             `syft-host encryption setup`: what was encrypted before does not open then",
        ),
        OwnKeysError::Conflict(_) => {
            Some("keep the one with the fingerprint of your keys, and delete the other")
        }
        OwnKeysError::Keys { .. } => Some("put back a copy of it"),
        OwnKeysError::Io { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            Some("take the right to write there from others: `chmod go-w` on the folder")
        }
        OwnKeysError::Io { .. } | OwnKeysError::Random(_) => None,
    };
    let error = CommandError::new(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
