//! What fails around the host: disks, folders, rights and limits of the system. Nothing
//! wrong is answered meanwhile, and work goes on by itself afterwards.

mod disks;
mod folders;
mod limits;

use std::process::Command;

use crate::support::tell_not_run;

/// Tells whether such a command works here; says so where it does not. Under CI, too,
/// that is no failure: rights cannot be installed.
fn works(wrapper: &[&str], words: &str) -> bool {
    let mut command = Command::new(wrapper[0]);
    let output = command
        .args(&wrapper[1..])
        .args(["sh", "-c", words])
        .output();
    let works = output.is_ok_and(|output| output.status.success());
    if !works {
        tell_not_run(&format!("`{} sh -c '{words}'` fails", wrapper.join(" ")));
    }
    works
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
