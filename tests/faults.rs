//! What fails around the host: disks, folders, rights and limits of the system. Nothing
//! wrong is answered meanwhile, and work goes on by itself afterwards.

mod disks;
mod folders;
mod limits;

use std::path::Path;
use std::process::Command;

use crate::support::host::syft_host;
use crate::support::site::{OWNER, Site};
use crate::support::tell_not_run;

/// Returns a command that runs a component as `app`, by way of a wrapper and after these
/// words of a shell.
fn run_after(site: &Site, wrapper: &[&str], words: &str, component: &Path) -> Command {
    let inner = syft_host(site);
    let mut command = Command::new(wrapper.first().unwrap_or(&"env"));
    command.args(wrapper.get(1..).unwrap_or_default());
    command
        .args(["sh", "-c", &format!(r#"{words} exec "$0" "$@""#)])
        .arg(inner.get_program())
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .arg("run")
        .arg(component)
        .args(["--name", "app", "--allow-all-requested"])
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    command
}

/// Tells whether such a command works here; says so where it does not. Under CI, too,
/// that is no failure: rights cannot be installed.
fn works(wrapper: &[&str], words: &str) -> bool {
    let mut command = Command::new(wrapper[0]);
    let output = command
        .args(&wrapper[1..])
        .args(["sh", "-c", words])
        .output();
    let works = output.is_ok_and(|it| it.status.success());
    if !works {
        tell_not_run(&format!("`{} sh -c '{words}'` fails", wrapper.join(" ")));
    }
    works
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
