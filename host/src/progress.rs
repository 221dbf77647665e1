//! Tells whoever waits at a terminal what is done and for how long, once that is over a second.

use std::io::{self, IsTerminal};
use std::sync::LazyLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What takes less is not told.
const SHORT: Duration = Duration::from_secs(1);

const TICK: Duration = Duration::from_millis(100);

/// All that is shown, below what is printed.
static SHOWN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Something that takes a while, until it is dropped.
#[must_use = "it ends when it is dropped"]
#[derive(Debug)]
pub struct Waiting {
    end: Option<Sender<()>>,
    shown_by: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Begins to wait where nobody is told.
    pub(crate) fn untold() -> Self {
        Self {
            end: None,
            shown_by: None,
        }
    }

    /// Begins to wait; a terminal shows for what, which is one plain line.
    pub(crate) fn told(what: String) -> Self {
        if !io::stderr().is_terminal() {
            return Self::untold();
        }
        let (end, ended) = channel();
        let began = Instant::now();
        let show = move || {
            if ended.recv_timeout(SHORT) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            // What it is for is cut where a line has no room for it.
            let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style);
            let bar = bar.with_message(what).with_elapsed(began.elapsed());
            let bar = SHOWN.add(bar);
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.tick();
            }
            bar.finish_and_clear();
            SHOWN.remove(&bar);
        };
        let shown_by = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(show);
        Self {
            end: Some(end),
            // One that cannot be shown is waited for all the same.
            shown_by: shown_by.ok(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(shown_by) = self.shown_by.take() {
            shown_by.join().ok();
        }
    }
}

/// Prints something while nothing of this is in the way.
pub(crate) fn aside<T>(print: impl FnOnce() -> T) -> T {
    SHOWN.suspend(print)
}
