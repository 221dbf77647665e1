//! A subscriber of `tracing` that writes events with their fields. Spans have no
//! lines of their own, and their fields are not repeated in each event.

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

struct Forward;

impl Subscriber for Forward {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The author may ask for more between two events.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level(*metadata.level()) <= log::max_level()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
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

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

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
