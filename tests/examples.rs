//! The apps of `examples-guest`, built by `syft-host build` and called as different
//! senders.

mod broadcast;
mod chat;
mod counter;
mod crud;
mod daily_digest;
mod file_share;
mod javascript;
mod leaderboard;
mod pingpong;
mod python_inbox;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Answer, Sent, call, request};
use crate::support::guests::repository;
use crate::support::host::{Host, output, output_of_build, syft_host};
use crate::support::site::{OWNER, Site};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const CAROL: &str = "carol@example.com";

const EXAMPLES: [&str; 10] = [
    "hello",
    "broadcast",
    "counter",
    "pingpong",
    "pingpong-player",
    "crud",
    "daily-digest",
    "chat",
    "leaderboard",
    "file-share",
];

/// Returns an example as its author would publish it.
fn built(name: &str) -> PathBuf {
    static BUILT: LazyLock<BTreeMap<&str, PathBuf>> = LazyLock::new(|| {
        EXAMPLES
            .into_iter()
            .map(|name| (name, build(name)))
            .collect()
    });
    BUILT[name].clone()
}

fn build(name: &str) -> PathBuf {
    let site = Site::new();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("example-{name}.wasm"));
    let mut command = syft_host(&site);
    command.arg("build").arg(folder_of(name));
    command.args(["--allow-native-build", "-o"]);
    let output = output_of_build(command.arg(&path));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {stderr}");
    assert!(!stderr.contains("warning:"), "{name}: {stderr}");
    path
}

fn folder_of(name: &str) -> PathBuf {
    repository().join("examples-guest").join(name)
}

fn start(site: &Site, name: &str) -> Host {
    Host::start(site, &built(name), &["--allow-all-requested"])
}

/// Starts an example for another owner in the tree of a site. It has a home of its own.
fn start_of(tree: &Site, owner: &str, name: &str) -> (Site, Host) {
    let home = Site::new();
    let mut command = syft_host(&home);
    command.arg("run").arg(built(name));
    command.args(["--allow-all-requested", "--email", owner, "--data-dir"]);
    command.arg(tree.data_dir());
    let host = Host::spawn(&home, command);
    (home, host)
}

/// Calls from the sender's own folder, where only they can write.
fn call_as(host: &Host, sender: &str, endpoint: &str, body: &Value) -> Answer {
    let id = Uuid::new_v4();
    let body = body.to_string();
    let mut request = request(id, sender, endpoint, Some(body.as_bytes()));
    let of = |key: &str| host.ready[key].as_str().unwrap();
    let (datasite, app) = (of("datasite"), of("app"));
    request["url"] = json!(format!("syft://{datasite}/app_data/{app}/rpc/{endpoint}"));
    let folder = host.rpc.join(endpoint).join(sender);
    Sent::write(&folder, id, request.to_string().as_bytes()).answer()
}

/// Calls with a name that anybody could have written.
fn call_claiming(host: &Host, sender: &str, endpoint: &str, body: &Value) -> Answer {
    send(&host.rpc.join(endpoint), sender, endpoint, body)
}

fn send(folder: &Path, sender: &str, endpoint: &str, body: &Value) -> Answer {
    let id = Uuid::new_v4();
    let body = body.to_string();
    let request = request(id, sender, endpoint, Some(body.as_bytes()));
    Sent::write(folder, id, request.to_string().as_bytes()).answer()
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Writes a file below the datasites folder.
fn plant(site: &Site, path: &str, content: &str) {
    let path = site.datasites().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Returns all that is in the tree, but for requests and answers.
fn tree(site: &Site) -> BTreeMap<String, String> {
    walkdir::WalkDir::new(site.datasites())
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "rpc")
        .map(Result::unwrap)
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| {
            let path = entry.path().strip_prefix(site.datasites()).unwrap();
            let content = fs::read(entry.path()).unwrap_or_default();
            let content = String::from_utf8_lossy(&content).into_owned();
            (path.to_str().unwrap().to_owned(), content)
        })
        .collect()
}

#[test]
fn hello_greets_and_asks_for_nothing() {
    let site = Site::new();
    let host = Host::start(&site, &built("hello"), &[]);
    assert_eq!(host.ready["app"], "hello");
    assert_eq!(
        call(&host.rpc, "hello", r#"{"name":"Ada"}"#).text(),
        "Hello, Ada!"
    );
    let answer = call(&host.rpc, "calculate", r#"{"a":2,"b":3}"#);
    assert_eq!(json_of(&answer), 5);
}

/// Their authors run them so, without a host.
#[test]
fn native_tests_of_the_examples_pass() {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--workspace", "--locked"])
        .current_dir(repository().join("examples-guest"))
        .env_remove("CARGO_TARGET_DIR");
    let output = output_of_build(&mut command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("test result: ok."), "{stdout}");
}

/// As the examples' README files say.
#[test]
fn examples_run_from_their_folders() {
    for (name, endpoint) in [("leaderboard", "ranking"), ("file-share", "list")] {
        let site = Site::new();
        plant(&site, &format!("{OWNER}/shared/a.txt"), "a");
        let mut command = syft_host(&site);
        command.arg("run").arg(folder_of(name));
        command.args([
            "--allow-native-build",
            "--allow-all-requested",
            "--email",
            OWNER,
            "--data-dir",
        ]);
        command.arg(site.data_dir());
        let host = Host::spawn(&site, command);
        assert_eq!(host.ready["app"], name);
        assert_eq!(call_as(&host, OWNER, endpoint, &json!({})).status(), 200);
    }
}

#[test]
fn no_example_runs_without_a_word_of_its_owner() {
    for (name, hint) in [
        ("leaderboard", "--allow-read"),
        ("file-share", "--allow-all-requested"),
    ] {
        let site = Site::new();
        let mut command = syft_host(&site);
        command.arg("run").arg(built(name));
        command.args(["--email", OWNER, "--data-dir"]);
        let output = output(command.arg(site.data_dir()));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(hint), "{stderr}");
        assert!(!site.datasites().join(OWNER).exists());
    }
}
