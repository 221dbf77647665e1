use syft_guest::prelude::*;

struct Model;

#[on_request("/f")]
fn f(model: Model) {
    drop(model);
}

fn main() {}
