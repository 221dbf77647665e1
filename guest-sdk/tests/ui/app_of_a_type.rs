struct Users;

syft_guest::app!("/users" => Users);

fn main() {}
