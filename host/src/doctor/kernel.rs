//! What the kernel of Linux has of what is used.

use syft_system::kernel::{has_openat2, release, used_watches, watch_limits};

use super::Finding;
use syft_runtime::sandbox::can_find_written_pages;

/// Apps that watch files and have many callers want as many.
const FEW_WATCHES: u64 = 16_384;
const FEW_INSTANCES: u64 = 64;

/// Tells how many folders can be watched.
pub(super) fn inotify() -> Vec<Finding> {
    let topic = "inotify";
    let Some(limits) = watch_limits() else {
        let what = "its limits cannot be read: requests may be found by looking only";
        return vec![Finding::warning(topic, what, "mount /proc")];
    };
    let used = used_watches();
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
        say("watches", used.watches, limits.watches, FEW_WATCHES),
        say("instances", used.instances, limits.instances, FEW_INSTANCES),
    ]
}

/// Tells which features it does not have.
pub(super) fn features() -> Vec<Finding> {
    let topic = "kernel";
    let release = release();
    let mut missing = Vec::new();
    if !has_openat2() {
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
