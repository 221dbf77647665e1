//! A worker that says what no call of the app could do: nothing of the call is kept, and the log
//! says why.

use syft_runtime::remote::OwnerSide;
use syft_runtime::wire::{
    Ask, CallEnd, CallTaken, FileCall, FileEffect, FileMoment, FileNote, FileReply, FileWant,
    HostCall, HostReply, ListPurpose, NotedPath, OutcomeEnd, WireAnswer, WireFileId,
};

use super::twins::{Asks, Twins};

const OWN: &str = "owner@example.com/public";

fn twins() -> Twins {
    Twins::new(&Asks {
        deny: vec!["{datasite}/public/denied/**".to_owned()],
        ..Asks::writing(&["{datasite}/public/**"])
    })
}

fn end(files: Vec<FileEffect>) -> CallEnd {
    CallEnd {
        outcome: OutcomeEnd::Answered(WireAnswer {
            status: 200,
            headers: Vec::new(),
            body: None,
        }),
        writes: Vec::new(),
        files,
        lines: Vec::new(),
        taken: CallTaken::default(),
    }
}

async fn ask(owner: &OwnerSide, want: FileWant) -> HostReply {
    said(owner, Vec::new(), want).await
}

async fn said(owner: &OwnerSide, notes: Vec<FileNote>, want: FileWant) -> HostReply {
    let ask = Ask::Files(FileCall { notes, want });
    let lines = Vec::new();
    owner.host_call(HostCall { lines, ask }).await
}

async fn give(owner: &OwnerSide, blob: u32, offset: u64, bytes: &[u8]) -> HostReply {
    let bytes = bytes.to_vec();
    let want = FileWant::Write {
        blob,
        offset,
        bytes,
    };
    ask(owner, want).await
}

fn put(path: &str, blob: u32, bytes: u64) -> FileEffect {
    FileEffect::Put {
        path: path.to_owned(),
        blob,
        bytes,
        of: None,
        times: (FileMoment::Ago(0), FileMoment::Ago(0)),
    }
}

const FILE: WireFileId = WireFileId {
    inode: 1,
    born: (0, 0),
};

/// Has effects judged after one that is allowed. Returns why they are refused.
fn refused(twins: &Twins, effects: &[FileEffect]) -> (String, Vec<String>) {
    let before = twins.there.tree();
    let (judged, lines) = twins.run_by(async |owner: &OwnerSide| {
        give(owner, 0, 0, b"text").await;
        let allowed = put(&format!("{OWN}/allowed"), 0, 4);
        end([&[allowed], effects].concat())
    });
    let why = judged.expect_err("it is refused");
    assert_eq!(twins.there.tree(), before, "{effects:?}");
    assert_eq!(twins.there.staged(), Vec::<std::path::PathBuf>::new());
    (why.to_string(), lines)
}

#[test]
fn what_the_app_could_do_is_done() {
    let twins = twins();
    let (judged, _) = twins.run_by(async |owner: &OwnerSide| {
        give(owner, 0, 0, b"text").await;
        end(vec![put(&format!("{OWN}/new"), 0, 4)])
    });
    judged.expect("it may write there");
    let new = std::fs::read_to_string(twins.there.site.own("public/new"));
    assert_eq!(new.unwrap(), "text");
}

#[test]
fn effects_that_are_not_granted_are_refused_and_logged() {
    let twins = twins();
    let other = || "owner@example.com/private/key.txt".to_owned();
    let own = |name: &str| format!("{OWN}/{name}");
    for effect in [
        put(&other(), 1, 0),
        put(&own("denied/x"), 1, 0),
        put(&own("syft.pub.yaml"), 1, 0),
        put("owner@example.com/app_data/app/rpc/x/1.response", 1, 0),
        put("friend@example.com/public/x", 1, 0),
        FileEffect::Remove {
            path: other(),
            file: FILE,
        },
        FileEffect::RemoveFolder {
            path: "owner@example.com/private".to_owned(),
        },
        FileEffect::MakeFolder {
            path: "owner@example.com/private/new".to_owned(),
            over: None,
        },
        FileEffect::MakeFolder {
            path: other(),
            over: Some(FILE),
        },
        FileEffect::Move {
            from: other(),
            to: own("stolen"),
            file: FILE,
        },
        FileEffect::Move {
            from: own("open.txt"),
            to: other(),
            file: FILE,
        },
        FileEffect::SetTimes {
            path: "owner@example.com/private".to_owned(),
            times: ((1, 0), (1, 0)),
        },
        FileEffect::Put {
            path: own("new"),
            blob: 1,
            bytes: 0,
            of: Some(other()),
            times: (FileMoment::Ago(0), FileMoment::Ago(0)),
        },
    ] {
        let (why, lines) = refused(&twins, std::slice::from_ref(&effect));
        assert!(why.contains("may not"), "{effect:?}: {why}");
        let denied = lines.iter().filter(|line| line.contains("denied_file"));
        assert_eq!(denied.count(), 1, "{effect:?}: {lines:#?}");
    }
}

#[test]
fn effects_that_are_none_are_refused() {
    let twins = twins();
    let own = |name: &str| format!("{OWN}/{name}");
    for (effect, expected) in [
        (put(&own("../../x"), 1, 0), "is no path"),
        (put(&own("a//b"), 1, 0), "is no path"),
        (put(&own("x\0y"), 1, 0), "is no path"),
        (put("", 1, 0), "is no path"),
        (put("/etc/passwd", 1, 0), "is no path"),
        (put(&own(&"n/".repeat(3_000)), 1, 0), "is no path"),
        (put(&own("twice"), 0, 4), "is not the next one"),
        (put(&own("of-nothing"), 7, 4), "is not the next one"),
        (put(&own("huge"), 1, 1 << 40), "beyond the limits"),
        (put(&own("endless"), 1, u64::MAX), "beyond the limits"),
        (
            FileEffect::Move {
                from: own("sub"),
                to: own("moved"),
                file: FILE,
            },
            "is no file",
        ),
        (
            FileEffect::SetTimes {
                path: own("sub"),
                times: ((i64::MIN, 0), (0, i64::MIN)),
            },
            "no time",
        ),
        (
            FileEffect::Put {
                path: own("timeless"),
                blob: 1,
                bytes: 0,
                of: None,
                times: (FileMoment::At(0, u32::MAX), FileMoment::Ago(u64::MAX)),
            },
            "no time",
        ),
    ] {
        let (why, _) = refused(&twins, std::slice::from_ref(&effect));
        assert!(why.contains(expected), "{effect:?}: {why}");
    }
}

#[test]
fn more_effects_than_a_call_can_have_are_refused() {
    let twins = twins();
    let folders = (0..20_000).map(|n| FileEffect::MakeFolder {
        path: format!("{OWN}/{n}"),
        over: None,
    });
    let (why, _) = refused(&twins, &folders.collect::<Vec<_>>());
    assert!(why.contains("beyond the limits"), "{why}");
    let deep = "n/".repeat(1_900);
    let found = (0..60_000).map(|n| FileEffect::Found {
        path: format!("{OWN}/{deep}{n}"),
        stamp: None,
    });
    let (why, _) = refused(&twins, &found.collect::<Vec<_>>());
    assert!(why.contains("holds at most"), "{why}");
}

/// Has a host call answered that breaks a rule, and makes sure that nothing of the call counts.
fn breach(twins: &Twins, notes: &[FileNote], want: &FileWant) {
    let before = twins.there.tree();
    let (judged, _) = twins.run_by(async |owner: &OwnerSide| {
        give(owner, 0, 0, b"text").await;
        let reply = said(owner, notes.to_vec(), want.clone()).await;
        assert_eq!(reply, HostReply::Files(FileReply::Breach), "{want:?}");
        let next = ask(owner, FileWant::Nothing).await;
        assert!(matches!(next, HostReply::Over(_)), "{want:?}: {next:?}");
        end(vec![put(&format!("{OWN}/allowed"), 0, 4)])
    });
    judged.expect_err("it broke a rule");
    assert_eq!(twins.there.tree(), before, "{want:?}");
}

#[test]
fn host_calls_that_no_worker_makes_end_the_call() {
    let twins = twins();
    let path = || format!("{OWN}/../../x");
    let bytes = vec![1; (512 << 10) + 1];
    for want in [
        FileWant::Look(vec![path()]),
        FileWant::Look(vec!["a\0b".to_owned()]),
        FileWant::Open {
            path: path(),
            writes: true,
        },
        FileWant::List {
            path: "/".to_owned(),
            purpose: ListPurpose::Show,
        },
        FileWant::ListOn { handle: 3 },
        FileWant::Read {
            handle: 3,
            offset: 0,
            bytes: 1,
        },
        FileWant::Read {
            handle: 3,
            offset: 0,
            bytes: u32::MAX,
        },
        FileWant::Write {
            blob: 1,
            offset: 0,
            bytes,
        },
        FileWant::Write {
            blob: 1,
            offset: 1 << 40,
            bytes: vec![1],
        },
        FileWant::Write {
            blob: 1,
            offset: u64::MAX,
            bytes: vec![1],
        },
    ] {
        breach(&twins, &[], &want);
    }
    let noted = NotedPath::Temporary("..".to_owned());
    breach(&twins, &[FileNote::Unfit(noted)], &FileWant::Nothing);
}

/// What a worker asks for beyond the grants it does not get, and nothing of it is logged but what is
/// so.
#[test]
fn a_worker_learns_nothing_that_is_not_granted() {
    let twins = twins();
    let secret = || "owner@example.com/private/key.txt".to_owned();
    let (judged, lines) = twins.run_by(async |owner: &OwnerSide| {
        let look = FileWant::Look(vec![
            secret(),
            format!("{OWN}/denied"),
            "friend@example.com/private".to_owned(),
        ]);
        let HostReply::Files(FileReply::Looked(looked)) = ask(owner, look).await else {
            panic!("it is answered");
        };
        for looked in looked {
            assert!(looked.found.is_err(), "{looked:?}");
            assert!(!looked.read && !looked.see && !looked.write, "{looked:?}");
        }
        for writes in [true, false] {
            let path = secret();
            let reply = ask(owner, FileWant::Open { path, writes }).await;
            assert!(
                matches!(&reply, HostReply::Files(FileReply::Opened(_, Err(_)))),
                "{reply:?}"
            );
        }
        for purpose in [ListPurpose::Show, ListPurpose::Move, ListPurpose::Remove] {
            let path = "owner@example.com/private".to_owned();
            let reply = ask(owner, FileWant::List { path, purpose }).await;
            assert!(
                matches!(&reply, HostReply::Files(FileReply::Fault(_))),
                "{reply:?}"
            );
        }
        let open = |path: String| NotedPath::Datasites(path);
        let notes = vec![
            FileNote::Granted(open(secret()), syft_runtime::wire::FileRight::Read),
            FileNote::Refused(
                open(format!("{OWN}/open.txt")),
                syft_runtime::wire::FileRight::Read,
            ),
            FileNote::Unfit(open(format!("{OWN}/open.txt"))),
            FileNote::Closed(17),
        ];
        said(owner, notes, FileWant::Nothing).await;
        end(Vec::new())
    });
    judged.expect("it asked for what it did not get");
    assert_eq!(lines, Vec::<String>::new());
}
