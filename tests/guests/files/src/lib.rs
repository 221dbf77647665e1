//! Does with files whatever the request says, and tells what came of each step.

mod library;
mod nearby;
mod raw;

use serde::Deserialize;
use serde_json::{Value, json};
use syft_guest::prelude::*;

/// Answers a list of outcomes, `{"ok": …}` or `{"error": …}`.
#[on_request("/ops")]
fn ops(Json(ops): Json<Vec<Op>>) -> Value {
    let mut held = raw::Held::default();
    ops.into_iter().map(|op| op.run(&mut held)).collect()
}

/// A step of a request.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Op {
    /// Through the standard library.
    Library(library::Op),
    /// Through `wasi:filesystem` itself.
    Raw { raw: raw::Op },
    /// Steps that are done again and again.
    Repeat { repeat: (usize, Vec<Op>) },
}

impl Op {
    fn run(self, held: &mut raw::Held) -> Value {
        match self {
            Self::Library(op) => outcome(op.run()),
            Self::Raw { raw } => outcome(raw.run(held)),
            Self::Repeat { repeat } => repeated(repeat, held),
        }
    }
}

/// Answers each outcome once, in the order in which they came up.
fn repeated((times, ops): (usize, Vec<Op>), held: &mut raw::Held) -> Value {
    let mut outcomes = Vec::new();
    for _ in 0..times {
        for op in &ops {
            let outcome = op.clone().run(held);
            if !outcomes.contains(&outcome) {
                outcomes.push(outcome);
            }
        }
    }
    json!({"ok": outcomes})
}

fn outcome(result: Result<Value, String>) -> Value {
    match result {
        Ok(value) => json!({"ok": value}),
        Err(error) => json!({"error": error}),
    }
}

syft_guest::app!(
    ops,
    nearby::environment,
    nearby::sockets,
    nearby::look_up,
    nearby::clocks_and_random,
    nearby::hold_pollables,
);
