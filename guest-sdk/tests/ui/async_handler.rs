use syft_guest::prelude::*;

#[on_request("/f")]
async fn f() {}

syft_guest::app!(f);

fn main() {}
