//! What survives the end of the host, at each level of `--durability`.

use std::fs;

use crate::state::count_through_kills;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{OWNER, Site};

const LEVELS: [&str; 3] = ["none", "batched", "strict"];

fn start(site: &Site, level: &str) -> Host {
    let options = ["--name", "app", "--durability", level];
    Host::start(site, &guest("stateful"), &options)
}

#[test]
fn a_kill_loses_nothing_at_any_level() {
    for level in LEVELS {
        let n_kills = count_through_kills(60, &["--durability", level]);
        assert!(n_kills >= 3, "{level}: {n_kills} kills show nothing");
    }
}

#[test]
fn levels_can_change_from_start_to_start() {
    let site = Site::new();
    let levels = LEVELS.into_iter().chain(LEVELS.into_iter().rev());
    for (n, level) in (1..).zip(levels) {
        let host = start(&site, level);
        assert_eq!(call(&host.rpc, "count", "{}").text(), n.to_string());
        match n % 2 {
            0 => drop(host), // kills it
            _ => host.stop(),
        }
    }
}

#[test]
fn a_damaged_state_is_named_with_what_to_do() {
    for level in LEVELS {
        let site = Site::new();
        start(&site, level).stop();
        let folder = site.path().join(".local/share/syft-host/apps");
        let state = folder.join(OWNER).join("app/state.redb");
        let length = fs::metadata(&state).unwrap().len();
        let file = fs::File::options().write(true).open(&state).unwrap();
        file.set_len(length / 2).unwrap();
        let mut command = syft_host(&site);
        command
            .args(["run", "--name", "app", "--email", OWNER, "--data-dir"])
            .arg(site.data_dir())
            .args(["--durability", level])
            .arg(guest("stateful"));
        let refused = output(&mut command);
        assert_eq!(refused.status.code(), Some(2), "{level}");
        let error = String::from_utf8(refused.stderr).unwrap();
        for part in ["is damaged", state.to_str().unwrap(), "put back a copy"] {
            assert!(error.contains(part), "{level}: {error}");
        }
    }
}
