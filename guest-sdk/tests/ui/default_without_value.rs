use syft_guest::prelude::*;

#[on_request("/f")]
fn f(#[default] a: i64) -> i64 {
    a
}

#[on_request("/g")]
fn g(#[default(1)] #[default(2)] a: i64) -> i64 {
    a
}

fn main() {}
