use proptest::prelude::*;

use super::super::{FileChange, FileTime};
use super::room::datasite_of;
use super::*;

const PATHS: [&str; 8] = ["a", "b", "x/a", "x/b", "x/c/d", "y/a", "y/b", "z/a"];

fn stamp(inode: u64, content: i64) -> FileStamp {
    let time = FileTime {
        seconds: content,
        nanos: 0,
    };
    FileStamp {
        inode,
        born: FileTime::default(),
        bytes: 1,
        modified: time,
        changed: time,
        mode: 0o100_644,
    }
}

fn fill(room: &mut Room, datasite: &str, n_files: usize) -> usize {
    let paths = (0..n_files).map(|n| format!("{datasite}/{n}"));
    let mut n_taken = 0;
    for path in paths {
        if room.is_left_for(&path) {
            room.add(&path);
            n_taken += 1;
        }
    }
    n_taken
}

#[test]
fn a_datasite_is_sure_of_an_equal_share_whatever_others_hold() {
    let mut room = Room::new(100);
    assert_eq!(fill(&mut room, "junk", 1_000), 100, "alone, all of it");
    assert_eq!(fill(&mut room, "bob", 30), 30);
    assert_eq!(fill(&mut room, "junk", 1), 0);
    assert_eq!(fill(&mut room, "bob", 1_000), 20, "half of it in all");
    assert_eq!(fill(&mut room, "carl", 1_000), 34, "a third, rounded up");
    assert_eq!(room.fullest(), Some(("junk", 100)));
}

/// As many as come, each as greedy as can be.
#[test]
fn there_is_a_bound_however_many_datasites_come_and_each_gets_something() {
    let mut room = Room::new(100);
    let (mut total, mut bound) = (0, 0);
    for n in 1..=1_000 {
        let n_taken = fill(&mut room, &format!("junk{n}"), 200);
        assert!(n_taken >= 1, "{n}");
        total += n_taken;
        bound += 100_usize.div_ceil(n);
        assert!(total <= bound, "{total} of {n}");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Remember(usize, u64),
    Hint(usize, FileHint),
    Look(usize, LookResult),
    Own(usize, Option<FileStamp>),
    FolderLeft(&'static str),
    Pass(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let (path, inode) = (0..PATHS.len(), 1_u64..6);
    let hint = prop_oneof![
        Just(FileHint::Whole),
        Just(FileHint::Writing),
        Just(FileHint::Unknown)
    ];
    let file = (inode.clone(), 0_i64..3).prop_map(|(inode, content)| stamp(inode, content));
    let (age, tick) = (Duration::ZERO, Duration::ZERO);
    let found = prop_oneof![
        1 => Just(LookResult::Unclear),
        2 => Just(LookResult::Absent),
        4 => file.clone().prop_map(move |stamp| LookResult::File { stamp, age, tick }),
    ];
    prop_oneof![
        1 => (path.clone(), inode).prop_map(|(path, inode)| Op::Remember(path, inode)),
        4 => (path.clone(), hint).prop_map(|(path, hint)| Op::Hint(path, hint)),
        8 => (path.clone(), found).prop_map(|(path, found)| Op::Look(path, found)),
        2 => (path, prop::option::of(file)).prop_map(|(path, stamp)| Op::Own(path, stamp)),
        1 => prop_oneof![Just("x"), Just("y")].prop_map(Op::FolderLeft),
        4 => (0_u16..1_000).prop_map(Op::Pass),
    ]
}

fn apply(observed: &mut ObservedFiles, now: &mut Instant, op: Op) {
    let path = |index: usize| Arc::from(PATHS[index]);
    let mut changed = Vec::new();
    match op {
        Op::Remember(index, inode) => observed.remember(*now, &path(index), stamp(inode, 0)),
        Op::Hint(index, hint) => observed.hint(*now, &path(index), hint),
        Op::Look(index, found) => observed.looked(*now, &path(index), found, &mut changed),
        Op::Own(index, stamp) => {
            let path = path(index);
            observed.own(*now, &FileChange { path, stamp }, &mut changed);
        }
        Op::FolderLeft(folder) => observed.hint_below(*now, folder),
        Op::Pass(millis) => *now += Duration::from_millis(millis.into()),
    }
}

proptest! {
    /// Each path counts once, however it is known, and no more once it is not.
    #[test]
    fn what_is_counted_is_what_is_known(
        most in 1_usize..8,
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let (mut observed, mut now) = (ObservedFiles::new(most), Instant::now());
        for op in ops {
            apply(&mut observed, &mut now, op);
            let settled = observed.settled.keys();
            let known: HashSet<&Arc<str>> = settled.chain(observed.unsettled.keys()).collect();
            let mut counts = HashMap::new();
            for path in &known {
                *counts.entry(datasite_of(path)).or_insert(0) += 1;
            }
            prop_assert_eq!(observed.room.by_datasite(), (known.len(), counts));
        }
    }
}
