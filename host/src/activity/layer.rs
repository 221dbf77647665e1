//! From an event of `tracing` to an entry.
//!
//! An event has a name where it is of a kind of its own (`name: "call"`), and says by a field or
//! by the span around it whose it is.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use syft_manifest::clock::now;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::Activity;
use super::entry::{
    CallEntry, CutText, DeliveryEnd, EntryKind, LogEntry, ResourceKind, Severity, SpanEntry,
};
use super::line_quota::Share;
use super::statistics::{AppCounters, CallNumbers};

/// The name of the event that says how a call ended.
const CALL: &str = "call";

/// As many fields as most events have.
const USUAL_FIELDS: usize = 12;

/// The target of events that say what a call was given.
const TOUCHED: &str = "syft_runtime::touched";

/// The target of events that say what a call did, and how long it took. There are none unless
/// they are collected.
const SPAN: &str = "syft_runtime::span";

/// Takes the events that the owner of apps may want to see.
pub struct ActivityLayer(pub(super) Activity);

/// Says which events these are.
pub struct ActivityFilter(pub(super) Activity);

/// The app of a span.
struct SpanApp {
    name: String,
    counters: Arc<AppCounters>,
}

impl<S: Subscriber> Filter<S> for ActivityFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        if metadata.target() == TOUCHED {
            return self.0.is_watched();
        }
        is_always_wanted(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == TOUCHED {
            return Interest::sometimes();
        }
        if is_always_wanted(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }
}

fn is_always_wanted(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() || *metadata.level() <= Level::INFO || metadata.target() == SPAN
}

impl<S> Layer<S> for ActivityLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(app), Some(span)) = (fields.take_text("app"), context.span(id)) {
            let counters = self.0.counters(&app);
            let app = SpanApp {
                name: app,
                counters,
            };
            span.extensions_mut().insert(app);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let is_call = event.metadata().name() == CALL;
        if is_call && in_span(event, &context, |app| only_counts(app, event)) == Some(true) {
            return;
        }
        let mut fields = Fields(Vec::with_capacity(USUAL_FIELDS));
        event.record(&mut fields);
        let of_span = || in_span(event, &context, |app| app.name.clone());
        let app = fields.take_text("app").or_else(of_span);
        self.0.take(entry(event.metadata(), app, fields));
    }
}

/// Returns something of the app in whose span an event is.
fn in_span<S, T>(
    event: &Event<'_>,
    context: &Context<'_, S>,
    get: impl Fn(&SpanApp) -> T,
) -> Option<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut spans = context.event_scope(event)?;
    spans.find_map(|span| span.extensions().get::<SpanApp>().map(&get))
}

/// Counts a call for which there is no room among the entries, as in a flood, and tells whether
/// that is so.
fn only_counts(app: &SpanApp, event: &Event<'_>) -> bool {
    let share = match *event.metadata().level() {
        Level::ERROR | Level::WARN => Share::Wrong,
        _ => Share::Usual,
    };
    if !app.counters.quota.leaves_out(share, now()) {
        return false;
    }
    let mut call = CallFields::default();
    event.record(&mut call);
    app.counters.count_call(&call.endpoint, &call.numbers);
    true
}

/// The fields of a call that are counted.
#[derive(Default)]
struct CallFields {
    endpoint: String,
    numbers: CallNumbers,
}

impl Visit for CallFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "endpoint" {
            self.endpoint = format!("{value:?}");
        }
    }

    // Nothing else of it is looked at.
    fn record_str(&mut self, field: &Field, _: &str) {
        self.numbers.is_on_worker |= field.name() == "worker";
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.numbers.status = u16::try_from(value).unwrap_or_default(),
            "memory_bytes" => self.numbers.memory_bytes = value,
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "ms" {
            self.numbers.time = Duration::try_from_secs_f64(value / 1e3).unwrap_or_default();
        }
    }
}

fn entry(metadata: &Metadata<'_>, app: Option<String>, mut fields: Fields) -> LogEntry {
    let message = fields.take_text("message").unwrap_or_default();
    let kind = fields.kind(metadata);
    LogEntry {
        time: now(),
        level: match *metadata.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warn,
            Level::INFO => Severity::Info,
            Level::DEBUG => Severity::Debug,
            Level::TRACE => Severity::Trace,
        },
        app,
        kind,
        message,
        fields: fields.rest(),
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    fn text(&mut self, name: &str) -> String {
        self.take_text(name).unwrap_or_default()
    }

    fn number(&mut self, name: &str) -> u64 {
        let value = self.take(name);
        value.and_then(|value| value.as_u64()).unwrap_or_default()
    }

    /// Returns a time in milliseconds, to the microsecond.
    fn millis(&mut self, name: &str) -> f64 {
        let value = self.take(name);
        let millis = value.and_then(|value| value.as_f64()).unwrap_or_default();
        (millis * 1e3).round() / 1e3
    }

    fn status(&mut self) -> u16 {
        u16::try_from(self.number("status")).unwrap_or_default()
    }

    fn kind(&mut self, metadata: &Metadata<'_>) -> EntryKind {
        match metadata.name() {
            CALL => EntryKind::Call(CallEntry {
                endpoint: self.text("endpoint"),
                id: self.text("id"),
                sender: self.text("sender"),
                proof: self.text("proof"),
                status: self.status(),
                ms: self.millis("ms"),
                wait_ms: self.millis("wait_ms"),
                memory_bytes: self.number("memory_bytes"),
                worker: self.take_text("worker"),
                detail: self.take_text("detail"),
            }),
            "refused" => EntryKind::Refused {
                endpoint: self.text("endpoint"),
                id: self.text("id"),
                sender: self.text("sender"),
                status: self.status(),
            },
            "denied_file" => self.denied(ResourceKind::File),
            "denied_host" => self.denied(ResourceKind::Host),
            "denied_message" => self.denied(ResourceKind::Message),
            "denied_secret" => self.denied(ResourceKind::Secret),
            "denied_feature" => self.denied(ResourceKind::Feature),
            "touched_file" => self.touched(ResourceKind::File),
            "touched_host" => self.touched(ResourceKind::Host),
            "touched_message" => self.touched(ResourceKind::Message),
            "span" => EntryKind::Span(SpanEntry {
                id: self.text("request"),
                of: self.text("of"),
                span: self.number("span"),
                parent: self.number("parent"),
                ms: self.millis("ms"),
                ago_ms: self.millis("ago_ms"),
                detail: self.text("detail"),
                failure: self.text("failure"),
            }),
            "output" => EntryKind::Output {
                stream: self.text("stream"),
                id: self.text("request"),
            },
            "delivered" => self.delivery(DeliveryEnd::Taken),
            "delivery_failed" => self.delivery(DeliveryEnd::Failed),
            "delivery_parked" => self.delivery(DeliveryEnd::Parked),
            _ => EntryKind::Other,
        }
    }

    fn denied(&mut self, what: ResourceKind) -> EntryKind {
        let (access, name) = self.access(what);
        EntryKind::Denied {
            what,
            access,
            name,
            id: self.text("request"),
            hint: self.text("hint"),
        }
    }

    fn touched(&mut self, what: ResourceKind) -> EntryKind {
        let (access, name) = self.access(what);
        EntryKind::Touched {
            what,
            access,
            name,
            id: self.text("request"),
        }
    }

    /// Returns what was wanted, and of what.
    fn access(&mut self, what: ResourceKind) -> (String, String) {
        let (access, name) = match what {
            ResourceKind::File | ResourceKind::Message => ("access", "path"),
            ResourceKind::Host => ("method", "origin"),
            ResourceKind::Secret => ("access", "secret"),
            ResourceKind::Feature => ("access", "feature"),
        };
        (self.text(access), self.text(name))
    }

    fn delivery(&mut self, result: DeliveryEnd) -> EntryKind {
        let ms = self.0.iter().any(|(name, _)| *name == "ms");
        EntryKind::Delivery {
            event: self.text("event"),
            path: self.text("path"),
            id: self.text("id"),
            result,
            ms: ms.then(|| self.millis("ms")),
        }
    }

    fn rest(self) -> Map<String, Value> {
        let all = self.0.into_iter();
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push((field.name(), value.into()));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = CutText::default();
        // It takes all that it is given; only the value itself can fail.
        if write!(text, "{value:?}").is_ok() {
            self.add(field, text.0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = CutText::default();
        if text.write_str(value).is_ok() {
            self.add(field, text.0);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}
