//! Who may connect: keys that are removed, wrong or open to others, and the commands that make them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::ON_WORKERS_ALONE;
use super::fleet::{Fleet, Worker, app};
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::{Ended, as_owner};
use crate::support::nats::{NatsServer, nats_server};
use crate::support::site::Site;

#[test]
fn a_removed_worker_is_refused_by_the_host_at_once_and_by_the_server_once_it_knows() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let key = fs::read(fleet.server.key("one")).unwrap();
    let mut worker = Worker::start(&fleet, "one", &[]);
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(ON_WORKERS_ALONE);
    assert_eq!(call(&site.rpc("counts"), "count", "{}").text(), "1");
    let folder = fleet.server.folder().to_str().unwrap();
    as_owner(&site, &["workers", "remove", "one", "--folder", folder]).succeeded();
    assert_eq!(worker.wait().code(), Some(2));
    worker.wait_for_log("the owner does not know this worker, or has removed it");
    // A copy of the key that it still has.
    let copy = fleet.server.key("one");
    assert!(!copy.exists(), "the owner's copy is gone");
    fs::write(&copy, key).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    fleet.server.reload();
    crate::support::wait_for("the server to refuse it", || {
        let ended = Worker::try_start(&fleet, "one", &[]).refused();
        ended.contains("refuses the key").then_some(())
    });
}

#[test]
fn a_key_of_another_server_is_refused() {
    let [site, other] = [Site::new(), Site::new()];
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let Some(stranger) = NatsServer::start(other.path(), &["one"]) else {
        return;
    };
    fs::copy(stranger.key("one"), fleet.server.key("one")).unwrap();
    let refused = Worker::try_start(&fleet, "one", &[]).refused();
    assert!(refused.contains("refuses the key U"), "{refused}");
    // That of the owner's host is no worker's.
    let owner = fleet.server.folder().join("owner.nk");
    fs::copy(owner, fleet.server.key("one")).unwrap();
    let refused = Worker::try_start(&fleet, "one", &[]).refused();
    assert!(refused.contains("is not the key of a worker"), "{refused}");
}

#[test]
fn a_second_host_gives_no_calls_to_the_workers_of_the_first() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let _host = fleet.serve(&[]);
    let (url, folder) = (fleet.server.url(), fleet.server.folder().to_str().unwrap());
    let other = Site::new();
    let arguments = ["serve", "--workers", &url, "--workers-folder", folder];
    let refused = as_owner(&other, &arguments).refused();
    assert!(
        refused.contains("another host gives calls to workers there"),
        "{refused}"
    );
}

#[test]
fn setup_add_list_and_remove_make_what_a_server_reads() {
    let site = Site::new();
    let Some(server) = nats_server() else {
        return;
    };
    let run = |arguments: &[&str]| as_owner(&site, &[&["workers"], arguments].concat());
    let before = run(&["add", "big"]).refused();
    assert!(before.contains("syft-host workers setup"), "{before}");
    let open = run(&["setup", "--listen", "0.0.0.0:4222"]).refused();
    assert!(
        open.contains("would listen on 0.0.0.0:4222 without TLS"),
        "{open}"
    );
    assert!(open.contains("--tls-cert FILE"), "{open}");
    let made = run(&["setup"]).succeeded().stdout;
    assert!(made.contains("nats-server --config "), "{made}");
    let twice = run(&["setup"]).refused();
    assert!(twice.contains("set up in "), "{twice}");
    let added = run(&["add", "big"]).succeeded().stdout;
    assert!(
        added.contains("syft-host worker --server nats://127.0.0.1:4222"),
        "{added}"
    );
    let wrong = run(&["add", "Big.One"]).refused();
    assert!(wrong.contains("a worker is named by"), "{wrong}");
    assert!(run(&["list"]).succeeded().stdout.starts_with("big  U"));
    let folder = site.path().join(".config/syft-host/workers");
    let checked = |name: &str| {
        let config = folder.join(name);
        let output = Command::new(server)
            .arg("-t")
            .arg("-c")
            .arg(config)
            .output();
        Ended::of(&output.unwrap())
    };
    checked("nats-server.conf").succeeded();
    run(&["remove", "big"]).succeeded();
    let gone = run(&["remove", "big"]).refused();
    assert!(gone.contains("there is no worker `big`"), "{gone}");
    assert_eq!(run(&["list"]).succeeded().stdout.lines().count(), 1);
    checked("nats-server.conf").succeeded();
}
