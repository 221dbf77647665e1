//! What is shown while something takes more than a second: on a terminal, and nowhere else.

use std::io::{BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::python::venv;
use crate::support::guests::repository;
use crate::support::host::{Ended, syft_host};
use crate::support::site::{OWNER, Site};

/// What is installed in these tests: from a registry that says nothing, and hangs up in the end.
struct Silent {
    port: u16,
    hang_up: Sender<()>,
    thread: JoinHandle<()>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hang_up, told) = channel();
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            told.recv().unwrap();
            drop((stream, listener));
        });
        Self {
            port,
            hang_up,
            thread,
        }
    }

    fn source(&self) -> String {
        format!("oci://127.0.0.1:{}/{}:1", self.port, "app".repeat(20))
    }

    fn hang_up(self) {
        self.hang_up.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// `syft-host install`, on a terminal.
struct OnTerminal {
    child: Child,
    shown: String,
}

impl OnTerminal {
    fn start(site: &Site, source: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let program = syft_host(site);
        let mut command = Command::new(venv::python()?);
        command
            .arg(repository().join("tests/python/terminal.py"))
            .args(["[]"])
            .arg(program.get_program())
            .args(["install", source, "--email", OWNER, "--data-dir"])
            .arg(site.data_dir())
            .env_clear()
            .env("HOME", site.path())
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied());
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        Some(Self {
            child,
            shown: String::new(),
        })
    }

    /// Reads what is shown until there is something.
    fn wait_for(&mut self, words: &str) {
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut bytes = BufReader::new(stdout).bytes();
        while !self.shown.contains(words) {
            match bytes.next() {
                Some(byte) => self.shown.push(char::from(byte.unwrap())),
                None => panic!("{words:?} was not shown: {:?}", self.shown),
            }
        }
    }

    /// Returns all that was shown in the end.
    fn finish(mut self) -> String {
        let mut rest = Vec::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_end(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(2), "{}", self.shown);
        self.shown + &String::from_utf8_lossy(&rest)
    }
}

/// Returns what a program shows while it waits, and in the end.
fn shown(site: &Site, variables: &[(&str, &str)]) -> Option<(String, String)> {
    let registry = Silent::start();
    let mut program = OnTerminal::start(site, &registry.source(), variables)?;
    program.wait_for("fetching");
    let while_it_waits = program.shown.clone();
    registry.hang_up();
    Some((while_it_waits, program.finish()))
}

/// Returns a text without what only a terminal sees.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            plain.push(letter);
        } else if letters.next() == Some('[') {
            letters.find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[test]
fn a_terminal_shows_what_is_waited_for_and_clears_it() {
    let site = Site::new();
    let Some((while_it_waits, all)) = shown(&site, &[]) else {
        return;
    };
    assert!(while_it_waits.contains("fetching"), "{while_it_waits:?}");
    let (_, end) = all.rsplit_once("fetching").unwrap();
    assert!(end.contains("\u{1b}[2K"), "it is not cleared: {all:?}");
    assert!(plain(end).contains("error: cannot install"), "{all:?}");
    assert!(
        end.contains("\u{1b}[31m") || end.contains("\u{1b}[1m"),
        "{all:?}"
    );
}

#[test]
fn without_colours_nothing_is_coloured() {
    let site = Site::new();
    let Some((_, all)) = shown(&site, &[("NO_COLOR", "1")]) else {
        return;
    };
    let is_colour = |part: &str| {
        part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    };
    let coloured = all.split("\u{1b}[").skip(1).find(|part| is_colour(part));
    assert_eq!(coloured, None, "{all:?}");
}

#[test]
fn a_narrow_terminal_has_lines_that_fit() {
    let site = Site::new();
    let Some((while_it_waits, all)) = shown(&site, &[("TERMINAL_COLUMNS", "30")]) else {
        return;
    };
    assert!(while_it_waits.contains("fetching"), "{while_it_waits:?}");
    let lines = plain(&all);
    let lines = lines.split(['\r', '\n']);
    let is_progress = |line: &&str| line.contains("fetching");
    let longest = lines
        .filter(is_progress)
        .map(|line| line.chars().count())
        .max();
    assert!(
        longest.is_some_and(|longest| longest <= 30),
        "{longest:?}: {all:?}"
    );
}

#[test]
fn a_pipe_gets_none_of_it() {
    let site = Site::new();
    let registry = Silent::start();
    let mut command = syft_host(&site);
    command.args(["install", &registry.source(), "--email", OWNER]);
    command.arg("--data-dir").arg(site.data_dir());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // On a terminal it would be shown by now: that it is not cannot be waited for.
    thread::sleep(Duration::from_millis(1_500));
    registry.hang_up();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    let why = ended.refused();
    assert!(why.starts_with("error: cannot install"), "{why}");
    assert!(
        !why.contains("fetching") && !why.contains('\u{1b}'),
        "{why:?}"
    );
}
