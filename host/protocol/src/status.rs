//! The status codes that a response may carry.

use std::fmt;

/// A status code that the released client knows.
///
/// A response with any other code is "invalid" to it: the answer is replaced
/// by a 500 of its own and both files are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

impl Status {
    /// 200: the handler answered.
    pub const OK: Status = Status(200);
    /// 400: the request is at fault.
    pub const BAD_REQUEST: Status = Status(400);
    /// 403: the sender may not.
    pub const FORBIDDEN: Status = Status(403);
    /// 404: there is no such thing.
    pub const NOT_FOUND: Status = Status(404);
    /// 409: it does not agree with what is there.
    pub const CONFLICT: Status = Status(409);
    /// 413: the request is larger than we read.
    pub const PAYLOAD_TOO_LARGE: Status = Status(413);
    /// 419: the request expired before it was answered; SyftBox's own code.
    pub const EXPIRED: Status = Status(419);
    /// 429: the sender has too many requests waiting.
    pub const TOO_MANY_REQUESTS: Status = Status(429);
    /// 500: we or the app are at fault.
    pub const INTERNAL_ERROR: Status = Status(500);
    /// 503: not now, later perhaps.
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    /// 504: the handler took too long.
    pub const GATEWAY_TIMEOUT: Status = Status(504);

    /// Returns the status of this code, or `None` if the released client does
    /// not know it.
    pub fn new(code: u16) -> Option<Status> {
        position(code).map(|_| Status(code))
    }

    /// Returns the status of this code, or for one that the released client
    /// does not know the first of its class: 299 gives 200, 444 gives 400, 520
    /// gives 500. What is no code at all, below 100 or from 600 on, gives 500.
    pub fn nearest(code: u16) -> Status {
        match code {
            _ if position(code).is_some() => Status(code),
            100..=599 => Status(code / 100 * 100),
            _ => Status::INTERNAL_ERROR,
        }
    }

    /// Returns the code.
    pub fn code(self) -> u16 {
        self.0
    }

    /// Returns whether the code is from 200 to 299.
    pub fn is_success(self) -> bool {
        (200..=299).contains(&self.0)
    }

    /// Returns the phrase for the code, `Not Found`.
    pub fn reason(self) -> &'static str {
        let at = position(self.0).expect("only codes of the table are constructed");
        KNOWN[at].1
    }
}

/// Writes `404 Not Found`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

fn position(code: u16) -> Option<usize> {
    KNOWN.binary_search_by_key(&code, |known| known.0).ok()
}

/// The codes of Python 3.11's `http.HTTPStatus` with its phrases, and the two
/// that SyftBox adds: 419 and 499. Ascending.
const KNOWN: [(u16, &str); 64] = [
    (100, "Continue"),
    (101, "Switching Protocols"),
    (102, "Processing"),
    (103, "Early Hints"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (208, "Already Reported"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Requested Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (418, "I'm a Teapot"),
    (419, "Request Expired"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Entity"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (499, "Client Closed Request"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (506, "Variant Also Negotiates"),
    (507, "Insufficient Storage"),
    (508, "Loop Detected"),
    (510, "Not Extended"),
    (511, "Network Authentication Required"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codes_of_the_release() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
        for code in [100, 103, 200, 226, 308, 400, 418, 419, 451, 499, 500, 511] {
            assert_eq!(Status::new(code).map(Status::code), Some(code));
            assert_eq!(Status::nearest(code).code(), code);
        }
        for code in [0, 99, 104, 299, 306, 420, 444, 509, 520, 600, u16::MAX] {
            assert_eq!(Status::new(code), None, "{code}");
        }
    }

    #[test]
    fn finds_the_nearest() {
        for (code, expected) in [
            (199, 100),
            (299, 200),
            (306, 300),
            (444, 400),
            (520, 500),
            (599, 500),
            (0, 500),
            (99, 500),
            (600, 500),
            (u16::MAX, 500),
        ] {
            assert_eq!(Status::nearest(code).code(), expected, "{code}");
        }
    }

    #[test]
    fn every_code_has_a_phrase_and_every_constant_a_code() {
        for (code, reason) in KNOWN {
            let status = Status::new(code).expect("of the table");
            assert_eq!(status.to_string(), format!("{code} {reason}"));
            assert_eq!(status.is_success(), code / 100 == 2);
        }
        for status in [
            Status::OK,
            Status::BAD_REQUEST,
            Status::FORBIDDEN,
            Status::NOT_FOUND,
            Status::CONFLICT,
            Status::PAYLOAD_TOO_LARGE,
            Status::EXPIRED,
            Status::TOO_MANY_REQUESTS,
            Status::INTERNAL_ERROR,
            Status::SERVICE_UNAVAILABLE,
            Status::GATEWAY_TIMEOUT,
        ] {
            assert_eq!(Status::new(status.code()), Some(status));
        }
    }
}
