use syft_guest::prelude::*;

#[on_request("/f")]
fn f(name: &str) -> usize {
    name.len()
}

#[on_request("/g")]
fn g(request: &Request) -> usize {
    request.id.len()
}

fn main() {}
