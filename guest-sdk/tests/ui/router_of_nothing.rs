syft_guest::router!(pub router:);

fn main() {}
