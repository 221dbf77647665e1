//! The text of a Rust panic, which is several lines on stderr, as the one line that a log has.

/// What is held back at most: who says more than that is no panic.
const MAX_LINES: usize = 64;
const MAX_BYTES: usize = 8 << 10;

/// How the standard library advises what nobody can do in a sandbox.
const ADVICE: &[u8] = b"note: run with `RUST_BACKTRACE=1`";

/// Holds the lines of a panic back, for it is known when the call ends whether it was one.
#[derive(Default)]
pub(super) struct PanicText {
    lines: Vec<Vec<u8>>,
    n_bytes: usize,
}

impl PanicText {
    /// Takes a line of stderr, and returns what is to be logged now.
    pub(super) fn take(&mut self, line: &[u8]) -> Vec<Vec<u8>> {
        if line.starts_with(ADVICE) {
            return Vec::new();
        }
        let begins = begins_panic(line);
        // The standard library begins with a blank line.
        let is_held = begins || line.is_empty() || self.is_panic();
        let mut released = Vec::new();
        if begins && !self.is_panic() {
            self.release();
        } else if !is_held {
            released = self.release();
        }
        if !is_held {
            released.push(line.to_vec());
            return released;
        }
        self.n_bytes += line.len();
        self.lines.push(line.to_vec());
        if self.lines.len() > MAX_LINES || self.n_bytes > MAX_BYTES {
            return self.release();
        }
        released
    }

    /// Returns the lines that were held back, which are those of no panic.
    pub(super) fn release(&mut self) -> Vec<Vec<u8>> {
        self.n_bytes = 0;
        std::mem::take(&mut self.lines)
    }

    /// Returns the panic as one line, if there was one, and forgets it.
    pub(super) fn take_text(&mut self) -> Option<String> {
        if !self.is_panic() {
            return None;
        }
        let lines = self.release();
        let lines: Vec<_> = lines
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect();
        let (first, rest) = lines.split_first()?;
        let (_, place) = first.split_once(" panicked at ")?;
        let rest = rest
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty());
        let place = without_release(place.trim());
        let words: Vec<&str> = std::iter::once(place).chain(rest).collect();
        Some(format!("panicked at {}", words.join(" ")))
    }

    fn is_panic(&self) -> bool {
        self.lines.first().is_some_and(|line| begins_panic(line))
    }
}

/// Returns a place in the standard library without the release that it is of.
fn without_release(place: &str) -> &str {
    let below = place.strip_prefix("/rustc/");
    below
        .and_then(|below| below.split_once('/'))
        .map_or(place, |(_, path)| path)
}

/// As `thread 'main' (1) panicked at src/lib.rs:8:5:`.
fn begins_panic(line: &[u8]) -> bool {
    let panicked = b" panicked at ";
    line.starts_with(b"thread '") && line.windows(panicked.len()).any(|words| words == panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is logged at once, and the panic.
    fn check(lines: &[&str]) -> (Vec<String>, Option<String>) {
        let mut text = PanicText::default();
        let logged = lines.iter().flat_map(|line| text.take(line.as_bytes()));
        let logged = logged
            .map(|line| String::from_utf8(line).expect("text"))
            .collect();
        (logged, text.take_text())
    }

    #[test]
    fn a_panic_is_one_line() {
        let (logged, panic) = check(&[
            "before",
            "",
            "thread 'main' (1) panicked at src/lib.rs:8:5:",
            "index out of bounds: the len is 3 but the index is 10",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ]);
        assert_eq!(logged, ["before"]);
        let expected =
            "panicked at src/lib.rs:8:5: index out of bounds: the len is 3 but the index is 10";
        assert_eq!(panic.as_deref(), Some(expected));
        let (_, panic) = check(&["thread '<unnamed>' panicked at a.rs:1:1:", "one", "", "two"]);
        assert_eq!(panic.as_deref(), Some("panicked at a.rs:1:1: one two"));
        let (_, panic) = check(&["thread 'main' panicked at /rustc/0af/library/std/x.rs:1:2:"]);
        assert_eq!(panic.as_deref(), Some("panicked at library/std/x.rs:1:2:"));
    }

    #[test]
    fn other_lines_are_logged_at_once_and_whole() {
        let advised = "note: run with `RUST_BACKTRACE=1` environment variable";
        assert_eq!(check(&["a", advised]).0, ["a"]);
        let lines = ["a", "", "", "thread 'x' is fine", "", "b"];
        assert_eq!(check(&lines), (lines.map(str::to_owned).to_vec(), None));
        let head = "thread 'main' panicked at a.rs:1:1:";
        let many = [&[head][..], &["x"; MAX_LINES]].concat();
        let (logged, panic) = check(&many);
        assert_eq!((logged.len(), panic), (many.len(), None));
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(check(&[head, &long]).0, [head, long.as_str()]);
    }
}
