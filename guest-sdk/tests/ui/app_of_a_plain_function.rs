fn f() {}

syft_guest::app!(f);

fn main() {}
