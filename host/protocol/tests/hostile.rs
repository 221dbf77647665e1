//! Messages made to hurt: large, deep, repetitive.

use std::time::{Duration, Instant};

use syft_protocol::message::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_SENDER_BYTES, Request};
use syft_protocol::timestamp::Timestamp;

const REQUIRED: &str = r#""sender":"a@b.co","url":"syft://a@b.co/x""#;

/// Far above what a debug build takes on a busy machine; what is quadratic or
/// worse takes minutes.
const PATIENCE: Duration = Duration::from_secs(20);

fn check(json: &str, expected: Result<(), &str>) {
    let started = Instant::now();
    let result = Request::from_json(json.as_bytes(), Timestamp::MIN);
    assert_eq!(
        result.map(drop).map_err(|error| error.to_string()),
        expected.map_err(str::to_owned)
    );
    assert!(started.elapsed() < PATIENCE);
}

fn with(fields: &str) -> String {
    format!("{{{REQUIRED},{fields}}}")
}

#[test]
fn depth_is_an_error_and_no_stack_overflow() {
    let too_deep = Err("invalid JSON: nested deeper than 201");
    for key in ["x", "id", "body", "headers", "created", "method"] {
        check(
            &with(&format!("\"{key}\":{}", "[".repeat(1_000_000))),
            too_deep,
        );
        check(
            &with(&format!("\"{key}\":{}", "{\"a\":".repeat(500_000))),
            too_deep,
        );
    }
    check(&"[".repeat(1_000_000), too_deep);
    check(
        &with(&format!("\"x\":\"{}\"", "[".repeat(1_000_000))),
        Ok(()),
    );
    check(&with(r#""x":"\"[[[\\","y":[]"#), Ok(()));
}

#[test]
fn many_values_are_passed_over() {
    check(
        &with(&format!("\"x\":[{}1]", "1,".repeat(1_000_000))),
        Ok(()),
    );
    check(
        &with(&format!("\"x\":{{{}\"b\":1}}", "\"a\":1,".repeat(300_000))),
        Ok(()),
    );
    check(
        &with(&format!("{}\"id\":null", "\"id\":null,".repeat(200_000))),
        Err("id: expected a UUID, got null"),
    );
    check(
        &with(&format!(
            "{}\"body\":null",
            "\"body\":\"QUJD\",".repeat(200_000)
        )),
        Ok(()),
    );
    check(
        &with(&format!("\"body\":[{}1]", "1,".repeat(500_000))),
        Err("body: expected a string in base64 or null, got an array"),
    );
}

#[test]
fn headers_are_bounded() {
    let headers = |n: usize| {
        (0..n)
            .map(|i| format!("\"h{i}\":\"\""))
            .collect::<Vec<_>>()
            .join(",")
    };
    check(
        &with(&format!("\"headers\":{{{}}}", headers(MAX_HEADERS))),
        Ok(()),
    );
    check(
        &with(&format!("\"headers\":{{{}}}", headers(MAX_HEADERS + 1))),
        Err("headers: more than 256"),
    );
    check(
        &with(&format!("\"headers\":{{{}}}", headers(300_000))),
        Err("headers: more than 256"),
    );
    check(
        &with(&format!(
            "\"headers\":{{{}\"a\":\"\"}}",
            "\"a\":\"\",".repeat(MAX_HEADERS)
        )),
        Err("headers: more than 256"),
    );
    let value = |n: usize| with(&format!("\"headers\":{{\"a\":\"{}\"}}", "x".repeat(n)));
    let too_long = Err("headers: longer than 65536 bytes in sum");
    check(&value(MAX_HEADER_BYTES - 1), Ok(()));
    check(&value(MAX_HEADER_BYTES), too_long);
    check(
        &with(&format!(
            "\"headers\":{{\"{}\":\"\"}}",
            "x".repeat(MAX_HEADER_BYTES + 1)
        )),
        too_long,
    );
    check(
        &with(&format!(
            "\"headers\":{{{}}},\"headers\":{{}}",
            headers(300_000)
        )),
        Ok(()),
    );
}

#[test]
fn the_sender_is_bounded() {
    let sender = |n: usize| with(&format!("\"sender\":\"{}\"", "x".repeat(n)));
    check(&sender(MAX_SENDER_BYTES), Ok(()));
    check(
        &sender(MAX_SENDER_BYTES + 1),
        Err("sender: longer than 1024 bytes"),
    );
    check(&sender(4 << 20), Err("sender: longer than 1024 bytes"));
}

#[test]
fn a_large_body_is_read() {
    let request = with(&format!("\"body\":\"{}\"", "QUJD".repeat(1 << 20)));
    let request = Request::from_json(request.as_bytes(), Timestamp::MIN).expect("a request");
    let body = request.body.expect("a body");
    assert_eq!((body.len(), body.capacity()), (3 << 20, 3 << 20));
}
