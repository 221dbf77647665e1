//! A subscriber of `tracing` that writes events with their fields, and marks spans for the
//! traces of the host. Fields of spans are not repeated in each event.
//!
//! Why: docs/decisions/72-traces-are-made-from-what-is-logged.md

use std::cell::RefCell;
use std::fmt::{self, Write};

use log::Level;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Dispatch, Event, Interest, Metadata, Subscriber, dispatcher};

pub(super) fn install() {
    // Somebody else was earlier: this instance is at its second call in a test, or
    // the author has a subscriber of their own.
    dispatcher::set_global_default(Dispatch::new(Forward)).ok();
}

/// Spans of an instance that are told to the host, which keeps no more of a call.
const MAX_TOLD: usize = 64;

thread_local! {
    /// There is one thread in the sandbox. Tests have several, each with an app of its own.
    static SPANS: RefCell<Spans> = RefCell::default();
}

struct Forward;

/// The spans of an instance, and the lines that mark them for the host.
#[derive(Default)]
struct Spans {
    told: Vec<Span>,
    n_made: u64,
    entered: Vec<u64>,
}

struct Span {
    parent: u64,
    name: &'static str,
    fields: String,
}

impl Spans {
    fn make(&mut self, parent: Option<u64>, name: &'static str, fields: String) -> u64 {
        self.n_made += 1;
        if self.told.len() < MAX_TOLD {
            let parent = parent.unwrap_or_default();
            self.told.push(Span {
                parent,
                name,
                fields,
            });
        }
        self.n_made
    }

    fn span(&self, id: u64) -> Option<&Span> {
        self.told.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    fn enter(&mut self, id: u64) -> Option<String> {
        self.entered.push(id);
        let Span {
            parent,
            name,
            fields,
        } = self.span(id)?;
        Some(format!("enter {id} {parent}\n{name}\n{fields}"))
    }

    fn exit(&mut self, id: u64) -> Option<String> {
        let at = self.entered.iter().rposition(|entered| *entered == id)?;
        self.entered.remove(at);
        self.span(id)?;
        Some(format!("exit {id}"))
    }
}

fn with_spans<T>(of: impl FnOnce(&mut Spans) -> T) -> T {
    SPANS.with_borrow_mut(of)
}

impl Subscriber for Forward {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The author may ask for more between two events.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level(*metadata.level()) <= log::max_level()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        attributes.record(&mut line);
        let name = attributes.metadata().name();
        Id::from_u64(with_spans(|spans| {
            let parent = if attributes.is_contextual() {
                spans.entered.last().copied()
            } else {
                attributes.parent().map(Id::into_u64)
            };
            spans.make(parent, name, line.to_string())
        }))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        let level = level(*metadata.level());
        super::line(level, metadata.target(), &line);
    }

    fn enter(&self, id: &Id) {
        if let Some(mark) = with_spans(|spans| spans.enter(id.into_u64())) {
            super::mark(&mark);
        }
    }

    fn exit(&self, id: &Id) {
        if let Some(mark) = with_spans(|spans| spans.exit(id.into_u64())) {
            super::mark(&mark);
        }
    }

    fn current_span(&self) -> Current {
        Current::none()
    }
}

fn level(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::TRACE => Level::Trace,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::WARN => Level::Warn,
        _ => Level::Error,
    }
}

/// The message of an event, and its fields as ` name=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A string takes all that is written.
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        written.ok();
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, fields } = self;
        if message.is_empty() {
            return f.write_str(fields.trim_start());
        }
        write!(f, "{message}{fields}")
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;
    use crate::prelude::*;
    use crate::test::App;

    #[on_request("/f")]
    fn f() {
        tracing::warn!(target: "t", user = "ada", n = 1, "odd {}", "thing");
        tracing::debug!(target: "t", a = true, b = 0.5);
        tracing::trace!("too much");
        let span = tracing::info_span!("work", n = 1);
        span.in_scope(|| tracing::error!(target: "t", "inside"));
    }

    #[test]
    fn spans_are_marked_with_those_around_them_and_no_more_than_are_kept() {
        let mut spans = Spans::default();
        let outer = spans.make(None, "outer", "n=1".to_owned());
        assert_eq!(spans.enter(outer).as_deref(), Some("enter 1 0\nouter\nn=1"));
        let inner = spans.make(spans.entered.last().copied(), "inner", String::new());
        assert_eq!(spans.enter(inner).as_deref(), Some("enter 2 1\ninner\n"));
        // As `async` code does it: the outer one is left first.
        assert_eq!(spans.exit(outer).as_deref(), Some("exit 1"));
        assert_eq!(spans.exit(inner).as_deref(), Some("exit 2"));
        assert_eq!(spans.exit(inner), None);
        for _ in 0..MAX_TOLD {
            spans.make(None, "many", String::new());
        }
        let untold = spans.n_made;
        assert_eq!((spans.enter(untold), spans.exit(untold)), (None, None));
        assert_eq!(spans.told.len(), MAX_TOLD);
    }

    #[test]
    fn events_arrive_with_their_fields() {
        let app = App::new();
        app.call::<f>("");
        let expected = [
            (Level::Warn, "t: odd thing user=\"ada\" n=1"),
            (Level::Debug, "t: a=true b=0.5"),
            (Level::Error, "t: inside"),
        ];
        assert_eq!(
            app.log(),
            expected.map(|(level, line)| (level, line.to_owned()))
        );
    }
}
