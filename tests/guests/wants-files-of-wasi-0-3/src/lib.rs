//! Imports files of WASI 0.3, which no host has: to be refused when it is loaded.

use exports::syft::app::rpc::{Endpoint, Error, Guest, Request, Response};
use wasi::filesystem::preopens::get_directories;

wit_bindgen::generate!({
    path: ["../../../wit/async", "wit"],
    inline: "
        package test:files;

        world asking {
            include syft:app/app@0.2.0;
            import wasi:filesystem/preopens@0.3.0;
        }
    ",
    world: "test:files/asking",
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
            body: Some(get_directories().concat().into_bytes()),
        })
    }
}

export!(Asking);
