syft_guest::app!();

fn main() {}
