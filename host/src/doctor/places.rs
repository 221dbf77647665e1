//! The folders: whether they can be used, on which file system they are, and how much room is left.

use std::path::{Path, PathBuf};

use syft_system::disk::{self, file_system};
use syft_system::rights::{Right, may};

use super::Finding;
use crate::config::Config;

/// Below this nothing can be written soon, and below that it is time to make room.
const NO_ROOM: u64 = 64 << 20;
const LITTLE_ROOM: u64 = 1 << 30;

/// File systems whose kernel does not tell of what other machines change.
const OF_OTHER_MACHINES: &[&str] = &[
    "9p", "afs", "ceph", "cifs", "nfs", "nfs4", "smb3", "vboxsf", "virtiofs",
];

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![sync_folder(config)];
    let own = config.datasites.join(config.email.as_str());
    if config.datasites.is_dir() && !own.is_dir() {
        findings.push(Finding::warning(
            "datasite",
            format!("there is no {} yet", own.display()),
            "SyftBox's client makes it, or `syft-host serve` when it begins",
        ));
    }
    findings.push(private("data", &config.apps));
    findings.push(private("cache", &config.cache));
    findings
}

fn sync_folder(config: &Config) -> Finding {
    let topic = "sync folder";
    let path = &config.datasites;
    if !path.is_dir() {
        let what = format!("{} is not there", path.display());
        if config.is_local {
            return Finding::warning(topic, what, "`syft-host serve` makes it when it begins");
        }
        return Finding::error(topic, what, "start SyftBox's client, or give --data-dir");
    }
    if !may(path, Right::List) {
        let what = format!("{} cannot be read", path.display());
        return Finding::error(topic, what, format!("chmod u+rx {}", path.display()));
    }
    let file_system = file_system(path).unwrap_or_else(|| "an unknown file system".to_owned());
    if OF_OTHER_MACHINES.contains(&file_system.as_str()) {
        let what = format!(
            "{} is on {file_system}, which does not tell of what other machines write: their \
             requests are found by looking, some seconds later",
            path.display()
        );
        return Finding::warning(topic, what, "put it on a disk of this machine");
    }
    room(topic, path, &format!("{} on {file_system}", path.display()))
}

fn private(topic: &'static str, path: &Path) -> Finding {
    let there = existing(path);
    room(topic, &there, &path.display().to_string())
}

/// Tells whether files can be written at a path, and for how long.
fn room(topic: &'static str, path: &Path, shown: &str) -> Finding {
    let found = match disk::look(path) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("{shown} cannot be looked at: {error}");
            return Finding::error(topic, what, "mount its disk again");
        }
    };
    if found.is_read_only {
        let what = format!("{shown} is mounted read-only");
        return Finding::error(
            topic,
            what,
            "mount -o remount,rw (see dmesg for why it is so)",
        );
    }
    if !may(path, Right::Write) {
        let what = format!("{shown} cannot be written");
        return Finding::error(
            topic,
            what,
            format!("chown or chmod u+w {}", path.display()),
        );
    }
    let free = found.free_bytes;
    let what = format!("{shown}, {} MiB free", free >> 20);
    let fix = "make room: `syft-host clean` clears what can be made again";
    match (free < NO_ROOM || found.is_out_of_files, free < LITTLE_ROOM) {
        (true, _) => Finding::error(topic, what, fix),
        (false, true) => Finding::warning(topic, what, fix),
        (false, false) => Finding::ok(topic, what),
    }
}

/// Returns the part of a path that is there.
fn existing(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|ancestor| ancestor.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}
