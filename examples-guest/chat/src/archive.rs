//! The messages that were seen, in the state: one under each path.

use syft_guest::prelude::*;
use syft_guest::state::StateError;

use crate::message::Shown;

/// The oldest go when there are more.
pub const MAX_MESSAGES: usize = 1000;

const PREFIX: &str = "message/";

/// Returns the last `n` messages, the oldest first.
pub fn last(n: usize) -> Result<Vec<Shown>, StateError> {
    let all = all()?.into_iter().map(|(_, message)| message);
    let all: Vec<Shown> = all.collect();
    let n_before = all.len().saturating_sub(n);
    Ok(all.into_iter().skip(n_before).collect())
}

/// Keeps the message of this path. One that was seen before keeps its time.
pub fn keep(path: &str, from: &str, text: String, now: i64) -> Result<(), StateError> {
    let key = key(path);
    let old: Option<Shown> = state::get(&key)?;
    let message = Shown {
        from: from.to_owned(),
        text,
        seen: old.map_or(now, |old| old.seen),
    };
    state::set(&key, &message)?;
    forget_oldest()
}

/// Forgets the message of this path.
pub fn forget(path: &str) -> Result<(), StateError> {
    state::delete(&key(path))
}

fn forget_oldest() -> Result<(), StateError> {
    let n = state::keys(PREFIX)?.len();
    if n <= MAX_MESSAGES {
        return Ok(());
    }
    let oldest = all()?.into_iter().take(n - MAX_MESSAGES);
    let keys: Vec<String> = oldest.map(|(key, _)| key).collect();
    state::delete_many(&keys)
}

/// Returns all keys and messages, the oldest first.
fn all() -> Result<Vec<(String, Shown)>, StateError> {
    let keys = state::keys(PREFIX)?;
    let messages: Vec<Option<Shown>> = state::get_many(&keys)?;
    let messages = keys.into_iter().zip(messages);
    let mut messages: Vec<_> = messages
        .filter_map(|(key, message)| Some((key, message?)))
        .collect();
    messages.sort_by(|(a_key, a), (b_key, b)| (a.seen, a_key).cmp(&(b.seen, b_key)));
    Ok(messages)
}

fn key(path: &str) -> String {
    [PREFIX, path].concat()
}
