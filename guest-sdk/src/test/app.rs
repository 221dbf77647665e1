//! An app of a native test.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use std::{fs, io};

use log::Level;

use super::call::{Answer, Call};
use super::world::{self, Values, World};
use crate::http::{HttpError, HttpRequest, HttpResponse};
use crate::messages::stand_in::Mail;
use crate::messages::{Message, Outcome, Reply, ReplyHandler};
use crate::schedules::Scheduled;
use crate::{CallError, Due, Failure, FileEvent, Handler, Response, Watcher, logging};

/// The text that a caller gets for what went wrong inside.
const INTERNAL_ERROR: &str = "Internal server error. Please try again later.";

/// An app of a native test: what its handlers and watchers see of the host.
///
/// It has a state, which is empty at first, and files in a temporary folder. Each
/// `App` has its own, so tests do not see each other. See the [module](super).
pub struct App {
    world: Rc<World>,
    n_calls: Cell<u32>,
    failure: RefCell<Option<Failure>>,
}

impl App {
    /// Returns an app called `app` of `owner@example.com`.
    #[allow(
        clippy::new_without_default,
        reason = "a test says that it begins anew"
    )]
    pub fn new() -> App {
        App {
            world: Rc::new(World::new()),
            n_calls: Cell::new(0),
            failure: RefCell::new(None),
        }
    }

    /// Returns the app with another owner.
    #[must_use]
    pub fn owned_by(self, email: &str) -> App {
        self.with(|world| world.datasite = email.to_owned())
    }

    /// Returns the app with another name.
    #[must_use]
    pub fn named(self, name: &str) -> App {
        self.with(|world| world.app = name.to_owned())
    }

    /// Returns the app with calls that have so much time left: a minute elsewhere.
    #[must_use]
    pub fn with_time_left(self, time: Duration) -> App {
        self.with(|world| world.time_left = time)
    }

    /// Returns the app with this in place of all servers of HTTP. Without it no request is
    /// allowed.
    ///
    /// ```
    /// use syft_guest::http::{self, HttpResponse};
    /// use syft_guest::test::App;
    ///
    /// let app = App::new().with_http(|request| {
    ///     assert_eq!(request.url, "https://example.com/");
    ///     Ok(HttpResponse::new(200).with_body("hello"))
    /// });
    /// let answer = app.run(|| http::get("https://example.com/").send()).unwrap();
    /// assert_eq!(answer.text(), Ok("hello"));
    /// ```
    #[must_use]
    pub fn with_http(
        self,
        answer: impl Fn(&HttpRequest) -> Result<HttpResponse, HttpError> + 'static,
    ) -> App {
        self.with(|world| world.http = Some(Rc::new(answer)))
    }

    /// Returns the app with this in place of all apps that it sends messages to; a `None` stands
    /// for no answer yet. Without it no message is allowed.
    ///
    /// ```
    /// use syft_guest::messages::{Message, MessageAnswer};
    /// use syft_guest::test::App;
    ///
    /// let app = App::new().with_messages(|message| {
    ///     assert_eq!(message.url, "syft://ada@example.com/app_data/pingpong/rpc/ping");
    ///     MessageAnswer::new(200).with_body("pong")
    /// });
    /// let ping = Message::to_app("ada@example.com", "pingpong", "/ping");
    /// let answer = app.run(|| ping.ask()).unwrap();
    /// assert_eq!(answer.text(), Ok("pong"));
    /// ```
    #[must_use]
    pub fn with_messages<R: Into<Option<Outcome>>>(
        self,
        answer: impl Fn(&Message) -> R + 'static,
    ) -> App {
        let receiver = move |message: &Message| -> Option<Outcome> { answer(message).into() };
        self.with(|world| world.mail = Rc::new(Mail::answered_by(Rc::new(receiver))))
    }

    fn with(mut self, change: impl FnOnce(&mut World)) -> App {
        let world = Rc::get_mut(&mut self.world);
        change(world.expect("no call is going on that has it"));
        self
    }

    /// Calls a handler with this body, from `caller@example.com`, whom the folder
    /// of the request proves.
    ///
    /// ```
    /// # use syft_guest::prelude::*;
    /// # use syft_guest::test::App;
    /// #[on_request("/hello")]
    /// fn hello(#[default("World")] name: String) -> String {
    ///     format!("Hello, {name}!")
    /// }
    ///
    /// let app = App::new();
    /// assert_eq!(app.call::<hello>(r#"{"name": "Ada"}"#).text(), "Hello, Ada!");
    /// assert_eq!(app.call::<hello>("").text(), "Hello, World!");
    /// assert_eq!(app.call::<hello>(r#"{"name": 1}"#).status, 400);
    /// ```
    pub fn call<H: Handler>(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.request::<H>().body(body).send()
    }

    /// Begins a request for a handler, for a sender, headers and all the rest.
    pub fn request<H: Handler>(&self) -> Call<'_, H> {
        let n = self.n_calls.get() + 1;
        self.n_calls.set(n);
        Call::new(self, n)
    }

    /// Tells a watcher of an event, as if its patterns matched.
    ///
    /// The file must be [written](App::write) before, for one that is read.
    ///
    /// ```
    /// use syft_guest::prelude::*;
    /// use syft_guest::test::App;
    /// use syft_guest::EventKind;
    ///
    /// #[watch("*/public/note.txt")]
    /// fn on_note(event: FileEvent) -> Result<(), Error> {
    ///     state::set(event.datasite(), &event.read_to_string()?)?;
    ///     Ok(())
    /// }
    ///
    /// let app = App::new();
    /// app.write("ada@example.com/public/note.txt", "hello");
    /// let event = FileEvent::new(EventKind::Created, "ada@example.com/public/note.txt");
    /// app.fire::<on_note>(event).unwrap();
    /// let note: Option<String> = app.run(|| state::get("ada@example.com")).unwrap();
    /// assert_eq!(note.as_deref(), Some("hello"));
    /// ```
    ///
    /// # Errors
    /// What the watcher returned. Nothing that it wrote to the state is kept then,
    /// and the host would deliver the event again.
    pub fn fire<W: Watcher>(&self, event: FileEvent) -> Result<(), Failure> {
        self.transact(|| W::call(event))
    }

    /// Returns the messages that have left so far: those of calls that went well, and those that
    /// were waited for.
    pub fn sent(&self) -> Vec<Message> {
        self.world.mail.sent()
    }

    /// Tells a handler what became of a message.
    ///
    /// # Errors
    /// What the handler returned. Nothing that it wrote to the state is kept then, and the host
    /// would tell it again.
    pub fn reply<H: ReplyHandler>(&self, reply: Reply) -> Result<(), Failure> {
        self.transact(|| H::call(reply))
    }

    /// Tells a handler what became of all messages that left and name it, as far as
    /// [`App::with_messages`] says that. Returns how many these were.
    ///
    /// ```
    /// use syft_guest::messages::MessageAnswer;
    /// use syft_guest::prelude::*;
    /// use syft_guest::test::App;
    ///
    /// #[on_request("/ping")]
    /// fn ping() -> Result<(), Error> {
    ///     let ping = Message::to_app("ada@example.com", "pingpong", "/ping");
    ///     ping.reply_to::<ponged>().send()?;
    ///     Ok(())
    /// }
    ///
    /// #[on_reply]
    /// fn ponged(reply: Reply) -> Result<(), Error> {
    ///     state::set("said", reply.answer()?.text()?)?;
    ///     Ok(())
    /// }
    ///
    /// let app = App::new().with_messages(|_| MessageAnswer::new(200).with_body("pong"));
    /// assert_eq!(app.call::<ping>("").status, 200);
    /// assert_eq!(app.deliver::<ponged>(), Ok(1));
    /// let said: Option<String> = app.run(|| state::get("said")).unwrap();
    /// assert_eq!(said.as_deref(), Some("pong"));
    /// ```
    ///
    /// # Errors
    /// What the handler returned for one of them. It would be told of that again.
    pub fn deliver<H: ReplyHandler>(&self) -> Result<usize, Failure> {
        let ended = self.world.mail.ended(H::NAME);
        let n_ended = ended.len();
        for (id, message, outcome) in ended {
            let reply = Reply {
                message_id: id.clone(),
                url: message.url,
                context: message.reply_to.and_then(|reply_to| reply_to.context),
                ..Reply::new(outcome)
            };
            self.reply::<H>(reply)?;
            self.world.mail.told(&id);
        }
        Ok(n_ended)
    }

    /// Calls the function of a schedule, as if this time of it had come.
    ///
    /// ```
    /// use syft_guest::prelude::*;
    /// use syft_guest::test::App;
    /// use syft_guest::Timestamp;
    ///
    /// #[schedule("0 8 * * *")]
    /// fn digest(due: Due) -> Result<(), Error> {
    ///     state::set("last", &due.due.0)?;
    ///     Ok(())
    /// }
    ///
    /// let app = App::new();
    /// app.due::<digest>(Due::new(Timestamp(5))).unwrap();
    /// assert_eq!(app.run(|| state::get("last")).unwrap(), Some(5));
    /// ```
    ///
    /// # Errors
    /// What the function returned. Nothing that it wrote to the state is kept then, and the host
    /// would call it again.
    pub fn due<S: Scheduled>(&self, due: Due) -> Result<(), Failure> {
        let due = Due {
            schedule: S::NAME.to_owned(),
            ..due
        };
        self.transact(|| S::call(due))
    }

    /// Runs code that sees the state, the files and the context of the app, to
    /// prepare or to check them.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let result = self.enter(body);
        self.world.mail.leave();
        result
    }

    fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = world::enter(&self.world);
        body()
    }

    /// Returns the folder of all datasites: what `/datasites` is to a guest and
    /// what [`files::root`](crate::files::root) returns in a handler.
    pub fn root(&self) -> &Path {
        self.world.root()
    }

    /// Writes a file below the folder of all datasites, with the folders above it.
    /// Returns its path.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(relative);
        let written = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, content)
        };
        written().unwrap_or_else(|error| panic!("cannot write {relative}: {error}"));
        path
    }

    /// Returns what the app logged so far. It goes to standard error as well.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.world.lines.borrow().clone()
    }

    /// Returns why the last request failed, which the caller does not learn: `None`
    /// where it was answered.
    pub fn failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    /// Returns the email of the owner and the name of the app.
    pub(super) fn address(&self) -> (&str, &str) {
        (&self.world.datasite, &self.world.app)
    }

    /// Answers as the host does.
    pub(super) fn answer(&self, call: impl FnOnce() -> Result<Response, CallError>) -> Answer {
        self.failure.take();
        let response = match self.transact(call) {
            Ok(response) => response,
            Err(CallError::InvalidArguments(message)) => {
                Response::new(400).body(format!("Invalid request schema: {message}"))
            }
            Err(CallError::Failed(failure)) => {
                self.failure.replace(Some(failure));
                Response::new(500).body(INTERNAL_ERROR)
            }
        };
        Answer::from(response)
    }

    /// Runs a call of which nothing stays in the state if it fails.
    fn transact<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        logging::install();
        let before = Before {
            values: Some(self.world.values.borrow().clone()),
            world: &self.world,
        };
        let result = self.enter(call);
        if result.is_ok() {
            self.world.mail.leave();
            before.forget();
        }
        result
    }
}

/// The state before a call. It comes back, and no message leaves, unless the call went well; one
/// that panics did not.
struct Before<'a> {
    values: Option<Values>,
    world: &'a World,
}

impl Before<'_> {
    fn forget(mut self) {
        self.values = None;
    }
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        if let Some(values) = self.values.take() {
            self.world.values.replace(values);
            self.world.mail.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::messages::MessageAnswer;
    use crate::prelude::*;
    use crate::{EventKind, Proof};

    #[on_request("/book")]
    fn book(seat: String, #[default("")] then: String) -> Result<i64, Error> {
        let n_booked = state::increment("n", 1)?;
        state::set(&seat, "booked")?;
        match then.as_str() {
            "refuse" => Err(Error::conflict("no")),
            "fail" => Err(Error::failed("disk on fire")),
            "panic" => panic!("as it was told"),
            _ => Ok(n_booked),
        }
    }

    fn n_booked(app: &App) -> Option<i64> {
        app.run(|| state::get("n")).expect("a number")
    }

    #[test]
    fn keeps_what_a_call_wrote_if_it_was_answered() {
        let app = App::new();
        assert_eq!(app.call::<book>(r#"{"seat":"a"}"#).text(), "1");
        let refused = app.call::<book>(r#"{"seat":"b","then":"refuse"}"#);
        assert_eq!((refused.status, refused.text().as_str()), (409, "no"));
        assert_eq!((n_booked(&app), app.failure()), (Some(2), None));
    }

    #[test]
    fn keeps_nothing_of_a_call_that_failed() {
        let app = App::new();
        app.run(|| state::set("n", &5)).expect("a place");
        let failed = app.call::<book>(r#"{"seat":"a","then":"fail"}"#);
        assert_eq!(
            (failed.status, failed.text().as_str()),
            (500, INTERNAL_ERROR)
        );
        assert_eq!(app.failure().expect("a failure").message, "disk on fire");
        assert_eq!(n_booked(&app), Some(5));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            app.call::<book>(r#"{"seat":"a","then":"panic"}"#)
        }));
        assert!(panicked.is_err());
        assert_eq!(n_booked(&app), Some(5));
        assert!(!app.run(|| state::exists("a")).expect("an answer"));
        assert!(world::current().is_none());
        let invalid = app.call::<book>("{}");
        assert_eq!(invalid.status, 400);
        assert_eq!(
            invalid.text(),
            "Invalid request schema: parameter `seat` is missing"
        );
    }

    #[watch("*")]
    fn on_any(event: FileEvent) -> Result<(), Error> {
        let text = event.read_to_string()?;
        state::increment("n", 1)?;
        log::info!("{} says {text}", event.datasite());
        if event.attempt == 1 {
            return Err(Error::failed("later"));
        }
        Ok(())
    }

    #[test]
    fn tells_watchers_of_files() {
        let app = App::new();
        let mut event = FileEvent::new(EventKind::Modified, "ada@example.com/a.txt");
        let failure = app.fire::<on_any>(event.clone()).expect_err("it fails");
        assert_eq!(failure.kind, "std::io::error::Error");
        assert_eq!(failure.handler, "on_any");
        app.write("ada@example.com/a.txt", "hello");
        assert_eq!(
            app.fire::<on_any>(event.clone())
                .expect_err("it fails")
                .message,
            "later"
        );
        assert_eq!(n_booked(&app), None);
        event.attempt = 2;
        app.fire::<on_any>(event).expect("it does not fail");
        assert_eq!(n_booked(&app), Some(1));
        let line = format!("{}: ada@example.com says hello", module_path!());
        let line = (Level::Info, line);
        assert_eq!(app.log(), [line.clone(), line]);
    }

    #[on_request("/ask")]
    fn ask(whom: String, #[default("")] then: String) -> Result<String, Error> {
        let url = |endpoint: &str| format!("syft://{whom}/app_data/a/rpc/{endpoint}");
        Message::to(url("told"))
            .reply_to::<told>()
            .context(&whom)?
            .send()?;
        let asked = Message::to(url("asked")).send()?;
        let answer = asked.wait();
        if then == "fail" {
            return Err(Error::failed("after it asked"));
        }
        Ok(answer?.success()?.text()?.to_owned())
    }

    #[on_reply]
    fn told(reply: Reply) -> Result<(), Error> {
        let whom: String = reply.context()?;
        assert_eq!(whom, reply.datasite());
        state::increment("told", 1)?;
        reply.answer()?;
        Ok(())
    }

    #[test]
    fn messages_leave_with_a_call_that_went_well() {
        let answer = |message: &Message| match message.url.ends_with("asked") {
            true => Some(MessageAnswer::new(200).with_body("yes").into()),
            false if message.url.contains("eve@") => Some(Outcome::Expired),
            false => message
                .url
                .contains("ada@")
                .then(|| MessageAnswer::new(200).into()),
        };
        let app = App::new().with_messages(answer);
        let call = |body| app.call::<ask>(body).status;
        assert_eq!(call(r#"{"whom":"ada@example.com"}"#), 200);
        assert_eq!(call(r#"{"whom":"bob@example.com","then":"fail"}"#), 500);
        let urls: Vec<String> = app.sent().into_iter().map(|it| it.url).collect();
        let expected = [
            "ada@example.com/app_data/a/rpc/asked",
            "ada@example.com/app_data/a/rpc/told",
        ];
        let asked = "bob@example.com/app_data/a/rpc/asked";
        let expected = expected.iter().chain([&asked]);
        let expected: Vec<String> = expected.map(|it| format!("syft://{it}")).collect();
        assert_eq!(urls, expected, "what was waited for has left");

        assert_eq!(call(r#"{"whom":"bob@example.com"}"#), 200);
        assert_eq!(app.deliver::<told>(), Ok(1), "there is no answer of Bob");
        assert_eq!(app.deliver::<told>(), Ok(0));
        assert_eq!(call(r#"{"whom":"eve@example.com"}"#), 200);
        let failure = app.deliver::<told>().expect_err("it fails");
        assert_eq!(failure.handler, "told");
        let told = app.run(|| state::get::<i64>("told")).expect("a number");
        assert_eq!(told, Some(1), "a reply that failed keeps nothing");
    }

    #[on_request("/where")]
    fn whereabouts(request: Request) -> Vec<String> {
        let time_left = context::time_left().as_secs();
        vec![
            files::app_data().display().to_string(),
            request.url,
            request.sender.email,
            format!("{:?} {time_left}", request.sender.proof),
        ]
    }

    #[test]
    fn apps_differ() {
        let app = App::new();
        let other = App::new()
            .owned_by("ada@example.com")
            .named("chat")
            .with_time_left(Duration::from_secs(1));
        let [mine, others] = [&app, &other].map(|app| {
            let answer = app
                .request::<whereabouts>()
                .claimed_sender("eve@example.com");
            answer.send().json::<Vec<String>>()
        });
        let root = other.root().display();
        assert_eq!(
            others,
            [
                format!("{root}/ada@example.com/app_data/chat"),
                "syft://ada@example.com/app_data/chat/rpc/where".to_owned(),
                "eve@example.com".to_owned(),
                format!("{:?} 1", Proof::Claimed),
            ]
        );
        assert_ne!(mine[0], others[0]);
        let path = other.root().to_owned();
        assert!(path.is_dir());
        drop(other);
        assert!(!path.exists());
    }
}
