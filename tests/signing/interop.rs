//! Agreement with foreign tools: `wasmsign2` of crates.io, and OpenSSH's `ssh-keygen`.
//!
//! Building the first takes minutes where it is not there yet, so these run by `just interop`
//! and in CI.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use super::{component, content, read, run, write};
use crate::support::host::output;
use crate::support::site::Site;
use crate::support::tools::install;
use crate::support::{not_run, tell_not_run};

/// Returns the tool, which is built if it is not there; or says past the capturing of
/// output why the test did not run.
pub fn wasmsign2() -> Option<&'static Path> {
    static TOOL: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| install("wasmsign2-cli", "wasmsign2"));
    match &*TOOL {
        Ok(tool) => Some(tool),
        Err(error) => {
            not_run(&format!("wasmsign2 does not build: {error}"));
            None
        }
    }
}

/// Runs the tool with keys of OpenSSH.
fn foreign(site: &Site, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(wasmsign2()?);
    Some(output(command.args(arguments).current_dir(site.path())))
}

fn says_yes(site: &Site, arguments: &[&str]) {
    let ended = foreign(site, arguments).expect("the tool was there before");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{arguments:?}: {said}");
}

/// Makes an app and the keys of two people.
fn site() -> Option<Site> {
    wasmsign2()?;
    let site = Site::new();
    write(&site, "app.wasm", component(&content()));
    for name in ["alice", "bob"] {
        run(&site, &["keygen", "--no-passphrase", "-o", name]).succeeded();
    }
    Some(site)
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn what_we_sign_is_valid_for_wasmsign2() {
    let Some(site) = site() else { return };
    run(
        &site,
        &["sign", "app.wasm", "-o", "signed.wasm", "--key", "alice"],
    )
    .succeeded();
    says_yes(
        &site,
        &["verify", "-Z", "-K", "alice.pub", "-i", "signed.wasm"],
    );
    let other = ["verify", "-Z", "-K", "bob.pub", "-i", "signed.wasm"];
    assert!(!foreign(&site, &other).unwrap().status.success());
    run(&site, &["sign", "signed.wasm", "--key", "bob"]).succeeded();
    for key in ["alice.pub", "bob.pub"] {
        says_yes(&site, &["verify", "-Z", "-K", key, "-i", "signed.wasm"]);
    }
    let detach = [
        "detach",
        "-i",
        "signed.wasm",
        "-o",
        "stripped.wasm",
        "-S",
        "signature",
    ];
    says_yes(&site, &detach);
    assert_eq!(read(&site, "stripped.wasm"), component(&content()));
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn what_wasmsign2_signs_is_valid_for_us() {
    let Some(site) = site() else { return };
    let sign = [
        "sign",
        "-Z",
        "-k",
        "alice",
        "-i",
        "app.wasm",
        "-o",
        "signed.wasm",
    ];
    for naming in [&[][..], &["-K", "alice.pub"]] {
        says_yes(&site, &[&sign[..], naming].concat());
        run(&site, &["verify", "signed.wasm", "--key", "alice.pub"]).succeeded();
        let other = run(&site, &["verify", "signed.wasm", "--key", "bob.pub"]);
        assert!(
            other.stderr.contains("is not signed by SHA256:"),
            "{}",
            other.stderr
        );
        let nameless = run(&site, &["verify", "signed.wasm"]);
        assert!(
            nameless.stderr.contains("do not say whose they are"),
            "{}",
            nameless.stderr
        );
    }
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn both_sign_the_same_app_in_either_order() {
    let Some(site) = site() else { return };
    let theirs = |from: &str, to: &str| {
        says_yes(
            &site,
            &[
                "sign", "-Z", "-k", "bob", "-K", "bob.pub", "-i", from, "-o", to,
            ],
        );
    };
    theirs("app.wasm", "first.wasm");
    run(&site, &["sign", "first.wasm", "--key", "alice"]).succeeded();
    run(
        &site,
        &["sign", "app.wasm", "-o", "second.wasm", "--key", "alice"],
    )
    .succeeded();
    theirs("second.wasm", "second.wasm");
    for app in ["first.wasm", "second.wasm"] {
        run(
            &site,
            &["verify", app, "--key", "alice.pub", "--key", "bob.pub"],
        )
        .succeeded();
        for key in ["alice.pub", "bob.pub"] {
            says_yes(&site, &["verify", "-Z", "-K", key, "-i", app]);
        }
    }
}

/// Whoever signed it: what is divided can be signed in parts.
#[test]
#[ignore = "builds a foreign tool: just interop"]
fn signatures_for_parts_are_refused() {
    let Some(site) = site() else { return };
    says_yes(&site, &["split", "-i", "app.wasm", "-o", "split.wasm"]);
    says_yes(
        &site,
        &[
            "sign",
            "-Z",
            "-k",
            "alice",
            "-i",
            "split.wasm",
            "-o",
            "split.wasm",
        ],
    );
    let refused = run(&site, &["verify", "split.wasm", "--key", "alice.pub"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("signature_delimiter"),
        "{}",
        refused.stderr
    );
}

#[test]
#[ignore = "wants ssh-keygen: just interop"]
fn ssh_keygen_reads_our_keys() {
    let site = Site::new();
    let secret = write(&site, "passphrase", "open, sesame\n");
    let keygen = [
        "keygen",
        "-o",
        "key",
        "--passphrase-file",
        &secret,
        "--json",
    ];
    let made = run(&site, &keygen).succeeded();
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let ssh_keygen = |arguments: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command.args(arguments).current_dir(site.path());
        let ended = command.output().ok()?;
        assert!(ended.status.success(), "{ended:?}");
        Some(String::from_utf8(ended.stdout).unwrap())
    };
    let Some(listed) = ssh_keygen(&["-l", "-f", "key.pub"]) else {
        return tell_not_run("there is no ssh-keygen");
    };
    assert!(
        listed.contains(made["fingerprint"].as_str().unwrap()),
        "{listed}"
    );
    let public = ssh_keygen(&["-y", "-P", "open, sesame", "-f", "key"]).unwrap();
    assert_eq!(public.trim_end(), made["public_key"].as_str().unwrap());
}
