//! A server in a process of its own, and what is timed on it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hint;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::arithmetic::Schedule;
use crate::site::{self, Cue, Site};

/// The longest time without any answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the answers to a backlog are counted, at most. What is timed is the
/// time of the last one, so this need not be exact. Counting takes a core, so it
/// may take a small part of the time only.
const COUNT_EVERY: Duration = Duration::from_millis(20);
const COUNT_SHARE: u32 = 30;

/// What has no answer by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(5);

/// The time between getting all ready for a schedule and its start.
const LEAD: Duration = Duration::from_millis(20);

/// How much too late a sleep usually ends.
const OVERSLEPT: Duration = Duration::from_micros(100);

/// Tells whether an answer is right; `None` as long as there is none, or not all of it.
pub(crate) type IsRight<'a> = &'a dyn Fn(&Path) -> Option<bool>;

/// A server that said it is ready, until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Open as long as it runs, lest it fails to write to it.
    _stdout: BufReader<ChildStdout>,
    pub(crate) ready: SystemTime,
}

/// What came of requests that were sent at a rate.
pub(crate) struct Live {
    /// Of those answered well, in ascending order.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) n_bad: usize,
}

impl Server {
    /// Starts a server and waits for its first line, by which it is ready. What it
    /// complains of goes into a file of the site.
    pub(crate) fn start(mut command: Command, site: &Site) -> anyhow::Result<Self> {
        let log = site.path().join("stderr");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut child = command
            .spawn()
            .with_context(|| format!("run {command:?}"))?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let server = Self {
            child,
            _stdout: stdout,
            ready: SystemTime::now(),
        };
        let log = || fs::read_to_string(&log).unwrap_or_default();
        ensure!(!line.is_empty(), "it ended at once: {command:?}\n{}", log());
        Ok(server)
    }

    /// Waits until all is answered, or nothing more comes, and returns how many answers
    /// there are and the time from a moment to the last of them.
    pub(crate) fn finish(
        &self,
        answers: &[PathBuf],
        since: SystemTime,
        is_right: IsRight<'_>,
    ) -> anyhow::Result<(usize, Duration)> {
        let folders = site::folders(answers);
        let (mut n_answered, mut changed) = (0, Instant::now());
        let mut pause = COUNT_EVERY;
        while n_answered < answers.len() && changed.elapsed() < PATIENCE {
            thread::sleep(pause);
            let start = Instant::now();
            let n_now = site::n_answered(&folders)?;
            pause = COUNT_EVERY.max(start.elapsed() * COUNT_SHARE);
            if n_now > n_answered {
                (n_answered, changed) = (n_now, Instant::now());
            }
        }
        let n_answered = site::settle(answers, LOST_AFTER, is_right);
        let took = site::last_made(answers)?.duration_since(since);
        Ok((n_answered, took.context("there are too few to be timed")?))
    }

    /// Returns the processor time that it has used so far, which the kernel counts in
    /// hundredths of a second.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // Its name may have spaces, and is in brackets.
        let (_, after_name) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }

    /// Returns the most memory that it has used, in MiB.
    pub(crate) fn peak_memory(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Writes files at a rate, whatever becomes of those before, and times each from the
/// moment at which it was due until its answer was read.
///
/// What comes of them is learned by a watcher, not by polling: it would take one of few
/// cores.
pub(crate) fn send_at(
    per_second: u32,
    cues: &[Cue],
    is_right: IsRight<'_>,
) -> anyhow::Result<Live> {
    let (_watcher, changes) = watch(cues)?;
    let schedule = Schedule {
        start: Instant::now() + LEAD,
        per_second,
    };
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            for (number, cue) in cues.iter().enumerate() {
                sleep_until(schedule.due(number));
                cue.write()?;
            }
            anyhow::Ok(())
        });
        let live = receive(schedule, cues, &changes, is_right);
        sender.join().expect("it does not panic")?;
        Ok(live)
    })
}

/// Sleeps, and is awake for the last of it: sleeps end too late, by much of the time that
/// an answer takes.
fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    thread::sleep(left.saturating_sub(OVERSLEPT));
    while Instant::now() < due {
        hint::spin_loop();
    }
}

fn receive(
    schedule: Schedule,
    cues: &[Cue],
    changes: &Receiver<PathBuf>,
    is_right: IsRight<'_>,
) -> Live {
    let answers = cues.iter().map(|cue| cue.answer.as_path());
    let mut waiting: HashMap<&Path, usize> = answers.zip(0..).collect();
    let mut latencies = Vec::with_capacity(cues.len());
    let end = schedule.due(cues.len()) + LOST_AFTER;
    while !waiting.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(path) = changes.recv_timeout(left) else {
            break;
        };
        let Some(number) = waiting.get(path.as_path()).copied() else {
            continue;
        };
        let Some(is_right) = is_right(&path) else {
            continue;
        };
        waiting.remove(path.as_path());
        if is_right {
            latencies.push(schedule.latency(number, Instant::now()));
        }
    }
    latencies.sort();
    Live {
        n_bad: cues.len() - latencies.len(),
        latencies,
    }
}

/// Waits until there is an answer, right or wrong, and returns the time since a moment.
pub(crate) fn wait(
    cue: &Cue,
    changes: &Receiver<PathBuf>,
    since: Instant,
    patience: Duration,
    is_right: IsRight<'_>,
) -> Option<Duration> {
    while is_right(&cue.answer).is_none() {
        let left = patience.checked_sub(since.elapsed())?;
        changes.recv_timeout(left).ok()?;
    }
    Some(since.elapsed())
}

/// The released server does not see what comes between its look at the backlog
/// and the start of its watcher, so files are written until one is answered.
pub(crate) fn warm_up(cues: &[Cue], is_right: IsRight<'_>) -> anyhow::Result<()> {
    let (_watcher, changes) = watch(cues)?;
    for cue in cues {
        cue.write()?;
        let written = Instant::now();
        if wait(cue, &changes, written, Duration::from_secs(1), is_right).is_some() {
            return Ok(());
        }
    }
    bail!("it answers nothing that comes while it runs")
}

/// Watches the folders of the answers, and gives the path of each file that was written
/// or renamed there.
pub(crate) fn watch(cues: &[Cue]) -> anyhow::Result<(RecommendedWatcher, Receiver<PathBuf>)> {
    let (sender, changes) = mpsc::channel();
    let callback = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        // Our own reading makes such events.
        if event.kind.is_access() && event.kind != written {
            return;
        }
        for path in event.paths {
            // Nobody listens any more at the end.
            sender.send(path).ok();
        }
    };
    let mut watcher = notify::recommended_watcher(callback)?;
    for folder in site::folders(cues.iter().map(|cue| &cue.answer)) {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok((watcher, changes))
}
