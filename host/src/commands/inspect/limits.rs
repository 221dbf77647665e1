//! The limits of an app, in plain words.

use serde_json::{Value, json};
use syft_manifest::units::{show_size, show_time};
use syft_manifest::{Limits, ManifestLimits};

/// A limit: its key, its value for scripts, what it bounds and its value in words.
pub(super) struct Limit {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) what: &'static str,
    pub(super) words: String,
    /// It is as the app itself asks for it.
    pub(super) is_asked_for: bool,
}

/// Returns all limits.
pub(super) fn describe(limits: &Limits, asked: &ManifestLimits) -> Vec<Limit> {
    // Without `..`, so that a new limit cannot be forgotten here.
    let Limits {
        time,
        memory_bytes,
        held_bytes,
        kept_bytes,
        concurrency,
        memories,
        tables,
        table_elements,
        instances,
        handles,
        tasks,
        hostcall_bytes,
        random_bytes,
        logged_bytes,
        output_bytes,
        line_bytes,
        request_bytes,
        response_bytes,
        loaded_bytes,
        component_bytes,
        written_bytes,
        open_files,
        http_connections,
        http_app_connections,
        http_sent_bytes,
        http_received_bytes,
        messages,
        open_messages,
        open_messages_per_receiver,
        outbox_bytes,
        message_bytes,
        message_answer_bytes,
        state_bytes,
        state_key_bytes,
        state_value_bytes,
        state_call_bytes,
        answers_bytes,
        endpoints,
        described_bytes,
    } = limits;
    let size = |key, bytes: u64, what| limit(key, json!(bytes), what, show_size(bytes));
    let count = |key, count: usize, what| limit(key, json!(count), what, count.to_string());
    let time_ms = json!(time.as_millis() as u64);
    let mut all = vec![
        limit(
            "time_ms",
            time_ms,
            "time of a call, waiting included",
            show_time(*time),
        ),
        size(
            "memory_bytes",
            *memory_bytes as u64,
            "memory of a call, all its memories together",
        ),
        size(
            "held_bytes",
            *held_bytes as u64,
            "what the host holds for a call",
        ),
        count("concurrency", *concurrency, "calls at the same time"),
        size("written_bytes", *written_bytes, "files: written in a call"),
        count(
            "open_files",
            *open_files,
            "files: open at one time in a call",
        ),
        count(
            "http_connections",
            *http_connections,
            "HTTP: connections at one time in a call",
        ),
        count(
            "http_app_connections",
            *http_app_connections,
            "HTTP: connections at one time in all calls",
        ),
        size("http_sent_bytes", *http_sent_bytes, "HTTP: sent in a call"),
        size(
            "http_received_bytes",
            *http_received_bytes,
            "HTTP: received in a call",
        ),
        count("messages", *messages, "messages: sent in a call"),
        count("open_messages", *open_messages, "messages: unanswered"),
        count(
            "open_messages_per_receiver",
            *open_messages_per_receiver,
            "messages: unanswered, to one datasite",
        ),
        size("outbox_bytes", *outbox_bytes, "messages: all that are kept"),
        size(
            "message_bytes",
            *message_bytes as u64,
            "messages: body and headers",
        ),
        size(
            "message_answer_bytes",
            *message_answer_bytes as u64,
            "messages: file of an answer",
        ),
        size("state_bytes", *state_bytes, "state: kept, keys and values"),
        size("state_key_bytes", *state_key_bytes as u64, "state: a key"),
        size(
            "state_value_bytes",
            *state_value_bytes as u64,
            "state: a value",
        ),
        size(
            "state_call_bytes",
            *state_call_bytes as u64,
            "state: read and written in a call",
        ),
        size(
            "answers_bytes",
            *answers_bytes,
            "state: answers of requests that come back",
        ),
        size("request_bytes", *request_bytes, "request file"),
        size("response_bytes", *response_bytes as u64, "response file"),
        size(
            "loaded_bytes",
            *loaded_bytes,
            "requests in memory, all together",
        ),
        size(
            "logged_bytes",
            *logged_bytes as u64,
            "output of a call that is logged",
        ),
        size(
            "output_bytes",
            *output_bytes as u64,
            "output that ends the call",
        ),
        size("line_bytes", *line_bytes as u64, "line in the log"),
        size(
            "hostcall_bytes",
            *hostcall_bytes as u64,
            "data passed to the host at once",
        ),
        size(
            "random_bytes",
            *random_bytes,
            "random numbers asked for at once",
        ),
        count("handles", *handles, "handles of a call"),
        count("tasks", *tasks, "tasks and streams of a call (WASI 0.3)"),
        count("memories", *memories, "memories of a call"),
        count("tables", *tables, "tables of a call"),
        count(
            "table_elements",
            *table_elements,
            "elements of all its tables",
        ),
        count("instances", *instances, "core instances of a call"),
        count("endpoints", *endpoints, "endpoints"),
        size(
            "described_bytes",
            *described_bytes as u64,
            "what it says of its endpoints",
        ),
        size(
            "kept_bytes",
            *kept_bytes as u64,
            "memory kept between calls",
        ),
        size("component_bytes", *component_bytes, "component file"),
    ];
    for limit in &mut all {
        limit.is_asked_for = match limit.key {
            "time_ms" => asked.time == Some(*time),
            "memory_bytes" => asked.memory_bytes == Some(*memory_bytes),
            "concurrency" => asked.concurrency == Some(*concurrency),
            "state_bytes" => asked.state_bytes == Some(*state_bytes),
            _ => false,
        };
    }
    all
}

fn limit(key: &'static str, value: Value, what: &'static str, words: String) -> Limit {
    Limit {
        key,
        value,
        what,
        words,
        is_asked_for: false,
    }
}
