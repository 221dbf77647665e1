use syft_guest::prelude::*;

struct Opaque;

#[on_request("/f")]
async fn f() -> Opaque {
    Opaque
}

syft_guest::app!(f);

fn main() {}
