//! A request as spans: from the file of the request to that of the answer, and within it the
//! time of waiting and the handler, with what the app wrote and wanted.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use syft_protocol::timestamp::Timestamp;

use super::collecting::Request;
use super::inner::{self, Around};
use crate::activity::{CallEntry, DeliveryEnd, EntryKind, LogEntry};

/// Makes the spans of a request that ended.
pub(super) fn record(tracer: &SdkTracer, request: &Request) {
    let end = &request.end;
    match &end.kind {
        EntryKind::Call(call) => record_call(tracer, request, call),
        EntryKind::Refused {
            endpoint,
            id,
            sender,
            status,
        } => {
            let span = root(end, endpoint, id, at(end.time));
            let mut span = tracer.build_with_context(span, &Context::new());
            span.set_attribute(text("syft.sender", sender));
            span.set_attribute(KeyValue::new(
                "http.response.status_code",
                i64::from(*status),
            ));
            span.end_with_timestamp(at(end.time));
        }
        EntryKind::Delivery {
            event,
            path,
            id,
            result,
            ms,
        } => {
            let start = before(at(end.time), ms.unwrap_or_default());
            let span = root(end, "event", id, start).with_kind(SpanKind::Consumer);
            let mut span = tracer.build_with_context(span, &Context::new());
            span.set_attributes([text("syft.event", event), text("syft.path", path)]);
            if *result != DeliveryEnd::Taken {
                span.set_status(Status::error(end.message.clone()));
            }
            add_events(&mut span, &request.happened.events);
            let event = Around {
                context: Context::new().with_span(span),
                start,
                end: at(end.time),
            };
            inner::record(tracer, &event, &request.happened.spans);
            event.context.span().end_with_timestamp(event.end);
        }
        _ => {}
    }
}

fn record_call(tracer: &SdkTracer, request: &Request, call: &CallEntry) {
    let end = at(request.end.time);
    // The end is noted a moment after the time was taken; what happened in between was within.
    let events = request.happened.events.iter().map(|entry| at(entry.time));
    let spans = request
        .happened
        .spans
        .iter()
        .filter_map(|entry| inner::start(entry));
    let begun = events
        .chain(spans)
        .fold(before(end, call.ms), SystemTime::min);
    let sent = before(begun, call.wait_ms);
    let span = root(&request.end, &call.endpoint, &call.id, sent);
    let mut span = tracer.build_with_context(span, &Context::new());
    span.set_attributes([
        text("syft.sender", &call.sender),
        text("syft.sender.proof", &call.proof),
        KeyValue::new("http.response.status_code", i64::from(call.status)),
        KeyValue::new(
            "syft.memory_bytes",
            i64::try_from(call.memory_bytes).unwrap_or(i64::MAX),
        ),
    ]);
    if call.status >= 500 {
        let why = call.detail.as_ref().unwrap_or(&request.end.message);
        span.set_status(Status::error(why.clone()));
    }
    let context = Context::new().with_span(span);
    let part = |name, from| {
        let span = SpanBuilder::from_name(name).with_start_time(from);
        tracer.build_with_context(span.with_kind(SpanKind::Internal), &context)
    };
    part("wait", sent).end_with_timestamp(begun);
    let mut handler = part("handler", begun);
    add_events(&mut handler, &request.happened.events);
    let handler = Around {
        context: context.with_span(handler),
        start: begun,
        end,
    };
    inner::record(tracer, &handler, &request.happened.spans);
    handler.context.span().end_with_timestamp(end);
    context.span().end_with_timestamp(end);
}

fn root(entry: &LogEntry, name: &str, id: &str, start: SystemTime) -> SpanBuilder {
    let app = entry.app.as_deref().unwrap_or_default();
    SpanBuilder::from_name(format!("{app} {name}"))
        .with_kind(SpanKind::Server)
        .with_start_time(start)
        .with_attributes([
            text("syft.app", app),
            text("syft.endpoint", name),
            text("syft.request.id", id),
        ])
}

fn add_events(span: &mut impl Span, entries: &[std::sync::Arc<LogEntry>]) {
    for entry in entries {
        let (name, attributes) = event(entry);
        span.add_event_with_timestamp(name, at(entry.time), attributes);
    }
}

fn event(entry: &LogEntry) -> (&'static str, Vec<KeyValue>) {
    let mut attributes = vec![
        text("level", entry.level.as_str()),
        text("message", &entry.message),
    ];
    let name = match &entry.kind {
        EntryKind::Output { stream, .. } => {
            attributes.push(text("stream", stream));
            "log"
        }
        EntryKind::Denied {
            what,
            access,
            name,
            hint,
            ..
        } => {
            attributes.extend([
                text("what", what.as_str()),
                text("access", access),
                text("name", name),
                text("hint", hint),
            ]);
            "denied"
        }
        EntryKind::Touched {
            what, access, name, ..
        } => {
            attributes.extend([
                text("what", what.as_str()),
                text("access", access),
                text("name", name),
            ]);
            "used"
        }
        _ => "event",
    };
    (name, attributes)
}

pub(super) fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, value.to_owned())
}

pub(super) fn at(time: Timestamp) -> SystemTime {
    let micros = u64::try_from(time.micros()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}

pub(super) fn before(time: SystemTime, ms: f64) -> SystemTime {
    let earlier = Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
    time.checked_sub(earlier).unwrap_or(SystemTime::UNIX_EPOCH)
}
