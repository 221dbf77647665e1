//! What a call did, as spans within its handler: files, operations on the state, HTTP requests,
//! and what the guest marked itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::span::{at, before, text};
use crate::activity::{EntryKind, LogEntry, SpanEntry};

/// Returns when a span began.
pub(super) fn start(entry: &LogEntry) -> Option<SystemTime> {
    match &entry.kind {
        EntryKind::Span(span) => Some(before(at(entry.time), span.ago_ms)),
        _ => None,
    }
}

/// A span, for those within it.
pub(super) struct Around {
    pub(super) context: Context,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
}

/// Makes the spans within a handler. One whose parent is missing is the handler's own.
pub(super) fn record(tracer: &SdkTracer, handler: &Around, entries: &[Arc<LogEntry>]) {
    let mut known: HashMap<u64, Around> = HashMap::new();
    for entry in entries {
        let (EntryKind::Span(span), Some(start)) = (&entry.kind, start(entry)) else {
            continue;
        };
        let parent = known.get(&span.parent).unwrap_or(handler);
        // Their entries are made one after the other: a moment later than what they tell of.
        let start = start.clamp(parent.start, parent.end);
        let took = Duration::try_from_secs_f64(span.ms / 1e3).unwrap_or_default();
        let end = (start + took).min(parent.end);
        let builder = builder(&entry.message, span, start);
        let mut made = tracer.build_with_context(builder, &parent.context);
        if !span.failure.is_empty() {
            made.set_status(Status::error(span.failure.clone()));
        }
        let context = parent.context.with_span(made);
        context.span().end_with_timestamp(end);
        known.insert(
            span.span,
            Around {
                context,
                start,
                end,
            },
        );
    }
}

fn builder(name: &str, span: &SpanEntry, start: SystemTime) -> SpanBuilder {
    let kind = match span.of.as_str() {
        "http" => SpanKind::Client,
        _ => SpanKind::Internal,
    };
    SpanBuilder::from_name(name.to_owned())
        .with_kind(kind)
        .with_start_time(start)
        .with_attributes(attributes(name, span))
}

/// Names them as the conventions of OpenTelemetry do, where there is a convention.
fn attributes(name: &str, span: &SpanEntry) -> Vec<KeyValue> {
    let (what, of) = name.split_once(' ').unwrap_or((name, ""));
    let mut attributes = vec![text("syft.of", &span.of)];
    match span.of.as_str() {
        "file" => attributes.push(text("file.path", of)),
        "state" => attributes.push(text("db.operation.name", of)),
        "http" => {
            attributes.extend([text("http.request.method", what), text("syft.origin", of)]);
            if let Ok(status) = span.detail.parse::<i64>() {
                attributes.push(KeyValue::new("http.response.status_code", status));
            }
            if !span.failure.is_empty() {
                attributes.push(text("error.type", &span.failure));
            }
        }
        _ if !span.detail.is_empty() => attributes.push(text("syft.fields", &span.detail)),
        _ => {}
    }
    attributes
}
