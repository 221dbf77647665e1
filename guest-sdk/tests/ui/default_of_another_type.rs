use syft_guest::prelude::*;

#[on_request("/f")]
fn f(#[default("a")] n: i64) -> i64 {
    n
}

#[on_request("/g")]
fn g(#[default(1.5)] n: i64) -> i64 {
    n
}

fn main() {}
