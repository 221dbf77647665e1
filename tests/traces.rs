//! Traces of requests: what a collector gets of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
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
use crate::support::apps::requesting;
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::web::WebServer;

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
        self.collect(&mut command);
        let serving = Serving::spawn(site, command);
        serving.wait_for("it to be ready", |event| event["event"] == "ready");
        serving
    }

    /// Returns a host that serves one app, and sends to it.
    fn run(&self, site: &Site, app: &Path, options: &[&str]) -> Host {
        let mut command = syft_host(site);
        command.arg("run").arg(app).args(options);
        command
            .args(["--email", OWNER, "--data-dir"])
            .arg(site.data_dir());
        self.collect(&mut command);
        Host::spawn(site, command)
    }

    fn collect(&self, command: &mut Command) {
        command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
        command.env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", self.address),
        );
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

/// Returns a span of that name, which is within another one.
#[track_caller]
fn within<'a>(spans: &'a [Span], name: &str, around: &Span) -> &'a Span {
    let span = spans.iter().find(|span| span.name == name);
    let span = span.unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    assert_eq!(span.parent_span_id, around.span_id, "{name}: {spans:#?}");
    let times = around.start_time_unix_nano..=around.end_time_unix_nano;
    assert!(times.contains(&span.start_time_unix_nano), "{spans:#?}");
    assert!(times.contains(&span.end_time_unix_nano), "{spans:#?}");
    span
}

/// Installs the app that uses all of the SDK.
fn put_toolbox(site: &Site) {
    let component = std::fs::read(guest("toolbox")).unwrap();
    Installation::new(site).put("toolbox", &component);
}

#[test]
fn what_a_call_opens_is_a_span_within_its_handler() {
    let (site, collector) = (Site::new(), Collector::start());
    put_reader(&Installation::new(&site), &site, "files");
    let public = site.datasites().join("bob@example.org/public");
    std::fs::create_dir_all(&public).unwrap();
    std::fs::write(public.join("x.json"), "secret content").unwrap();
    let _serving = collector.serve(&site, &[]);
    let read = json!([{"read": "/datasites/bob@example.org/public/x.json"}]);
    let sent = send(&site.rpc("files"), "ops", Some(read.to_string().as_bytes()));
    assert_eq!(sent.answer().status(), 200);
    let spans = collector.trace(4);
    let handler = within(&spans, "handler", &spans[0]);
    let path = "bob@example.org/public/x.json";
    let opened = within(&spans, &format!("read {path}"), handler);
    assert_eq!(text(&opened.attributes, "syft.of"), "file");
    assert_eq!(text(&opened.attributes, "file.path"), path);
    assert!(opened.status.is_none() || opened.status.as_ref().unwrap().message.is_empty());
    assert!(!format!("{spans:?}").contains("secret content"));
}

#[test]
fn spans_of_the_guest_hold_what_happens_in_them() {
    let (site, collector) = (Site::new(), Collector::start());
    put_toolbox(&site);
    let _serving = collector.serve(&site, &[]);
    let answer = call(&site.rpc("toolbox"), "spans", r#"{"fails": false}"#);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let spans = collector.trace(7);
    let handler = within(&spans, "handler", &spans[0]);
    let outer = within(&spans, "outer", handler);
    assert_eq!(text(&outer.attributes, "syft.fields"), "n=1");
    let inner = within(&spans, "inner", outer);
    let set = within(&spans, "state set", inner);
    assert_eq!(text(&set.attributes, "db.operation.name"), "set");
    within(&spans, "state get", handler);

    let answer = call(&site.rpc("toolbox"), "spans", r#"{"fails": true}"#);
    assert_eq!(answer.status(), 500);
    let spans = collector.trace(6);
    let outer = within(&spans, "outer", within(&spans, "handler", &spans[0]));
    let status = outer.status.as_ref().unwrap();
    assert_eq!(status.code(), StatusCode::Error);
    assert_eq!(status.message, "the call ended in it");
}

#[test]
fn spans_that_a_hostile_guest_makes_up_are_few_short_and_plain() {
    let (site, collector) = (Site::new(), Collector::start());
    put_toolbox(&site);
    let _serving = collector.serve(&site, &[]);
    let answer = call(&site.rpc("toolbox"), "forged-spans", "{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let spans = collector.trace(3 + 64);
    let of_guest = |span: &&Span| span.name.contains("[31m");
    assert_eq!(spans.iter().filter(of_guest).count(), 64);
    for span in spans.iter().filter(of_guest) {
        assert!(span.name.len() < 1_500, "{} bytes", span.name.len());
        let fields = text(&span.attributes, "syft.fields");
        for text in [&span.name, fields] {
            assert!(
                text.chars().all(syft_manifest::sanitize::is_plain),
                "{text}"
            );
        }
    }
    // The collector is told of the next call as well.
    assert_eq!(
        call(&site.rpc("toolbox"), "lines", r#"{"what": "x"}"#).status(),
        200
    );
    let spans = collector.trace(4);
    let handler = within(&spans, "handler", &spans[0]);
    let levels: Vec<&str> = handler
        .events
        .iter()
        .map(|event| text(&event.attributes, "level"))
        .collect();
    assert_eq!(levels, ["error", "warn", "info", "info", "warn"]);
    within(&spans, "span", handler);
}

#[test]
fn an_http_request_is_a_span_with_its_status() {
    let (site, collector) = (Site::new(), Collector::start());
    let server = WebServer::start();
    let origins = [server.origin(), "http://127.0.0.1:1".to_owned()];
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    let app = requesting(&site, &guest("web"), &origins, &["GET"]);
    let options = ["--name", "app", "--allow-all-requested"];
    let host = collector.run(&site, &app, &options);
    let url = format!("{}/missing?secret=1", server.origin());
    let body = json!({"url": url}).to_string();
    assert_eq!(call(&host.rpc, "send", &body).status(), 200);
    let spans = collector.trace(4);
    let handler = within(&spans, "handler", &spans[0]);
    let sent = within(&spans, &format!("GET {}", server.origin()), handler);
    assert_eq!(sent.kind(), SpanKind::Client);
    assert_eq!(number(&sent.attributes, "http.response.status_code"), 404);
    assert!(!format!("{spans:?}").contains("secret"));

    let body = json!({"url": "http://127.0.0.1:1/"}).to_string();
    assert_eq!(call(&host.rpc, "send", &body).status(), 200);
    let spans = collector.trace(4);
    let handler = within(&spans, "handler", &spans[0]);
    let failed = within(&spans, "GET http://127.0.0.1:1", handler);
    assert_eq!(text(&failed.attributes, "error.type"), "ConnectionRefused");
    assert_eq!(failed.status.as_ref().unwrap().code(), StatusCode::Error);
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
