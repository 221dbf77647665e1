//! What is written of files.

use syft_runtime::wire::{
    Ask, FileCall, FileContent, FileEffect, FileFault, FileLimit, FileMoment, FileNote, FileReply,
    FileRight, FileWant, FolderPart, FoundThing, HandedFiles, HostCall, HostReply, ListPurpose,
    ListedEntry, Looked, NotedPath, Opened, OwnRoom, Seen, SeenStamp, WireFileId,
};

use super::{Case, case};

const FILE: WireFileId = WireFileId {
    inode: 7,
    born: (1_700_000_000, 5),
};

fn path() -> String {
    "alice@example.org/public/a.txt".to_owned()
}

fn stamp() -> SeenStamp {
    SeenStamp {
        inode: 7,
        born: (1_700_000_000, 5),
        bytes: 4,
        modified: (1_700_000_001, 6),
        changed: (1_700_000_002, 7),
        mode: 0o100_644,
    }
}

fn seen() -> Seen {
    Seen {
        device: 64,
        stamp: stamp(),
        accessed: (1_700_000_003, 8),
    }
}

fn looked(found: Result<FoundThing, FileFault>) -> Looked {
    Looked {
        see: true,
        read: true,
        write: false,
        make_folder: false,
        found,
        parent: Ok(()),
        names: Err(FileFault(1)),
    }
}

pub(super) fn handed() -> HandedFiles {
    HandedFiles {
        has_some: true,
        has_temporary: true,
        own_folder: Some(OwnRoom {
            path: "alice@example.org/app_data/pingpong".to_owned(),
            bytes: 1 << 30,
        }),
    }
}

/// Returns one effect of each kind.
pub(super) fn effects() -> Vec<FileEffect> {
    vec![
        FileEffect::Found {
            path: path(),
            stamp: Some(stamp()),
        },
        FileEffect::Stale,
        FileEffect::Move {
            from: path(),
            to: path(),
            file: FILE,
        },
        FileEffect::MakeFolder {
            path: path(),
            over: Some(FILE),
        },
        FileEffect::Remove {
            path: path(),
            file: FILE,
        },
        FileEffect::RemoveFolder { path: path() },
        FileEffect::Put {
            path: path(),
            blob: 0,
            bytes: 4,
            of: Some(path()),
            times: (FileMoment::Ago(9), FileMoment::At(1_000_000, 0)),
        },
        FileEffect::SetTimes {
            path: path(),
            times: ((1, 2), (3, 4)),
        },
    ]
}

pub(super) fn asked() -> Vec<Case> {
    let ask = |name, notes, want| {
        let ask = Ask::Files(FileCall { notes, want });
        let lines = Vec::new();
        case(name, &HostCall { lines, ask })
    };
    let noted = || NotedPath::Datasites(path());
    let notes = vec![
        FileNote::Refused(noted(), FileRight::Read),
        FileNote::Granted(noted(), FileRight::MakeFolder),
        FileNote::Unfit(NotedPath::Temporary("x".to_owned())),
        FileNote::Outside(noted(), "../../x".to_owned()),
        FileNote::Limit(noted(), FileLimit::Noted),
        FileNote::Closed(3),
    ];
    let named = [
        (
            "ask_files_look",
            FileWant::Look(vec![path(), String::new()]),
        ),
        (
            "ask_files_open",
            FileWant::Open {
                path: path(),
                writes: true,
            },
        ),
        (
            "ask_files_read",
            FileWant::Read {
                handle: 3,
                offset: 1 << 40,
                bytes: 9,
            },
        ),
        (
            "ask_files_list",
            FileWant::List {
                path: path(),
                purpose: ListPurpose::Remove,
            },
        ),
        ("ask_files_list_on", FileWant::ListOn { handle: 3 }),
        (
            "ask_files_write",
            FileWant::Write {
                blob: 1,
                offset: 5,
                bytes: b"text".to_vec(),
            },
        ),
    ];
    let mut cases = vec![ask("ask_files_nothing", notes, FileWant::Nothing)];
    cases.extend(named.map(|(name, want)| ask(name, Vec::new(), want)));
    cases
}

pub(super) fn replied() -> Vec<Case> {
    let reply = |name, reply| case(name, &HostReply::Files(reply));
    let entry = |name: Option<&str>, is_folder| ListedEntry {
        name: name.map(str::to_owned),
        is_folder,
    };
    let part = FolderPart {
        entries: vec![entry(Some("a.txt"), false), entry(None, true)],
        more: Some(3),
    };
    let opened = |content| Opened {
        found: FoundThing::File(seen()),
        content,
    };
    let file = || Box::new(looked(Ok(FoundThing::File(seen()))));
    vec![
        reply("reply_files_done", FileReply::Done),
        reply(
            "reply_files_looked",
            FileReply::Looked(vec![
                *file(),
                looked(Ok(FoundThing::Folder(seen()))),
                looked(Ok(FoundThing::SomeFile)),
                looked(Ok(FoundThing::Unfit)),
                looked(Err(FileFault(2))),
            ]),
        ),
        reply(
            "reply_files_whole",
            FileReply::Opened(file(), Ok(opened(FileContent::Whole(b"text".to_vec())))),
        ),
        reply(
            "reply_files_in_parts",
            FileReply::Opened(file(), Ok(opened(FileContent::InParts(3)))),
        ),
        reply(
            "reply_files_no_content",
            FileReply::Opened(file(), Ok(opened(FileContent::None))),
        ),
        reply(
            "reply_files_not_opened",
            FileReply::Opened(file(), Err(FileFault(13))),
        ),
        reply("reply_files_part", FileReply::Part(b"text".to_vec())),
        reply("reply_files_listed", FileReply::Listed(part)),
        reply("reply_files_fault", FileReply::Fault(FileFault(116))),
        reply("reply_files_breach", FileReply::Breach),
    ]
}
