//! `syft-host secret`

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{SECRET, secret, set, with_input};
use crate::signing::keys::on_terminal;
use crate::support::host::{Ended, output};
use crate::support::site::{OWNER, Site};

fn run(site: &Site, arguments: &[&str]) -> Ended {
    Ended::of(&output(&mut secret(site, arguments)))
}

fn folder(site: &Site) -> PathBuf {
    let apps = site.path().join(".local/share/syft-host/apps");
    apps.join(OWNER).join("app/secrets")
}

#[test]
fn it_is_listed_by_name_and_gone_when_it_is_removed() {
    let site = Site::new();
    assert_eq!(
        run(&site, &["list"]).succeeded().stdout,
        "No secrets are set.\n"
    );
    set(&site, "B_KEY", SECRET);
    set(&site, "A_KEY", SECRET);
    for list in [&["list"][..], &["list", "app"]] {
        let listed = run(&site, list).succeeded();
        assert_eq!(listed.stdout, "app  A_KEY\napp  B_KEY\n");
    }
    let listed = run(&site, &["list", "--json"]).succeeded().stdout;
    assert!(
        listed.starts_with(r#"{"app":"app","name":"A_KEY","set":true}"#),
        "{listed}"
    );
    let removed = run(&site, &["remove", "app", "A_KEY"]).succeeded();
    assert_eq!(removed.stdout, "Removed A_KEY of app.\n");
    assert!(
        run(&site, &["remove", "app", "A_KEY"])
            .refused()
            .contains("app has no secret A_KEY")
    );
    assert_eq!(
        run(&site, &["list", "app"]).succeeded().stdout,
        "app  B_KEY\n"
    );
}

#[test]
fn it_is_its_owners_alone() {
    let site = Site::new();
    set(&site, "KEY", SECRET);
    let folder = folder(&site);
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("KEY")), 0o600);
    assert_eq!(fs::read_to_string(folder.join("KEY")).unwrap(), SECRET);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let typed = site.path().join("typed");
    fs::write(&typed, SECRET).unwrap();
    let mut again = secret(&site, &["set", "app", "KEY"]);
    let refused = with_input(again.stdin(fs::File::open(typed).unwrap())).refused();
    assert!(
        refused.contains("KEY is not set: it can be written by others"),
        "{refused}"
    );
}

#[test]
fn what_can_be_none_is_refused_and_not_shown() {
    let site = Site::new();
    let typed = site.path().join("typed");
    let huge = "x".repeat(9 << 10);
    for (app, name, value, why) in [
        ("app", "KEY", "", "KEY is not set: it is empty"),
        ("app", "KEY", "\n", "KEY is not set: it is empty"),
        (
            "app",
            "KEY",
            "s3cret\0value",
            "KEY is not set: it has a zero byte in it",
        ),
        (
            "app",
            "KEY",
            &huge,
            "KEY is not set: it has more than 8 KiB",
        ),
        ("app", "A-KEY", SECRET, "a variable has a name of"),
        ("app", "../KEY", SECRET, "a variable has a name of"),
        ("../app", "KEY", SECRET, "no app name"),
    ] {
        fs::write(&typed, value).unwrap();
        let mut command = secret(&site, &["set", app, name]);
        command.stdin(fs::File::open(&typed).unwrap());
        let refused = with_input(&mut command).refused();
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    assert!(!folder(&site).exists());
}

#[test]
fn it_is_asked_for_on_a_terminal_and_not_shown() {
    let site = Site::new();
    let data = site.data_dir();
    let arguments = [
        "secret",
        "set",
        "app",
        "KEY",
        "--email",
        OWNER,
        "--data-dir",
        data.to_str().unwrap(),
    ];
    let Some((set, shown)) = on_terminal(&site, &[" s3cret "], &arguments) else {
        return;
    };
    assert!(set && shown.contains("KEY of app: "), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(
        fs::read_to_string(folder(&site).join("KEY")).unwrap(),
        " s3cret "
    );
}
