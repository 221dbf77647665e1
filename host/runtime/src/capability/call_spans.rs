//! What a call does, as spans for traces: how long each thing took, and what came of it.
//!
//! Only where somebody collects them. A guest marks spans of its own by lines of its log that
//! begin with [`MARK`]; such lines are never shown.
//!
//! Why: docs/decisions/72-traces-are-made-from-what-is-logged.md

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Spans of one call. What comes after them is left out.
const MAX_SPANS: usize = 64;

/// Bytes of a name, and of what is said beside it.
const MAX_TEXT_BYTES: usize = 256;

/// Spans of the guest's that it can be in at once.
const MAX_DEPTH: usize = 64;

/// How a line of the guest begins that marks a span.
const MARK: &str = "syft-span: ";

/// Somebody collects them, in this process.
static ARE_COLLECTED: AtomicBool = AtomicBool::new(false);

/// Has each call that begins from now on tell its spans, as events of `tracing`.
pub fn collect_spans() {
    ARE_COLLECTED.store(true, Ordering::Relaxed);
}

/// What a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanOf {
    /// A file or folder, from when it is opened until it is closed.
    File,
    /// An operation on the state.
    State,
    /// A request, until the head of its answer is there.
    Http,
    /// A message that is sent, or a wait for some.
    Message,
    /// What the guest marked.
    Guest,
}

/// The spans of a call; none where nobody collects them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallSpans(Option<Arc<Mutex<Spans>>>);

/// A span that lasts until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct CallSpan {
    spans: CallSpans,
    /// Its place; nothing, where it is left out.
    place: Option<usize>,
}

#[derive(Debug, Default)]
struct Spans {
    all: Vec<Span>,
    /// The places of those in which the guest is, the innermost last.
    entered: Vec<usize>,
    is_over: bool,
}

#[derive(Debug)]
struct Span {
    of: SpanOf,
    name: String,
    detail: String,
    /// The place of the one around it.
    parent: Option<usize>,
    begin: Instant,
    end: Option<Instant>,
    failure: Option<String>,
    /// By which the guest calls it.
    guest_id: Option<u64>,
}

/// What a guest says of a span of its own.
#[derive(Debug, PartialEq, Eq)]
enum Marked<'a> {
    Enter {
        id: u64,
        parent: Option<u64>,
        name: &'a str,
        detail: &'a str,
    },
    Exit {
        id: u64,
    },
}

impl SpanOf {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::State => "state",
            Self::Http => "http",
            Self::Message => "message",
            Self::Guest => "guest",
        }
    }
}

impl CallSpans {
    /// Returns those of a call that begins.
    pub(crate) fn begin_call() -> Self {
        let is_wanted = ARE_COLLECTED.load(Ordering::Relaxed);
        Self(is_wanted.then(Arc::default))
    }

    /// Tells whether anybody collects them.
    pub(crate) fn are_collected(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span. Its name is made only where it is wanted.
    pub(crate) fn begin(&self, of: SpanOf, name: impl FnOnce() -> String) -> CallSpan {
        let place = self.shared().and_then(|mut spans| {
            let parent = spans.entered.last().copied();
            spans.add(of, parent, || (name(), String::new()))
        });
        let spans = place.map(|_| self.clone()).unwrap_or_default();
        CallSpan { spans, place }
    }

    /// Takes a line of the guest, if it marks a span. What is secret in it is masked.
    pub(crate) fn takes(&self, line: &str, mask: impl Fn(&str) -> String) -> bool {
        let Some(text) = line.strip_prefix(MARK) else {
            return false;
        };
        if let (Some(mut spans), Some(marked)) = (self.shared(), Marked::parse(text)) {
            spans.mark(&marked, mask);
        }
        true
    }

    /// Tells all of them to who collects them, in the order in which they began. What is open is
    /// ended by the end of the call, and nothing is added after it.
    pub(crate) fn end_call(&self, app: &str, request: &str) {
        let Some(mut spans) = self.shared() else {
            return;
        };
        spans.is_over = true;
        let all = std::mem::take(&mut spans.all);
        drop(spans);
        let now = Instant::now();
        for (place, span) in all.iter().enumerate() {
            span.tell(place, now, app, request);
        }
    }

    fn shared(&self) -> Option<MutexGuard<'_, Spans>> {
        let spans = self.0.as_ref()?.lock();
        let spans = spans.expect("no holder of this lock panics");
        (!spans.is_over).then_some(spans)
    }
}

impl Spans {
    fn add(
        &mut self,
        of: SpanOf,
        parent: Option<usize>,
        texts: impl FnOnce() -> (String, String),
    ) -> Option<usize> {
        if self.all.len() >= MAX_SPANS {
            return None;
        }
        let (mut name, mut detail) = texts();
        name.truncate(name.floor_char_boundary(MAX_TEXT_BYTES));
        detail.truncate(detail.floor_char_boundary(MAX_TEXT_BYTES));
        self.all.push(Span {
            of,
            name,
            detail,
            parent,
            begin: Instant::now(),
            end: None,
            failure: None,
            guest_id: None,
        });
        Some(self.all.len() - 1)
    }

    /// Takes what a guest says. A span lasts from when it is first entered until it is last
    /// left: one of `async` code is entered again and again.
    fn mark(&mut self, marked: &Marked<'_>, mask: impl Fn(&str) -> String) {
        match *marked {
            Marked::Enter {
                id,
                parent,
                name,
                detail,
            } => {
                let known = self.place_of(id);
                let parent = parent.and_then(|parent| self.place_of(parent));
                let texts = || (mask(name), mask(detail));
                let Some(place) = known.or_else(|| self.add(SpanOf::Guest, parent, texts)) else {
                    return;
                };
                let span = &mut self.all[place];
                (span.guest_id, span.end) = (Some(id), None);
                if self.entered.len() < MAX_DEPTH {
                    self.entered.push(place);
                }
            }
            Marked::Exit { id } => {
                let Some(place) = self.place_of(id) else {
                    return;
                };
                if let Some(at) = self.entered.iter().rposition(|entered| *entered == place) {
                    self.entered.remove(at);
                }
                self.all[place].end = Some(Instant::now());
            }
        }
    }

    fn place_of(&self, guest_id: u64) -> Option<usize> {
        let is_it = |span: &Span| span.guest_id == Some(guest_id);
        self.all.iter().position(is_it)
    }
}

impl Span {
    /// Says how it was. Its number is its place, counted from 1; 0 stands for the call.
    fn tell(&self, place: usize, now: Instant, app: &str, request: &str) {
        let end = self.end.unwrap_or(now);
        let millis = |from: Instant, to: Instant| 1e3 * (to - from).as_secs_f64();
        let (ms, ago_ms) = (millis(self.begin, end), millis(self.begin, now));
        let (of, detail) = (self.of.as_str(), self.detail.as_str());
        let span = place as u64 + 1;
        let parent = self.parent.map_or(0, |parent| parent as u64 + 1);
        let is_left = self.end.is_some() || self.of != SpanOf::Guest;
        let unended = (!is_left).then(|| "the call ended in it".to_owned());
        let failure = self.failure.clone().or(unended).unwrap_or_default();
        tracing::debug!(
            name: "span", target: "syft_runtime::span", app, request, of, span, parent, ms, ago_ms,
            detail, failure, "{}", self.name
        );
    }
}

impl CallSpan {
    /// Ends it, and takes note of an error.
    pub(crate) fn end_with<T, E: fmt::Display>(mut self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result {
            self.set_failure(|| error.to_string());
        }
        self.end();
        result
    }

    /// Adds what is known by now.
    pub(crate) fn set_detail(&mut self, detail: impl FnOnce() -> String) {
        self.change(|span| span.detail = detail());
    }

    /// Says that it failed, and why; the host's own words.
    pub(crate) fn set_failure(&mut self, failure: impl FnOnce() -> String) {
        self.change(|span| span.failure = Some(failure()));
    }

    /// Says that it went well after all.
    pub(crate) fn unset_failure(&mut self) {
        self.change(|span| span.failure = None);
    }

    fn end(&mut self) {
        self.change(|span| span.end = Some(Instant::now()));
        self.place = None;
    }

    fn change(&mut self, change: impl FnOnce(&mut Span)) {
        let (Some(place), Some(mut spans)) = (self.place, self.spans.shared()) else {
            return;
        };
        if let Some(span) = spans.all.get_mut(place) {
            change(span);
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.end();
    }
}

impl<'a> Marked<'a> {
    /// Reads `enter ID PARENT`, a line with the name and one with fields, or `exit ID`. No
    /// parent is 0.
    fn parse(text: &'a str) -> Option<Self> {
        let mut lines = text.splitn(3, '\n');
        let mut words = lines.next()?.split(' ');
        let (what, id) = (words.next()?, words.next()?.parse().ok()?);
        match what {
            "enter" => Some(Self::Enter {
                id,
                parent: Some(words.next()?.parse().ok()?).filter(|parent| *parent > 0),
                name: lines.next()?,
                detail: lines.next().unwrap_or_default(),
            }),
            "exit" => Some(Self::Exit { id }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected() -> CallSpans {
        CallSpans(Some(Arc::default()))
    }

    fn marked(spans: &CallSpans, text: &str) {
        assert!(spans.takes(&format!("{MARK}{text}"), str::to_owned));
    }

    /// Returns each span with the place of the one around it.
    fn tree(spans: &CallSpans) -> Vec<(String, Option<usize>)> {
        let all = spans.shared().expect("a call");
        let named = all.all.iter();
        named.map(|span| (span.name.clone(), span.parent)).collect()
    }

    #[test]
    fn what_happens_in_a_span_of_the_guest_is_within_it() {
        let spans = collected();
        marked(&spans, "enter 7 0\nouter\nn=1");
        marked(&spans, "enter 8 7\ninner");
        drop(spans.begin(SpanOf::State, || "state get".to_owned()));
        marked(&spans, "exit 8");
        drop(spans.begin(SpanOf::File, || "read x".to_owned()));
        marked(&spans, "exit 7");
        let failed = spans.begin(SpanOf::Http, || "GET y".to_owned());
        assert!(failed.end_with(Err::<(), _>("no answer")).is_err());
        let expected = [
            ("outer", None),
            ("inner", Some(0)),
            ("state get", Some(1)),
            ("read x", Some(0)),
            ("GET y", None),
        ];
        assert_eq!(
            tree(&spans),
            expected.map(|(name, at)| (name.to_owned(), at))
        );
        let all = spans.shared().expect("a call");
        assert_eq!(all.all[0].detail, "n=1");
        assert!(all.all.iter().all(|span| span.end.is_some()));
        assert_eq!(all.all[4].failure.as_deref(), Some("no answer"));
    }

    #[test]
    fn a_guest_that_goes_on_and_on_takes_no_more_than_it_may() {
        let spans = collected();
        for n in 1..1_000 {
            marked(&spans, &format!("enter {n} {}\n{}", n - 1, "ä".repeat(n)));
            drop(spans.begin(SpanOf::File, || "x".repeat(n)));
        }
        let all = spans.shared().expect("a call");
        assert_eq!(all.all.len(), MAX_SPANS);
        assert!(all.entered.len() <= MAX_DEPTH);
        assert!(all.all.iter().all(|span| span.name.len() <= MAX_TEXT_BYTES));
    }

    #[test]
    fn marks_that_make_no_sense_are_taken_and_change_nothing() {
        let spans = collected();
        for text in [
            "",
            "enter",
            "enter x 0\nn",
            "enter 1\nn",
            "enter 1 0",
            "exit -1",
            "exit 9",
        ] {
            marked(&spans, text);
        }
        assert_eq!(tree(&spans), []);
        assert!(!spans.takes("syft-span", str::to_owned));
    }

    #[test]
    fn nothing_is_kept_where_nobody_collects_nor_after_the_call() {
        let off = CallSpans::default();
        drop(off.begin(SpanOf::File, || unreachable!("nobody wants the name")));
        marked(&off, "enter 1 0\nn");
        let spans = collected();
        let open = spans.begin(SpanOf::File, || "read x".to_owned());
        spans.end_call("app", "1");
        drop(open);
        marked(&spans, "enter 1 0\nn");
        let all = spans.0.as_ref().expect("spans").lock().expect("a lock");
        assert!(all.all.is_empty());
    }
}
