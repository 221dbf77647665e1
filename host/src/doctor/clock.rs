//! The clock, as far as it can be judged without another one.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use syft_protocol::timestamp::Timestamp;

use super::Finding;
use crate::config::Config;

const CLOCK: &str = "clock";

/// When this was written: a clock that shows an earlier time is wrong.
const WRITTEN: u64 = 1_767_225_600;

/// A clock that is set while somebody looks moves by more than this against time that only passes.
const JUMP: Duration = Duration::from_millis(50);
const WATCHED_FOR: Duration = Duration::from_millis(100);

/// Clocks of others may be ahead by as much.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// The most files that are looked at, and how deep.
const MAX_FILES: usize = 5_000;
const MAX_DEPTH: u32 = 6;

const FIX: &str =
    "set it, and have it kept right: `timedatectl set-ntp true`; requests expire by it";

pub(super) fn examine(config: Option<&Config>) -> Vec<Finding> {
    let now = SystemTime::now();
    let shown = Timestamp::from_system_time(now);
    let since_1970 = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    if since_1970 < Duration::from_secs(WRITTEN) {
        let what = format!("it shows {shown}, before this program was made");
        return vec![Finding::error(CLOCK, what, FIX)];
    }
    if let Some(moved) = jump() {
        let what = format!(
            "it was moved by {} ms while it was looked at",
            moved.as_millis()
        );
        return vec![Finding::warning(
            CLOCK,
            what,
            "several programs may set it: leave one of them",
        )];
    }
    let mut left = MAX_FILES;
    let future = config.and_then(|config| in_future(&config.datasites, now + AHEAD, 0, &mut left));
    vec![match future {
        Some(path) => {
            let what = format!(
                "it shows {shown}, and {path} was changed after that: it is behind, or the file's time is wrong"
            );
            Finding::warning(CLOCK, what, FIX)
        }
        None => Finding::ok(
            CLOCK,
            format!("it shows {shown}, and no file is from the future"),
        ),
    }]
}

/// Returns by how much the clock was moved within a moment, if it was.
fn jump() -> Option<Duration> {
    let (before, passed) = (SystemTime::now(), Instant::now());
    thread::sleep(WATCHED_FOR);
    let (after, passed) = (SystemTime::now(), passed.elapsed());
    let moved = match after.duration_since(before) {
        Ok(shown) => shown.abs_diff(passed),
        Err(error) => error.duration() + passed,
    };
    (moved > JUMP).then_some(moved)
}

/// Returns a file that says that it was changed later than a time.
fn in_future(folder: &Path, limit: SystemTime, depth: u32, left: &mut usize) -> Option<String> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        *left = left.checked_sub(1)?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() && depth < MAX_DEPTH {
            let found = in_future(&entry.path(), limit, depth + 1, left);
            if found.is_some() {
                return found;
            }
        } else if metadata.modified().is_ok_and(|changed| changed > limit) {
            return Some(entry.path().display().to_string());
        }
    }
    None
}
