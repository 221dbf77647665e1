//! A server in a process of its own, and the two things that are timed on it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::site::{self, Caller, Site};

/// The longest time without any answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the answers to a backlog are counted, at most. What is timed is the
/// time of the last one, so this need not be exact. Counting takes a core, so it
/// may take a small part of the time only.
const COUNT_EVERY: Duration = Duration::from_millis(20);
const COUNT_SHARE: u32 = 30;

/// A live request that has no answer by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// A server that said it is ready, until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Open as long as it runs, lest it fails to write to it.
    _stdout: BufReader<ChildStdout>,
    /// From the start of the process until it was ready.
    pub(crate) start: Duration,
    ready: SystemTime,
}

/// What came of live requests.
pub(crate) struct Live {
    /// Of those answered well, in ascending order.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) n_bad: usize,
}

impl Server {
    /// Starts a server and waits for its first line, by which it is ready.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let start = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("run {command:?}"))?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let server = Self {
            child,
            _stdout: stdout,
            start: start.elapsed(),
            ready: SystemTime::now(),
        };
        ensure!(!line.is_empty(), "it ended at once: {command:?}");
        Ok(server)
    }

    /// Waits until so many requests are answered, and returns the time from its
    /// being ready to the last answer.
    pub(crate) fn finish_backlog(
        &self,
        site: &Site,
        answers: &[PathBuf],
    ) -> anyhow::Result<Duration> {
        let (mut n_answered, mut changed) = (0, Instant::now());
        let mut pause = COUNT_EVERY;
        while n_answered < answers.len() {
            ensure!(
                changed.elapsed() < PATIENCE,
                "it stopped after {n_answered} answers"
            );
            thread::sleep(pause);
            let start = Instant::now();
            let n_now = site.n_answered()?;
            pause = COUNT_EVERY.max(start.elapsed() * COUNT_SHARE);
            if n_now > n_answered {
                (n_answered, changed) = (n_now, Instant::now());
            }
        }
        Ok(site.last_written(answers)?.duration_since(self.ready)?)
    }

    /// Sends requests of one caller, one at a time.
    pub(crate) fn answer_live(&self, site: &Site, n_requests: usize) -> anyhow::Result<Live> {
        let caller = site.a_caller();
        let (_watcher, changes) = watch(&caller.folder)?;
        warm_up(caller, &changes)?;
        let mut live = Live {
            latencies: Vec::new(),
            n_bad: 0,
        };
        for _ in 0..n_requests {
            let answer = caller.write()?;
            let written = Instant::now();
            match wait(&answer, &changes, written) {
                Some(true) => live.latencies.push(written.elapsed()),
                Some(false) | None => live.n_bad += 1,
            }
        }
        live.latencies.sort();
        Ok(live)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Watches a folder. Gives one `()` for anything that may be an answer.
fn watch(folder: &Path) -> anyhow::Result<(RecommendedWatcher, Receiver<()>)> {
    let (sender, changes) = mpsc::channel();
    let callback = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        // Our own reading makes such events.
        let is_read = event.kind.is_access() && event.kind != written;
        let is_answer = event
            .paths
            .iter()
            .any(|path| path.extension().is_some_and(|it| it == "response"));
        if is_answer && !is_read {
            // Nobody listens any more at the end.
            sender.send(()).ok();
        }
    };
    let mut watcher = notify::recommended_watcher(callback)?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok((watcher, changes))
}

/// The released server does not see what comes between its look at the backlog
/// and the start of its watcher, so requests are sent until one is answered.
fn warm_up(caller: &Caller, changes: &Receiver<()>) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let n_answered = (0..20).filter(|_| {
            caller
                .write()
                .is_ok_and(|answer| wait(&answer, changes, Instant::now()).is_some())
        });
        if n_answered.count() > 0 {
            return Ok(());
        }
    }
    bail!("it answers no live request")
}

/// Waits for an answer, and returns whether it is right; `None` if it is lost.
fn wait(answer: &Path, changes: &Receiver<()>, since: Instant) -> Option<bool> {
    loop {
        if let Some(is_right) = site::read(answer) {
            return Some(is_right);
        }
        let left = LOST_AFTER.checked_sub(since.elapsed())?;
        changes.recv_timeout(left).ok()?;
    }
}
