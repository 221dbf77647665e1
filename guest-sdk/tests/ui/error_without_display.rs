use syft_guest::prelude::*;

struct Failure;

#[on_request("/f")]
fn f() -> Result<i64, Failure> {
    Err(Failure)
}

fn main() {}
