//! Keeps notes, for each sender their own: creates, reads, updates, deletes and
//! lists them.

mod error;
mod note;

use syft_guest::prelude::*;

use error::NoteError;
use note::{Note, Notes};

/// Creates a note. 409 if there is one of that name.
#[on_request("/create")]
fn create(name: String, text: String, request: Request) -> Result<Response, NoteError> {
    let note = Note::new(text, 1)?;
    Notes::of(&request)?.create(&name, &note)?;
    Ok(answer(201, &note))
}

/// Reads a note. 404 if there is none of that name.
#[on_request("/read")]
fn read(name: String, request: Request) -> Result<Note, NoteError> {
    Notes::of(&request)?.get(&name)
}

/// Updates a note. 404 if there is none; 409 if a version is named, and it is at
/// another one by now.
#[on_request("/update")]
fn update(
    name: String,
    text: String,
    version: Option<u64>,
    request: Request,
) -> Result<Note, NoteError> {
    let notes = Notes::of(&request)?;
    let old = notes.get(&name)?;
    if version.is_some_and(|version| version != old.version) {
        return Err(NoteError::Changed(old.version));
    }
    let note = Note::new(text, old.version + 1)?;
    notes.replace(&name, &note)?;
    Ok(note)
}

/// Deletes a note. 404 if there is none of that name.
#[on_request("/delete")]
fn delete(name: String, request: Request) -> Result<Response, NoteError> {
    Notes::of(&request)?.delete(&name)?;
    Ok(Response::new(204))
}

/// Lists the names of all notes, sorted.
#[on_request("/list")]
fn list(request: Request) -> Result<Vec<String>, NoteError> {
    Notes::of(&request)?.names()
}

fn answer(status: u16, note: &Note) -> Response {
    let version = note.version.to_string();
    Response::new(status).header("X-Version", version)
}

syft_guest::app!(create, read, update, delete, list);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use syft_guest::Handler;
    use syft_guest::test::{Answer, App};

    use super::*;

    fn call<H: Handler>(app: &App, sender: &str, body: &Value) -> Answer {
        app.request::<H>().sender(sender).json(body).send()
    }

    const ADA: &str = "ada@example.com";
    const BOB: &str = "bob@example.com";

    #[test]
    fn a_note_lives_and_dies() {
        let app = App::new();
        let note = json!({"name": "a", "text": "one"});
        let created = call::<create>(&app, ADA, &note);
        assert_eq!(
            (created.status, created.headers.get("X-Version")),
            (201, Some("1"))
        );
        assert_eq!(call::<create>(&app, ADA, &note).status, 409);
        let old = json!({"name": "a", "text": "two", "version": 1});
        let updated = call::<update>(&app, ADA, &old);
        assert_eq!(
            updated.json::<Value>(),
            json!({"text": "two", "version": 2})
        );
        assert_eq!(call::<update>(&app, ADA, &old).status, 409);
        let read_one = call::<read>(&app, ADA, &json!({"name": "a"}));
        assert_eq!(
            read_one.json::<Value>(),
            json!({"text": "two", "version": 2})
        );
        let name = json!({"name": "a"});
        assert_eq!(call::<delete>(&app, ADA, &name).status, 204);
        for status in [
            call::<read>(&app, ADA, &name).status,
            call::<delete>(&app, ADA, &name).status,
            call::<update>(&app, ADA, &note).status,
        ] {
            assert_eq!(status, 404);
        }
    }

    #[test]
    fn everybody_has_their_own() {
        let app = App::new();
        let note = json!({"name": "a", "text": "mine"});
        assert_eq!(call::<create>(&app, ADA, &note).status, 201);
        assert_eq!(
            call::<list>(&app, ADA, &json!({})).json::<Value>(),
            json!(["a"])
        );
        assert_eq!(
            call::<list>(&app, BOB, &json!({})).json::<Value>(),
            json!([])
        );
        assert_eq!(call::<read>(&app, BOB, &json!({"name": "a"})).status, 404);
        let claimed = app
            .request::<read>()
            .claimed_sender(ADA)
            .json(&json!({"name": "a"}));
        assert_eq!(claimed.send().status, 403);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let app = App::new();
        for (name, text) in [
            ("", "a".to_owned()),
            (&*"n".repeat(101), "a".to_owned()),
            ("a", "t".repeat(10_001)),
        ] {
            let note = json!({"name": name, "text": text});
            assert_eq!(call::<create>(&app, ADA, &note).status, 400, "{name}");
        }
        assert_eq!(
            call::<list>(&app, ADA, &json!({})).json::<Value>(),
            json!([])
        );
    }
}
