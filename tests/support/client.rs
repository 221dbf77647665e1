//! A client of the tests: writes request files and reads response files.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL;
use serde_json::{Value, json};
use uuid::Uuid;

use super::site::{CALLER, OWNER};
use super::wait_for;

/// The app that requests are for which are not written yet.
const ANY_APP: &str = "/app_data/app/rpc";

/// Returns a request as a released client writes it, apart from times in the far
/// future.
pub fn request(id: Uuid, sender: &str, endpoint: &str, body: Option<&[u8]>) -> Value {
    json!({
        "id": id.to_string(),
        "sender": sender,
        "url": format!("syft://{OWNER}{ANY_APP}/{endpoint}"),
        "body": body.map(|body| BASE64URL.encode(body)),
        "headers": {},
        "created": now(),
        "expires": "2999-01-01T00:00:00+00:00",
        "method": "POST",
    })
}

fn now() -> String {
    syft_protocol::timestamp::Timestamp::from_system_time(std::time::SystemTime::now()).to_string()
}

/// A request that lies in the tree.
pub struct Sent {
    pub path: PathBuf,
}

impl Sent {
    /// Writes a request in place, as the released client does. It is for the app in whose
    /// folder it comes to lie.
    pub fn write(folder: &Path, id: Uuid, request: &[u8]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(format!("{id}.request"));
        let request = match (str::from_utf8(request), app_of(folder)) {
            (Ok(text), Some(app)) => text
                .replace(ANY_APP, &format!("/app_data/{app}/rpc"))
                .into_bytes(),
            _ => request.to_vec(),
        };
        fs::write(&path, request).unwrap();
        Self { path }
    }

    /// Returns the id of the request.
    pub fn id(&self) -> &str {
        self.path.file_stem().unwrap().to_str().unwrap()
    }

    /// Returns the path of the answer.
    pub fn response_path(&self) -> PathBuf {
        self.path.with_extension("response")
    }

    /// Returns the answer if it is there.
    pub fn peek(&self) -> Option<Answer> {
        Answer::read(&self.response_path())
    }

    /// Waits for the answer.
    pub fn answer(&self) -> Answer {
        let what = format!("the answer to {}", self.path.display());
        wait_for(&what, || self.peek())
    }
}

/// Returns the app in whose folder something lies.
fn app_of(folder: &Path) -> Option<String> {
    let mut names = folder.iter().map_while(|name| name.to_str());
    names.find(|name| *name == "app_data")?;
    let parts: Vec<&str> = names.take_while(|name| *name != "rpc").collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// An answer, as a file.
#[derive(Debug, Clone)]
pub struct Answer {
    pub json: Value,
}

impl Answer {
    /// Reads an answer; `None` where there is none. One that is not whole fails
    /// the test: it would be lost on a released client.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let json = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{} is half an answer: {error}", path.display()));
        Some(Self { json })
    }

    pub fn status(&self) -> u64 {
        self.json["status_code"].as_u64().unwrap()
    }

    pub fn body(&self) -> Option<Vec<u8>> {
        let body = self.json["body"].as_str()?;
        Some(BASE64URL.decode(body.as_bytes()).unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body().unwrap_or_default()).unwrap()
    }
}

/// Sends a request into the caller's own folder of an endpoint.
pub fn send(rpc: &Path, endpoint: &str, body: Option<&[u8]>) -> Sent {
    let id = Uuid::new_v4();
    let request = request(id, CALLER, endpoint, body).to_string();
    Sent::write(&rpc.join(endpoint).join(CALLER), id, request.as_bytes())
}

/// Sends a request and waits for its answer.
pub fn call(rpc: &Path, endpoint: &str, body: &str) -> Answer {
    send(rpc, endpoint, Some(body.as_bytes())).answer()
}
