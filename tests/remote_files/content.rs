//! What is in files, as a worker gets it: large ones in parts, changed ones not at all, and what was
//! read before from what the worker keeps.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use syft_manifest::Limits;
use syft_runtime::capability::files::MirrorPlace;
use syft_runtime::wire::{Ask, FileWant, HostCall};

use super::path;
use super::twins::{Asks, Twins, answered};
use crate::support::site::Site;

fn twins(plant: impl Fn(&Site)) -> Twins {
    let asks = Asks::writing(&["{datasite}/public/**", "{datasite}/public"]);
    Twins::with(&asks, Limits::default(), plant)
}

/// A file of which each part is different.
fn large(n_bytes: usize) -> Vec<u8> {
    let numbers = (0..).flat_map(|n: u32| n.to_le_bytes());
    numbers.take(n_bytes).map(|byte| b'a' + byte % 26).collect()
}

fn plant_large(site: &Site) {
    fs::write(site.own("public/large"), large(3_000_000)).unwrap();
}

fn is_read(call: &HostCall) -> bool {
    matches!(&call.ask, Ask::Files(call) if matches!(call.want, FileWant::Read { .. }))
}

/// Has the worker's call done, and returns how many parts of files it read of the owner's host.
fn count_parts(twins: &Twins, ops: &Value) -> (Value, usize) {
    let n_parts = Cell::new(0);
    let count = |call: &HostCall| n_parts.set(n_parts.get() + usize::from(is_read(call)));
    let (outcome, _) = twins.run_there_with(ops, count);
    (answered(&outcome), n_parts.get())
}

#[test]
fn large_files_are_read_and_changed() {
    let twins = twins(plant_large);
    twins.same(&json!([
        {"read": path("large")},
        {"append": [path("large"), "at the end"]},
        {"stat": path("large")},
        {"copy": [path("large"), path("copy")]},
        {"rename": [path("copy"), path("moved")]},
        {"set_times": [path("moved"), 1_000_000]},
    ]));
    twins.same(&json!([
        {"read": path("large")},
        {"set_len": [path("large"), 1_000_000]},
        {"read": path("moved")},
    ]));
}

/// Ten gigabytes of which a guest reads a bit.
#[test]
fn a_bit_of_a_huge_file_takes_no_more_than_a_bit() {
    let twins = twins(|site: &Site| {
        let mut file = fs::File::create(site.own("public/huge")).unwrap();
        file.seek(SeekFrom::Start(10 << 30)).unwrap();
        file.write_all(b"the end").unwrap();
    });
    let ops = json!([
        {"raw": {"open": ["root", "owner@example.com/public/huge", "r", "huge"]}},
        {"raw": {"stat": "huge"}},
        {"raw": {"read": ["huge", 100, 10_u64 << 30]}},
        {"raw": {"read": ["huge", 3, 5_u64 << 30]}},
        {"raw": {"read": ["huge", 3, 11_u64 << 30]}},
    ]);
    let (outcomes, n_parts) = count_parts(&twins, &ops);
    assert_eq!(outcomes[2]["ok"], "the end");
    assert_eq!(outcomes[3]["ok"], "\0\0\0");
    assert_eq!(outcomes[4]["ok"], "");
    assert_eq!(n_parts, 2);
    assert_eq!(outcomes, answered(&twins.run_here(&ops).0));
}

#[test]
fn what_a_call_has_read_the_next_one_need_not_fetch() {
    let twins = twins(plant_large);
    let ops = json!([{"read": path("large")}]);
    let (first, n_first) = count_parts(&twins, &ops);
    let (second, n_second) = count_parts(&twins, &ops);
    assert_eq!(first, second);
    assert_eq!((n_first, n_second), (6, 0));
    let file = twins.there.site.own("public/large");
    fs::write(&file, large(2_900_000)).unwrap();
    let (third, n_third) = count_parts(&twins, &ops);
    assert_eq!(n_third, 6, "another state of the file");
    let text = String::from_utf8(large(2_900_000)).unwrap();
    assert_eq!(third[0]["ok"], text);
}

/// Kept parts that were damaged on the disk of the worker are fetched again.
#[test]
fn what_is_kept_is_checked() {
    let twins = twins(plant_large);
    let ops = json!([{"read": path("large")}]);
    let (first, _) = count_parts(&twins, &ops);
    let parts = twins.folder.path().join("files/parts");
    for part in fs::read_dir(parts).unwrap() {
        let part = fs::File::options().write(true).open(part.unwrap().path());
        part.unwrap().write_all_at(b"damaged", 1_000).unwrap();
    }
    let (second, n_second) = count_parts(&twins, &ops);
    assert_eq!((first, 6), (second, n_second));
}

/// A file that is replaced while it is read is read as it was.
#[test]
fn a_file_that_is_replaced_stays_the_one_that_was_opened() {
    let twins = twins(plant_large);
    let file = twins.there.site.own("public/large");
    let other = twins.there.site.own("public/other");
    let n_reads = Cell::new(0);
    let replace = |call: &HostCall| {
        n_reads.set(n_reads.get() + usize::from(is_read(call)));
        if n_reads.get() == 3 && !other.exists() {
            fs::write(&other, vec![b'?'; 3_000_000]).unwrap();
            fs::rename(&other, &file).unwrap();
            fs::write(&other, "so that it is done once").unwrap();
        }
    };
    let (outcome, _) = twins.run_there_with(&json!([{"read": path("large")}]), replace);
    let text = String::from_utf8(large(3_000_000)).unwrap();
    assert_eq!(answered(&outcome)[0]["ok"], text);
}

/// A file that is changed while it is read is never read in part as it was and in part as it is.
#[test]
fn a_file_that_is_changed_while_it_is_read_is_read_no_further() {
    let twins = twins(plant_large);
    let file = twins.there.site.own("public/large");
    let n_reads = Cell::new(0);
    let change = |call: &HostCall| {
        n_reads.set(n_reads.get() + usize::from(is_read(call)));
        if is_read(call) && n_reads.get() == 3 {
            overwrite(&file);
        }
    };
    let (outcome, _) = twins.run_there_with(&json!([{"read": path("large")}]), change);
    assert!(answered(&outcome)[0].get("error").is_some(), "{outcome:?}");
}

fn overwrite(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&vec![b'?'; 2_000_000], 0).unwrap();
}

/// Who changes a file in place that others change meanwhile runs again, and nothing is lost.
#[test]
fn what_others_change_meanwhile_is_a_conflict() {
    for first in ["append", "read"] {
        let twins = twins(|site: &Site| {
            site.write("public/shared", "one");
        });
        let file = twins.there.site.own("public/shared");
        let n_runs = Cell::new(0);
        let seen = RefCell::new(Vec::new());
        let add = |call: &HostCall| {
            let Ask::Files(call) = &call.ask else { return };
            if matches!(call.want, FileWant::Write { .. }) {
                n_runs.set(n_runs.get() + 1);
                seen.borrow_mut().push(fs::read_to_string(&file).unwrap());
                if n_runs.get() == 1 {
                    fs::write(&file, "one and two").unwrap();
                }
            }
        };
        let ops = match first {
            "append" => json!([{"append": [path("shared"), " and three"]}]),
            _ => json!([{"read": path("shared")}, {"write": [path("shared"), "three"]}]),
        };
        let (outcome, _) = twins.run_there_with(&ops, add);
        assert_eq!(n_runs.get(), 2, "{first}: {:?}", seen.borrow());
        let left = fs::read_to_string(&file).unwrap();
        match first {
            "append" => assert_eq!(left, "one and two and three"),
            _ => {
                assert_eq!(answered(&outcome)[0]["ok"], "one and two");
                assert_eq!(left, "three");
            }
        }
    }
}

/// As databases do: a journal beside the file, pages changed in place, and the journal removed.
#[test]
fn a_database_is_read_and_changed_in_place() {
    let twins = twins(|site: &Site| {
        fs::write(site.own("public/data.db"), large(800_000)).unwrap();
    });
    let below = |name: &str| format!("owner@example.com/public/{name}");
    let raw = |op: Value| json!({"raw": op});
    let journal = "page ".repeat(800);
    let change = |page: u64, text: &str| {
        vec![
            raw(json!({"open": ["root", below("data.db"), "rw", "db"]})),
            raw(json!({"stat_at": ["root", below("data.db-journal")]})),
            raw(json!({"stat_at": ["root", below("data.db-wal")]})),
            raw(json!({"read": ["db", 100, 0]})),
            raw(json!({"read": ["db", 4096, page * 4096]})),
            raw(json!({"open": ["root", below("data.db-journal"), "rwcx", "journal"]})),
            raw(json!({"write": ["journal", journal, 0]})),
            raw(json!({"sync": "journal"})),
            raw(json!({"write": ["db", text, page * 4096]})),
            raw(json!({"write": ["db", text, 900_000]})),
            raw(json!({"sync": "db"})),
            raw(json!({"drop": "journal"})),
            raw(json!({"unlink_file_at": ["root", below("data.db-journal")]})),
            raw(json!({"read": ["db", 20, page * 4096]})),
            raw(json!({"stat": "db"})),
            raw(json!({"set_size": ["db", 850_000 + page]})),
            raw(json!({"open": ["root", below("data.db"), "r", "again"]})),
            raw(json!({"read": ["again", 20, page * 4096]})),
        ]
    };
    twins.same(&Value::Array(change(3, "one page")));
    twins.same(&Value::Array(change(150, "another page")));
}

/// Nothing of a call is held when it is over, whatever it opened last.
#[test]
fn a_worker_holds_nothing_of_a_call_that_is_over() {
    let twins = twins(plant_large);
    let n_before = Arc::strong_count(&twins.place);
    for ops in [
        json!([{"create_new": [path("large"), "x"]}]),
        json!([{"open": [path("large"), "r", ""]}]),
        json!([{"rename": [path("large"), path("sub")]}]),
        json!([{"raw": {"open": ["root", "owner@example.com/public/large", "rx", "x"]}}]),
        json!([{"raw": {"open": ["root", "owner@example.com/public", "d", "x"]}},
               {"raw": {"hold_listings": ["x", 3]}}]),
        json!([{"panic": "now"}]),
    ] {
        twins.run_there(&ops);
        assert_eq!(Arc::strong_count(&twins.place), n_before, "{ops}");
    }
    let scratch = fs::read_dir(twins.folder.path().join("files")).unwrap();
    let scratch = scratch.map(|entry| entry.unwrap().path());
    let scratch = scratch.filter(|path| !path.ends_with("parts"));
    let staged: Vec<_> = scratch.map(|path| path.join("staged")).collect();
    assert_eq!(staged.len(), 1);
    assert_eq!(fs::read_dir(&staged[0]).unwrap().count(), 0);
}

/// What a worker that was killed has left is deleted by the next one, but for what it keeps.
#[test]
fn what_a_killed_worker_has_left_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    let left = files.join(".scratch-left/staged");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("half"), "written").unwrap();
    fs::create_dir_all(files.join("parts")).unwrap();
    let half = files.join("parts/.tmpHalf");
    fs::write(&half, "written").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    let file = fs::File::options().write(true).open(&half).unwrap();
    file.set_modified(long_ago).unwrap();
    let place = MirrorPlace::open(&files, 1 << 20).unwrap();
    assert!(!left.exists() && !half.exists());
    drop(place);
    let left = fs::read_dir(&files).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["parts"]);
}

/// A sparse file is given with its holes.
#[test]
fn holes_stay_holes() {
    let twins = twins(|_| ());
    twins.same(&json!([
        {"set_len": [path("open.txt"), 40_000_000]},
        {"append": [path("open.txt"), "the end"]},
        {"write": [path("empty"), ""]},
    ]));
}
