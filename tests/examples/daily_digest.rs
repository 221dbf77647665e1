use serde_json::json;

use super::{built, call_as, json_of, plant};
use crate::support::apps::with_manifest;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// As its own manifest, with a morning each second.
const MANIFEST: &str = "[app]\nname = 'daily-digest'\n\
    [files]\nread = ['*/public/notes/**']\n\
    [messages]\nsend = ['*/app_data/daily-digest/rpc/deliver']\n\
    [schedules.digest]\nevery = '1s'\n";

#[test]
fn what_is_new_reaches_the_readers_once_it_is_morning() {
    let site = Site::new();
    plant(&site, &format!("{OWNER}/public/notes/old.md"), "old");
    let app = with_manifest(&site, &built("daily-digest"), MANIFEST);
    let host = Host::start(&site, &app, &["--allow-all-requested"]);
    let subscribed = call_as(&host, OWNER, "subscribe", &json!({}));
    assert_eq!(json_of(&subscribed), 1);
    let note = format!("{OWNER}/public/notes/new.md");
    plant(&site, &note, "new");
    let read = |from: Option<&str>| json_of(&call_as(&host, OWNER, "read", &json!({"from": from})));
    let expected = json!({"notes": [note]});
    for from in [None, Some(OWNER)] {
        wait_for("the digest", || (read(from) == expected).then_some(()));
    }
}
