//! Imports sockets of WASI 0.3, which no host has: to be refused when it is loaded.

use exports::syft::app0_2_0::rpc::{Endpoint, Error, Guest, Request, Response};
use wasi::sockets::ip_name_lookup::resolve_addresses;

wit_bindgen::generate!({
    path: ["../../../wit/async", "wit"],
    inline: "
        package test:sockets;

        world asking {
            include syft:app/app@0.2.0;
            import wasi:sockets/ip-name-lookup@0.3.0;
        }
    ",
    world: "test:sockets/asking",
    generate_all,
});

struct Asking;

impl Guest for Asking {
    fn endpoints() -> Vec<Endpoint> {
        Vec::new()
    }

    async fn handle(_: Request) -> Result<Response, Error> {
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Some(
                resolve_addresses("localhost".to_owned())
                    .await
                    .concat()
                    .into_bytes(),
            ),
        })
    }
}

export!(Asking);
