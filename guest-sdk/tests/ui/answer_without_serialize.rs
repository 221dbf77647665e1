use syft_guest::prelude::*;

struct Model;

#[on_request("/f")]
fn f() -> Model {
    Model
}

#[on_request("/g")]
fn g() -> Result<Model, Error> {
    Ok(Model)
}

fn main() {}
