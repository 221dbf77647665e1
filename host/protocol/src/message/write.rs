//! Messages to JSON, byte for byte as the released client writes them.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{Headers, Request, Response, body};
use crate::timestamp::Timestamp;

/// Returns the JSON of a request.
pub(super) fn request(request: &Request) -> Vec<u8> {
    let mut object = Object::new();
    if let Some(id) = request.id {
        object.text("id", &id.to_string());
    }
    object.text("sender", &request.sender);
    object.text("url", request.url.as_str());
    object.body(request.body.as_deref());
    object.headers(&request.headers);
    object.time("created", request.created);
    object.time("expires", request.expires);
    object.text("method", request.method.as_str());
    object.end()
}

/// Returns the JSON of a response.
pub(super) fn response(response: &Response) -> Vec<u8> {
    let mut object = Object::new();
    object.text("id", &response.id.to_string());
    object.text("sender", &response.sender);
    object.text("url", response.url.as_str());
    object.body(response.body.as_deref());
    object.headers(&response.headers);
    object.time("created", response.created);
    object.time("expires", response.expires);
    object.raw("status_code", &response.status.code().to_string());
    object.end()
}

/// Returns the id that the released client derives from a request.
///
/// Its hash covers the JSON of five fields in the order of the message.
pub(super) fn deterministic_id(request: &Request) -> Uuid {
    let mut object = Object::new();
    object.text("sender", &request.sender);
    object.text("url", request.url.as_str());
    object.body(request.body.as_deref());
    object.headers(&request.headers);
    object.text("method", request.method.as_str());
    let digest: [u8; 32] = Sha256::digest(object.end()).into();
    let (head, _) = digest
        .split_first_chunk()
        .expect("32 bytes have a first 16");
    // Despite its name this takes any bytes, and forces version and variant as
    // Python's `UUID(bytes=…, version=4)` does.
    Builder::from_random_bytes(*head).into_uuid()
}

/// A JSON object in the making. Compact, non-ASCII left as it is.
struct Object {
    json: Vec<u8>,
}

impl Object {
    fn new() -> Object {
        Object {
            json: b"{".to_vec(),
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.json.push(b'}');
        self.json
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    fn time(&mut self, key: &str, value: Timestamp) {
        self.text(key, &value.to_string());
    }

    fn body(&mut self, value: Option<&[u8]>) {
        let Some(bytes) = value else {
            return self.raw("body", "null");
        };
        self.key("body");
        self.json.push(b'"');
        body::encode(bytes, &mut self.json);
        self.json.push(b'"');
    }

    fn headers(&mut self, headers: &Headers) {
        let mut object = Object::new();
        for (name, value) in headers.iter() {
            object.text(name, value);
        }
        self.key("headers");
        self.json.extend(object.end());
    }

    fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.json.extend(json.as_bytes());
    }

    fn key(&mut self, key: &str) {
        if self.json.last() != Some(&b'{') {
            self.json.push(b',');
        }
        self.string(key);
        self.json.push(b':');
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut self.json, text).expect("a Vec takes every byte");
    }
}
