#![deny(dead_code)]

use syft_guest::prelude::*;

#[on_request("/f")]
fn f() {}

#[on_request("/g")]
fn g() {}

syft_guest::app!(f);

fn main() {}
