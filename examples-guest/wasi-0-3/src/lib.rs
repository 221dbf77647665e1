//! Sleeps several naps at a time, as an app for WASI 0.3.
//!
//! It stands on the bindings alone: the SDK is for WASI 0.2.

use std::time::Instant;

use exports::syft::app0_2_0::rpc::{Endpoint, Error, Failure, Guest, Parameter, Request, Response};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use wasi::clocks::monotonic_clock::wait_for;

wit_bindgen::generate!({
    path: "../../wit/async",
    world: "app",
    generate_all,
});

/// More than this, and nobody knows who they sleep for.
const MAX_NAPS: usize = 1000;

struct Naps;

#[derive(Deserialize)]
struct Wanted {
    ms: Vec<u32>,
}

/// How long naps took, in milliseconds.
#[derive(Serialize)]
struct Slept {
    sum_ms: u64,
    took_ms: u64,
}

impl Guest for Naps {
    fn endpoints() -> Vec<Endpoint> {
        vec![Endpoint {
            path: "/together".to_owned(),
            description: Some("Sleeps several naps at a time.".to_owned()),
            parameters: vec![Parameter {
                name: "ms".to_owned(),
                type_json: r#"{"type":"array","items":"int"}"#.to_owned(),
                schema_json: None,
                required: true,
            }],
            returns_json: r#""object""#.to_owned(),
            returns_schema_json: None,
        }]
    }

    async fn handle(request: Request) -> Result<Response, Error> {
        match request.endpoint.as_str() {
            "/together" => together(&request.body.unwrap_or_default()).await,
            other => Err(Error::Failed(Failure {
                kind: "NoSuchEndpoint".to_owned(),
                message: other.to_owned(),
                handler: "handle".to_owned(),
            })),
        }
    }
}

async fn together(body: &[u8]) -> Result<Response, Error> {
    let wanted: Wanted = serde_json::from_slice(body).map_err(invalid)?;
    if wanted.ms.len() > MAX_NAPS {
        return Err(invalid(format!("at most {MAX_NAPS} naps at a time")));
    }
    let start = Instant::now();
    let naps = wanted.ms.iter().map(|ms| u64::from(*ms) * 1_000_000);
    join_all(naps.map(wait_for)).await;
    let slept = Slept {
        sum_ms: wanted.ms.iter().map(|ms| u64::from(*ms)).sum(),
        took_ms: start.elapsed().as_millis() as u64,
    };
    Ok(Response {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: Some(serde_json::to_vec(&slept).map_err(invalid)?),
    })
}

fn invalid(error: impl ToString) -> Error {
    Error::InvalidArguments(error.to_string())
}

export!(Naps);
