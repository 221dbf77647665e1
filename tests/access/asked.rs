//! Access rules that an app asks for: shown to its owner, and written for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_manifest::Manifest;

use super::{plant, told};
use crate::support::apps::with_manifest;
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};

const RULES: &str = "rules:\n- pattern: '*.csv'\n  access: {read: [bob@example.com]}\n";
const OWN: &str = "rules:\n- pattern: '**'\n  access: {read: [carol@example.com]}\n";

fn manifest() -> String {
    format!("[access]\n'public/syft.pub.yaml' = \"\"\"\n{RULES}\"\"\"\n")
}

fn asking(site: &Site) -> PathBuf {
    with_manifest(site, &guest("toolbox"), &manifest())
}

/// Serves the app until it is ready, and returns what the host said.
fn serve(site: &Site, options: &[&str]) -> Vec<Value> {
    let host = Host::start(site, &asking(site), &[&["--name", "app"], options].concat());
    let log = host.log();
    host.stop();
    log
}

fn file(site: &Site) -> PathBuf {
    let own = site.datasites().join(OWNER).join("app_data/app");
    own.join("public/syft.pub.yaml")
}

fn may_read(site: &Site, who: &str) -> bool {
    let path = format!("{OWNER}/app_data/app/public/a.csv");
    told(site, who, &path)["read"].as_bool().unwrap()
}

#[test]
fn what_is_approved_is_written_and_what_no_longer_is_goes() {
    let site = Site::new();
    serve(&site, &["--allow-access", "syft.pub.yaml"]);
    assert!(!file(&site).exists());
    serve(&site, &["--allow-access", "public/syft.pub.yaml"]);
    let written = fs::read_to_string(file(&site)).unwrap();
    assert!(written.ends_with(RULES), "{written}");
    assert!(may_read(&site, "bob@example.com"));
    assert!(!may_read(&site, "carol@example.com"));
    // Nothing to do, so sync has nothing to do.
    let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let before = time(&file(&site));
    serve(&site, &["--allow-all-requested"]);
    assert_eq!(time(&file(&site)), before);
    serve(&site, &["--allow-read", "x"]);
    assert!(!file(&site).exists());
}

#[test]
fn what_the_owner_has_written_stays() {
    let site = Site::new();
    plant(
        &site,
        &format!("{OWNER}/app_data/app/public/syft.pub.yaml"),
        OWN,
    );
    let log = serve(&site, &["--allow-all-requested"]);
    let is_told = |line: &Value| line.to_string().contains("other access rules than yours");
    assert!(log.iter().any(is_told), "{log:?}");
    assert_eq!(fs::read_to_string(file(&site)).unwrap(), OWN);
    serve(&site, &["--allow-read", "x"]);
    assert_eq!(fs::read_to_string(file(&site)).unwrap(), OWN);
    // Rules that we wrote are the owner's once they were edited.
    fs::remove_file(file(&site)).unwrap();
    serve(&site, &["--allow-all-requested"]);
    let edited = fs::read_to_string(file(&site))
        .unwrap()
        .replace("bob", "dave");
    fs::write(file(&site), &edited).unwrap();
    for options in [["--allow-all-requested", "--debug"], ["--allow-read", "x"]] {
        serve(&site, &options);
        assert_eq!(fs::read_to_string(file(&site)).unwrap(), edited);
    }
}

#[test]
fn no_link_is_followed() {
    let site = Site::new();
    let elsewhere = site.path().join("elsewhere");
    let own = site.datasites().join(OWNER).join("app_data/app");
    for path in [&elsewhere, &own] {
        fs::create_dir_all(path).unwrap();
    }
    symlink(&elsewhere, own.join("public")).unwrap();
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(asking(&site))
        .args(["--name", "app"]);
    command.arg("--allow-all-requested");
    command
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    let refused = Ended::of(&output(&mut command)).refused();
    assert!(refused.contains("write the access rules"), "{refused}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn the_owner_is_asked_in_words() {
    let site = Site::new();
    let component = asking(&site);
    let mut command = syft_host(&site);
    let refused = Ended::of(&output(command.arg("run").arg(&component))).refused();
    for expected in [
        "asks for access rules, and nobody said what it may have",
        "allow a part of it: --allow-access 'public/syft.pub.yaml'",
    ] {
        assert!(refused.contains(expected), "{refused}");
    }
    let shown = output(syft_host(&site).arg("inspect").arg(&component));
    let shown = String::from_utf8(shown.stdout).unwrap();
    for expected in [
        "Lets others into its own folder:",
        "│ public/syft.pub.yaml: *.csv: bob@example.com may read",
        "│ public/syft.pub.yaml: **: nobody but the owner",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn an_installed_app_gets_what_its_record_approves() {
    let site = Site::new();
    let component = fs::read(asking(&site)).unwrap();
    let installation = Installation::new(&site);
    let (asked, _) = Manifest::from_toml("x", &manifest()).unwrap();
    installation.put_with("app", &component, |installed| {
        installed.current.approved.access = asked.access.clone();
    });
    let serving = Serving::start(&site, &[]);
    assert!(may_read(&site, "bob@example.com"));
    installation.put_with("app", &component, |installed| {
        installed.current.denied = Vec::new();
        installed.current.sequence = 2;
    });
    serving.wait_for("the app to be replaced", |event| {
        event["event"] == "app-replaced"
    });
    assert!(!may_read(&site, "bob@example.com"));
}
