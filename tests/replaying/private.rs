//! What is private is marked, and secrets are in no recording.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{assert_same, command, read, recorded, start_recorded, wait_for_kept};
use crate::support::apps::with_manifest;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Ended;
use crate::support::site::Site;

const SECRET: &str = "s3cret-value";

#[test]
fn only_the_owner_reads_it_and_it_says_what_is_private() {
    let (site, file) = recorded();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert!(!file.starts_with(site.data_dir()));
    let text = fs::read_to_string(&file).unwrap();
    let top: String = text.lines().take(4).collect();
    assert!(top.contains("holds private data"), "{top}");
    let private = read(&file)["private"].to_string();
    for part in ["request", "files", "seed", "state", "secrets"] {
        assert!(private.contains(part), "{private}");
    }
}

#[test]
fn secrets_are_named_and_not_in_it() {
    let site = Site::new();
    let typed = site.path().join("typed");
    fs::write(&typed, SECRET).unwrap();
    let mut set = command(&site, &["secret", "set", "app", "PASSWORD"]);
    set.stdin(fs::File::open(&typed).unwrap());
    Ended::of(&set.output().unwrap()).succeeded();
    fs::remove_file(&typed).unwrap();
    let manifest = "[app]\nname = 'app'\n[secrets.PASSWORD]\n";
    let component = with_manifest(&site, &guest("probe"), manifest);
    let host = start_recorded(&site, &component, &["--allow-all-requested"]);
    let answer = call(&host.rpc, "env", "{}").text();
    assert!(answer.contains(SECRET), "the app has it: {answer}");
    let file = wait_for_kept(&site, 1);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let recording = read(&file);
    assert_eq!(
        recording["given"]["secrets"],
        serde_json::json!(["PASSWORD"])
    );
    let body = recording["end"]["answer"]["body"].as_str().unwrap();
    assert_eq!(body, answer.replace(SECRET, "[secret PASSWORD]"));
    // The words in its place are what the app gets.
    assert_same(&site, &file, &[]);
}
