//! Compiling happens in a process of its own, within bounds, by whatever way a component comes;
//! and one author keeps no other waiting.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::support::bombs::{self, with};
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::{Ended, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::people::{Person, Served};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const MIB: u64 = 1 << 20;

fn probe() -> Vec<u8> {
    fs::read(guest("probe")).unwrap()
}

/// Keeps a compiler busy for longer than it may, though each part of it is within bounds. It has
/// less than 1 MiB, so that its time is over soon.
fn slow() -> Vec<u8> {
    let slow = with(&probe(), &bombs::functions(&bombs::carried(490, 39), 120));
    assert!(slow.len() < 1 << 20, "{}", slow.len());
    slow
}

/// Runs a command to its end. Returns what it said, and the most memory that it or any process
/// below it took, in bytes.
fn measured(command: &mut Command) -> (Ended, u64) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (start, mut peak) = (Instant::now(), 0);
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(180), "{command:?}");
        peak = peak.max(peak_below(child.id()));
        std::thread::sleep(Duration::from_millis(2));
    }
    (Ended::of(&child.wait_with_output().unwrap()), peak)
}

/// Returns the most memory of a process and all below it.
fn peak_below(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|size| size.trim().strip_suffix(" kB")?.parse().ok());
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let children = threads.flatten().flat_map(|thread| {
        let children = fs::read_to_string(thread.path().join("children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
        pids.collect::<Vec<u32>>()
    });
    let below = children.map(peak_below).max();
    peak.map_or(0, |kib: u64| kib << 10).max(below.unwrap_or(0))
}

/// Returns what `inspect` says of a component, and what it took.
fn inspect(site: &Site, component: &[u8]) -> (Ended, u64) {
    let path = site.path().join("bomb.wasm");
    fs::write(&path, component).unwrap();
    measured(syft_host(site).arg("inspect").arg(&path))
}

/// Undoes the breaking of lines in what an app is said to be.
fn unbroken(text: &str) -> String {
    text.replace("\n  │ ", " ")
}

#[test]
fn what_is_dear_to_compile_is_refused_or_bounded_and_named() {
    let (site, guest) = (Site::new(), probe());
    for (bomb, why) in [
        (bombs::tables(100, 1 << 20), "100 tables in one core module"),
        (bombs::tables(1, 1 << 20), " elements in all tables"),
        (
            bombs::tables(32, 100_000).repeat(4),
            "elements in all tables",
        ),
        (bombs::memories(5), "5 memories in one core module"),
        (bombs::module(&[]).repeat(300), "core modules"),
        (
            bombs::functions(&bombs::carried(1_000, 50), 1),
            "locals in nested loops",
        ),
        (
            bombs::functions(&bombs::carried(2_000, 50), 1),
            "locals in nested loops",
        ),
        (
            bombs::functions(&bombs::locals(50_000), 1),
            "50000 locals in one function",
        ),
        (
            bombs::functions(&bombs::locals(15_000), 1_000),
            " locals; at most",
        ),
        (
            bombs::functions(&bombs::nested(2, 20_000), 1),
            "blocks within each other",
        ),
        (
            bombs::functions(&bombs::nested(3, 200), 1),
            "loops within each other",
        ),
        (bombs::functions(b"\0\x0b", 500_000), "functions; at most"),
        (bombs::components(20, 1), "components within each other"),
        (bombs::types(9 << 20), "bytes of component types"),
        (bombs::instances(&guest, 12, 8), "MiB of memory"),
        (
            bombs::functions(&bombs::carried(490, 39), 200),
            " s of the processor",
        ),
    ] {
        let (ended, peak) = inspect(&site, &with(&guest, &bomb));
        assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
        let said = unbroken(&ended.stdout);
        assert!(
            said.contains("the component is not compiled") && said.contains(why),
            "{why}: {said}"
        );
        assert!(peak < 1024 * MIB, "{why}: {} MiB", peak / MIB);
    }
    let (good, _) = inspect(&site, &with(&guest, b""));
    assert!(!good.stdout.contains("Does not run"), "{}", good.stdout);
}

/// Before anything is checked, and by whoever only reads it.
#[test]
fn millions_of_sections_cost_nothing() {
    let site = Site::new();
    let path = site.path().join("bomb.wasm");
    let sections = b"\0\x01\0".repeat(20 << 20);
    fs::write(&path, [&probe()[..], &sections].concat()).unwrap();
    let data = site.data_dir();
    for name in ["inspect", "verify", "install", "run"] {
        let mut command = syft_host(&site);
        let command = command.arg(name).arg(&path);
        command.args(["--email", OWNER, "--data-dir"]).arg(&data);
        let (ended, peak) = measured(command);
        let why = ended.refused();
        assert!(
            why.contains("100000") && why.contains("sections"),
            "{command:?}: {why}"
        );
        assert!(peak < 256 * MIB, "{command:?}: {} MiB", peak / MIB);
    }
}

#[test]
fn what_took_too_long_is_not_tried_again_unless_it_may_take_longer() {
    let site = Site::new();
    let path = site.path().join("slow.wasm");
    let body = bombs::carried(490, 39);
    fs::write(&path, with(&probe(), &bombs::functions(&body, 4))).unwrap();
    let inspect = |time: &str| {
        let mut command = syft_host(&site);
        command.env("SYFT_HOST_COMPILE_TIME", time);
        let ended = Ended::of(&output(command.arg("inspect").arg(&path)));
        let said = unbroken(&ended.stdout);
        let code = if said.contains("Does not run") { 2 } else { 0 };
        assert_eq!(ended.code, Some(code), "{said}{}", ended.stderr);
        said
    };
    let said = inspect("1s");
    assert!(
        said.contains("takes more than 1 s of the processor"),
        "{said}"
    );
    assert!(!said.contains("not tried again"), "{said}");
    let said = inspect("1s");
    assert!(said.contains("takes more than 1 s"), "{said}");
    assert!(said.contains("not tried again by itself"), "{said}");
    let said = inspect("10m");
    assert!(!said.contains("Does not run"), "{said}");
    // What was compiled needs no time.
    assert!(!inspect("1s").contains("Does not run"));
    let wrong = syft_host(&site)
        .env("SYFT_HOST_COMPILE_TIME", "soon")
        .args(["run", "x.wasm", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir())
        .output();
    assert!(
        Ended::of(&wrong.unwrap())
            .refused()
            .contains("SYFT_HOST_COMPILE_TIME")
    );
}

/// Returns a release of an app by somebody, as a file.
fn release(site: &Site, by: &Person, name: &str, number: u32, component: &[u8]) -> String {
    release_with(site, by, name, number, component, "")
}

fn release_with(
    site: &Site,
    by: &Person,
    name: &str,
    number: u32,
    component: &[u8],
    toml: &str,
) -> String {
    let unsigned = by.home.join("unsigned.wasm");
    fs::write(&unsigned, component).unwrap();
    let author = &by.email;
    let toml = format!(
        "[app]\nname = '{name}'\nversion = '1.0.{number}'\nsequence = {number}\nauthor = '{author}'\n{toml}"
    );
    by.signed(site, &unsigned, &toml)
}

fn install(site: &Site, owner: &Person, file: &str) -> Ended {
    let digest = syft_manifest::Digest::of(&fs::read(file).unwrap()).to_string();
    owner.run(
        site,
        &["install", file, "--yes", "--expect-digest", &digest],
    )
}

/// Each of them ends with the same words, and the first release is served on.
#[test]
fn whatever_way_a_component_comes_it_is_compiled_within_bounds() {
    let site = Site::new();
    let author = Person::new(&site, "alice@example.org", 1);
    let owner = Person::new(&site, OWNER, 9);
    let bomb = with(&probe(), &bombs::tables(100, 1 << 20));
    let refused = |ended: Ended| {
        let why = ended.refused();
        assert!(why.contains("100 tables in one core module"), "{why}");
    };
    let bad = release(&site, &author, "demo", 1, &bomb);
    refused(install(&site, &owner, &bad));
    refused(owner.run(&site, &["run", &bad]));

    let file = release(&site, &author, "demo", 2, &probe());
    install(&site, &owner, &file).succeeded();
    let next = release(&site, &author, "demo", 3, &bomb);
    fs::copy(next, &file).unwrap();
    refused(owner.run(&site, &["update"]));
    let wider = "[limits]\ntime = '1m'";
    let next = release_with(&site, &author, "demo", 4, &bomb, wider);
    fs::copy(&next, &file).unwrap();
    owner.run(&site, &["update"]).succeeded();
    let digest = syft_manifest::Digest::of(&fs::read(&next).unwrap());
    let approve = ["approve", "demo", "--expect-digest", digest.as_str()];
    refused(owner.run(&site, &approve));

    // Whatever the records say, and whoever else is served.
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("good", &probe());
    installed.put("bad", &bomb);
    let serving = Serving::start(&site, &[]);
    let failed = serving.wait_for_nth(1, "app-failed", "bad");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("100 tables in one core module"), "{error}");
    serving.wait_for_nth(1, "app-started", "good");
    serving.stop();
}

/// One author's release takes the compiler's time, and the registry of another one takes every
/// question and answers none.
#[test]
fn one_author_keeps_no_other_waiting() {
    let site = Site::new();
    let [alice, mallory, silent] = [("alice", 1), ("mallory", 2), ("silent", 3)]
        .map(|(name, seed)| Person::new(&site, &format!("{name}@example.org"), seed));
    let owner = Person::new(&site, OWNER, 9);
    let stateful = fs::read(guest("stateful")).unwrap();
    let good = release(&site, &alice, "good", 1, &stateful);
    let bad = release(&site, &mallory, "bad", 1, &stateful);
    let slow_file = release(&site, &silent, "slow", 1, &stateful);
    for file in [&good, &bad, &slow_file] {
        install(&site, &owner, file).succeeded();
    }
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = registry.local_addr().unwrap().port();
    move_to(&owner, "slow", &format!("oci://127.0.0.1:{port}/slow:1"));
    let next = release(&site, &mallory, "bad", 2, &slow());
    fs::copy(next, &bad).unwrap();
    let key = alice.key();
    let publish = |arguments: &[&str]| {
        let key = ["--key", key.to_str().unwrap()];
        alice
            .run(&site, &[&["publish"], arguments, &key].concat())
            .succeeded();
    };
    publish(&[&good]);

    let options = ["--update-every", "1s", "--heed-every", "1s"];
    let served = Served::start_with(&site, &owner, &options);
    let (_question, _) = registry.accept().unwrap();
    assert_eq!(call(&site.rpc("bad"), "count", "{}").status(), 200);
    publish(&["--app", "good", "--revoke", "1"]);
    let failed = served.wait_for("good to stop", |event| event["event"] == "app-failed");
    assert!(
        failed["error"].as_str().unwrap().contains("revoked"),
        "{failed}"
    );
    let log = || log(&owner);
    let about = |app: &str| log().into_iter().find(|line| is_not_updated(line, app));
    assert!(
        about("bad").is_none(),
        "the bomb went off too early to show anything"
    );
    assert!(about("slow").is_none(), "the registry has answered");
    for app in ["bad", "slow"] {
        assert_eq!(call(&site.rpc(app), "count", "{}").status(), 200);
    }
    let refused = wait_for("the bomb to be given up", || about("bad"));
    assert!(refused.to_string().contains("takes more than"), "{refused}");
    assert_eq!(call(&site.rpc("bad"), "count", "{}").status(), 200);
    served.stop();
}

/// Changes where the updates of an app come from.
fn move_to(owner: &Person, app: &str, source: &str) {
    let records = owner.home.join(".local/share/syft-host/installed");
    let record = records.join(&owner.email).join(format!("{app}.json"));
    let mut json: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    json["source"] = source.into();
    fs::write(&record, json.to_string()).unwrap();
}

fn log(owner: &Person) -> Vec<Value> {
    let log = fs::read_to_string(owner.home.join("serve.log")).unwrap();
    let lines = log.lines();
    lines.flat_map(serde_json::from_str).collect()
}

fn is_not_updated(line: &Value, app: &str) -> bool {
    let line = line.to_string();
    line.contains("not updated") && line.contains(&format!("\"app\":\"{app}\""))
}

#[test]
fn who_comes_while_another_compiles_uses_what_that_one_makes() {
    let site = Site::new();
    let path = site.path().join("app.wasm");
    fs::write(&path, probe()).unwrap();
    let inspect = |cache: &Path| {
        let mut command = syft_host(&site);
        command
            .env("XDG_CACHE_HOME", cache)
            .arg("inspect")
            .arg(&path);
        command
    };
    let [ours, theirs] = ["ours", "theirs"].map(|name| site.path().join(name));
    Ended::of(&output(&mut inspect(&theirs))).succeeded();
    let [theirs, folder] = [&theirs, &ours].map(|cache| cache.join("syft-host/compiled"));
    let name = files(&theirs).remove(0).0;

    // Another host is at work on it.
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(&folder).unwrap();
    let (digest, _) = name.split_once('-').unwrap();
    let lock = fs::File::create(folder.join(format!("{digest}.lock"))).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut waiting = inspect(&ours);
    waiting.args(["--log", "info"]).stdout(Stdio::piped());
    let mut waiting = waiting.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let is_told = |line: String| line.contains("another syft-host compiles this component");
    assert!(log.by_ref().map(Result::unwrap).any(is_told));

    fs::copy(theirs.join(&name), folder.join(&name)).unwrap();
    let number = || fs::metadata(folder.join(&name)).unwrap().ino();
    let before = number();
    drop(lock);
    log.for_each(drop);
    assert!(waiting.wait().unwrap().success());
    assert_eq!(number(), before, "it was compiled again");
    assert_eq!(files(&folder).len(), 1, "the lock is gone");
}

#[test]
fn nobody_but_the_owner_reads_compiled_code() {
    let site = Site::new();
    let cache = site.path().join("cache");
    let path = site.path().join("app.wasm");
    fs::write(&path, probe()).unwrap();
    let mut command = syft_host(&site);
    command
        .env("XDG_CACHE_HOME", &cache)
        .arg("inspect")
        .arg(&path);
    Ended::of(&output(&mut command)).succeeded();
    let compiled = files(&cache.join("syft-host/compiled"));
    assert_eq!(compiled.len(), 1, "{compiled:?}");
    let (name, mode) = &compiled[0];
    assert!(
        name.ends_with(".cwasm") && mode & 0o777 == 0o600,
        "{compiled:?}"
    );
}

fn files(folder: &Path) -> Vec<(String, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let file = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode();
        (entry.file_name().into_string().unwrap(), mode)
    };
    entries.map(file).collect()
}
