//! Whether there is what is called, as far as this machine knows. Nobody answers a name that was
//! mistyped, and waiting for that says nothing. Nothing is made for it either: what has a folder
//! here counts as known from then on.

use syft_manifest::sanitize::plain_excerpt;
use syft_protocol::address::{AppName, Datasite};

use super::super::target::Target;
use crate::error::CommandError;
use crate::typos::meant;
use syft_server::published::PublishedApps;

/// Names that are shown of what there is.
const MAX_SHOWN: usize = 8;
/// As long as those that people type.
const MAX_CHARS: usize = 60;

pub(super) const GO_ON: &str = "to call it all the same: --no-check";

/// What is not known of a call that is made.
#[derive(Debug, PartialEq)]
pub(super) enum Unknown {
    /// The datasite has no folder on this machine.
    Datasite,
    /// The app has none.
    App,
    /// Nothing.
    Nothing,
}

/// Makes sure that nothing is mistyped. What is not on this machine may be on another. An app that
/// is installed has no folder before it is served.
pub(super) fn check(
    target: &Target,
    owner: &Datasite,
    published: &PublishedApps,
    installed: &[AppName],
) -> Result<Unknown, CommandError> {
    let Target { datasite, app, .. } = target;
    let is_own = datasite == owner;
    if !is_own && !published.has_datasite(datasite) {
        let datasites = published.datasites();
        let names = datasites
            .iter()
            .map(Datasite::as_str)
            .chain([owner.as_str()]);
        let Some(meant) = meant(datasite.as_str(), names) else {
            return Ok(Unknown::Datasite);
        };
        let error = CommandError::new(format!("the datasite {datasite} is not on this machine"));
        return Err(error.hint(format!("did you mean {meant}?")).hint(GO_ON));
    }
    let mut apps = published.apps(datasite);
    if is_own {
        apps.extend(installed.iter().cloned());
    }
    if !apps.contains(app) {
        let names = apps.iter().map(AppName::as_str);
        let meant = meant(app.as_str(), names.clone());
        if !is_own && meant.is_none() {
            return Ok(Unknown::App);
        }
        let error = CommandError::new(format!("{datasite} has no app `{app}`"));
        let error = match meant {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None if apps.is_empty() => error.hint("serve one with `syft-host run` or `serve`"),
            None => error.hint(format!("there are {}", some(names))),
        };
        return Err(error.hint(GO_ON));
    }
    check_endpoint(target, owner, published)
}

fn check_endpoint(
    target: &Target,
    owner: &Datasite,
    published: &PublishedApps,
) -> Result<Unknown, CommandError> {
    // What cannot be read, or is not there, says nothing of what the app answers.
    let Ok(Some(entries)) = published.schema(&target.datasite, &target.app) else {
        return Ok(Unknown::Nothing);
    };
    let wanted = target.endpoint();
    if entries.iter().any(|entry| entry.endpoint == wanted) {
        return Ok(Unknown::Nothing);
    }
    let names: Vec<String> = entries
        .iter()
        .map(|entry| entry.endpoint.to_string())
        .collect();
    let names = names.iter().map(String::as_str);
    let app = &target.app;
    let error = match target.endpoint {
        None => CommandError::new(format!("no endpoint of `{app}` is named")),
        Some(_) => CommandError::new(format!("`{app}` has no endpoint {wanted}")),
    };
    let meant = meant(&wanted.to_string(), names.clone());
    let meant = meant.and_then(|name| entries.iter().find(|it| it.endpoint.to_string() == name));
    let error = match meant {
        Some(meant) => {
            let name = target.name_of(&meant.endpoint, owner);
            error.hint(format!("did you mean `{name}`?"))
        }
        None if entries.is_empty() => error.hint("it has none at all"),
        None => error.hint(format!("there are {}", some(names))),
    };
    Err(error.hint(GO_ON))
}

/// Returns the first names in words.
fn some<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let shown: Vec<String> = names
        .clone()
        .take(MAX_SHOWN)
        .map(|name| format!("`{}`", plain_excerpt(name, MAX_CHARS)))
        .collect();
    let more = names.count() - shown.len();
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
