//! The process that watches a child: ends it with all that it started.
//!
//! Why: docs/decisions/46-children-have-a-supervisor.md

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, getpid, kill_process,
    kill_process_group, set_child_subreaper, wait, waitid,
};

use super::end::End;
use super::enter;

/// The longest that descendants are looked for. Whoever starts others faster than they can
/// be ended is no longer followed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a child and watches it, until it ends or standard input is closed, which is the
/// other end of the leash. Then it ends whatever is left.
pub(super) fn supervise(arguments: &[OsString]) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody hears more of it.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(arguments: &[OsString]) -> io::Result<()> {
    let leash = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Orphans of the child become ours, whatever group or session they are in.
    set_child_subreaper(Some(getpid()))?;
    let child = enter::child_of_supervisor(arguments)
        .stdin(Stdio::null())
        .spawn()?;
    let pid = Pid::from_child(&child);
    let is_over = Arc::new(Mutex::new(false));
    end_without_leash(leash.try_clone()?, pid, Arc::clone(&is_over));
    let status = wait_for(pid)?;
    // As long as it is not reaped, nobody else has its number.
    *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
    kill_process_group(pid, Signal::KILL).ok();
    end_descendants();
    // Whoever let go of the leash may not read it.
    (&leash).write_all(End::report(&status).as_bytes()).ok();
    Ok(())
}

/// Ends the child once nobody holds the other end of the leash.
fn end_without_leash(mut leash: UnixStream, child: Pid, is_over: Arc<Mutex<bool>>) {
    thread::spawn(move || {
        // Nothing is ever written to it.
        while matches!(leash.read(&mut [0]), Err(error) if error.kind() == ErrorKind::Interrupted) {
        }
        let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_over {
            kill_process_group(child, Signal::KILL).ok();
            // It may not have made its group yet, or left it.
            kill_process(child, Signal::KILL).ok();
        }
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

fn children() -> Vec<Pid> {
    let ours = getpid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| parent(*pid) == Some(ours))
        .collect()
}

fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have any character.
    let (_, rest) = stat.rsplit_once(')')?;
    Pid::from_raw(rest.split_whitespace().nth(1)?.parse().ok()?)
}
