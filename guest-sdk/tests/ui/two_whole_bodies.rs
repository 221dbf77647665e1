use syft_guest::prelude::*;

#[on_request("/f")]
fn f(a: Text, b: Bytes) -> Text {
    drop(b);
    a
}

#[on_request("/g")]
fn g(a: Request, b: Request) -> String {
    a.id + &b.id
}

fn main() {}
