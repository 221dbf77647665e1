//! Disks that are full or read-only, and folders that the host may not write to.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use uuid::Uuid;

use super::{is_root, works};
use crate::support::client::{Sent, request, send};
use crate::support::guests::guest;
use crate::support::host::{Host, run_after};
use crate::support::site::{CALLER, Site};

/// A host with a disk in memory that it alone has mounted, until it ends.
struct Mounted {
    host: Host,
    disk: PathBuf,
    /// The app's `rpc/` folder, as it is seen from outside.
    rpc: PathBuf,
}

impl Mounted {
    /// Starts a host with the tree on such a disk, and the state too where that is asked
    /// for; `None` where nothing can be mounted.
    fn start(site: &Site, n_bytes: u64, has_state: bool) -> Option<Self> {
        let wrapper: &[&str] = if is_root() {
            &["unshare", "-m"]
        } else {
            &["unshare", "-Urm"]
        };
        let disk = site.data_dir();
        let place = disk.display();
        let words = format!("mount -t tmpfs -o size={n_bytes} none {place};");
        if !works(wrapper, &words) {
            return None;
        }
        let mut command = run_after(site, wrapper, &words, &guest("stateful"));
        if has_state {
            command.env("XDG_DATA_HOME", disk.join("home"));
        }
        let host = Host::spawn(site, command);
        let seen = |path: &Path| {
            PathBuf::from(format!(
                "/proc/{}/root{}",
                host.pid().as_raw_nonzero(),
                path.display()
            ))
        };
        let (rpc, disk) = (seen(&host.rpc), seen(&disk));
        Some(Self { host, disk, rpc })
    }

    /// Puts requests to count into the tree before the host can look at them.
    fn send_many(&self, n_requests: usize) -> Vec<Sent> {
        self.host.signal(Signal::STOP);
        (0..n_requests)
            .map(|_| send(&self.rpc, "count", Some(b"{}")))
            .collect()
    }

    fn remount(&self, how: &str) {
        let pid = self.host.pid().as_raw_nonzero().to_string();
        let mut command = Command::new("nsenter");
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.args(["-m", "-t", &pid, "mount", "-o"]);
        let root = format!("/proc/{pid}/root");
        let place = Path::new("/").join(self.disk.strip_prefix(root).unwrap());
        let how = format!("remount,{how}");
        assert!(command.arg(how).arg(place).status().unwrap().success());
    }

    fn wait_for_trouble(&self) {
        self.host.wait_for_log("the trouble", |line| {
            line.to_string().contains("trying again later")
        });
    }
}

/// Fills a disk but for so many bytes.
fn fill(disk: &Path, n_left: u64) -> PathBuf {
    let path = disk.join("filler");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let n_bytes = file.metadata().unwrap().len();
    file.set_len(n_bytes - n_left).unwrap();
    path
}

/// Waits for all answers, each of which has another number.
fn assert_counted(sent: &[Sent]) {
    let counts: BTreeSet<usize> = sent
        .iter()
        .map(|sent| sent.answer().text().parse().unwrap())
        .collect();
    assert_eq!(counts, (1..=sent.len()).collect());
}

#[test]
fn a_disk_that_fills_up_with_tree_and_state_on_it_loses_nothing() {
    let site = Site::new();
    let Some(mounted) = Mounted::start(&site, 16 << 20, true) else {
        return;
    };
    let sent = mounted.send_many(300);
    let filler = fill(&mounted.disk, 200 << 10);
    mounted.host.signal(Signal::CONT);
    mounted.wait_for_trouble();
    // Reading one that is not whole fails.
    let n_answered = sent.iter().filter_map(Sent::peek).count();
    assert!(n_answered < sent.len(), "there was room for all");
    fs::remove_file(filler).unwrap();
    assert_counted(&sent);
}

#[test]
fn a_tree_that_is_read_only_for_a_while_gets_its_answers_afterwards() {
    let site = Site::new();
    let Some(mounted) = Mounted::start(&site, 16 << 20, false) else {
        return;
    };
    let sent = mounted.send_many(20);
    mounted.remount("ro");
    mounted.host.signal(Signal::CONT);
    mounted.wait_for_trouble();
    assert_eq!(sent.iter().filter_map(Sent::peek).count(), 0);
    mounted.remount("rw");
    assert_counted(&sent);
}

#[test]
fn a_folder_that_the_host_may_not_write_to_stops_nobody_else() {
    const NOBODY: u32 = 65_534;
    const OTHER: &str = "other@example.com";
    let site = Site::new();
    let as_nobody = format!("--reuid={NOBODY}");
    let group = format!("--regid={NOBODY}");
    let wrapper: &[&str] = if is_root() {
        &["setpriv", &as_nobody, &group, "--clear-groups"]
    } else {
        &["env"]
    };
    let own = |path: &Path| {
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    };
    let component = site.path().join("app.wasm");
    fs::copy(guest("stateful"), &component).unwrap();
    let count = site.rpc("app").join("count");
    let closed = count.join(CALLER);
    for name in [CALLER, OTHER] {
        fs::create_dir_all(count.join(name)).unwrap();
    }
    for entry in walkdir::WalkDir::new(site.path()) {
        own(entry.unwrap().path());
    }
    if !works(wrapper, "true") {
        return;
    }
    let mut command = run_after(&site, wrapper, "", &component);
    command.env("XDG_CACHE_HOME", site.path().join("cache"));
    let host = Host::spawn(&site, command);
    for (mode, trouble) in [
        (0o500, "trying again later"),
        (0o000, "cannot open a request"),
    ] {
        host.signal(Signal::STOP);
        let waits = send(&host.rpc, "count", Some(b"{}"));
        fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
        host.signal(Signal::CONT);
        host.wait_for_log("the trouble", |line| line.to_string().contains(trouble));
        let id = Uuid::new_v4();
        let other = request(id, OTHER, "count", Some(b"{}")).to_string();
        let other = Sent::write(&count.join(OTHER), id, other.as_bytes());
        assert_eq!(other.answer().status(), 200);
        assert!(waits.peek().is_none());
        fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(waits.answer().status(), 200);
    }
}
