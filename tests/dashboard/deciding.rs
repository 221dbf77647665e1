//! Approving, and deciding what was given up: as the commands do it.

use serde_json::{Value, json};

use super::Opened;
use crate::support::guests::example;
use crate::support::installed::Installation;
use crate::support::people::{Person, Served};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// An owner for whom a release waits that wants more.
pub(super) struct Waiting {
    pub(super) site: Site,
    pub(super) owner: Person,
    /// The digest of what waits.
    pub(super) digest: String,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self::of_wider("[files]\nread = ['*/public/*']")
    }

    /// Returns one for whom a release waits that asks for this.
    fn of_wider(wider: &str) -> Self {
        let site = Site::new();
        let alice = Person::new(&site, "alice@example.org", 1);
        let owner = Person::new(&site, OWNER, 9);
        let release = |version, toml| alice.release(&site, &example("hello"), version, toml);
        let first = release("1.0.1", "[files]\nread = ['*/public/*.json']");
        let digest =
            |file: &str| syft_manifest::Digest::of(&std::fs::read(file).unwrap()).to_string();
        owner.json(
            &site,
            &[
                "install",
                &first,
                "--yes",
                "--expect-digest",
                &digest(&first),
            ],
        );
        let wider = release("1.0.2", wider);
        let digest = digest(&wider);
        let told = owner.json(&site, &["install", &wider, "--yes"]);
        assert_eq!(told[0]["event"], "waits");
        Self {
            site,
            owner,
            digest,
        }
    }

    pub(super) fn serve(&self) -> (Served, Opened) {
        let served = Served::start_with(&self.site, &self.owner, &["--dashboard=127.0.0.1:0"]);
        let event = served.wait_for("the dashboard", |event| event["event"] == "dashboard");
        let opened = Opened::of(&event);
        (served, opened)
    }

    /// Returns where other apps can be installed.
    pub(super) fn installation(&self) -> Installation {
        Installation::of(&self.owner.home)
    }

    fn listed(&self) -> Value {
        self.owner.json(&self.site, &["list"]).remove(0)
    }
}

#[test]
fn a_release_that_waits_is_approved() {
    let world = Waiting::new();
    let (served, dashboard) = world.serve();
    let page = dashboard.get("/waiting").body;
    assert!(page.contains("read */public/*<"), "{page}");
    assert!(!page.contains("Careful"), "{page}");
    let cookie = dashboard.log_in();
    let ask = format!("/decide?action=approve&app=demo&target={}", world.digest);
    let form = dashboard.form_token(&ask);
    // What the owner was shown is what counts.
    let other = format!(
        "action=approve&app=demo&target={}&form={form}",
        "0".repeat(64)
    );
    assert_eq!(dashboard.send(&cookie, &other).status, 409);
    assert_eq!(world.listed()["current"]["version"], "1.0.1");

    let right = format!(
        "action=approve&app=demo&target={}&form={form}",
        world.digest
    );
    let answer = dashboard.send(&cookie, &right);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.header("location"), "/waiting?did=approve&app=demo");
    served.wait_for_version("1.0.2");
    let listed = world.listed();
    assert_eq!(listed["current"]["version"], "1.0.2");
    assert_eq!(
        dashboard.send(&cookie, &right).status,
        409,
        "it waits no more"
    );
}

#[test]
fn what_is_wide_is_said_wherever_it_is_shown() {
    let world = Waiting::of_wider("[files]\nread = ['**']");
    let (_served, dashboard) = world.serve();
    let ask = format!("/decide?action=approve&app=demo&target={}", world.digest);
    for page in ["/waiting", "/app?name=demo", &ask] {
        let shown = dashboard.get(page).body;
        assert!(shown.contains("Careful: "), "{page}: {shown}");
    }
    let waiting = dashboard.get("/api/waiting").json();
    assert!(waiting["apps"][0]["careful"][0].is_string(), "{waiting}");
}

#[test]
fn a_release_that_waits_is_rejected() {
    let world = Waiting::new();
    let (_served, dashboard) = world.serve();
    let ask = format!("/decide?action=reject&app=demo&target={}", world.digest);
    let form = dashboard.form_token(&ask);
    let form = format!("action=reject&app=demo&target={}&form={form}", world.digest);
    assert_eq!(dashboard.send(&dashboard.log_in(), &form).status, 303);
    let listed = world.listed();
    assert_eq!(listed["current"]["version"], "1.0.1");
    assert!(listed["waiting"].is_null());
    assert!(
        dashboard
            .get("/waiting")
            .body
            .contains("Nothing waits for you")
    );
}

#[test]
fn what_was_given_up_is_forgotten() {
    let site = Site::new();
    let installation = Installation::new(&site);
    installation.put("hello", &crate::serve::hello());
    let id = "01234567-89ab-4cde-8f01-23456789abcd";
    let request = json!([{
        "id": id, "address": "hello/guest@example.com/1", "crashes": 8, "at": 1_000_000,
    }]);
    let folder = installation.app_folder("hello");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("parked-requests.json"), request.to_string()).unwrap();
    let (_serving, dashboard) = Opened::start(&site);
    let ask = format!("/decide?action=drop&app=hello&target={id}");
    let form = dashboard.form_token(&ask);
    let form = format!("action=drop&app=hello&target={id}&form={form}");
    assert_eq!(dashboard.send(&dashboard.log_in(), &form).status, 303);
    wait_for("the request to be forgotten", || {
        dashboard
            .get("/waiting")
            .body
            .contains("Nothing waits for you")
            .then_some(())
    });
    let nothing = dashboard.send(&dashboard.log_in(), &form);
    assert_eq!(nothing.status, 409, "{}", nothing.body);
    assert!(
        nothing.body.contains("has nothing parked"),
        "{}",
        nothing.body
    );
}
