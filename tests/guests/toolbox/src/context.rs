//! What a handler is told of its request.

use serde_json::{Value, json};
use syft_guest::prelude::*;

#[on_request("/told")]
pub fn told(request: Request) -> Value {
    json!({
        "sender": request.sender.email,
        "proven": request.sender.proven(),
        "method": request.method,
        "query": request.query_pairs(),
        "name": request.query("name"),
        "header": request.header("x-color"),
        "expires_in_ms": u64::try_from(request.expires_in().as_millis()).unwrap_or(u64::MAX),
        "time_left_ms": u64::try_from(context::time_left().as_millis()).unwrap_or(u64::MAX),
        "app_data": files::app_data(),
    })
}
