//! Sends HTTP requests wherever it is told to.

use std::time::Duration;

use serde_json::{Value, json};
use syft_guest::bindings::wasi::http::outgoing_handler::handle;
use syft_guest::bindings::wasi::http::types::{
    Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use syft_guest::http::{HttpError, HttpRequest, HttpResponse};
use syft_guest::prelude::*;

/// Answers what came of a request.
#[on_request("/send")]
fn sends(
    url: String,
    #[default("GET")] method: String,
    body: Option<String>,
    secret: Option<String>,
    timeout_ms: Option<u64>,
) -> Value {
    let mut request = HttpRequest::new(method, url);
    if let Some(body) = body {
        request = request.body(body);
    }
    if let Some(secret) = secret {
        request = request.header("Authorization", secret);
    }
    if let Some(ms) = timeout_ms {
        request = request.timeout(Duration::from_millis(ms));
    }
    shown(request.send())
}

fn shown(answer: Result<HttpResponse, HttpError>) -> Value {
    match answer {
        Ok(answer) => {
            let headers: Vec<_> = answer.headers.iter().collect();
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(1_000)]);
            json!({"status": answer.status, "headers": headers, "body": body, "bytes": answer.body.len()})
        }
        Err(error) => {
            let kind = format!("{error:?}");
            let kind = kind.split('(').next().unwrap_or_default();
            json!({"error": kind, "message": error.to_string()})
        }
    }
}

/// Follows redirects as clients do, and answers each URL with what came of it.
#[on_request("/follow")]
fn follows(url: String) -> Value {
    let (mut url, mut steps) = (url, Vec::new());
    for _ in 0..5 {
        let answer = syft_guest::http::get(url.as_str()).send();
        let next = answer
            .as_ref()
            .ok()
            .and_then(|answer| answer.headers.get("location"));
        let next = next.map(str::to_owned);
        steps.push(json!([url, shown(answer)]));
        match next {
            Some(next) => url = next,
            None => break,
        }
    }
    json!(steps)
}

/// Sends a body of so many bytes.
#[on_request("/upload")]
fn uploads(url: String, bytes: usize) -> Value {
    shown(syft_guest::http::post(url).body(vec![b'x'; bytes]).send())
}

/// Begins so many requests at a time, and answers what came of each.
#[on_request("/many")]
fn begins_many(authority: String, path: String, n: usize) -> Value {
    let begun: Vec<_> = (0..n).map(|_| begin(&authority, &path)).collect();
    let ended = begun.into_iter().map(|future| {
        loop {
            match future.get() {
                Some(Ok(Ok(answer))) => break json!(answer.status()),
                Some(Ok(Err(code))) => break json!(format!("{code:?}")),
                Some(Err(())) => break json!("taken"),
                None => future.subscribe().block(),
            }
        }
    });
    ended.collect()
}

fn begin(authority: &str, path: &str) -> FutureIncomingResponse {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request
        .set_authority(Some(authority))
        .expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    handle(request, None).expect("it is begun")
}

/// Makes headers, and answers how many.
#[on_request("/headers")]
fn makes_headers(n: usize) -> usize {
    let value = vec![b'v'; 60_000];
    let kept: Vec<_> = (0..n)
        .map(|_| Fields::from_list(&[("x".to_owned(), value.clone())]).expect("headers"))
        .collect();
    kept.len()
}

/// Writes bodies that are never sent, and answers how many.
#[on_request("/bodies")]
fn makes_bodies(n: usize) -> usize {
    let part = vec![b'b'; 64 << 10];
    let kept: Vec<(OutgoingRequest, OutgoingBody)> = (0..n)
        .map(|_| {
            let request = OutgoingRequest::new(Fields::new());
            request.set_method(&Method::Post).expect("a method");
            let body = request.body().expect("a body");
            let stream = body.write().expect("a stream");
            while stream.check_write().expect("it is open") > 0 {
                stream.write(&part).expect("it is written");
            }
            (request, body)
        })
        .collect();
    kept.len()
}

/// Answers the key, and changes what another call may read, so that one of them runs again.
#[on_request("/key")]
fn key(wait_ms: u64) -> Result<String, Error> {
    let n: Option<u64> = state::get("n")?;
    std::thread::sleep(Duration::from_millis(wait_ms));
    state::set("n", &(n.unwrap_or_default() + 1))?;
    let key = context::idempotency_key();
    log::info!("key {key}");
    Ok(key)
}

/// Answers the arguments and the variables of the app, in order.
#[on_request("/variables")]
fn variables() -> Value {
    let arguments: Vec<String> = std::env::args().collect();
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    variables.sort();
    json!([arguments, variables])
}

/// Tells everybody what a variable is.
#[on_request("/tell")]
fn tells(name: String) -> Result<String, Error> {
    let told = format!("it is {}", std::env::var(name).unwrap_or_default());
    println!("{told}");
    eprintln!("{told}");
    log::info!("{told}");
    Err(std::io::Error::other(told).into())
}

syft_guest::app!(
    sends,
    follows,
    uploads,
    begins_many,
    makes_headers,
    makes_bodies,
    key,
    variables,
    tells,
);
