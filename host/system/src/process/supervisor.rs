//! The process that watches a child: ends it with all that it started.
//!
//! Why: docs/decisions/46-children-have-a-supervisor.md

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, kill_process,
    kill_process_group, wait, waitid,
};

use super::{ProcessEnd, ProcessLimits};

/// The longest that descendants are looked for. Whoever starts others faster than they can
/// be ended is no longer followed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the memory of a child is looked at where the system bounds none.
#[cfg(target_os = "macos")]
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Starts a child and watches it, until it ends or standard input is closed, which is the
/// other end of the leash. Then it ends whatever is left.
///
/// # Errors
/// It cannot be started.
pub fn supervise(mut command: Command, limits: &ProcessLimits) -> io::Result<()> {
    let leash = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Orphans of the child become ours, whatever group or session they are in.
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let child = command
        // What it starts is in its group, unless it makes others.
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()?;
    let pid = Pid::from_child(&child);
    let is_over = Arc::new(Mutex::new(false));
    end_without_leash(leash.try_clone()?, pid, Arc::clone(&is_over));
    end_without_memory(limits, pid, &is_over);
    let status = wait_for(pid)?;
    // As long as it is not reaped, nobody else has its number.
    *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
    kill_process_group(pid, Signal::KILL).ok();
    end_descendants();
    // Whoever let go of the leash may not read it.
    let report = ProcessEnd::report(&status);
    (&leash).write_all(report.as_bytes()).ok();
    Ok(())
}

/// Ends the child once nobody holds the other end of the leash.
fn end_without_leash(mut leash: UnixStream, child: Pid, is_over: Arc<Mutex<bool>>) {
    thread::spawn(move || {
        // Nothing is ever written to it.
        while matches!(leash.read(&mut [0]), Err(error) if error.kind() == ErrorKind::Interrupted) {
        }
        end(child, &is_over);
    });
}

/// Ends a child with its group, unless it has ended.
fn end(child: Pid, is_over: &Mutex<bool>) {
    let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_over {
        kill_process_group(child, Signal::KILL).ok();
        // It may not have made its group yet, or left it.
        kill_process(child, Signal::KILL).ok();
    }
}

/// The system bounds its memory.
#[cfg(not(target_os = "macos"))]
fn end_without_memory(_: &ProcessLimits, _: Pid, _: &Arc<Mutex<bool>>) {}

/// Ends the child once it has more memory than it may: the system does not.
#[cfg(target_os = "macos")]
fn end_without_memory(limits: &ProcessLimits, child: Pid, is_over: &Arc<Mutex<bool>>) {
    let Some(most) = limits.memory_bytes else {
        return;
    };
    let is_over = Arc::clone(is_over);
    thread::spawn(move || {
        while crate::machine::memory_of(child.as_raw_nonzero().get()) <= most {
            thread::sleep(LOOK_EVERY);
        }
        end(child, &is_over);
    });
}

/// Waits for the end of a child, and leaves it to be reaped.
fn wait_for(child: Pid) -> io::Result<WaitIdStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(child), options) {
            Ok(Some(status)) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends and reaps all children, and theirs, which become ours in turn.
fn end_descendants() {
    let latest = Instant::now() + PATIENCE;
    while has_children() && Instant::now() < latest {
        for child in children() {
            kill_process(child, Signal::KILL).ok();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reaps those that ended, and tells whether others are left.
fn has_children() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Elsewhere orphans become nobody's of ours.
#[cfg(not(target_os = "linux"))]
fn children() -> Vec<Pid> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn children() -> Vec<Pid> {
    let ours = rustix::process::getpid();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| parent(*pid) == Some(ours))
        .collect()
}

#[cfg(target_os = "linux")]
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have any character.
    let (_, rest) = stat.rsplit_once(')')?;
    Pid::from_raw(rest.split_whitespace().nth(1)?.parse().ok()?)
}
