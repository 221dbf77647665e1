//! What the kernel gives this user, and which of its features are used.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::process::{Resource, getrlimit};
use syft_manifest::units::show_size;

use super::Finding;
use syft_runtime::machine;
use syft_runtime::sandbox::can_find_written_pages;

/// Apps that watch files and have many callers want as many.
const FEW_WATCHES: u64 = 16_384;
const FEW_INSTANCES: u64 = 64;
/// A busy app has hundreds open.
const FEW_FILES: u64 = 4_096;
/// A Python program takes 128 MiB for each call.
const LITTLE_MEMORY: usize = 512 << 20;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = inotify();
    findings.extend([open_files(), memory(), swap()]);
    findings.extend(features());
    findings
}

fn inotify() -> Vec<Finding> {
    let topic = "inotify";
    let (watches, instances) = (limit("max_user_watches"), limit("max_user_instances"));
    let (Some(watches), Some(instances)) = (watches, instances) else {
        let what = "its limits cannot be read: requests may be found by looking only";
        return vec![Finding::warning(topic, what, "mount /proc")];
    };
    let used = used();
    let say = |kind: &str, used: u64, limit: u64, least: u64| {
        let what = format!("{used} of {limit} {kind} are used by this user's programs");
        let key = format!("fs.inotify.max_user_{kind}");
        let more = least.max(limit.saturating_mul(2));
        let fix = format!("sudo sysctl -w {key}={more} (and in /etc/sysctl.d for good)");
        match (
            used.saturating_mul(10) >= limit.saturating_mul(9),
            limit < least,
        ) {
            (true, _) => Finding::warning(topic, format!("{what}: changes may be seen late"), fix),
            (false, true) => Finding::warning(topic, format!("{what}, which is few"), fix),
            (false, false) => Finding::ok(topic, what),
        }
    };
    vec![
        say("watches", used.watches, watches, FEW_WATCHES),
        say("instances", used.instances, instances, FEW_INSTANCES),
    ]
}

fn limit(name: &str) -> Option<u64> {
    let text = fs::read_to_string(Path::new("/proc/sys/fs/inotify").join(name)).ok()?;
    text.trim().parse().ok()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Used {
    watches: u64,
    instances: u64,
}

/// Counts what the programs have that may be looked at: those of this user.
fn used() -> Used {
    let mut used = Used::default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let files = fs::read_dir(process.path().join("fdinfo"));
        for file in files.into_iter().flatten().flatten() {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let watches = text
                .lines()
                .filter(|line| line.starts_with("inotify "))
                .count();
            used.watches += watches as u64;
            used.instances += u64::from(watches > 0);
        }
    }
    used
}

fn open_files() -> Finding {
    let topic = "open files";
    let most = getrlimit(Resource::Nofile).maximum;
    match most {
        Some(most) if most < FEW_FILES => Finding::warning(
            topic,
            format!("{most} at a time at most, so few calls with files run at the same time"),
            "raise `ulimit -Hn`, or LimitNOFILE= of the service",
        ),
        Some(most) => Finding::ok(topic, format!("{most} at a time at most")),
        None => Finding::ok(topic, "as many as wanted"),
    }
}

fn memory() -> Finding {
    let most = machine::usual_memory();
    let what = format!("apps get {} together", show_size(most as u64));
    if most < LITTLE_MEMORY {
        let fix = "few Python programs run at a time: give the machine or container more memory";
        return Finding::warning("memory", what, fix);
    }
    Finding::ok(
        "memory",
        format!("{what}; `serve --memory-total` changes that"),
    )
}

fn swap() -> Finding {
    if machine::may_be_swapped() {
        return Finding::warning(
            "swap",
            "memory of the host may be swapped out, so calls are slower: all of it is cleared after each",
            "MemorySwapMax=0 for its unit, which `syft-host autostart systemd` writes; or no swap",
        );
    }
    Finding::ok("swap", "memory of the host stays in memory")
}

fn features() -> Vec<Finding> {
    let topic = "kernel";
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut missing = Vec::new();
    if openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).is_err() {
        missing.push((
            "openat2",
            "files are opened name by name, more slowly",
            "Linux 5.6, and a container that lets it through",
        ));
    }
    if !can_find_written_pages() {
        missing.push((
            "PAGEMAP_SCAN",
            "memory is cleared more slowly after each call",
            "Linux 6.7",
        ));
    }
    if missing.is_empty() {
        return vec![Finding::ok(
            topic,
            format!("Linux {release} has all that is used: openat2, PAGEMAP_SCAN"),
        )];
    }
    let missing = missing.into_iter().map(|(name, effect, since)| {
        let what = format!("Linux {release} does not give {name}: {effect}");
        Finding::warning(topic, what, format!("it takes {since}"))
    });
    missing.collect()
}
