use syft_guest::prelude::*;

#[on_request("/f")]
fn f() {}

#[on_request("/f")]
fn g() {}

syft_guest::app!(f, g);

fn main() {}
