use syft_guest::prelude::*;

#[on_request("/f")]
fn f((a, b): (i64, i64)) -> i64 {
    a + b
}

#[on_request("/g")]
fn g(_: i64) {}

fn main() {}
