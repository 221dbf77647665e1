//! Publishing to a registry, installing from one, and updates from there, as people do it.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};
use syft_manifest::Digest;
use syft_package::oci::{LINEAGE, SCHEME};
use syft_package::{KeyFile, Link, SecretKey};
use syft_protocol::address::Datasite;

use super::fake::{Answer, Asked, DIGEST, Fake};
use crate::support::blessed;
use crate::support::guests::{example, repository};
use crate::support::people::Person;
use crate::support::site::Site;

const ALICE: &str = "alice@example.org";
const MALLORY: &str = "mallory@example.org";
const READS: &str = "[files]\nread = ['*/public/*.json']";
const READS_MORE: &str = "[files]\nread = ['*/public/*']";

/// An author, an owner, and a registry between them.
struct World {
    site: Site,
    alice: Person,
    owner: Person,
    registry: Fake,
}

impl World {
    fn new() -> Self {
        Self::with(Fake::honest())
    }

    fn with(registry: Fake) -> Self {
        let site = Site::new();
        let alice = Person::new(&site, ALICE, 1);
        let owner = Person::new(&site, "owner@example.com", 9);
        Self {
            site,
            alice,
            owner,
            registry,
        }
    }

    /// Makes a release of Alice's app `demo`.
    fn release(&self, version: &str, toml: &str) -> String {
        self.alice
            .release(&self.site, &example("hello"), version, toml)
    }

    fn url(&self, name: &str) -> String {
        format!("{SCHEME}{}/{name}", self.registry.host())
    }

    /// Has somebody publish a file, and returns what the host says of it.
    #[track_caller]
    fn publish(&self, who: &Person, file: &str, name: &str) -> Value {
        only(who.json(&self.site, &["publish", file, &self.url(name)]))
    }

    /// Has the owner install what is in the registry, if it is the same as this file.
    #[track_caller]
    fn install(&self, url: &str, file: &str) -> Value {
        let digest = Digest::of(&fs::read(file).unwrap()).to_string();
        self.owner_says(&["install", url, "--yes", "--expect-digest", &digest])
    }

    /// Has the owner run something that succeeds, and returns the one thing that it says.
    #[track_caller]
    fn owner_says(&self, arguments: &[&str]) -> Value {
        only(self.owner.json(&self.site, arguments))
    }

    /// Has the owner run something that is refused, and returns why.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        self.owner.run(&self.site, arguments).refused()
    }

    /// Returns the version of `demo` that is served.
    fn version(&self) -> String {
        let listed = self.owner_says(&["list"]);
        listed["current"]["version"].as_str().unwrap().to_owned()
    }

    /// Returns the authors of whom the owner knows something.
    fn trusted(&self) -> Vec<Value> {
        let listed = self.owner.json(&self.site, &["trust", "list"]);
        let is_author = |entry: &Value| entry["email"].is_string();
        listed.into_iter().filter(is_author).collect()
    }

    /// Puts into the registry what it has, with other annotations than the author's.
    fn annotate(&self, from: &str, to: &str, annotations: &Value) {
        let manifest = self.registry.manifest(from);
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["annotations"] = annotations.clone();
        let manifest = serde_json::to_vec(&manifest).unwrap();
        self.registry.put_manifest(to, &manifest);
    }

    /// Writes who somebody is to the registry, as docker does, and returns the folder.
    fn log_in(&self, folder: &Path, password: &str) -> String {
        fs::create_dir_all(folder).unwrap();
        let auth = BASE64.encode(format!("alice:{password}").as_bytes());
        let config = json!({"auths": {self.registry.host(): {"auth": auth}}});
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        folder.display().to_string()
    }
}

#[track_caller]
fn only(mut said: Vec<Value>) -> Value {
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

fn is_nothing_here(world: &World) {
    let listed = world.owner.json(&world.site, &["list"]);
    assert!(listed.is_empty(), "{listed:?}");
    let trusted = world.trusted();
    assert!(trusted.is_empty(), "{trusted:?}");
}

#[test]
fn what_is_published_is_installed() {
    let world = World::new();
    let first = world.release("1.0.1", "");
    let published = world.publish(&world.alice, &first, "alice/demo:latest");
    let tagged = world.url("alice/demo:latest");
    assert_eq!(published["reference"], tagged.as_str());
    let pinned = published["pinned"].as_str().unwrap();

    let installed = world.install(&tagged, &first);
    assert_eq!(
        (&installed["author"], &installed["source"]),
        (&json!(ALICE), &json!(tagged))
    );
    assert_eq!(world.owner_says(&["update"])["event"], "up-to-date");

    // Who named the bytes stays with them when the tag moves on.
    let second = world.release("1.0.2", "");
    world.publish(&world.alice, &second, "alice/demo:latest");
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(world.version(), "1.0.2");
    let careful = Person::new(&world.site, "careful@example.com", 8);
    let digest = Digest::of(&fs::read(&first).unwrap()).to_string();
    let install = ["install", pinned, "--yes", "--expect-digest", &digest];
    let installed = only(careful.json(&world.site, &install));
    assert_eq!(installed["source"], pinned);
    let updated = only(careful.json(&world.site, &["update"]));
    assert_eq!(updated["event"], "up-to-date");
}

#[test]
fn where_a_tag_leads_decides_no_more_than_the_release() {
    let world = World::new();
    let name = "alice/demo:latest";
    let (older, first) = (world.release("1.0.1", READS), world.release("1.0.2", READS));
    world.publish(&world.alice, &first, name);
    world.install(&world.url(name), &first);

    world.publish(&world.alice, &older, name);
    let why = world.refused(&["update"]);
    assert!(
        why.contains("this is release 1 of demo, older than release 2, which was here before"),
        "{why}"
    );
    let other = world.release("1.0.2", "");
    world.publish(&world.alice, &other, name);
    let why = world.refused(&["update"]);
    assert!(
        why.contains("there has been another release 2 of demo"),
        "{why}"
    );
    let wider = world.release("1.0.3", READS_MORE);
    world.publish(&world.alice, &wider, name);
    let waits = world.owner_says(&["update"]);
    assert_eq!(
        (&waits["event"], &waits["wants"]),
        (&json!("waits"), &json!(["read */public/*"]))
    );
    assert_eq!(world.version(), "1.0.2");
    let newer = world.release("1.0.4", READS);
    world.publish(&world.alice, &newer, name);
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(world.version(), "1.0.4");
}

#[test]
fn an_app_under_anothers_name_stays_its_authors() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.publish(&world.alice, &file, "alice/demo:latest");
    let manifest = world.registry.manifest("alice/demo:latest");
    world
        .registry
        .put_manifest("mallory/other:9.9.9", &manifest);
    let replayed = world.url("mallory/other:9.9.9");
    let shown = world.refused(&["install", &replayed]);
    for words in [
        "demo 1.0.1 (release 1)",
        "Author   alice@example.org",
        &format!("From     {replayed}"),
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let installed = world.install(&replayed, &file);
    assert_eq!(
        (&installed["name"], &installed["author"]),
        (&json!("demo"), &json!(ALICE))
    );
}

#[test]
fn an_update_is_of_the_same_app() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.publish(&world.alice, &file, "alice/demo:latest");
    world.install(&world.url("alice/demo:latest"), &file);

    let mallory = Person::new(&world.site, MALLORY, 6);
    for (name, author) in [
        ("demo", &mallory),
        ("other", &mallory),
        ("other", &world.alice),
    ] {
        let email = &author.email;
        let toml =
            format!("[app]\nname = '{name}'\nversion = '1.0.2'\nsequence = 2\nauthor = '{email}'");
        let other = author.signed(&world.site, &example("hello"), &toml);
        world.publish(author, &other, "alice/demo:latest");
        let expected = format!(
            "this is one of `{name}` of {email}, not a release of `demo` of \
             {ALICE}"
        );
        for update in [&["update"][..], &["update", "--check"]] {
            let why = world.refused(update);
            assert!(why.contains(&expected), "{why}");
            assert!(!why.contains("remove"), "{why}");
        }
    }
    assert_eq!(world.version(), "1.0.1");
    assert_eq!(only(world.trusted())["email"], ALICE);
}

/// Nobody is asked by an update, so it does not take whoever says to be the author.
#[test]
fn who_is_not_trusted_any_more_is_not_updated() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.publish(&world.alice, &file, "alice/demo:latest");
    let url = world.url("alice/demo:latest");
    world.install(&url, &file);
    world.owner_says(&["trust", "remove", ALICE]);

    let mut mallory = Person::new(&world.site, ALICE, 1);
    mallory.take_key(6);
    let forged = mallory.release(&world.site, &example("hello"), "1.0.2", "");
    world.publish(&mallory, &forged, "alice/demo:latest");
    for update in [&["update"][..], &["update", "--check"]] {
        let why = world.refused(update);
        assert!(
            why.contains("alice@example.org has no trusted key"),
            "{why}"
        );
        assert!(why.contains(&format!("syft-host install {url}")), "{why}");
    }
    assert_eq!(world.version(), "1.0.1");
}

/// Makes a small app, always with the same bytes, and pushes it.
fn push_small(registry: &Fake, name: &str, code: &str) -> String {
    let key = key_of(&[1; 32]);
    let app = syft_package::Signable::read(&super::app_of(code))
        .unwrap()
        .sign(&[key])
        .unwrap();
    super::push(registry, name, &app).unwrap().to_string()
}

/// Returns a key that is the same in each run.
fn key_of(seed: &[u8; 32]) -> SecretKey {
    let site = Site::new();
    let person = Person::new(&site, "anybody@example.org", seed[0]);
    match KeyFile::read(&fs::read(person.key()).unwrap()).unwrap() {
        KeyFile::Open(key) => key,
        KeyFile::Locked(_) => unreachable!("it has no passphrase"),
    }
}

/// What an owner sees, in one file with a paragraph for each.
struct Seen(String);

impl Seen {
    fn note(&mut self, title: &str, world: &World, why: &str) {
        let why = why.replace(&world.registry.host(), "HOST");
        self.0.push_str(&format!("# {title}\n{why}\n"));
    }

    fn compare(&self, file: &str) {
        let path = repository().join("tests/cases/registries").join(file);
        blessed(&path, &self.0);
    }
}

#[test]
fn an_owner_sees_how_a_registry_lies() {
    let honest = Fake::honest();
    push_small(&honest, "a:1", "mallory");
    let manifest = honest.manifest("a:1");
    let component: Value = serde_json::from_slice(&manifest).unwrap();
    let size = usize::try_from(component["layers"][0]["size"].as_u64().unwrap()).unwrap();
    let mut seen = Seen(String::new());
    for (title, part, names_it) in [
        ("another manifest", "/manifests/", true),
        (
            "another manifest, and no digest of it",
            "/manifests/",
            false,
        ),
        ("another component", "/blobs/", true),
    ] {
        let other = match part {
            "/blobs/" => vec![0; size],
            _ => manifest.clone(),
        };
        let lie = move |asked: &Asked, honest: Answer| match asked.is("GET", part) {
            true if names_it => honest.body(other.clone()),
            true => honest.body(other.clone()).without(DIGEST),
            false => honest,
        };
        let world = World::with(Fake::lying(lie));
        let digest = push_small(&world.registry, "a:1", "alice");
        for name in ["a:1", &format!("a@{digest}")] {
            let why = world.refused(&["install", &world.url(name)]);
            seen.note(title, &world, &why);
        }
        is_nothing_here(&world);
    }
    seen.compare("lies.txt");
}

#[test]
fn an_owner_sees_why_something_is_no_app() {
    let world = World::new();
    let mut seen = Seen(String::new());
    let mut see = |title, name: &str| {
        let why = world.refused(&["install", &world.url(name), "--yes"]);
        seen.note(title, &world, &why);
    };
    see("nothing", "a:1");
    super::push(&world.registry, "unsigned:1", &super::app()).unwrap();
    see("not signed", "unsigned:1");
    push_small(&world.registry, "a:1", "alice");
    let changes = [
        ("too large", "/layers/0/size", json!((64 << 20) + 1)),
        ("something else", "/layers/0/mediaType", json!("image/png")),
        (
            "another kind",
            "/config/mediaType",
            json!("application/vnd.oci.image.config.v1+json"),
        ),
    ];
    for (title, place, value) in changes {
        let mut manifest: Value = serde_json::from_slice(&world.registry.manifest("a:1")).unwrap();
        *manifest.pointer_mut(place).unwrap() = value;
        let manifest = serde_json::to_vec(&manifest).unwrap();
        world.registry.put_manifest("a:2", &manifest);
        see(title, "a:2");
    }
    for reference in ["a", "a:1@sha256:00", "a@sha256:00", "A:1"] {
        see("no reference", reference);
    }
    seen.compare("no_app.txt");
    is_nothing_here(&world);

    // `publish` refuses it, too.
    let unfit = fs::read(world.alice.unfit_release("1.0.1", "")).unwrap();
    super::push(&world.registry, "alice/demo:latest", &unfit).unwrap();
    let digest = Digest::of(&unfit).to_string();
    let url = world.url("alice/demo:latest");
    let why = world.refused(&["install", &url, "--yes", "--expect-digest", &digest]);
    assert!(why.contains(&format!("cannot install {url}")), "{why}");
    is_nothing_here(&world);
}

#[test]
fn an_author_sees_why_nothing_is_pushed() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    let unsigned = world.alice.home.join("unsigned.wasm");
    fs::copy(example("hello"), &unsigned).unwrap();
    let unsigned = unsigned.display().to_string();
    let (tag, digest) = (world.url("a:1"), world.url(&format!("a@sha256:{:064}", 0)));
    let (unsigned, file) = (unsigned.as_str(), file.as_str());
    let (tag, digest) = (tag.as_str(), digest.as_str());
    for (arguments, expected) in [
        (&[unsigned, tag][..], "the app is not signed"),
        (&[file, digest], "pushed under a tag, not under a digest"),
        (&[tag], "it is not said which file goes there"),
        (&[file, tag, "--expires", "1d"], "cannot be used with"),
        (
            &[file, "registry.example/a:1"],
            "does not begin with `oci://`",
        ),
    ] {
        let why = world
            .alice
            .run(&world.site, &[&["publish"], arguments].concat());
        let why = why.refused();
        assert!(why.contains(expected), "{arguments:?}: {why}");
    }
    assert!(world.registry.asked().is_empty());
}

/// Starts a registry that only alice with her password is let in to.
fn with_password() -> World {
    let password = format!("Basic {}", BASE64.encode(b"alice:sesame"));
    World::with(Fake::lying(move |asked, honest| {
        if asked.authorization.as_ref() == Some(&password) {
            honest
        } else {
            Answer::new(401, "").with("WWW-Authenticate", "Basic realm=\"all\"")
        }
    }))
}

#[test]
fn who_somebody_is_is_found_where_docker_keeps_it() {
    let world = with_password();
    let file = world.release("1.0.1", "");
    let url = world.url("alice/demo:latest");
    let publish = ["publish", &file, &url];
    let why = world.alice.run(&world.site, &publish).refused();
    assert!(why.contains("somebody without a name"), "{why}");
    let hint = format!("docker login {}", world.registry.host());
    assert!(why.contains(&hint), "{why}");

    world.log_in(&world.alice.home.join(".docker"), "simsalabim");
    let why = world.alice.run(&world.site, &publish).refused();
    assert!(why.contains("does not let `alice` do that"), "{why}");
    assert!(!why.contains("simsalabim"), "{why}");
    world.log_in(&world.alice.home.join(".docker"), "sesame");
    world.publish(&world.alice, &file, "alice/demo:latest");

    let elsewhere = world.log_in(&world.owner.home.join("elsewhere"), "sesame");
    let install = ["install", url.as_str()];
    let why = world.refused(&install);
    assert!(why.contains("somebody without a name"), "{why}");
    let mut command = world.owner.command(&world.site, &install);
    let ended = crate::support::host::output(command.env("DOCKER_CONFIG", &elsewhere));
    let shown = String::from_utf8_lossy(&ended.stderr);
    assert!(shown.contains("demo 1.0.1 (release 1)"), "{shown}");

    fs::write(Path::new(&elsewhere).join("config.json"), "{").unwrap();
    let mut command = world.owner.command(&world.site, &install);
    let ended = crate::support::host::output(command.env("DOCKER_CONFIG", &elsewhere));
    let shown = String::from_utf8_lossy(&ended.stderr);
    assert!(shown.contains("config.json cannot be read"), "{shown}");
    assert!(shown.contains("set DOCKER_CONFIG"), "{shown}");
}

/// The registry has no catalog, so the way from key to key is said beside the app.
#[test]
fn who_knows_the_first_key_follows_to_the_next() {
    let mut world = World::new();
    let name = "alice/demo:latest";
    let url = world.url(name);
    let first = world.release("1.0.1", "");
    world.publish(&world.alice, &first, name);
    world.install(&url, &first);

    let keys = world.alice.take_key(4).map(|key| key.display().to_string());
    let rotate = ["rotate", "--old", &keys[0], "--new", &keys[1]];
    world.alice.run(&world.site, &rotate).succeeded();
    let old_one = world.alice.run(&world.site, &["publish", &first, &url]);
    let why = old_one.refused();
    assert!(why.contains("which has not signed this"), "{why}");

    // Numbers count anew.
    let second = world.release("2.0.1", "");
    world.publish(&world.alice, &second, name);
    world.annotate(name, "alice/demo:bare", &json!({}));
    let why = world.refused(&["install", &world.url("alice/demo:bare"), "--yes"]);
    assert!(
        why.contains("the trusted key of alice@example.org is"),
        "{why}"
    );
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(world.version(), "2.0.1");
    let replayed = world.refused(&["install", &first, "--yes"]);
    assert!(replayed.contains("by an earlier key"), "{replayed}");
    let trusted = only(world.trusted());
    assert_eq!(trusted["keys"].as_array().unwrap().len(), 2, "{trusted}");
}

/// Nobody vouches for what a registry has beside an app.
#[test]
fn a_lineage_that_is_none_opens_nothing() {
    let world = World::new();
    let name = "alice/demo:latest";
    let first = world.release("1.0.1", "");
    world.publish(&world.alice, &first, name);
    world.install(&world.url(name), &first);
    let mut mallory = Person::new(&world.site, ALICE, 1);
    mallory.take_key(6);
    let forged = mallory.release(&world.site, &example("hello"), "1.0.2", "");
    world.publish(&mallory, &forged, "mallory/demo:1");

    let email = |email: &str| Datasite::parse(email).unwrap();
    let key = |seed: u8| key_of(&[seed; 32]);
    let link = |of: &str, epoch, old, new| {
        let link = Link::sign(email(of), epoch, &key(old), &key(new)).unwrap();
        serde_json::to_value(link).unwrap()
    };
    let mut other_end = link(ALICE, 1, 1, 5);
    other_end["new"] = link(ALICE, 1, 5, 6)["new"].clone();
    let chain: Vec<Value> = (1..=65)
        .map(|epoch| link(ALICE, epoch, 100 + epoch as u8, 101 + epoch as u8))
        .collect();
    let mut seen = Seen(String::new());
    for (title, lineage) in [
        (
            "of keys that nobody knows",
            json!([link(ALICE, 1, 5, 6)]).to_string(),
        ),
        (
            "of somebody else",
            json!([link(MALLORY, 1, 1, 6)]).to_string(),
        ),
        (
            "with another end than was signed",
            json!([other_end]).to_string(),
        ),
        (
            "with a gap",
            json!([link(ALICE, 1, 1, 5), link(ALICE, 3, 5, 6)]).to_string(),
        ),
        ("that is too long", Value::from(chain).to_string()),
        (
            "with something else in it",
            format!("[{{\"\\u001b[31m{}\":1}}]", "x".repeat(100_000)),
        ),
        ("that is no JSON", "[".to_owned()),
    ] {
        world.annotate("mallory/demo:1", name, &json!({LINEAGE: lineage}));
        let why = world.refused(&["update"]);
        seen.note(title, &world, &why);
    }
    seen.compare("lineages.txt");
    assert_eq!(world.version(), "1.0.1");
    let trusted = only(world.trusted());
    assert_eq!(trusted["keys"].as_array().unwrap().len(), 1, "{trusted}");
}
