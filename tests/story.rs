//! The whole way of a signed app between three people, recorded: `cases/story.txt` is what each
//! of them typed and saw. `BLESS=1` rewrites it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::blessed;
use crate::support::guests::repository;
use crate::support::people::{Person, Served, normal};
use crate::support::site::Site;

const ALICE: &str = "alice@example.org";
const OWNER: &str = "owner@example.com";
const CALLER: &str = "carol@example.net";
const APP: &str = "syft://alice@example.org/public/syft-apps/greeter";

/// What was typed and seen.
struct Transcript<'a> {
    site: &'a Site,
    text: String,
}

impl Transcript<'_> {
    fn say(&mut self, text: &str) {
        self.text.push_str(&format!("# {text}\n"));
    }

    /// Runs something for somebody, and records it.
    fn run(&mut self, who: &Person, arguments: &[&str]) -> bool {
        let ended = who.run(self.site, arguments);
        let seen = format!("{}{}", ended.stderr, ended.stdout);
        self.record(who, arguments, &seen, ended.code);
        ended.code == Some(0)
    }

    /// Runs something on a terminal, where these answers are typed.
    fn answer(&mut self, who: &Person, answers: &[&str], arguments: &[&str]) -> Option<()> {
        let (succeeded, seen) = who.on_terminal(self.site, answers, arguments)?;
        let code = if succeeded { Some(0) } else { Some(2) };
        self.record(who, arguments, &seen.replace('\r', ""), code);
        Some(())
    }

    fn record(&mut self, who: &Person, arguments: &[&str], seen: &str, code: Option<i32>) {
        let name = who.email.split('@').next().unwrap();
        let typed = arguments.join(" ");
        self.text
            .push_str(&format!("{name}$ syft-host {typed}\n{seen}"));
        if code != Some(0) {
            self.text
                .push_str(&format!("[ended with {}]\n", code.unwrap()));
        }
        self.text.push('\n');
    }
}

/// The project of an author, in their home.
struct Project {
    folder: PathBuf,
}

impl Project {
    fn new(home: &Path) -> Self {
        let folder = home.join("greeter");
        fs::create_dir_all(folder.join("src")).unwrap();
        let guests = repository().join("tests/guests");
        fs::copy(guests.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self { folder }
    }

    /// Writes a release, which reads these files.
    fn write(&self, release: u32, reads: &str) {
        let sdk = repository().join("guest-sdk");
        let write = |name: &str, text: String| fs::write(self.folder.join(name), text).unwrap();
        write(
            "Cargo.toml",
            format!(
                "[package]\nname = \"greeter\"\nversion = \"1.{release}.0\"\nedition = \"2024\"\n\
                 [lib]\ncrate-type = [\"cdylib\"]\n\
                 [dependencies]\nsyft-guest = {{ path = {sdk:?} }}\n\
                 [profile.release]\ncodegen-units = 1\nlto = true\nopt-level = \"s\"\n\
                 panic = \"abort\"\nstrip = true\n[workspace]\n"
            ),
        );
        write(
            "syft-app.toml",
            format!(
                "[app]\nauthor = \"{ALICE}\"\nsequence = {release}\n\
                 description = \"Greets who asks\"\n[files]\nread = [{reads}]\n"
            ),
        );
        write(
            "src/lib.rs",
            format!(
                "use syft_guest::prelude::*;\n\n#[on_request(\"/greet\")]\n\
                 fn greet(name: String) -> String {{\n    \
                 format!(\"Hello, {{name}}, from release {release}!\")\n}}\n\n\
                 syft_guest::app!(greet);\n"
            ),
        );
    }
}

/// Builds what lies there, and signs and publishes it.
fn release(transcript: &mut Transcript<'_>, alice: &Person, key: &str) {
    assert!(transcript.run(alice, &["build", "greeter", "--allow-native-build"]));
    assert!(transcript.run(alice, &["sign", "greeter.wasm", "--key", key]));
    assert!(transcript.run(alice, &["publish", "greeter.wasm", "--key", key]));
}

/// Has the caller call, once the owner's host answers by this release.
fn call(transcript: &mut Transcript<'_>, caller: &Person, served: &Served, release: u32) {
    served.wait_for_version(&format!("1.{release}.0"));
    let url = format!("syft://{OWNER}/app_data/greeter/rpc/greet");
    let body = json!({"name": "Carol"}).to_string();
    assert!(transcript.run(caller, &["call", &url, "--body", &body]));
    let answer = transcript.text.trim_end();
    assert!(
        answer.ends_with(&format!("from release {release}!")),
        "{answer}"
    );
}

#[test]
fn an_app_on_its_way_from_its_author_to_who_calls_it() {
    let site = Site::new();
    let mut alice = Person::new(&site, ALICE, 1);
    let owner = Person::new(&site, OWNER, 2);
    let carol = Person::new(&site, CALLER, 3);
    alice.write_did(&site, 1);
    let mut transcript = Transcript {
        site: &site,
        text: String::new(),
    };
    let project = Project::new(&alice.home);

    transcript.say("Alice makes an app, and publishes it in her datasite.");
    project.write(1, "");
    release(&mut transcript, &alice, "1.jwks.json");

    transcript.say("The owner of another datasite installs it, and serves what is installed.");
    let installed = transcript.answer(&owner, &["y"], &["install", APP]);
    if installed.is_none() {
        return;
    }
    let served = Served::start(&site, &owner);

    transcript.say("Carol calls it.");
    call(&mut transcript, &carol, &served, 1);

    transcript.say("The next release wants more, so it waits.");
    project.write(2, "\"*/public/names.json\"");
    release(&mut transcript, &alice, "1.jwks.json");
    assert!(transcript.run(&owner, &["update"]));
    call(&mut transcript, &carol, &served, 1);
    transcript.answer(&owner, &["y"], &["approve", "greeter"]);
    call(&mut transcript, &carol, &served, 2);

    transcript.say("Alice goes over to another key. Hosts that know the old one follow.");
    alice.take_key(4);
    assert!(transcript.run(
        &alice,
        &["rotate", "--old", "1.jwks.json", "--new", "4.jwks.json"]
    ));
    let catalog = site
        .datasites()
        .join(ALICE)
        .join("public/syft-apps/catalog.json");
    let before = fs::read(&catalog).unwrap();
    project.write(3, "\"*/public/names.json\"");
    release(&mut transcript, &alice, "4.jwks.json");
    assert!(transcript.run(&owner, &["update"]));
    call(&mut transcript, &carol, &served, 3);

    transcript.say("Mallory got hold of the old key, and of Alice's folder.");
    project.write(4, "");
    assert!(transcript.run(&alice, &["build", "greeter", "--allow-native-build"]));
    assert!(transcript.run(&alice, &["sign", "greeter.wasm", "--key", "1.jwks.json"]));
    assert!(!transcript.run(&owner, &["install", "../alice@example.org/greeter.wasm"]));
    fs::write(&catalog, before).unwrap();
    assert!(!transcript.run(&owner, &["update"]));
    call(&mut transcript, &carol, &served, 3);
    transcript.run(&owner, &["list"]);
    transcript.run(&owner, &["trust", "list"]);

    served.stop();
    blessed(
        &repository().join("tests/cases/story.txt"),
        &normal(&site, &transcript.text),
    );
}
