//! How tables grow with what lies in the tree: `just scale`.
//!
//! Each line is a process of its own, which fills one table with so many entries and says what it
//! took: memory by the kernel's count, and time on the processor that it ran on. What takes as much for each entry of
//! a large table as of a small one grows in proportion. See docs/scale.md.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::address::{AppName, Datasite, Folder, RequestId};
use syft_protocol::file_events::{
    DeliveryResult, Event as FileQueueEvent, EventAction, EventKinds, EventQueue, FileStamp,
    FileTime, LeftBehind, LookResult, NumberedWatch, QueueOptions, RetryPolicy, ScanPart, Scanned,
};
use syft_protocol::inbox::{
    Action, Closed, Event, Found, Inbox, InboxLimits, Loaded, Stamp, Version,
};
use syft_protocol::message::{Headers, Method, Request};
use syft_protocol::now::Now;
use syft_protocol::pattern::Globs;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;

type Outcome = Result<(), Box<dyn Error>>;

/// A model, and how many entries it is tried with.
struct Model {
    name: &'static str,
    entries: &'static str,
    sizes: &'static [usize],
    run: fn(usize) -> Outcome,
}

const MODELS: &[Model] = &[
    Model {
        name: "senders",
        entries: "senders with a request each that waits, all of which are answered then",
        sizes: &[100, 1_000, 10_000, 100_000],
        run: senders,
    },
    Model {
        name: "requests",
        entries: "requests of one sender that wait, all of which are answered then",
        sizes: &[100, 1_000, 10_000, 50_000],
        run: requests,
    },
    Model {
        name: "files",
        entries: "files that an app watches: found, delivered, and scanned once more",
        sizes: &[10_000, 100_000, 1_000_000],
        run: files,
    },
    Model {
        name: "restored",
        entries: "files that an app knew before the host was started again",
        sizes: &[10_000, 100_000, 1_000_000],
        run: restored,
    },
];

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--one") {
        let of = |n: usize| args.get(at + n).ok_or("--one MODEL SIZE");
        let (name, size) = (of(1)?, of(2)?.parse()?);
        let model = MODELS.iter().find(|model| model.name == name);
        return (model.ok_or("no such model")?.run)(size);
    }
    for model in MODELS {
        println!("\n{}: {}", model.name, model.entries);
        for size in model.sizes {
            let size = size.to_string();
            let program = std::env::current_exe()?;
            let status = Command::new(program)
                .args(["--one", model.name, &size])
                .status()?;
            if !status.success() {
                return Err(format!("{} {size}: {status}", model.name).into());
            }
        }
    }
    Ok(())
}

/// What a step took.
struct Step {
    start: Instant,
    memory: usize,
    n: usize,
}

impl Step {
    fn begin(n: usize) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            memory: memory()?,
            start: Instant::now(),
            n,
        })
    }

    fn end(self, what: &str) -> Outcome {
        let nanos = self.start.elapsed().as_nanos() as usize / self.n;
        let bytes = memory()?.saturating_sub(self.memory);
        println!(
            "{:>9}  {what:<28} {nanos:>7} ns and {:>5} bytes each, {:.1} MiB in all",
            self.n,
            bytes / self.n,
            bytes as f64 / 1_048_576.0
        );
        Ok(())
    }
}

/// Returns the bytes that the process has in memory.
fn memory() -> Result<usize, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split(' ').nth(1).ok_or("no size")?.parse()?;
    Ok(pages * 4096)
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_micros(1_000_000_000_000_000),
    }
}

fn id(n: usize) -> Result<RequestId, Box<dyn Error>> {
    let id = RequestId::parse(&format!("00000000-0000-4000-8000-{n:012}"));
    id.ok_or_else(|| "no id".into())
}

fn folder(n: usize) -> Result<Arc<Folder>, Box<dyn Error>> {
    let sender = format!("sender-{n}@example.org");
    let folder = Folder::parse(&["hello", &sender]).ok_or("no folder")?;
    Ok(Arc::new(folder))
}

/// Each sender has a folder, and in it a request.
fn senders(n: usize) -> Outcome {
    let found = |n| -> Result<Found, Box<dyn Error>> {
        Ok(Found {
            folder: folder(n)?,
            ids: vec![id(n)?],
            is_first: true,
        })
    };
    answer_all(n, (0..n).map(found).collect::<Result<_, _>>()?)
}

fn requests(n: usize) -> Outcome {
    let found = Found {
        folder: folder(0)?,
        ids: (0..n).map(id).collect::<Result<_, _>>()?,
        is_first: true,
    };
    answer_all(n, vec![found])
}

/// Has all that was found read, run and answered, as a server does. Scans find again what was
/// dropped.
fn answer_all(n: usize, found: Vec<Found>) -> Outcome {
    let mut inbox = Inbox::new(InboxLimits::default());
    let step = Step::begin(n)?;
    inbox.handle(now(), Event::Found(found.clone()));
    step.end("found, and waiting")?;
    let step = Step::begin(n)?;
    let (mut n_answered, mut answered) = (0, HashSet::new());
    while n_answered < n {
        let Some(action) = inbox.poll(now()) else {
            let is_left = |found: &Found| {
                let mut left = found.clone();
                left.ids.retain(|id| !answered.contains(id));
                (!left.ids.is_empty()).then_some(left)
            };
            inbox.catch_up();
            let left = found.iter().filter_map(is_left).collect();
            inbox.handle(now(), Event::Found(left));
            continue;
        };
        match action {
            Action::Load(address, _) => {
                let sender = address.folder().sender().unwrap_or_default().to_owned();
                let stamp = Stamp {
                    inode: 1,
                    bytes: 1,
                    changed: 0,
                };
                let loaded = Loaded::File(Version::unread(stamp), Ok(request(sender)?));
                inbox.handle(now(), Event::Loaded(address, loaded));
            }
            Action::Run(address, ..) => {
                n_answered += 1;
                answered.insert(*address.id());
                inbox.handle(now(), Event::Closed(address, Closed::Answered));
            }
            other => return Err(format!("not expected: {other:?}").into()),
        }
    }
    step.end("answered, and remembered")
}

fn request(sender: String) -> Result<Box<Request>, Box<dyn Error>> {
    Ok(Box::new(Request {
        id: None,
        sender,
        url: SyftUrl::parse("syft://o@example.org/app_data/app/rpc/hello")?,
        body: None,
        headers: Headers::default(),
        created: Timestamp::from_micros(0),
        expires: Timestamp::from_micros(i64::MAX),
        method: Method::Get,
    }))
}

/// A thousand datasites have the files.
fn path(n: usize) -> Arc<str> {
    Arc::from(format!(
        "user-{}@example.org/public/data/file-{n}.json",
        n % 1_000
    ))
}

fn stamp(n: usize) -> FileStamp {
    let time = FileTime {
        seconds: 1_700_000_000,
        nanos: 0,
    };
    FileStamp {
        inode: n as u64,
        born: time,
        bytes: 100,
        modified: time,
        changed: time,
        mode: 0o100_644,
    }
}

fn queue(
    n: usize,
    delivered: BTreeMap<Arc<str>, FileStamp>,
    at: Now,
) -> Result<EventQueue, Box<dyn Error>> {
    let datasite = Datasite::parse("o@example.org")?;
    let patterns = vec!["*/public/**".to_owned()];
    let watch = NumberedWatch {
        number: 1,
        globs: Globs::parse(&patterns, &datasite, &AppName::parse("app")?)?,
        patterns,
        kinds: EventKinds {
            created: true,
            modified: true,
            moved: true,
            deleted: true,
        },
        delivered,
    };
    let options = QueueOptions {
        scope: "o@example.org/app".to_owned(),
        // As if there were no bound, to see what it is for.
        most_files: n,
        most_delivering: 64,
        most_parked: 10_000,
        retry: RetryPolicy::default(),
    };
    Ok(EventQueue::new(
        at,
        options,
        vec![watch],
        LeftBehind::default(),
    ))
}

fn files(n: usize) -> Outcome {
    let mut at = now();
    let found: HashMap<Arc<str>, FileStamp> = (0..n).map(|n| (path(n), stamp(n))).collect();
    let step = Step::begin(n)?;
    let mut queue = queue(n, BTreeMap::new(), at)?;
    scan(&mut queue, at, &found);
    step.end("found by the first scan")?;
    let step = Step::begin(n)?;
    let n_delivered = deliver_all(&mut queue, &mut at, &found)?;
    step.end("looked at, and delivered")?;
    if n_delivered != n {
        return Err(format!("{n_delivered} were delivered").into());
    }
    let step = Step::begin(n)?;
    scan(&mut queue, at, &found);
    step.end("scanned, and unchanged")
}

fn restored(n: usize) -> Outcome {
    let mut at = now();
    let found: HashMap<Arc<str>, FileStamp> = (0..n).map(|n| (path(n), stamp(n))).collect();
    let before = (0..n).map(|n| (path(n), stamp(n))).collect();
    let step = Step::begin(n)?;
    let mut queue = queue(n, before, at)?;
    step.end("remembered")?;
    let step = Step::begin(n)?;
    let n_delivered = deliver_all(&mut queue, &mut at, &found)?;
    step.end("looked at, and unchanged")?;
    if n_delivered != 0 {
        return Err(format!("{n_delivered} were delivered").into());
    }
    Ok(())
}

/// Everything is read, and all of each datasite.
fn scan(queue: &mut EventQueue, at: Now, found: &HashMap<Arc<str>, FileStamp>) {
    let mut complete: HashMap<Arc<str>, HashSet<Arc<str>>> = HashMap::new();
    for path in found.keys() {
        let datasite = path.split('/').next().unwrap_or_default();
        let files = complete.entry(Arc::from(datasite)).or_default();
        files.insert(Arc::clone(path));
    }
    let part = ScanPart {
        complete: complete.into_iter().collect(),
        ..ScanPart::default()
    };
    let scanned = Scanned {
        files: found.clone(),
        is_cut: false,
        part: Some(part),
    };
    queue.handle(at, FileQueueEvent::Scanned(scanned));
}

/// Does what the queue asks for until it asks for nothing any more, and returns how many events
/// were delivered.
fn deliver_all(
    queue: &mut EventQueue,
    at: &mut Now,
    found: &HashMap<Arc<str>, FileStamp>,
) -> Result<usize, Box<dyn Error>> {
    let (mut n_delivered, mut n_idle) = (0, 0);
    // Files have to rest for a while, and are looked at once more after that. Of many that are due,
    // some are looked at before anything else has its turn.
    while n_idle < 5 {
        n_idle += 1;
        while let Some(action) = queue.poll(*at) {
            match action {
                EventAction::Look(path) => {
                    let stamp = *found.get(&path).ok_or("no such file")?;
                    let looked = LookResult::File {
                        stamp,
                        age: Duration::from_secs(60),
                        tick: Duration::ZERO,
                    };
                    queue.handle(*at, FileQueueEvent::Looked(path, looked));
                    n_idle = 0;
                }
                EventAction::Deliver(delivery) => {
                    n_delivered += 1;
                    let delivered = DeliveryResult::Delivered;
                    queue.handle(*at, FileQueueEvent::Delivered(delivery.key, delivered));
                    n_idle = 0;
                }
                EventAction::Record(_) => {
                    queue.handle(*at, FileQueueEvent::Recorded { is_kept: true });
                }
                EventAction::Scan(_) | EventAction::ListParked | EventAction::Report(_) => {}
            }
        }
        at.instant += Duration::from_millis(50);
    }
    Ok(n_delivered)
}
