//! Keys to sign with: our own, those of OpenSSH and those of SyftBox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{component, content, read, run, write};
use crate::python;
use crate::python::venv;
use crate::support::guests::repository;
use crate::support::host::{output, syft_host};
use crate::support::site::{CALLER, Site};

const PASSPHRASE: &str = "open, sesame";

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_key_is_encrypted_and_nobody_elses_to_read() {
    let site = Site::new();
    let secret = write(&site, "passphrase", format!("{PASSPHRASE}\n"));
    let made = run(&site, &["keygen", "--passphrase-file", &secret, "--json"]).succeeded();
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["encrypted"], true);
    let path = made["path"].as_str().unwrap();
    assert_eq!(
        Path::new(path),
        site.path().join(".config/syft-host/keys/signing")
    );
    assert_eq!(mode(path.as_ref()), 0o600);
    assert_eq!(mode(Path::new(path).parent().unwrap()), 0o700);
    let text = fs::read_to_string(path).unwrap();
    assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    assert_eq!(public.trim_end(), made["public_key"].as_str().unwrap());

    let app = write(&site, "app.wasm", component(&content()));
    let asked = run(&site, &["sign", &app, "--key", path]);
    assert_eq!(asked.code, Some(2));
    for expected in [
        "a passphrase is needed, and there is no terminal to ask on\n",
        "hint: give --passphrase-file FILE",
    ] {
        assert!(asked.stderr.contains(expected), "{}", asked.stderr);
    }
    let wrong = write(&site, "wrong", "guess\n");
    let refused = run(
        &site,
        &["sign", &app, "--key", path, "--passphrase-file", &wrong],
    );
    let expected = "cannot sign with PATH: wrong passphrase for this key\n";
    assert!(
        refused.stderr.contains(&expected.replace("PATH", path)),
        "{}",
        refused.stderr
    );
    assert_eq!(read(&site, &app), component(&content()));
    run(
        &site,
        &["sign", &app, "--key", path, "--passphrase-file", &secret],
    )
    .succeeded();
    let verified = run(&site, &["verify", &app, "--key", &format!("{path}.pub")]).succeeded();
    let fingerprint = made["fingerprint"].as_str().unwrap();
    assert!(verified.stdout.contains(fingerprint), "{}", verified.stdout);
}

#[test]
fn a_key_is_written_once_and_not_into_the_tree() {
    let site = Site::new();
    let here = site.path().join("key");
    let here = here.to_str().unwrap();
    run(&site, &["keygen", "--no-passphrase", "-o", here]).succeeded();
    let before = read(&site, "key");
    let again = run(&site, &["keygen", "--no-passphrase", "-o", here]);
    assert_eq!(again.code, Some(2));
    assert!(
        again
            .stderr
            .contains("key is already there\nhint: give another place"),
        "{}",
        again.stderr
    );
    assert_eq!(read(&site, "key"), before);
    // A public key alone is not overwritten either.
    write(&site, "other.pub", "");
    let other = run(&site, &["keygen", "--no-passphrase", "-o", "other"]);
    assert!(
        other.stderr.contains("other.pub is already there"),
        "{}",
        other.stderr
    );
    assert!(!site.path().join("other").exists());

    let data = site.data_dir();
    let synced = site.datasites().join("key");
    let arguments = [
        "keygen",
        "--no-passphrase",
        "-o",
        synced.to_str().unwrap(),
        "--data-dir",
    ];
    let refused = run(&site, &[&arguments[..], &[data.to_str().unwrap()]].concat());
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("key lies inside the synced folder"),
        "{}",
        refused.stderr
    );
    assert!(!synced.exists());
}

#[test]
fn no_key_is_made_without_a_passphrase_unless_that_is_said() {
    let site = Site::new();
    let empty = write(&site, "empty", "\n");
    for (options, expected) in [
        (
            &[][..],
            "no terminal to ask on\nhint: give --passphrase-file FILE, or --no-passphrase",
        ),
        (
            &["--passphrase-file", &empty],
            "the passphrase is empty\nhint: a key without one",
        ),
    ] {
        let arguments = [&["keygen", "-o", "key"], options].concat();
        let refused = run(&site, &arguments);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
        assert!(!site.path().join("key").exists());
    }
}

/// Runs the program on a terminal, and returns whether it did it and what was to be seen.
pub fn on_terminal(site: &Site, answers: &[&str], arguments: &[&str]) -> Option<(bool, String)> {
    let python = venv::python()?;
    let program = syft_host(site);
    let mut command = Command::new(python);
    command
        .arg(repository().join("tests/python/terminal.py"))
        .arg(serde_json::to_string(answers).unwrap())
        .arg(program.get_program())
        .args(arguments)
        .current_dir(site.path())
        .env_clear()
        .env("HOME", site.path());
    let output = output(&mut command);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), shown))
}

#[test]
fn a_passphrase_is_asked_for_twice_and_not_shown() {
    let site = Site::new();
    let differ = [PASSPHRASE, "another"];
    let Some((made, shown)) = on_terminal(&site, &differ, &["keygen", "-o", "key"]) else {
        return;
    };
    assert!(
        !made && shown.contains("these passphrases differ"),
        "{shown}"
    );
    let same = [PASSPHRASE; 2];
    let (made, shown) = on_terminal(&site, &same, &["keygen", "-o", "key"]).unwrap();
    assert!(made && shown.contains("The same again:"), "{shown}");
    assert!(!shown.contains(PASSPHRASE), "{shown}");

    let app = write(&site, "app.wasm", component(&content()));
    let sign = ["sign", &app, "--key", "key"];
    let (signed, shown) = on_terminal(&site, &["another"], &sign).unwrap();
    assert!(
        !signed && shown.contains("wrong passphrase for this key"),
        "{shown}"
    );
    let (signed, shown) = on_terminal(&site, &[PASSPHRASE], &sign).unwrap();
    assert!(
        signed && shown.contains("Passphrase of key (SHA256:"),
        "{shown}"
    );
    assert!(!shown.contains(PASSPHRASE), "{shown}");
    run(&site, &["verify", &app, "--key", "key.pub"]).succeeded();
}

/// Made for these tests alone: `ssh-keygen -t ed25519`, with and without `-N` and `-Z`.
#[test]
fn keys_of_openssh_sign() {
    let site = Site::new();
    let folder = repository().join("tests/cases/signing_keys");
    let secret = write(&site, "passphrase", PASSPHRASE);
    for name in ["plain", "encrypted", "encrypted_gcm"] {
        let path = folder.join(name);
        let path = path.to_str().unwrap();
        let app = write(&site, "app.wasm", component(&content()));
        run(
            &site,
            &["sign", &app, "--key", path, "--passphrase-file", &secret],
        )
        .succeeded();
        let verified = run(&site, &["verify", &app, "--key", &format!("{path}.pub")]).succeeded();
        let fingerprint = fs::read_to_string(format!("{path}.fingerprint")).unwrap();
        assert!(
            verified.stdout.contains(fingerprint.trim()),
            "{}",
            verified.stdout
        );
    }
    let ecdsa = folder.join("ecdsa");
    let app = write(&site, "app.wasm", component(&content()));
    let refused = run(&site, &["sign", &app, "--key", ecdsa.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
    let expected =
        "ecdsa: this is not an Ed25519 secret key\nhint: give a key of `syft-host keygen`";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn the_identity_of_a_syftbox_user_signs() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let made = output(&mut python::released(python, &site, "identity.py", ""));
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
    let key = String::from_utf8(made.stdout).unwrap();
    let did = site.datasites().join(CALLER).join("public/did.json");
    let app = write(&site, "app.wasm", component(&content()));
    run(&site, &["sign", &app, "--key", key.trim()]).succeeded();
    let verified = run(&site, &["verify", &app, "--key", did.to_str().unwrap()]).succeeded();
    assert!(
        verified.stdout.contains("(a key that you gave)"),
        "{}",
        verified.stdout
    );
}

/// No text of the program has any of a secret, whatever is wrong with it.
#[test]
fn errors_tell_nothing_of_a_secret() {
    let site = Site::new();
    let app = write(&site, "app.wasm", component(&content()));
    let good = super::signer::Signer::alice().jwks(&site);
    let good = fs::read_to_string(good).unwrap();
    let d = serde_json::from_str::<Value>(&good).unwrap();
    let d = d["identity_key"]["d"].as_str().unwrap();
    let x = good.replace("\"x\":\"", "\"x\":\"A");
    let openssh = fs::read_to_string(repository().join("tests/cases/signing_keys/plain")).unwrap();
    let line = openssh.lines().nth(2).unwrap();
    for (text, expected, secret) in [
        (x, "do not match", d),
        (
            good.replace(d, &d[1..]),
            "not an Ed25519 secret key",
            &d[1..],
        ),
        (
            good.replace(&format!("\"{d}\""), &format!("[\"{d}\"]")),
            "not an Ed25519 secret key",
            d,
        ),
        (
            good.replace("\"x\"", "\"y\""),
            "not an Ed25519 secret key",
            d,
        ),
        (
            good.replace("Ed25519", "X25519"),
            "not an Ed25519 secret key",
            d,
        ),
        (
            good.replace(d, &d.replace(&d[..2], "AA")),
            "do not match",
            &d[2..],
        ),
        (
            openssh.replace("BEGIN", "BEGUN"),
            "not an Ed25519 secret key",
            line,
        ),
        (
            openssh.replace(line, &line[1..]),
            "not an Ed25519 secret key",
            &line[1..],
        ),
    ] {
        let key = write(&site, "key", text);
        for arguments in [
            &["sign", &app, "--key", &key, "--log", "trace"][..],
            &["verify", &app, "--key", &key, "--log", "trace"],
        ] {
            let refused = run(&site, arguments);
            assert_eq!(refused.code, Some(2));
            let shown = refused.stdout + &refused.stderr;
            assert!(!shown.contains(secret), "{shown}");
            let is_expected = arguments[0] == "verify" || shown.contains(expected);
            assert!(is_expected, "{expected}: {shown}");
        }
    }
}

/// Who makes a key in its usual place, signs and publishes without naming it.
#[test]
fn the_key_of_keygen_is_the_one_that_is_taken() {
    let site = Site::new();
    let app = write(&site, "app.wasm", component(&content()));
    let missing = run(&site, &["sign", &app]);
    assert_eq!(missing.code, Some(2));
    for part in [
        "there is no key to sign with",
        "make one with `syft-host keygen`",
    ] {
        assert!(missing.stderr.contains(part), "{}", missing.stderr);
    }
    run(&site, &["keygen", "--no-passphrase"]).succeeded();
    let signed = run(&site, &["sign", &app]).succeeded();
    assert!(signed.stdout.contains("Signed by"), "{}", signed.stdout);
}
