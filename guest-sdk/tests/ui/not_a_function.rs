use syft_guest::prelude::*;

#[on_request("/f")]
struct F;

fn main() {}
