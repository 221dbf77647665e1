//! Folders that are moved away and come back.

use std::fs;
use std::path::Path;

use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;
use crate::watching::site::{ALL, brief, delivered_briefly, journal, start};

fn probe(site: &Site) -> Host {
    Host::start(site, &guest("probe"), &["--name", "app"])
}

/// Sends a request into a folder that lies elsewhere for the moment, and returns it as
/// it is once that folder is back.
fn send_elsewhere(away: &Path, back: &Path) -> Sent {
    let sent = send(away, "echo", Some(b"meanwhile"));
    let path = back.join(sent.path.strip_prefix(away).unwrap());
    Sent { path }
}

/// Moves a folder away, and back once the host misses it; waits until the host has
/// found it again.
fn move_away_and_back(host: &Host, folder: &Path, away: &Path, meanwhile: impl FnOnce()) {
    let n_said = |text: &str| {
        let log = host.log();
        log.iter()
            .filter(|line| line.to_string().contains(text))
            .count()
    };
    let [gone, back] = ["folder is gone, waiting", "folder is back"];
    let before = n_said(back);
    fs::rename(folder, away).unwrap();
    meanwhile();
    wait_for("the host to miss its folder", || {
        (n_said(gone) > before).then_some(())
    });
    assert!(!folder.exists(), "nothing is made in its place");
    fs::rename(away, folder).unwrap();
    wait_for("the host to find its folder", || {
        (n_said(back) > before).then_some(())
    });
}

#[test]
fn datasites_that_are_away_for_a_while_are_served_when_they_are_back() {
    let site = Site::new();
    let host = probe(&site);
    // All datasites, and that of the owner alone.
    let own = site.datasites().join(OWNER);
    for folder in [site.datasites(), own] {
        let away = site.path().join("away");
        let mut sent = vec![send(&host.rpc, "echo", Some(b"before"))];
        move_away_and_back(&host, &folder, &away, || {
            let rpc = away.join(site.rpc("app").strip_prefix(&folder).unwrap());
            sent.push(send_elsewhere(&rpc, &site.rpc("app")));
        });
        sent.push(send(&host.rpc, "echo", Some(b"after")));
        let texts: Vec<String> = sent.iter().map(|request| request.answer().text()).collect();
        assert_eq!(texts, ["before", "meanwhile", "after"]);
    }
}

#[test]
fn another_folder_in_the_place_of_the_apps_is_served_and_so_is_the_first_again() {
    let site = Site::new();
    let host = probe(&site);
    let folder = site.rpc("app").parent().unwrap().to_owned();
    let [first, second] = ["first", "second"].map(|name| site.path().join(name));
    fs::rename(&folder, &first).unwrap();
    // It brings a request of its own.
    let brought = send_elsewhere(&second.join("rpc"), &site.rpc("app"));
    if folder.exists() {
        // The host was quick, and made a new one.
        fs::rename(&folder, site.path().join("made")).unwrap();
    }
    fs::rename(&second, &folder).unwrap();
    assert_eq!(brought.answer().text(), "meanwhile");
    let meanwhile = send_elsewhere(&first.join("rpc"), &site.rpc("app"));
    fs::rename(&folder, &second).unwrap();
    if folder.exists() {
        fs::rename(&folder, site.path().join("made, too")).unwrap();
    }
    fs::rename(&first, &folder).unwrap();
    assert_eq!(meanwhile.answer().text(), "meanwhile");
    assert_eq!(call(&host.rpc, "echo", "after").text(), "after");
}

/// Returns the files of which the deletion was ever delivered to the app.
fn deleted(host: &Host) -> Vec<String> {
    let all = journal(host).iter().map(brief).collect::<Vec<_>>();
    all.into_iter()
        .filter(|event| event.starts_with("deleted"))
        .collect()
}

#[test]
fn files_that_are_gone_with_the_whole_datasite_were_not_deleted() {
    let site = Site::new();
    for name in ["a", "b", "c"] {
        site.write(&format!("public/{name}"), name);
    }
    let host = start(&site, ALL, &["{datasite}/public/**"], &[]);
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
    let own = site.datasites().join(OWNER);
    for folder in [site.datasites(), own] {
        move_away_and_back(&host, &folder, &site.path().join("away"), || {});
        assert_eq!(
            delivered_briefly(&site, &host),
            [""; 0],
            "{}",
            folder.display()
        );
        // Nor were those deleted that mark how far delivery came.
        assert_eq!(deleted(&host), [""; 0], "{}", folder.display());
    }
    fs::remove_file(site.own("public/b")).unwrap();
    assert_eq!(delivered_briefly(&site, &host), ["deleted public/b"]);
}

/// A folder in the place of the datasites that has the datasite is what the app sees.
#[test]
fn other_datasites_in_the_place_of_the_first_are_seen() {
    let site = Site::new();
    for name in ["a", "b"] {
        site.write(&format!("public/{name}"), name);
    }
    let host = start(&site, ALL, &["{datasite}/public/**"], &[]);
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
    fs::rename(site.datasites(), site.path().join("first")).unwrap();
    let other = site.path().join("second").join(OWNER).join("public");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("a"), "another").unwrap();
    fs::rename(site.path().join("second"), site.datasites()).unwrap();
    let mut told = delivered_briefly(&site, &host);
    told.sort();
    assert_eq!(told, ["deleted public/b", "modified public/a"]);
}
