use syft_guest::prelude::*;

#[on_request("f")]
fn no_slash() {}

#[on_request("/f/")]
fn slash_at_the_end() {}

#[on_request("/users/*")]
fn wildcard() {}

#[on_request("/../f")]
fn parent() {}

#[on_request("/f.request")]
fn extension() {}

fn main() {}
