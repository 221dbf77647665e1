//! A language model that says what it was told, by the protocols of Ollama and OpenAI.

use serde_json::{Value, json};

/// An answer of the server: status, type and body.
pub type Answer = (&'static str, &'static str, String);

/// Returns the answer to a request, or `None` where the path is none of theirs.
pub fn answer(path: &str, body: &[u8]) -> Option<Answer> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let json = |status, value: Value| Some((status, "application/json", value.to_string()));
    match path {
        "/api/chat" if said(&body).starts_with("fail") => {
            json("404 Not Found", json!({"error": "the model is not found"}))
        }
        "/api/chat" => {
            let message = json!({"role": "assistant", "content": said(&body)});
            json(
                "200 OK",
                json!({"model": body["model"], "message": message, "done": true}),
            )
        }
        "/v1/chat/completions" if body["stream"] == true => {
            Some(("200 OK", "text/event-stream", streamed(&body)))
        }
        "/v1/chat/completions" => {
            let message = json!({"role": "assistant", "content": said(&body)});
            let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
            json("200 OK", completion(&body, "chat.completion", &choice))
        }
        "/v1/models/missing" => json(
            "404 Not Found",
            json!({"error": {"message": "no such model"}}),
        ),
        _ => None,
    }
}

/// Returns what it says to the last of the messages.
fn said(body: &Value) -> String {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages
        .last()
        .and_then(|message| message["content"].as_str());
    format!("{} of {}", last.unwrap_or_default(), messages.len())
}

/// Returns it word by word, as events.
fn streamed(body: &Value) -> String {
    let said = said(body);
    let words = said.split(' ').map(|word| {
        let choice = json!({"index": 0, "delta": {"content": word}});
        let event = completion(body, "chat.completion.chunk", &choice);
        format!("data: {event}\n\n")
    });
    words.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn completion(body: &Value, object: &str, choice: &Value) -> Value {
    json!({"id": "1", "object": object, "created": 1, "model": body["model"], "choices": [choice]})
}
