//! Somebody who swaps what is there while the guest is at it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::Attack;
use crate::support::apps::{Approved, ops};
use crate::support::planted::{SECRET, seen};
use crate::support::site::Site;

/// Turns of the guest, each of all steps.
const TURNS: usize = 1_500;

/// Has the guest do the steps again and again while two things take turns at a
/// path, and returns the outcomes, each once. The things are planted as `a` and `b`
/// in a folder beside.
fn race(attack: &Attack, path: &str, steps: &Value) -> Value {
    race_for(TURNS, attack, path, steps)
}

fn race_for(turns: usize, attack: &Attack, path: &str, steps: &Value) -> Value {
    let (done, place) = (AtomicBool::new(false), attack.site.own(path));
    let aside = attack.site.path().join("aside");
    let (outcomes, n_swaps) = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut n_swaps = 0;
            while !done.load(Ordering::Relaxed) && n_swaps < 2_000_000 {
                swap(&aside.join("a"), &place);
                swap(&aside.join("b"), &place);
                n_swaps += 1;
            }
            n_swaps
        });
        let outcomes = ops(&attack.host, &json!([{"repeat": [turns, steps]}]));
        done.store(true, Ordering::Relaxed);
        (outcomes, swapper.join().unwrap())
    });
    assert!(n_swaps > 50, "only {n_swaps} swaps");
    assert!(!outcomes.to_string().contains(SECRET), "{outcomes}");
    outcomes[0]["ok"].clone()
}

/// Races again until the guest has met what it should at times meet, or the log says so: on a
/// busy machine it may find nothing at the place in all its turns.
fn race_until(attack: &Attack, path: &str, steps: &Value, met: &[&str]) -> String {
    let mut outcomes = String::new();
    for _ in 0..20 {
        outcomes += &race(attack, path, steps).to_string();
        let log = log(attack);
        let is_met = |what: &&&str| outcomes.contains(**what) || log.contains(**what);
        if met.iter().all(|what| is_met(&what)) {
            break;
        }
    }
    outcomes
}

fn log(attack: &Attack) -> String {
    serde_json::to_string(&attack.host.log()).unwrap()
}

/// Puts one thing at the place for a moment.
fn swap(thing: &Path, place: &Path) {
    if fs::rename(thing, place).is_ok() {
        std::hint::spin_loop();
        drop(fs::rename(place, thing));
    }
}

fn racing(a: impl FnOnce(&Path, &Site), b: impl FnOnce(&Path, &Site)) -> Attack {
    let approved = Approved::new(&["{datasite}/public/**"], &["{app_data}/out/**"], &[]);
    Attack::with(&approved, |site| {
        let aside = site.path().join("aside");
        fs::create_dir(&aside).unwrap();
        a(&aside.join("a"), site);
        b(&aside.join("b"), site);
    })
}

/// As [`racing`], with an app whose writes are seen at once: what it stages is not at the place.
fn racing_at_once(a: impl FnOnce(&Path, &Site), b: impl FnOnce(&Path, &Site)) -> Attack {
    Attack::at_once(|site| {
        let aside = site.path().join("aside");
        fs::create_dir(&aside).unwrap();
        a(&aside.join("a"), site);
        b(&aside.join("b"), site);
    })
}

fn folder(path: &Path, _: &Site) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("key.txt"), "plain").unwrap();
}

/// Checks that what is neither of the datasites' nor of the race is as it was.
fn check_outside(attack: &Attack) {
    let before = attack.before.iter();
    let outside = [
        attack.site.path().join("outside"),
        attack.site.own("private"),
    ];
    let after = crate::support::planted::snapshot(&attack.site);
    for (path, was) in before.filter(|(path, _)| outside.iter().any(|dir| path.starts_with(dir))) {
        assert_eq!(after.get(path), Some(was), "{}", path.display());
    }
    let new = after.keys().find(|path| {
        outside.iter().any(|dir| path.starts_with(dir)) && !attack.before.contains_key(*path)
    });
    assert_eq!(new, None);
}

#[test]
fn a_file_swapped_with_a_symlink_gives_no_secret() {
    let attack = racing(
        |path, _| fs::write(path, "plain").unwrap(),
        |path, site| symlink(site.own("private/key.txt"), path).unwrap(),
    );
    let it = seen("public/race");
    let steps = json!([{"read": it}, {"stat": it}, {"list": seen("public")}, {"copy": [it, seen("app_data/app/out/copy")]}]);
    let outcomes = race_until(
        &attack,
        "public/race",
        &steps,
        &["\"plain\"", "it is a symbolic link"],
    );
    assert!(outcomes.contains("\"plain\""), "never the file: {outcomes}");
    assert!(
        log(&attack).contains("it is a symbolic link"),
        "never the link: {outcomes}"
    );
    check_outside(&attack);
}

#[test]
fn a_folder_swapped_with_a_symlink_gives_no_secret() {
    let attack = racing(folder, |path, site| {
        symlink(site.own("private"), path).unwrap()
    });
    let it = |name: &str| seen(&format!("public/race/{name}"));
    let steps = json!([
        {"read": it("key.txt")},
        {"read": it("more/key.txt")},
        {"list": it("")},
        {"stat": it("key.txt")},
        {"stat": it("more")},
    ]);
    let outcomes = race_until(&attack, "public/race", &steps, &["\"plain\""]);
    assert!(
        outcomes.contains("\"plain\""),
        "never the folder: {outcomes}"
    );
    assert!(
        !outcomes.contains("more"),
        "the other folder was listed: {outcomes}"
    );
    check_outside(&attack);
}

#[test]
fn a_folder_swapped_with_a_symlink_is_no_way_to_write() {
    let attack = racing_at_once(folder, |path, site| {
        symlink(site.path().join("outside/folder"), path).unwrap();
    });
    let it = |name: &str| seen(&format!("app_data/app/out/race/{name}"));
    let steps = json!([
        {"write": [it("key.txt"), "written"]},
        {"append": [it("key.txt"), "appended"]},
        {"set_len": [it("key.txt"), 1]},
        {"set_times": [it("key.txt"), 1]},
        {"mkdir": it("folder")},
        {"rmdir": it("folder")},
        {"create_new": [it("new"), "x"]},
        {"rename": [it("new"), it("newer")]},
        {"rename": [seen("app_data/app/out/old.txt"), it("old.txt")]},
        {"rename": [it("old.txt"), seen("app_data/app/out/old.txt")]},
        {"unlink": it("newer")},
        {"unlink": it("key.txt")},
    ]);
    let outcomes = race_until(&attack, "app_data/app/out/race", &steps, &["{\"ok\":null}"]);
    assert!(
        outcomes.contains("{\"ok\":null}"),
        "never the folder: {outcomes}"
    );
    check_outside(&attack);
}

#[test]
fn a_file_swapped_with_a_symlink_is_no_way_to_write() {
    let attack = racing_at_once(
        |path, _| fs::write(path, "plain").unwrap(),
        |path, site| symlink(site.path().join("outside/key.txt"), path).unwrap(),
    );
    let it = seen("app_data/app/out/race");
    let steps = json!([
        {"open": [it, "w", "written"]},
        {"open": [it, "wt", "written"]},
        {"open": [it, "wc", "written"]},
        {"append": [it, "appended"]},
        {"set_len": [it, 1]},
        {"set_times": [it, 1]},
    ]);
    let outcomes = race_until(&attack, "app_data/app/out/race", &steps, &["{\"ok\":null}"]);
    assert!(
        outcomes.contains("{\"ok\":null}"),
        "never the file: {outcomes}"
    );
    check_outside(&attack);
}

/// What is denied below a folder would come out with it.
#[test]
fn a_file_swapped_with_a_folder_takes_nothing_along() {
    let approved = Approved::new(&[], &["{app_data}/out/**"], &["{app_data}/out/race/deep"]);
    let attack = Attack::with(&approved, |site| {
        let aside = site.path().join("aside");
        fs::create_dir_all(aside.join("b/deep")).unwrap();
        fs::write(aside.join("a"), "plain").unwrap();
        fs::write(aside.join("b/deep/key.txt"), SECRET).unwrap();
    });
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let steps = json!([
        {"rename": [out("race"), out("x")]},
        {"read": out("x/deep/key.txt")},
        {"rename": [out("x"), out("race")]},
    ]);
    race(&attack, "app_data/app/out/race", &steps);
}

/// Rules and denied folders that come into a folder while it is moved stay where they are.
#[test]
fn a_folder_that_is_moved_takes_nothing_along_that_came_since() {
    let approved = Approved::new(
        &[],
        &["{app_data}/out/**"],
        &["{app_data}/out/race/it/deep"],
    );
    let attack = Attack::with(&approved, |site| {
        let aside = site.path().join("aside");
        fs::create_dir_all(aside.join("b/deep")).unwrap();
        fs::create_dir(aside.join("a")).unwrap();
        fs::write(aside.join("a/syft.pub.yaml"), SECRET).unwrap();
        fs::write(aside.join("b/deep/key.txt"), SECRET).unwrap();
        for name in 0..20 {
            site.write(&format!("app_data/app/out/race/{name}"), "plain");
        }
    });
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let steps = json!([
        {"rename": [out("race"), out("x")]},
        {"read": out("x/it/syft.pub.yaml")},
        {"read": out("x/it/deep/key.txt")},
        {"rename": [out("x"), out("race")]},
        {"rmdir": out("x")},
        {"mkdir": out("race")},
    ]);
    race_for(100, &attack, "app_data/app/out/race/it", &steps);
    for gone in ["x/it", "x/it/deep"] {
        assert!(
            !attack
                .site
                .own(&format!("app_data/app/out/{gone}"))
                .exists()
        );
    }
}

/// Opening must neither wait for somebody nor show what is no file.
#[test]
fn a_file_swapped_with_a_fifo_is_never_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let attack = racing(
        |path, _| fs::write(path, "plain").unwrap(),
        |path, _| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap(),
    );
    let it = seen("public/race");
    let outcomes = race_until(
        &attack,
        "public/race",
        &json!([{"read": it}, {"stat": it}]),
        &["\"plain\""],
    );
    assert!(outcomes.contains("\"plain\""), "never the file: {outcomes}");
}
