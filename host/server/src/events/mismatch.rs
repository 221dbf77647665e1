//! Warnings of watches by which the app will hear of less than it expects.

use std::path::Path;
use std::sync::Arc;

use syft_protocol::grant::PathPattern;

use super::scope::Coverage;
use crate::app::{App, Watch};
use crate::subscriptions::Subscriptions;

/// Warns of watches that match no file that the app may read.
pub(super) fn warn_of_unreadable(app: &App) {
    for watch in app.watches().all() {
        let policy = Arc::clone(app.files().policy());
        let coverage = Coverage::new(vec![watch.globs.clone()], policy);
        if !coverage.may_cover_any() {
            let patterns = watch.patterns.join(", ");
            let hint = hint_to_read(app, watch);
            tracing::warn!(
                patterns,
                hint,
                "the app may read none of the files it watches"
            );
        }
    }
}

/// Warns of watches that are for files of others which SyftBox's client does not sync.
pub(super) fn warn_of_unsynced(app: &App, datasites: &Path) {
    let subscriptions = Subscriptions::find(datasites, app.datasite());
    let own = app.datasite().as_str();
    for watch in app.watches().all() {
        let of_others = watch.globs.each().filter(|glob| {
            let start = glob.literal_start();
            start.first() != Some(&own) && app.files().policy().may_read_of_others(own)
        });
        let mut missing = of_others.filter_map(|glob| match glob.literal_start().as_slice() {
            [] => subscriptions.missing_of_others("**"),
            start => subscriptions.missing(&[start, &["any"]].concat(), "**"),
        });
        if let Some(missing) = missing.next() {
            let patterns = watch.patterns.join(", ");
            tracing::warn!(
                patterns,
                hint = missing,
                "SyftBox's client does not sync files of others that the app watches"
            );
        }
    }
}

/// Returns the manifest line that would allow an app to read what a watch matches.
fn hint_to_read(app: &App, watch: &Watch) -> Option<String> {
    let example = watch.globs.examples().next()?;
    let example: Vec<&str> = example.iter().map(String::as_str).collect();
    // Patterns that no grant can say are part of all files.
    let first = watch.patterns.iter().find(|text| !text.starts_with('!'))?;
    let granted = if first.contains('/') {
        first.trim_start_matches('/').to_owned()
    } else {
        format!("**/{first}")
    };
    let pattern = PathPattern::parse(&granted).or_else(|_| PathPattern::parse("**"));
    app.files()
        .hint_to_read(&pattern.ok()?, &example, app.advice())
}
