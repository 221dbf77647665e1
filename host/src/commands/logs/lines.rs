//! An entry of a log as lines for people.

use serde_json::{Map, Value};

use super::super::in_words::{millis, time};
use crate::activity::{CallEntry, DeliveryEnd, EntryKind, LogEntry, Severity};

/// How much is shown of an id. `--id` takes it.
const ID_CHARS: usize = 8;

/// Returns an entry as a line, with what to do about it below.
pub(super) fn of(entry: &LogEntry) -> Vec<String> {
    let level = match entry.level {
        Severity::Error => "ERROR ",
        Severity::Warn => "WARN ",
        _ => "",
    };
    let app = entry.app.as_deref().unwrap_or("host");
    let id: String = entry.id().chars().take(ID_CHARS).collect();
    let space = if id.is_empty() { "" } else { "  " };
    let what = in_words(entry);
    let line = format!("{} {level}{app} {what}{space}{id}", time(entry.time));
    let hint = match &entry.kind {
        EntryKind::Denied { hint, .. } => hint,
        EntryKind::Call(_) => text(&entry.fields, "hint"),
        _ => "",
    };
    let hint = (!hint.is_empty()).then(|| format!("    {hint}"));
    std::iter::once(line).chain(hint).collect()
}

fn in_words(entry: &LogEntry) -> String {
    let (message, fields) = (&entry.message, &entry.fields);
    match &entry.kind {
        EntryKind::Call(call) => {
            let CallEntry {
                endpoint,
                sender,
                status,
                ms,
                worker,
                detail,
                ..
            } = call;
            let worker = worker.as_ref().map(|worker| format!(" on {worker}"));
            let worker = worker.unwrap_or_default();
            let detail = detail.as_ref().map(|detail| format!(": {detail}"));
            let detail = detail.unwrap_or_default();
            format!(
                "{endpoint} {sender} {status} {}{worker} {message}{detail}",
                millis(*ms)
            )
        }
        EntryKind::Refused {
            endpoint,
            sender,
            status,
            ..
        } => {
            let [why, detail] = ["refusal", "detail"].map(|name| text(fields, name));
            let space = if sender.is_empty() { "" } else { " " };
            format!("{endpoint} {sender}{space}{status} {message}: {why}: {detail}")
        }
        EntryKind::Denied { access, name, .. } | EntryKind::Touched { access, name, .. } => {
            let named = [access.as_str(), name.as_str()].map(str::trim);
            let named = named.into_iter().filter(|text| !text.is_empty());
            let named: Vec<&str> = named.collect();
            let endpoint = match text(fields, "endpoint") {
                "" => String::new(),
                endpoint => format!("{endpoint} "),
            };
            // A secret is named by the message itself.
            if named.is_empty() || (access.is_empty() && message.contains(name.as_str())) {
                format!("{endpoint}{message}")
            } else {
                format!("{endpoint}{message}: {}", named.join(" "))
            }
        }
        EntryKind::Span(span) => format!("{message} {}", millis(span.ms)),
        EntryKind::Output { stream, .. } => format!("{stream}: {message}"),
        EntryKind::Delivery {
            event,
            path,
            result,
            ms,
            ..
        } => match (result, ms) {
            (DeliveryEnd::Taken, Some(ms)) => {
                let on = match text(fields, "worker") {
                    "" => String::new(),
                    worker => format!(" on {worker}"),
                };
                format!("{event} {path} {}{on} {message}", millis(*ms))
            }
            _ => format!("{event} {path} {message}: {}", text(fields, "detail")),
        },
        EntryKind::Other => {
            let fields = fields.iter();
            // The id stands at the end.
            let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "id" | "request"));
            let fields = fields.map(|(name, value)| match value {
                Value::String(text) => format!(" {name}={text}"),
                other => format!(" {name}={other}"),
            });
            message.clone() + &fields.collect::<String>()
        }
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}
