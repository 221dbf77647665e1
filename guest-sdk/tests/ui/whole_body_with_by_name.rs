use syft_guest::prelude::*;

#[on_request("/f")]
fn f(a: Json<i64>, b: i64) -> i64 {
    a.0 + b
}

fn main() {}
