use syft_guest::prelude::*;

struct App;

impl App {
    #[on_request("/f")]
    fn f(&self) {}
}

fn main() {}
