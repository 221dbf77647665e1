//! Traces of requests: what a collector gets of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use serde_json::json;

use crate::dashboard::put_reader;
use crate::serve::hello;
use crate::support::PATIENCE;
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, output};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::{CALLER, Site};

/// A collector, which understands what it gets.
struct Collector {
    address: SocketAddr,
    spans: Receiver<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, spans) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                while let Some((head, body)) = read(&mut reader) {
                    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
                    assert!(head.contains("application/x-protobuf"), "{head}");
                    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
                    for resource in request.resource_spans {
                        let named = resource.resource.unwrap().attributes;
                        assert_eq!(text(&named, "service.name"), "syft-host");
                        let spans = resource.scope_spans.into_iter();
                        for span in spans.flat_map(|scope| scope.spans) {
                            if sender.send(span).is_err() {
                                return;
                            }
                        }
                    }
                    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        Self { address, spans }
    }

    /// Returns a host that sends to it.
    fn serve(&self, site: &Site, options: &[&str]) -> Serving {
        let mut command = serve(site, options);
        command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
        command.env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", self.address),
        );
        let serving = Serving::spawn(site, command);
        serving.wait_for("it to be ready", |event| event["event"] == "ready");
        serving
    }

    /// Waits for the spans of one trace: a request, and what is within it.
    fn trace(&self, n_spans: usize) -> Vec<Span> {
        let next = |_| self.spans.recv_timeout(PATIENCE).expect("a span");
        let mut spans: Vec<Span> = (0..n_spans).map(next).collect();
        assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
        spans.sort_by_key(|span| !span.parent_span_id.is_empty());
        spans
    }
}

/// Reads a request; nothing at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let (_, length) = lower.split_once("content-length:")?;
    let length = length.lines().next()?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> i64 {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::IntValue(number)) => *number,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_request_is_one_trace_from_its_file_to_its_answer() {
    let (site, collector) = (Site::new(), Collector::start());
    put_reader(&Installation::new(&site), &site, "files");
    let _serving = collector.serve(&site, &[]);
    let read = json!([{"read": "/datasites/bob@example.org/public/x.csv"}]);
    let sent = send(&site.rpc("files"), "ops", Some(read.to_string().as_bytes()));
    assert_eq!(sent.answer().status(), 200);

    let spans = collector.trace(3);
    let root = &spans[0];
    assert_eq!(
        (root.name.as_str(), root.kind()),
        ("files /ops", SpanKind::Server)
    );
    assert_eq!(text(&root.attributes, "syft.app"), "files");
    assert_eq!(text(&root.attributes, "syft.endpoint"), "/ops");
    assert_eq!(text(&root.attributes, "syft.request.id"), sent.id());
    assert_eq!(text(&root.attributes, "syft.sender"), CALLER);
    assert_eq!(number(&root.attributes, "http.response.status_code"), 200);
    let within = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(span.parent_span_id, root.span_id);
        span
    };
    let (wait, handler) = (within("wait"), within("handler"));
    assert_eq!(wait.start_time_unix_nano, root.start_time_unix_nano);
    assert_eq!(wait.end_time_unix_nano, handler.start_time_unix_nano);
    assert_eq!(handler.end_time_unix_nano, root.end_time_unix_nano);
    let denied = handler
        .events
        .iter()
        .find(|event| event.name == "denied")
        .unwrap();
    let name = text(&denied.attributes, "name");
    assert_eq!(name, "bob@example.org/public/x.csv");
    assert!(text(&denied.attributes, "hint").contains("syft-app.toml"));
    let times = handler.start_time_unix_nano..=handler.end_time_unix_nano;
    assert!(
        times.contains(&denied.time_unix_nano),
        "{denied:?} within {times:?}"
    );
}

#[test]
fn what_fails_says_why() {
    let (site, collector) = (Site::new(), Collector::start());
    Installation::new(&site).put("hostile", &std::fs::read(guest("hostile")).unwrap());
    let _serving = collector.serve(&site, &[]);
    assert_eq!(call(&site.rpc("hostile"), "panic", "").status(), 500);
    let spans = collector.trace(3);
    let status = spans[0].status.as_ref().unwrap();
    assert_eq!(status.code(), StatusCode::Error);
    assert!(status.message.contains("on purpose"), "{status:?}");
}

#[test]
fn a_collector_that_is_not_there_keeps_nobody_waiting() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let option = format!("--otlp=http://{address}");
    let serving = Serving::start(&site, &[&option]);
    for _ in 0..50 {
        assert_eq!(call(&site.rpc("hello"), "hello", "{}").status(), 200);
    }
    serving.stop();
}

#[test]
fn a_collector_that_is_no_url_is_named() {
    let why = Ended::of(&output(&mut serve(
        &Site::new(),
        &["--otlp=127.0.0.1:4318"],
    )))
    .refused();
    assert!(why.contains("no place to send traces to"), "{why}");
    assert!(why.contains("http://127.0.0.1:4318"), "{why}");
}
