use syft_guest::prelude::*;

#[on_request("f")]
unsafe fn f(a: &str, #[default] _b: i64) -> usize {
    a.len()
}

fn main() {}
