use syft_guest::prelude::*;

#[on_request("f")]
async fn f(a: &str, #[default] _b: i64) -> usize {
    a.len()
}

fn main() {}
