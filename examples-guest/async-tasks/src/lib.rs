//! Waits for several things at a time, and minds its time.

use std::time::Duration;

use syft_guest::prelude::*;
use syft_guest::time;

mod naps;
mod work;

/// Sleeps for so many milliseconds.
#[on_request("/sleep")]
async fn sleep(#[default(1000)] ms: u64) -> &'static str {
    time::sleep(Duration::from_millis(ms)).await;
    "slept"
}

syft_guest::router!(v1: "/naps" => naps::router, "/work" => work::router);

syft_guest::app!(sleep, "/api/v1" => v1);

#[cfg(test)]
mod tests {
    use syft_guest::Handler;
    use syft_guest::test::block_on;

    use super::*;

    #[test]
    fn sleeps() {
        assert_eq!(block_on(sleep(1)), "slept");
    }

    #[test]
    fn sleeps_on_request() {
        let mut request = Request::new("/sleep");
        request.body = Some(br#"{"ms": 1}"#.to_vec());
        let response = <super::sleep as Handler>::call(request).unwrap();
        assert_eq!(response.body.unwrap(), b"slept");
    }
}
