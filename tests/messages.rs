//! Messages of guests: they go where the owner allowed and nowhere else, in the owner's name,
//! and are bounded.

mod attacks;
mod carrying;
mod encrypted;
mod granting;
mod kills;
mod local;
mod talking;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::apps::with_manifest;
use crate::support::client::{Sent, call, request};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const BOB: &str = "bob@example.com";

/// What the guest asks for: to send to its like, whoever serves it.
const SEND: &str = "[messages]\nsend = ['*/app_data/echo/rpc/**']\n";

/// Starts the guest that sends what it is told, as the owner, with all that it asks for.
fn start(site: &Site, options: &[&str]) -> Host {
    start_with(site, SEND, &[&["--allow-all-requested"], options].concat())
}

fn start_with(site: &Site, manifest: &str, options: &[&str]) -> Host {
    let app = with_manifest(site, &guest("messenger"), manifest);
    Host::start(site, &app, &[&["--name", "app"], options].concat())
}

/// Starts the guest as `echo` of Bob, in the tree of a site. It has a home of its own.
fn start_echo(tree: &Site) -> (Site, Host) {
    let home = Site::new();
    let mut command = syft_host(&home);
    command.arg("run").arg(guest("messenger"));
    command.args(["--name", "echo", "--email", BOB, "--data-dir"]);
    let host = Host::spawn(&home, {
        command.arg(tree.data_dir());
        command
    });
    (home, host)
}

fn url_of(whose: &str, endpoint: &str) -> String {
    format!("syft://{whose}/app_data/echo/rpc/{endpoint}")
}

/// Has the guest do something, and returns what came of it.
fn ask(host: &Host, endpoint: &str, body: &Value) -> Value {
    let answer = call(&host.rpc, endpoint, &body.to_string());
    assert_eq!(answer.status(), 200, "{endpoint} {body}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Sends a message, and returns its id, or its error.
fn send(host: &Host, message: &Value) -> Value {
    let answers = ask(host, "send", &json!({"messages": [message]}));
    answers[0].clone()
}

/// Returns where requests of the owner to an endpoint of Bob's lie.
fn outbox(site: &Site, endpoint: &str) -> PathBuf {
    let rpc = site.datasites().join(BOB).join("app_data/echo/rpc");
    rpc.join(endpoint).join(OWNER)
}

/// Returns the requests in a folder.
fn requests_in(folder: &Path) -> Vec<Value> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "request"));
    let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
    paths.filter_map(read).collect()
}

/// Writes a request of somebody into their own folder.
fn send_as(host: &Host, sender: &str, endpoint: &str, body: &Value) -> Sent {
    let id = uuid::Uuid::new_v4();
    let body = body.to_string();
    let request = request(id, sender, endpoint, Some(body.as_bytes()));
    let folder = host.rpc.join(endpoint).join(sender);
    Sent::write(&folder, id, request.to_string().as_bytes())
}
