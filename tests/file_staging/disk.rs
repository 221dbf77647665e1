//! Where what calls wrote cannot simply be renamed into its place: a full disk, another file
//! system, and folders that hand rights down.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::json;

use super::{
    approved, assert_all_changed, assert_nothing_staged, begin, changes, path, plant, staged_below,
    start, wait_for_staged,
};
use crate::support::apps::{granted, ops, with_manifest};
use crate::support::guests::guest;
use crate::support::host::{Host, run_after, syft_host};
use crate::support::not_run;
use crate::support::planted::planted;
use crate::support::site::{OWNER, Site};

/// Has new files in a folder get its group, for which they are copied there.
fn hand_down_group(site: &Site) {
    let rights = Permissions::from_mode(0o2755);
    fs::set_permissions(site.own("public"), rights).unwrap();
}

fn limit_files(host: &Host, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(host.pid()), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_disk_that_is_full_delays_what_was_written_and_loses_none() {
    let site = planted();
    plant(&site);
    hand_down_group(&site);
    let manifest = "[files]\nwrite = ['{datasite}/public/**']\n";
    let app = with_manifest(&site, &guest("files"), manifest);
    let host = Host::spawn(&site, run_after(&site, &[], r#"trap "" XFSZ;"#, &app));
    let large = begin(
        &host,
        &json!([
            {"fill": [path("large"), 65_536, 48]},
            {"write": [path("after"), "first"]},
            {"wait_for": path("go")},
        ]),
    );
    // The second is made when the first is whole.
    wait_for_staged(&site, 2);
    limit_files(&host, Some(2 << 20));
    fs::write(site.own("public/go"), "").unwrap();
    // The call has ended, and its state is kept.
    assert!(!large.answer().text().contains("error"));
    host.wait_for_log("the trouble", |line| {
        let line = line.to_string();
        line.contains("cannot be put into its place") && line.contains("tried again")
    });
    assert!(!site.own("public/large").exists());
    // Others come after it.
    let later = begin(&host, &json!([{"write": [path("after"), "second"]}]));
    host.wait_for_log("the wait", |line| {
        line.to_string().contains("trying again later")
    });
    assert!(later.peek().is_none());
    limit_files(&host, None);
    assert!(!later.answer().text().contains("error"));
    assert_eq!(
        fs::metadata(site.own("public/large")).unwrap().len(),
        3 << 20
    );
    let after = fs::read_to_string(site.own("public/after")).unwrap();
    assert_eq!(after, "second");
    assert_nothing_staged(&site);
}

#[test]
fn files_come_from_another_file_system() {
    let (site, memory) = (planted(), Site::in_memory());
    let device = |path| fs::metadata(path).unwrap().dev();
    if device(site.path()) == device(memory.path()) {
        return not_run("there is one file system only");
    }
    plant(&site);
    let component = granted(&site, &guest("files"), &["**"], &["**"], &[]);
    let mut command = syft_host(&site);
    command
        .args(["run", "--name", "app"])
        .args(approved().options());
    command
        .arg(component)
        .args(["--email", OWNER, "--data-dir"]);
    command
        .arg(site.data_dir())
        .env("XDG_DATA_HOME", memory.path());
    let host = Host::spawn(&site, command);
    ops(&host, &changes());
    assert_all_changed(&site);
    assert!(memory.path().join("syft-host/apps").is_dir());
    assert!(staged_below(memory.path()).is_empty());
}

#[test]
fn files_have_the_rights_that_they_would_have_without() {
    let site = planted();
    plant(&site);
    let mode = |name: &str| {
        let found = fs::metadata(site.own("public").join(name)).unwrap();
        found.mode() & 0o7777
    };
    for name in ["old", "other"] {
        fs::set_permissions(site.own("public").join(name), Permissions::from_mode(0o640)).unwrap();
    }
    let host = start(&site, &[]);
    for is_copied in [false, true] {
        let new = format!("new-{is_copied}");
        if is_copied {
            hand_down_group(&site);
        }
        let steps = json!([
            {"append": [path("old"), "!"]},
            {"write": [path("other"), "replaced"]},
            {"write": [path(&new), "new"]},
        ]);
        ops(&host, &steps);
        assert_eq!([mode("old"), mode("other")], [0o640; 2], "{is_copied}");
        fs::write(site.own("public/native"), "").unwrap();
        assert_eq!(mode(&new), mode("native"), "{is_copied}");
        fs::remove_file(site.own("public/native")).unwrap();
    }
    assert_nothing_staged(&site);
}
