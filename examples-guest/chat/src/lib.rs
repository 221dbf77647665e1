//! Follows the messages that people put into their datasites, and tells the history.

mod archive;
mod message;

use syft_guest::prelude::*;
use syft_guest::{EventKind, Timestamp};

use message::{MAX_CHARS, Message, Shown};

/// Takes a message up when it appears or changes, and forgets it when it is gone.
#[watch("/*/public/chat/*.json", events(created, modified, moved, deleted))]
fn on_message(event: FileEvent) -> Result<(), Error> {
    if let Some(old) = &event.moved_from {
        archive::forget(old)?;
    }
    if event.kind == EventKind::Deleted {
        return Ok(archive::forget(&event.relative)?);
    }
    match Message::read(&event.path()) {
        Ok(message) => {
            let now = Timestamp::now().0;
            archive::keep(&event.relative, event.datasite(), message.text, now)?;
        }
        // It will be as wrong the next time, so it is no error of ours.
        Err(reason) => {
            log::warn!("left out {}: {reason}", event.relative);
            archive::forget(&event.relative)?;
        }
    }
    Ok(())
}

/// Tells the last messages, the oldest first.
#[on_request("/history")]
fn history(#[default(50)] n: usize) -> Result<Vec<Shown>, Error> {
    Ok(archive::last(n)?)
}

/// Posts a message by a request, for whoever has no datasite to put it into.
#[on_request("/post")]
fn post(text: String, request: Request) -> Result<Response, Error> {
    let Some(from) = request.sender.proven() else {
        return Err(Error::forbidden("your name is only a claim"));
    };
    if text.is_empty() || text.chars().count() > MAX_CHARS {
        return Err(Error::bad_request("a message has 1 to 2000 characters"));
    }
    // No path of a file has an empty name in it.
    let key = format!("{from}//{}", request.id);
    archive::keep(&key, from, text, Timestamp::now().0)?;
    Ok(Response::new(201))
}

syft_guest::app!(on_message, history, post);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syft_guest::test::App;

    use super::*;

    fn texts(app: &App) -> Vec<String> {
        let shown = app.call::<super::history>("").json::<Vec<Shown>>();
        shown
            .into_iter()
            .map(|message| format!("{}: {}", message.from, message.text))
            .collect()
    }

    fn event(kind: EventKind, path: &str) -> FileEvent {
        FileEvent::new(kind, path)
    }

    const A: &str = "ada@example.com/public/chat/a.json";
    const B: &str = "bob@example.com/public/chat/b.json";

    #[test]
    fn follows_what_happens_to_messages() {
        let app = App::new();
        app.write(A, r#"{"text": "hello"}"#);
        app.fire::<on_message>(event(EventKind::Created, A))
            .unwrap();
        app.write(B, r#"{"text": "hi"}"#);
        app.fire::<on_message>(event(EventKind::Created, B))
            .unwrap();
        assert_eq!(
            texts(&app),
            ["ada@example.com: hello", "bob@example.com: hi"]
        );

        app.write(A, r#"{"text": "hello!"}"#);
        app.fire::<on_message>(event(EventKind::Modified, A))
            .unwrap();
        assert_eq!(
            texts(&app),
            ["ada@example.com: hello!", "bob@example.com: hi"]
        );

        let mut moved = event(EventKind::Moved, "ada@example.com/public/chat/c.json");
        moved.moved_from = Some(A.to_owned());
        app.write(&moved.relative, r#"{"text": "moved"}"#);
        app.fire::<on_message>(moved).unwrap();
        app.fire::<on_message>(event(EventKind::Deleted, B))
            .unwrap();
        assert_eq!(texts(&app), ["ada@example.com: moved"]);
    }

    #[test]
    fn leaves_out_what_is_no_message() {
        let app = App::new();
        let long = json!({"text": "x".repeat(MAX_CHARS + 1)}).to_string();
        let huge = json!({"text": "", "more": "x".repeat(20_000)}).to_string();
        for content in ["", "{", "[]", r#"{"text": 1}"#, &*long, &*huge] {
            app.write(A, content);
            app.fire::<on_message>(event(EventKind::Created, A))
                .unwrap();
            assert!(texts(&app).is_empty(), "{content}");
        }
        // It is gone again before it could be read.
        app.fire::<on_message>(event(EventKind::Created, B))
            .unwrap();
        assert_eq!(app.log().len(), 7);
    }

    #[test]
    fn keeps_the_last_ones() {
        let app = App::new();
        app.run(|| {
            for n in 0..=archive::MAX_MESSAGES {
                let (path, text) = (format!("{n:04}"), n.to_string());
                archive::keep(&path, "ada@example.com", text, 5).unwrap();
            }
        });
        let all = app
            .request::<super::history>()
            .json(&json!({"n": 5000}))
            .send();
        let all = all.json::<Vec<Shown>>();
        assert_eq!(all.len(), archive::MAX_MESSAGES);
        assert_eq!((&*all[0].text, &*all[999].text), ("1", "1000"));
        let last = app
            .request::<super::history>()
            .json(&json!({"n": 1}))
            .send();
        assert_eq!(last.json::<Vec<Shown>>()[0].text, "1000");
    }

    #[test]
    fn those_who_are_known_post() {
        let app = App::new();
        let text = json!({"text": "mine"});
        let claimed = app.request::<post>().claimed_sender("eve@example.com");
        assert_eq!(claimed.json(&text).send().status, 403);
        for (text, status) in [("mine", 201), ("", 400), (&*"x".repeat(2001), 400)] {
            let bob = app.request::<post>().sender("bob@example.com");
            assert_eq!(bob.json(&json!({"text": text})).send().status, status);
        }
        assert_eq!(texts(&app), ["bob@example.com: mine"]);
    }
}
