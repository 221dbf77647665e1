use syft_guest::prelude::*;

#[on_request("/f")]
fn f(#[default("a")] name: Option<String>) -> bool {
    name.is_some()
}

#[on_request("/g")]
fn g(#[default(1)] request: Request) -> String {
    request.id
}

#[on_request("/h")]
fn h(#[default("a")] text: Text) -> Text {
    text
}

fn main() {}
