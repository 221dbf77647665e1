//! Watchers, and what they heard.

use serde_json::{Value, json};
use syft_guest::EventKind;
use syft_guest::prelude::*;

/// Answers all that was heard, in its order.
#[on_request("/heard")]
pub fn heard() -> Result<Vec<Value>, Error> {
    Ok(state::get("heard")?.unwrap_or_default())
}

#[watch(
    ["{datasite}/watched/*.txt", "!{datasite}/watched/not.txt"],
    events(created, modified, moved, deleted)
)]
pub fn on_text(event: FileEvent) -> Result<(), Error> {
    let content = match event.kind {
        EventKind::Deleted => None,
        _ => Some(event.read_to_string()?),
    };
    hear(json!({
        "by": "on_text",
        "kind": format!("{:?}", event.kind),
        "path": event.path(),
        "moved_from": event.moved_from,
        "content": content,
        "attempt": event.attempt,
    }))
}

/// Fails at its first attempt.
#[watch("{datasite}/watched/*.{json,yaml}", events(created))]
pub async fn on_json(event: FileEvent) -> Result<(), Error> {
    syft_guest::time::sleep(std::time::Duration::from_millis(1)).await;
    hear(json!({"by": "on_json", "attempt": event.attempt}))?;
    if event.attempt == 1 {
        return Err(Error::failed("not at the first attempt"));
    }
    Ok(())
}

fn hear(what: Value) -> Result<(), Error> {
    state::update("heard", |heard: Option<Vec<Value>>| {
        let mut heard = heard.unwrap_or_default();
        heard.push(what);
        heard
    })?;
    Ok(())
}
