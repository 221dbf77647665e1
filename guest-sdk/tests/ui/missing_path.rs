use syft_guest::prelude::*;

#[on_request]
fn f() {}

#[on_request()]
fn g() {}

#[on_request(f)]
fn h() {}

#[on_request("/f", "/g")]
fn i() {}

syft_guest::app!(f, g, h, i);

fn main() {}
