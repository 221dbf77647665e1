//! Calls that fail, beside others that must not.

use serde_json::Value;

use super::client::{call, send};
use super::host::Host;

/// What a caller is told of a failure.
pub const GENERIC: &str = "Internal server error. Please try again later.";

/// Checks that calls of an endpoint fail as they should, while and after others are answered.
/// Returns what the log says of one.
pub fn check_failure(host: &Host, endpoint: &str, expected: &str) -> Value {
    let bad: Vec<_> = (0..4).map(|_| send(&host.rpc, endpoint, None)).collect();
    for _ in 0..20 {
        assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "meanwhile");
    }
    for sent in bad {
        let answer = sent.answer();
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (500, GENERIC),
            "{endpoint}"
        );
    }
    let line = host.wait_for_log(expected, |line| {
        line["message"] == expected && line["status"] == 500
    });
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "afterwards");
    line
}
