//! Endpoints that take parameters in every way.

use serde::Deserialize;
use serde_json::{Value, json};
use syft_guest::prelude::*;

/// Answers its parameters.
#[on_request("/types")]
pub fn types(
    #[default("text")] text: String,
    #[default(3)] int: i64,
    #[default(1.5)] float: f64,
    #[default(true)] flag: bool,
    #[default(vec![1, 2])] list: Vec<u64>,
    #[default(json!({"a": 1}))] any: Value,
    optional: Option<String>,
) -> Value {
    json!({
        "text": text,
        "int": int,
        "float": float,
        "flag": flag,
        "list": list,
        "any": any,
        "optional": optional,
    })
}

#[on_request("/text")]
pub fn text(text: String) -> String {
    text
}

#[on_request("/bytes")]
pub fn bytes(data: Vec<u8>) -> Vec<u8> {
    data
}

#[derive(Deserialize)]
pub struct Model {
    name: String,
    #[serde(default = "three")]
    n: i64,
}

fn three() -> i64 {
    3
}

#[on_request("/model")]
pub fn model(Json(model): Json<Model>) -> Value {
    json!({"name": model.name, "n": model.n})
}

#[on_request("/deep/er")]
pub fn deeper() -> &'static str {
    "deeper"
}
