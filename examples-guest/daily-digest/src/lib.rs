//! Sends its readers each morning what is new in the notes of others.

use serde::{Deserialize, Serialize};
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// Notes that are remembered until the next digest.
const MAX_NOTES: usize = 100;
const MAX_READERS: usize = 1_000;

/// What a digest says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Digest {
    /// Where notes are new or have changed, below the folder of all datasites.
    notes: Vec<String>,
}

/// Remembers a note that is new or has changed.
#[watch("/*/public/notes/**/*.md")]
fn note(event: FileEvent) -> Result<(), Error> {
    state::update("new", |new: Option<Digest>| {
        let mut new = new.unwrap_or_default();
        if !new.notes.contains(&event.relative) && new.notes.len() < MAX_NOTES {
            new.notes.push(event.relative.clone());
        }
        new
    })?;
    Ok(())
}

/// Sends a digest to all readers, if there is anything new. The messages leave together with what
/// this writes to the state: a digest is sent once, whatever stops the host.
#[schedule("0 8 * * *", time_zone = "local")]
fn digest() -> Result<(), Error> {
    let Some(new) = state::get::<Digest>("new")? else {
        return Ok(());
    };
    for reader in readers()? {
        Message::to_app(&reader, "daily-digest", "/deliver")
            .json(&new)?
            .reply_to::<delivered>()
            .context(&reader)?
            .send()?;
    }
    state::set("last", &new)?;
    state::delete("new")?;
    Ok(())
}

/// Says in the log whom a digest did not reach.
#[on_reply]
fn delivered(reply: Reply) -> Result<(), Error> {
    let reader: String = reply.context()?;
    match reply.answer() {
        Ok(answer) if answer.status == 200 => {}
        Ok(answer) => log::warn!("{reader} answers a digest with {}", answer.status),
        Err(why) => log::warn!("a digest did not reach {reader}: {why}"),
    }
    Ok(())
}

/// Has the caller get a digest each morning. Answers how many readers there are.
#[on_request("/subscribe")]
fn subscribe(request: Request) -> Result<usize, Error> {
    let reader = proven(&request)?;
    let mut readers = readers()?;
    if !readers.contains(&reader) {
        if readers.len() >= MAX_READERS {
            return Err(Error::conflict("there are too many readers"));
        }
        readers.push(reader);
        state::set("readers", &readers)?;
    }
    Ok(readers.len())
}

/// Takes the digest of somebody else.
#[on_request("/deliver")]
fn deliver(digest: Json<Digest>, request: Request) -> Result<(), Error> {
    let sender = proven(&request)?;
    state::set(&format!("from/{sender}"), &digest.0)?;
    Ok(())
}

/// Answers the last digest: the app's own, or the one of somebody else.
#[on_request("/read")]
fn read(from: Option<String>) -> Result<Digest, Error> {
    let key = from.map_or_else(|| "last".to_owned(), |sender| format!("from/{sender}"));
    Ok(state::get(&key)?.unwrap_or_default())
}

fn readers() -> Result<Vec<String>, Error> {
    Ok(state::get("readers")?.unwrap_or_default())
}

/// Returns who sent a request, if that is known.
fn proven(request: &Request) -> Result<String, Error> {
    let sender = request.sender.proven();
    let sender = sender.ok_or_else(|| Error::forbidden("anybody could have sent this"))?;
    Ok(sender.to_owned())
}

syft_guest::app!(note, digest, delivered, subscribe, deliver, read);

#[cfg(test)]
mod tests {
    use syft_guest::messages::MessageAnswer;
    use syft_guest::test::App;
    use syft_guest::{EventKind, Timestamp};

    use super::*;

    fn morning(app: &App) {
        app.due::<digest>(Due::new(Timestamp(0))).unwrap();
    }

    fn write_note(app: &App, name: &str) {
        let path = format!("ada@example.com/public/notes/{name}.md");
        app.fire::<note>(FileEvent::new(EventKind::Created, path))
            .unwrap();
    }

    #[test]
    fn each_reader_gets_what_is_new_once() {
        let app = App::new().with_messages(|_| MessageAnswer::new(200));
        for reader in ["bob@example.com", "carol@example.com", "bob@example.com"] {
            let answer = app.request::<subscribe>().sender(reader).send();
            assert_eq!(answer.status, 200);
        }
        morning(&app);
        assert_eq!(app.sent().len(), 0);
        for name in ["a", "b", "a"] {
            write_note(&app, name);
        }
        morning(&app);
        let sent = app.sent();
        let to: Vec<&str> = sent
            .iter()
            .filter_map(|message| message.url.split('/').nth(2))
            .collect();
        assert_eq!(to, ["bob@example.com", "carol@example.com"]);
        let expected = r#"{"notes":["ada@example.com/public/notes/a.md","ada@example.com/public/notes/b.md"]}"#;
        assert_eq!(sent[0].body.as_deref(), Some(expected.as_bytes()));
        assert_eq!(app.call::<read>("").text(), expected);
        assert_eq!(app.deliver::<delivered>(), Ok(2));
        morning(&app);
        assert_eq!(app.sent().len(), 2, "nothing is new");
    }

    #[test]
    fn only_who_is_known_subscribes_and_delivers() {
        let app = App::new();
        let claimed = app
            .request::<subscribe>()
            .claimed_sender("eve@example.com")
            .send();
        assert_eq!(claimed.status, 403);
        let digest = r#"{"notes":["x"]}"#;
        let claimed = app
            .request::<deliver>()
            .claimed_sender("eve@example.com")
            .body(digest)
            .send();
        assert_eq!(claimed.status, 403);
        let known = app
            .request::<deliver>()
            .sender("ada@example.com")
            .body(digest)
            .send();
        assert_eq!(known.status, 200);
        let answer = app.call::<read>(r#"{"from":"ada@example.com"}"#);
        assert_eq!(answer.text(), digest);
    }
}
