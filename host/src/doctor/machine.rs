//! What the machine gives this user.

use syft_manifest::units::show_size;
use syft_system::IMPLEMENTATION;
use syft_system::machine::may_be_swapped;
use syft_system::process::most_open_files;
use syft_system::shortcomings;

use super::Finding;
use syft_runtime::machine::usual_memory;

/// A busy app has hundreds open.
const FEW_FILES: u64 = 4_096;
/// A Python program takes 128 MiB for each call.
const LITTLE_MEMORY: usize = 512 << 20;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = vec![open_files(), memory()];
    if cfg!(target_os = "linux") {
        findings.push(swap());
    }
    // Which does what Linux has in fewer steps, and is there to be tried.
    if cfg!(target_os = "linux") && IMPLEMENTATION != "linux" {
        let what = format!("this program is built to use the {IMPLEMENTATION} way to files");
        let fix = "build it without the feature `portable`";
        findings.push(Finding::warning("system", what, fix));
    }
    let missing = shortcomings().iter();
    findings.extend(missing.map(|what| Finding::ok("system", *what)));
    findings
}

fn open_files() -> Finding {
    let topic = "open files";
    let most = most_open_files();
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
    let most = usual_memory();
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
    if may_be_swapped() {
        return Finding::warning(
            "swap",
            "memory of the host may be swapped out, so calls are slower: all of it is cleared after each",
            "MemorySwapMax=0 for its unit, which `syft-host autostart systemd` writes; or no swap",
        );
    }
    Finding::ok("swap", "memory of the host stays in memory")
}
