//! All of `state`, against the host.

use serde_json::{Value, json};
use syft_guest::prelude::*;
use syft_guest::state::StateError;

/// Answers what each function returned.
#[on_request("/state")]
pub fn state_all() -> Result<Value, Error> {
    let before = state::get::<Value>("a")?;
    state::set("a", &json!({"n": 1}))?;
    let got = state::get::<Value>("a")?;
    let bytes = state::get_bytes("a")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let incremented = [state::increment("n", 5)?, state::increment("n", -7)?];
    let updated = state::update("list", |list: Option<Vec<i64>>| {
        let mut list = list.unwrap_or_default();
        list.push(1);
        list
    })?;
    state::set_many(&[("m/1", "one"), ("m/2", "two"), ("m/3", "three")])?;
    let many = state::get_many::<String>(&["m/2", "m/4", "m/1"])?;
    state::delete_many(&["m/1", "m/4"])?;
    state::set_bytes("raw", [0, 255])?;
    let raw = state::get_bytes("raw")?;
    let keys = state::keys("m/")?;
    state::delete("a")?;
    let misfit = match state::get::<i64>("list") {
        Err(error @ StateError::Unfit { .. }) => error.to_string(),
        other => format!("{other:?}"),
    };
    // The longest key and the largest value, as the SDK's native state has it.
    state::set(&"k".repeat(1024), &1)?;
    state::set_bytes("large", vec![b'v'; 1 << 20])?;
    let refused = [
        state::set(&"k".repeat(1025), &1),
        state::set_bytes("large", vec![b'v'; (1 << 20) + 1]),
        state::increment("raw", 1).map(drop),
    ];
    Ok(json!({
        "before": before,
        "got": got,
        "bytes": bytes,
        "incremented": incremented,
        "updated": updated,
        "many": many,
        "raw": raw,
        "keys": keys,
        "exists": [state::exists("a")?, state::exists("n")?],
        "misfit": misfit,
        "refused": refused.map(|result| matches!(result, Err(StateError::Refused { .. }))),
    }))
}

/// Writes so many keys, and answers how many there are.
#[on_request("/paged")]
pub fn paged(n: usize) -> Result<usize, Error> {
    let entries: Vec<_> = (0..n).map(|n| (format!("paged/{n}"), n)).collect();
    state::set_many(&entries)?;
    Ok(state::keys("paged/")?.len())
}

/// Takes the turn if it is somebody's.
#[on_request("/swap")]
pub fn swap(from: Option<String>, to: String) -> Result<bool, Error> {
    Ok(state::compare_and_swap("turn", from.as_ref(), &to)?)
}
