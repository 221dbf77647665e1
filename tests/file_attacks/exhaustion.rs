//! Guests that take as much as they get.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Attack, done, error, ok};
use crate::support::apps::{Approved, granted, ops, start_files};
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::planted::{planted, seen};
use crate::support::site::{OWNER, Site};

fn open(path: &str, flags: &str, name: &str) -> Value {
    json!({"raw": {"open": ["root", format!("{OWNER}/{path}"), flags, name]}})
}

#[test]
fn files_that_a_call_has_open_are_bounded() {
    let attack = Attack::new(|_| {});
    let path = seen("public/open.txt");
    let held = json!({"held": 128, "error": "QuotaExceeded"});
    attack.check(&[
        (json!({"hold": [path, 100_000]}), ok(held.clone())),
        // They are closed again.
        (json!({"hold": [path, 100_000]}), ok(held)),
        (json!({"read": path}), ok("open")),
    ]);
}

/// Each of them is a descriptor of the host, too.
#[test]
fn listings_that_a_call_has_open_are_bounded() {
    let attack = Attack::new(|_| {});
    let outcomes = attack.run(json!([
        open("public", "dr", "h"),
        {"raw": {"hold_listings": ["h", 100_000]}},
    ]));
    let held = outcomes[1]["ok"]["held"].as_u64().unwrap();
    assert!(held <= 128, "{outcomes}");
    assert_eq!(
        ops(&attack.host, &json!([{"list": seen("public/sub")}]))[0]["ok"][0][0],
        "deep.txt"
    );
}

#[test]
fn handles_of_a_call_are_bounded() {
    let attack = Attack::new(|_| {});
    let public = format!("{OWNER}/public");
    for steps in [
        json!([{"raw": {"hold_roots": 1_000_000}}]),
        json!([{"raw": {"hold_open": ["root", public, 1_000_000]}}]),
    ] {
        let answer = call(&attack.host.rpc, "ops", &steps.to_string());
        let is_refused = answer.status() == 500 || answer.text().contains("error");
        assert!(is_refused, "{steps}: {}", answer.text());
    }
    attack.check(&[(json!({"read": seen("public/open.txt")}), ok("open"))]);
}

/// A place is as long as its path, and the guest may hold many.
#[test]
fn folders_that_are_held_take_little_memory() {
    let attack = Attack::new(|_| {});
    let before = attack.host.peak_memory();
    let deep = vec!["n"; 1_900].join("/");
    let steps = json!([
        open("app_data/app/out", "dr", "out"),
        {"raw": {"nest": ["out", 1_900]}},
        {"raw": {"hold_open": ["out", deep, 9_000]}},
    ]);
    let answer = call(&attack.host.rpc, "ops", &steps.to_string());
    let grown = attack.host.peak_memory() - before;
    assert!(grown < 300 << 20, "{grown} bytes: {}", answer.text());
}

#[test]
fn bytes_that_a_call_writes_are_bounded() {
    let attack = Attack::new(|_| {});
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    // The name of the file counts as 4 KiB.
    let filled = json!({"written": 63, "error": "Uncategorized"});
    attack.check(&[
        (json!({"fill": [out("big"), 1 << 20, 1_000]}), ok(filled)),
        // What was refused took nothing of what is left.
        (json!({"write": [out("more"), "x"]}), done()),
        (
            json!({"write": [out("more"), "x".repeat(60 << 10)]}),
            error("Uncategorized"),
        ),
    ]);
    let size = |name: &str| {
        fs::metadata(attack.site.own("app_data/app/out").join(name))
            .unwrap()
            .len()
    };
    // Streams take 64 KiB at a time, and the last do not fit beside the name.
    assert_eq!(size("big"), (64 << 20) - (64 << 10));
    // For each call anew.
    attack.check(&[(json!({"write": [out("more"), "x"]}), done())]);
}

#[test]
fn files_that_a_call_makes_are_bounded() {
    let attack = Attack::long();
    let start = seen("app_data/app/out/n");
    let made = json!({"made": 16_384, "error": "QuotaExceeded"});
    attack.check(&[(json!({"make": [start, 100_000]}), ok(made))]);
}

/// A file with a hole takes no space here, but all of it wherever it is synced to.
#[test]
fn files_do_not_grow_by_holes_beyond_the_bound() {
    let attack = Attack::new(|_| {});
    let path = "app_data/app/out/old.txt";
    for step in [
        json!({"raw": {"write": ["h", "x", 1_u64 << 40]}}),
        json!({"raw": {"write_via_stream": ["h", "x", 1_u64 << 40]}}),
        json!({"raw": {"set_size": ["h", 1_u64 << 40]}}),
    ] {
        let steps = [(open(path, "rw", "h"), done()), (step, error("quota"))];
        attack.check(&steps);
        assert_eq!(fs::metadata(attack.site.own(path)).unwrap().len(), 3);
    }
    // A smaller hole is part of what may be written.
    attack.check(&[
        (open(path, "rw", "h"), done()),
        (json!({"raw": {"write": ["h", "x", 1 << 20]}}), ok(1)),
        (json!({"raw": {"set_size": ["h", 64 << 20]}}), done()),
        (
            json!({"raw": {"set_size": ["h", 65 << 20]}}),
            error("quota"),
        ),
    ]);
}

#[test]
fn zeroes_are_written_within_bounds() {
    let attack = Attack::new(|_| {});
    let before = attack.host.peak_memory();
    for n_bytes in [1_u64 << 30, 1 << 40, u64::MAX] {
        let steps = json!([
            open("app_data/app/out/old.txt", "w", "h"),
            {"raw": {"write_zeroes": ["h", n_bytes]}},
        ]);
        let answer = call(&attack.host.rpc, "ops", &steps.to_string());
        assert!(
            answer.status() == 500 || answer.text().contains("error"),
            "{}",
            answer.text()
        );
    }
    assert!(attack.host.peak_memory() - before < 200 << 20);
    assert_eq!(
        fs::read_to_string(attack.site.own("app_data/app/out/old.txt")).unwrap(),
        "old"
    );
}

fn with_many_files(n: usize) -> Site {
    let site = planted();
    let (public, private) = (site.own("public/many"), site.own("private/many"));
    fs::create_dir_all(&public).unwrap();
    for at in 0..n {
        fs::File::create(public.join(format!("some-file-{at}"))).unwrap();
    }
    fs::rename(&public, &private).unwrap();
    fs::create_dir(&public).unwrap();
    for at in 0..n / 10 {
        fs::File::create(public.join(format!("some-file-{at}"))).unwrap();
    }
    site
}

/// Of the larger folder nothing is granted but its name: all of it is looked at in
/// one call of the guest.
#[test]
fn huge_folders_are_listed_in_bounded_time() {
    const N: usize = 60_000;
    let site = with_many_files(N);
    let read = ["{datasite}/public/**", "{datasite}/private/many/none"];
    let host = start_files(&site, &Approved::new(&read, &[], &[]), &[]);
    let start = Instant::now();
    let answer = ops(
        &host,
        &json!([{"count": seen("public/many")}, {"list": seen("private/many")}]),
    );
    assert_eq!(answer, json!([ok(N / 10), ok(json!([]))]));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_guest_that_lists_for_ever_is_ended_and_nobody_waits() {
    let site = with_many_files(20_000);
    let read = ["{datasite}/public/**", "{datasite}/private/many/none"];
    let host = start_files(&site, &Approved::new(&read, &[], &[]), &["--time", "1s"]);
    let list = json!([{"repeat": [1_000_000, [{"list": seen("private/many")}]]}]).to_string();
    let start = Instant::now();
    let endless: Vec<_> = (0..4)
        .map(|_| send(&host.rpc, "ops", Some(list.as_bytes())))
        .collect();
    assert_eq!(
        ops(&host, &json!([{"read": seen("public/open.txt")}])),
        json!([ok("open")])
    );
    for sent in endless {
        assert_eq!(sent.answer().status(), 500);
    }
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

/// Callers are many, and the host's own descriptors few.
#[test]
fn many_calls_that_hold_files_leave_others_theirs() {
    let site = planted();
    let component = granted(&site, &guest("files"), &["{datasite}/public/**"], &[], &[]);
    let mut command = Command::new("sh");
    let plain = syft_host(&site);
    command
        .args(["-c", "ulimit -Sn 1024; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .arg("run")
        .arg(component)
        .args([
            "--name",
            "app",
            "--allow-all-requested",
            "--email",
            OWNER,
            "--data-dir",
        ])
        .arg(site.data_dir())
        .env_clear()
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let host = Host::spawn(&site, command);
    let public = format!("{OWNER}/public/open.txt");
    let hold = json!([{"raw": {"hold_open": ["root", public, 128]}}, {"sleep": 3_000}]).to_string();
    let held: Vec<_> = (0..32)
        .map(|_| send(&host.rpc, "ops", Some(hold.as_bytes())))
        .collect();
    std::thread::sleep(Duration::from_millis(1_000));
    for _ in 0..20 {
        assert_eq!(
            ops(&host, &json!([{"read": seen("public/open.txt")}])),
            json!([ok("open")])
        );
    }
    for sent in held {
        assert_eq!(sent.answer().status(), 200, "{}", sent.answer().text());
    }
}
