//! Watches whatever it is told to, and keeps in its state what it is told of files: a
//! journal of the events, and a picture of the files made of them.

mod settings;
mod state;

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use syft_guest::bindings;
use syft_guest::bindings::exports::syft::app::replies::{self, Reply};
use syft_guest::bindings::exports::syft::app::rpc::{self, Endpoint, Error, Request, Response};
use syft_guest::bindings::exports::syft::app::schedules::{self, Due, Schedule};
use syft_guest::bindings::exports::syft::app::watch::{self, Event, EventKind, Watch};
use syft_guest::bindings::syft::app::types::Failure;

struct Watcher;

impl watch::Guest for Watcher {
    fn watches() -> Vec<Watch> {
        settings::watches()
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        if let Some(part) = state::get("fail")
            && event.path.contains(&part)
        {
            state::set("lost", "a call that fails keeps nothing");
            return Err(failure(format!("to fail, attempt {}", event.attempt)));
        }
        if event.path.ends_with("spoil.txt") {
            append(&event.path);
            return Err(failure("always".to_owned()));
        }
        let text = read(&event.path);
        if settings::has("journal") {
            journal(&event, text.as_deref());
        }
        if settings::has("picture") {
            picture(&event, text);
        }
        if event.kind != EventKind::Deleted {
            act(&event.path);
        }
        Ok(())
    }
}

impl replies::Guest for Watcher {
    fn on_reply(reply: Reply) -> Result<(), Failure> {
        Err(failure(format!("{} was never sent", reply.message_id)))
    }
}

impl schedules::Guest for Watcher {
    fn schedules() -> Vec<Schedule> {
        Vec::new()
    }

    fn on_due(due: Due) -> Result<(), Failure> {
        Err(failure(format!("{} is no schedule", due.schedule)))
    }
}

fn failure(message: String) -> Failure {
    Failure {
        kind: "Told".to_owned(),
        message,
        handler: "on_event".to_owned(),
    }
}

fn append(path: &str) {
    let file = fs::OpenOptions::new()
        .append(true)
        .open(format!("/datasites/{path}"));
    file.and_then(|mut file| file.write_all(b"+")).unwrap();
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(format!("/datasites/{path}")).ok()
}

fn journal(event: &Event, text: Option<&str>) {
    let kind = match event.kind {
        EventKind::Created => "created",
        EventKind::Modified => "modified",
        EventKind::Moved => "moved",
        EventKind::Deleted => "deleted",
    };
    let entry = json!({
        "id": event.id,
        "watch": event.watch,
        "kind": kind,
        "path": event.path,
        "from": event.moved_from,
        "attempt": event.attempt,
        "text": text,
    });
    let count = state::count("entries");
    state::set(&format!("entry {count:09}"), &entry.to_string());
}

/// Keeps the text of each file.
fn picture(event: &Event, text: Option<String>) {
    if let Some(from) = &event.moved_from {
        state::delete(&format!("file {from}"));
    }
    let key = format!("file {}", event.path);
    match text {
        Some(text) => state::set(&key, &text),
        None => state::delete(&key),
    }
}

/// Does what the name of the file says.
fn act(path: &str) {
    let full = format!("/datasites/{path}");
    if path.ends_with("append.txt") {
        append(path);
    } else if path.ends_with("rewrite.txt") {
        fs::write(&full, "rewritten").unwrap();
    } else if path.ends_with("copy.txt") {
        fs::copy(&full, full.replace("copy.txt", "copied.txt")).unwrap();
    } else if path.ends_with("rename.txt") {
        fs::rename(&full, full.replace("rename.txt", "renamed.txt")).unwrap();
    } else if path.ends_with("slow.txt") {
        std::thread::sleep(std::time::Duration::from_millis(500));
    } else if path.ends_with("remove.txt") {
        fs::remove_file(&full).unwrap();
    }
}

impl rpc::Guest for Watcher {
    fn endpoints() -> Vec<Endpoint> {
        let names = ["/journal", "/picture", "/fail", "/heal", "/write"];
        let endpoints = names.map(|path| Endpoint {
            path: path.to_owned(),
            description: None,
            parameters: Vec::new(),
            returns_json: "\"any\"".to_owned(),
            returns_schema_json: None,
        });
        if settings::has("endpoints") {
            endpoints.into()
        } else {
            Vec::new()
        }
    }

    fn handle(request: Request) -> Result<Response, Error> {
        let body = String::from_utf8(request.body.unwrap_or_default()).unwrap();
        let answer = match request.endpoint.as_str() {
            "/journal" => state::all("entry ")
                .into_iter()
                .map(|(_, text)| serde_json::from_str::<Value>(&text).unwrap())
                .collect(),
            "/picture" => state::all("file ")
                .into_iter()
                .map(|(path, text)| (path, Value::String(text)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            "/fail" => {
                state::set("fail", &body);
                Value::Null
            }
            "/heal" => {
                state::delete("fail");
                json!(state::get("lost"))
            }
            _ => {
                let (path, text) = body.split_once('\n').unwrap();
                fs::write(format!("/datasites/{path}"), text).unwrap();
                Value::Null
            }
        };
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Some(answer.to_string().into_bytes()),
        })
    }
}

bindings::export_app!(Watcher with_types_in bindings);
