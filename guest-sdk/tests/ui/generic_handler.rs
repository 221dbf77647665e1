use syft_guest::prelude::*;

#[on_request("/f")]
fn f<T: Into<String>>(name: T) -> String {
    name.into()
}

#[on_request("/g")]
fn g(name: impl Into<String>) -> String {
    name.into()
}

fn main() {}
