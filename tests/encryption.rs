//! Encrypted requests, as released clients send them: who gets what to see.

mod keys;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_protocol::address::Datasite;
use syft_protocol::encryption::{Fresh, OwnKeys, PublicKeys, SealedBody};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::python::{released, run, venv};
use crate::support::client::{Answer, Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{CALLER, OWNER, Site};

/// Somebody with keys.
struct Person {
    email: &'static str,
    keys: OwnKeys,
}

impl Person {
    /// Returns somebody whose keys are made of a number.
    fn new(email: &'static str, number: u8) -> Self {
        let keys = OwnKeys::of_random(&[number; 32], &[number + 1; 32]);
        Self { email, keys }
    }

    /// Returns the caller, who has published keys.
    fn caller(site: &Site) -> Self {
        let caller = Self::new(CALLER, 1);
        caller.publish(site);
        caller
    }

    fn did(&self) -> String {
        let email = Datasite::parse(self.email).unwrap();
        self.keys.to_did(&email, "127.0.0.1")
    }

    fn publish(&self, site: &Site) {
        publish(site, self.email, &self.did());
    }

    /// Returns a text as this person encrypts it for somebody.
    fn seal(&self, text: &str, receiver: &str, keys: &PublicKeys) -> Value {
        let fresh = Fresh {
            ephemeral: Zeroizing::new(random()),
            iv: random(),
        };
        let own = (&self.keys, self.email);
        let envelope = SealedBody::seal(text.into(), own, (keys, receiver), &fresh);
        serde_json::from_slice(&envelope.unwrap().to_json()).unwrap()
    }

    /// Returns a text as this person encrypts it for the owner.
    fn seal_for_owner(&self, site: &Site, text: &str) -> Value {
        self.seal(text, OWNER, &owner(site))
    }

    /// Returns what the owner encrypted for this person.
    fn open(&self, site: &Site, answer: &Answer) -> String {
        let envelope = SealedBody::read(&answer.body().unwrap()).unwrap();
        assert_eq!(
            (&*envelope.sender, &*envelope.receiver),
            (OWNER, self.email)
        );
        let opened = envelope.open(&self.keys, &owner(site)).unwrap();
        String::from_utf8(opened).unwrap()
    }
}

fn random<const N: usize>() -> [u8; N] {
    let bytes = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
    bytes[..N].try_into().unwrap()
}

fn did_path(site: &Site, email: &str) -> PathBuf {
    site.datasites().join(email).join("public/did.json")
}

fn publish(site: &Site, email: &str, document: &str) {
    let path = did_path(site, email);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, document).unwrap();
}

/// Returns the keys that the owner has published.
fn owner(site: &Site) -> PublicKeys {
    PublicKeys::read(&fs::read(did_path(site, OWNER)).unwrap()).unwrap()
}

/// Runs `syft-host encryption …` for the owner.
fn encryption(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command.arg("encryption").args(arguments);
    Ended::of(&output(command.arg("--config").arg(site.config(OWNER))))
}

/// Serves a guest of an owner who has keys.
fn start(site: &Site, name: &str) -> Host {
    encryption(site, &["setup"]).succeeded();
    start_without_keys(site, name)
}

/// Serves a guest that can be asked about its requests, and has somebody call who has keys too.
fn start_with_caller() -> (Site, Host, Person) {
    let site = Site::new();
    let (host, caller) = (start(&site, "probe"), Person::caller(&site));
    (site, host, caller)
}

fn start_without_keys(site: &Site, name: &str) -> Host {
    start_file(site, &guest(name))
}

fn start_file(site: &Site, app: &Path) -> Host {
    let mut command = syft_host(site);
    command.arg("run").arg(app).args(["--name", "app"]);
    command.arg("--config").arg(site.config(OWNER));
    Host::spawn(site, command)
}

/// A request of the caller, to be changed.
struct Draft {
    request: Value,
    id: Uuid,
    folder: PathBuf,
}

impl Draft {
    fn new(host: &Host, endpoint: &str, body: &Value) -> Self {
        let id = Uuid::new_v4();
        Self {
            request: request(id, CALLER, endpoint, Some(body.to_string().as_bytes())),
            id,
            folder: host.rpc.join(endpoint).join(CALLER),
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.request["headers"][name] = value.into();
        self
    }

    fn send(&self) -> Answer {
        let bytes = self.request.to_string();
        Sent::write(&self.folder, self.id, bytes.as_bytes()).answer()
    }
}

#[test]
fn a_handler_gets_what_was_in_it_and_who_signed() {
    let (site, host, caller) = start_with_caller();
    let sealed = caller.seal_for_owner(&site, "{\"name\":\"Zoë\"}");
    let answer = Draft::new(&host, "echo", &sealed).send();
    assert_eq!(
        (answer.status(), &*answer.text()),
        (200, "{\"name\":\"Zoë\"}")
    );
    // As the release says it.
    assert_eq!(answer.json["headers"]["X-Syft-Decrypted"], "true");
    assert_eq!(answer.json["headers"]["X-Syft-Original-Sender"], CALLER);

    let sealed = caller.seal_for_owner(&site, "{}");
    let answer = Draft::new(&host, "whoami", &sealed).send();
    let seen: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(
        (&seen["sender"], &seen["proof"]),
        (&CALLER.into(), &"signed".into())
    );
    let is_call = |line: &Value| line["endpoint"] == "/whoami" && line["status"] == 200;
    assert_eq!(host.wait_for_log("the call", is_call)["proof"], "signed");
}

/// In the older layout and through SyftBox's HTTP API, only the key says who it is.
#[test]
fn a_key_shows_who_sent_what_anybody_could_have_written() {
    let (site, host, caller) = start_with_caller();
    for is_older in [true, false] {
        let sealed = caller.seal_for_owner(&site, "{}");
        let mut draft = Draft::new(&host, "whoami", &sealed).header("x-syft-from", CALLER);
        if is_older {
            draft.folder.pop();
        }
        let seen: Value = serde_json::from_str(&draft.send().text()).unwrap();
        assert_eq!(
            (&seen["sender"], &seen["proof"]),
            (&CALLER.into(), &"signed".into())
        );
    }
}

#[test]
fn the_first_key_of_a_sender_is_shown_and_kept() {
    let (site, host, caller) = start_with_caller();
    let shown = encryption(&site, &["show"]).succeeded().stdout;
    assert!(shown.contains("No sender has sent"), "{shown}");
    for text in ["first", "second"] {
        let sealed = caller.seal_for_owner(&site, text);
        assert_eq!(Draft::new(&host, "echo", &sealed).send().text(), text);
    }
    let fingerprint = caller.keys.public().identity().to_string();
    let is_first = |line: &Value| line["fingerprint"] == *fingerprint;
    assert_eq!(
        host.wait_for_log("the first key", is_first)["sender"],
        CALLER
    );
    assert_eq!(host.log().iter().filter(|line| is_first(line)).count(), 1);
    let shown = encryption(&site, &["show"]).succeeded().stdout;
    assert!(
        shown.contains(&format!("{CALLER}  {fingerprint}")),
        "{shown}"
    );
}

#[test]
fn a_changed_key_is_refused_until_the_owner_accepts_it() {
    let site = Site::new();
    let (host, before) = (start(&site, "probe"), Person::caller(&site));
    let call = |person: &Person| {
        let sealed = person.seal_for_owner(&site, "hello");
        Draft::new(&host, "echo", &sealed).send()
    };
    assert_eq!(call(&before).status(), 200);
    let after = Person::new(CALLER, 5);
    after.publish(&site);
    let answer = call(&after);
    let [known, found] = [&before, &after].map(|it| it.keys.public().identity().to_string());
    assert_eq!(answer.status(), 403);
    assert!(
        answer
            .text()
            .contains(&format!("is {found} now, and {known} is known"))
    );
    // What the log says can be pasted.
    let command = format!("encryption accept '{CALLER}' --fingerprint {found}");
    let says_how = |line: &Value| line.to_string().contains(&command);
    host.wait_for_log("what to do", says_how);

    let error = encryption(&site, &["accept", CALLER]).refused();
    assert!(error.contains("--fingerprint"), "{error}");
    let error = encryption(&site, &["accept", CALLER, "--fingerprint", &known]).refused();
    assert!(error.contains(&found), "{error}");
    assert_eq!(call(&after).status(), 403);
    encryption(&site, &["accept", CALLER, "--fingerprint", &found]).succeeded();
    assert_eq!(call(&after).status(), 200);

    // And the one before is the wrong one now, until the owner begins anew.
    before.publish(&site);
    assert_eq!(call(&before).status(), 403);
    encryption(&site, &["forget", CALLER]).succeeded();
    assert_eq!(call(&before).status(), 200);
    assert!(
        encryption(&site, &["forget", "x@example.org"])
            .refused()
            .contains("no key of")
    );
}

/// A prekey may change, if the key that is known has signed it.
#[test]
fn another_prekey_of_the_same_identity_is_taken() {
    let site = Site::new();
    let host = start(&site, "probe");
    for prekey in [7, 8] {
        let keys = OwnKeys::of_random(&[1; 32], &[prekey; 32]);
        let caller = Person {
            email: CALLER,
            keys,
        };
        caller.publish(&site);
        let sealed = caller.seal_for_owner(&site, "hello");
        assert_eq!(Draft::new(&host, "echo", &sealed).send().status(), 200);
    }
}

#[test]
fn an_answer_is_encrypted_when_the_caller_asks() {
    let (site, host, caller) = start_with_caller();
    let ask = |endpoint: &str, text: &str| {
        let sealed = caller.seal_for_owner(&site, text);
        let draft = Draft::new(&host, endpoint, &sealed);
        draft.header("X-Syft-Encrypt-Reply", "true").send()
    };
    let answer = ask("echo", "secret");
    assert_eq!(
        (answer.status(), &*caller.open(&site, &answer)),
        (200, "secret")
    );
    // What is wrong with the body tells what is in it.
    let answer = ask("int", "{\"value\":\"secret\"}");
    assert_eq!(answer.status(), 400);
    assert!(caller.open(&site, &answer).contains("value"));
    // As in the release, no body stays none.
    let answer = ask("none", "{}");
    assert_eq!((answer.status(), answer.body()), (200, None));
    // The release answers in the clear by itself.
    let sealed = caller.seal_for_owner(&site, "plain");
    assert_eq!(Draft::new(&host, "echo", &sealed).send().text(), "plain");
}

/// The probe's `echo` answers with the headers that it gets: so it asks, as any app may.
#[test]
fn an_app_may_ask_for_it_whoever_calls() {
    let (site, host, caller) = start_with_caller();
    let draft = Draft::new(&host, "echo", &"open".into());
    let answer = draft.header("x-syft-encrypt-reply", "true").send();
    assert_eq!(
        (answer.status(), &*caller.open(&site, &answer)),
        (200, "\"open\"")
    );
    let headers = answer.json["headers"].as_object().unwrap();
    assert!(headers.is_empty(), "{headers:?}");
}

/// Nothing goes out in the clear that was to be encrypted.
#[test]
fn an_answer_that_cannot_be_encrypted_does_not_go_out() {
    let site = Site::new();
    let host = start(&site, "probe");
    let draft = Draft::new(&host, "echo", &"secret".into());
    let answer = draft.header("X-Syft-Encrypt-Reply", "true").send();
    assert_eq!(answer.status(), 500);
    assert!(answer.text().contains("did.json"), "{}", answer.text());
    assert!(!answer.text().contains("secret"), "{}", answer.text());
}

/// The answer to a request that is delivered again is given again, and the call does not run a
/// second time.
#[test]
fn an_encrypted_request_that_returns_changes_nothing_again() {
    let site = Site::new();
    let (host, caller) = (start(&site, "stateful"), Person::caller(&site));
    let sealed = caller.seal_for_owner(&site, "{\"key\":\"n\",\"delta\":1}");
    let draft = Draft::new(&host, "increment", &sealed);
    let first = draft.send();
    assert_eq!(first.status(), 200, "{}", first.text());
    let path = draft.folder.join(format!("{}.response", draft.id));
    fs::remove_file(path.with_extension("request")).unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(draft.send().text(), first.text());
}

/// A program of SyftEvent, whose answers only the caller can read.
#[test]
fn a_program_encrypts_the_answers_that_it_says() {
    const PROGRAM: &str = r#"
from syft_event import SyftEvents
from syft_event.types import Request

box = SyftEvents("app")


@box.on_request("/echo", encrypt_reply=True)
def echo(request: Request) -> str:
    return request.body.decode()


@box.on_request("/double", encrypt_reply=True)
def double(n: int) -> int:
    return 2 * n


box.run_forever()
"#;
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let program = site.path().join("app.py");
    fs::write(&program, PROGRAM).unwrap();
    encryption(&site, &["setup"]).succeeded();
    let host = start_file(&site, &program);
    let mut command = released(
        python,
        &site,
        "encrypted.py",
        "a_program_encrypts_its_answers",
    );
    run(command.env("HOST_READY", host.ready.to_string()));
}

/// The released client and server, beside each other and beside us.
#[test]
fn released_clients_are_understood_and_understand() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = start(&site, "probe");
    let mut command = released(
        python,
        &site,
        "encrypted.py",
        "both_open_what_a_client_encrypts",
    );
    run(command.env("HOST_READY", host.ready.to_string()));
}
