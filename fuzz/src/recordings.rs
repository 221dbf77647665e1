//! Recordings of calls, which may be anybody's.

use syft_runtime::recording::Recording;

/// What was read is written and read again, and tells the same of the call.
pub fn recording(bytes: &[u8]) {
    let read = match Recording::from_json(bytes) {
        Ok(read) => read,
        Err(error) => return crate::assert_is_short_line(&error.to_string(), 1_000),
    };
    let written = serde_json::to_vec(&read).expect("JSON");
    let again = Recording::from_json(&written).expect("it was one before");
    assert_eq!(again, read);
    let request = read.request.to_request();
    assert_eq!(again.request.to_request().body, request.body);
    let (before, after) = (read.state(), read.written_state());
    assert_eq!((again.state(), again.written_state()), (before, after));
}
