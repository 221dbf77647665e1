mod users {
    use syft_guest::prelude::*;

    #[on_request("/list")]
    fn list() {}

    syft_guest::router!(pub router: list);
}

mod v1 {
    use crate::users;
    use syft_guest::prelude::*;

    #[on_request("/users/list")]
    fn list() {}

    syft_guest::router!(pub router: "users" => users::router, list);
}

syft_guest::app!("/api/v1" => v1::router);

fn main() {}
