//! Handlers and watchers that `app!` does not list, so that nothing calls them.
//!
//! The SDK leaves a mark of each in a custom section, and what `app!` lists in another.

use std::collections::BTreeSet;

use syft_manifest::component::{ComponentError, custom_in_modules};
use syft_manifest::sanitize::plain_excerpt;

use crate::ui::Ui;

/// What there is, and what is listed.
const HANDLERS: &str = "syft:handlers";
const LISTED: &str = "syft:listed";

/// The most that are named.
const MAX_SHOWN: usize = 20;
const MAX_CHARS: usize = 200;

/// A handler or a watcher that nothing calls.
#[derive(Debug, PartialEq)]
struct Forgotten {
    /// Its path in the crate.
    name: String,
    /// Its file and line.
    place: String,
}

/// Says which handlers and watchers of a crate nothing calls.
///
/// # Errors
/// It is no component.
pub(super) fn tell_forgotten(
    ui: Ui,
    component: &[u8],
    library: &str,
) -> Result<(), ComponentError> {
    let (forgotten, has_list) = forgotten(component, library)?;
    if forgotten.is_empty() {
        return Ok(());
    }
    ui.status("note: `app!` does not list these, so nothing calls them:");
    for Forgotten { name, place } in forgotten.iter().take(MAX_SHOWN) {
        ui.status(&format!("  {name} ({place})"));
    }
    let names: Vec<&str> = forgotten
        .iter()
        .take(MAX_SHOWN)
        .map(|forgotten| forgotten.name.as_str())
        .collect();
    let others = if has_list { "…, " } else { "" };
    ui.status(&format!(
        "hint: add what is to be called: syft_guest::app!({others}{})",
        names.join(", ")
    ));
    Ok(())
}

/// Finds them among those of the crate itself: what a library brings along may be for others.
/// Tells as well whether there is a list at all.
fn forgotten(component: &[u8], library: &str) -> Result<(Vec<Forgotten>, bool), ComponentError> {
    let lines = |name| -> Result<BTreeSet<String>, ComponentError> {
        let sections = custom_in_modules(component, name)?;
        let text = String::from_utf8_lossy(&sections.concat()).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let listed = lines(LISTED)?;
    let of_crate = format!("{}::", library.replace('-', "_"));
    let missing = lines(HANDLERS)?
        .into_iter()
        .filter(|it| !listed.contains(it));
    let missing = missing.filter_map(|line| {
        let (name, place) = line.strip_prefix(&of_crate)?.split_once(' ')?;
        Some(Forgotten {
            name: plain_excerpt(name, MAX_CHARS),
            place: plain_excerpt(place, MAX_CHARS),
        })
    });
    Ok((missing.collect(), !listed.is_empty()))
}
