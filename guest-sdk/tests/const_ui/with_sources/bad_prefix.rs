use syft_guest::prelude::*;

#[on_request("/f")]
fn f() {}

syft_guest::router!(pub router: "/users/*" => f);

syft_guest::app!("/a/../b" => f, "/a//b" => router);

fn main() {}
