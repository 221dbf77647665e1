//! The life of an installed app: its releases, and what the owner has to do with them.

use std::fs;

use serde_json::json;

use super::{ALICE, MALLORY, World, digest};
use crate::support::guests::example;
use crate::support::host::shared_cache;
use crate::support::people::{Person, Served};
use crate::support::wait_for;

const READS: &str = "[files]\nread = ['*/public/*.json']";
const READS_MORE: &str = "[files]\nread = ['*/public/*']";

#[test]
fn an_owner_is_shown_an_app_and_asked_once() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let install = ["install", &file];
    let Some((installed, shown)) = world.owner.on_terminal(&world.site, &["n"], &install) else {
        return;
    };
    assert!(!installed && shown.contains("Not installed."), "{shown}");
    assert!(!shown.contains("error"), "a no is no error: {shown}");
    assert!(world.owner.json(&world.site, &["list"]).is_empty());

    let (installed, shown) = world
        .owner
        .on_terminal(&world.site, &["y"], &install)
        .unwrap();
    assert!(installed, "{shown}");
    for words in [
        "demo 1.0.1 (release 1)",
        ALICE,
        "SHA256:",
        "read */public/*.json",
        "Installed demo 1.0.1",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert_eq!(world.versions(), [Some("1.0.1".to_owned()), None, None]);
}

#[test]
fn nobody_is_asked_who_said_which_bytes_or_knows_the_author() {
    let world = World::new();
    let (first, second) = (world.release("1.0.1", ""), world.release("1.0.2", ""));
    let why = world.refused(&["install", &first]);
    assert!(why.contains("nobody is there to be asked"), "{why}");
    let why = world.refused(&["install", &first, "--yes"]);
    assert!(why.contains("--expect-digest"), "{why}");
    let other = digest(&second);
    let why = world.refused(&["install", &first, "--yes", "--expect-digest", &other]);
    assert!(
        why.contains(&format!("expected the SHA-256 {other}")),
        "{why}"
    );

    assert_eq!(world.install(&first)["event"], "installed");
    let said = world.owner_says(&["install", &second, "--yes"]);
    assert_eq!(said["current"]["version"], "1.0.2");
    assert_eq!(said["previous"]["version"], "1.0.1");
    assert_eq!(
        world.owner_says(&["install", &second])["event"],
        "unchanged"
    );
}

#[test]
fn what_wants_more_waits_and_the_one_before_goes_on() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    world.install(&file);
    let wider = world.release("1.0.2", &format!("{READS_MORE}\n[limits]\ntime = '1m'"));
    fs::copy(&wider, &file).unwrap();

    let wishes = json!(["read */public/*", "take 1 min for a call instead of 10 s"]);
    let checked = world.owner_says(&["update", "--check"]);
    assert_eq!(
        (&checked["event"], &checked["wants"]),
        (&json!("waits"), &wishes)
    );
    let [current, _, waiting] = world.versions();
    assert_eq!((current.as_deref(), waiting), (Some("1.0.1"), None));

    for _ in 0..2 {
        let updated = world.owner_says(&["update"]);
        assert_eq!(
            (&updated["event"], &updated["wants"]),
            (&json!("waits"), &wishes)
        );
    }
    let [current, _, waiting] = world.versions();
    assert_eq!(
        (current.as_deref(), waiting.as_deref()),
        (Some("1.0.1"), Some("1.0.2"))
    );
    assert_eq!(world.owner_says(&["approve"])["wants"], wishes);
    let why = world.refused(&["approve", "demo"]);
    assert!(
        why.contains("It asks for more than that, to\n  │ read */public/*\n"),
        "{why}"
    );
    let wrong = [
        "approve",
        "demo",
        "--expect-digest",
        &digest(&world.alice.key().display().to_string()),
    ];
    assert!(world.refused(&wrong).contains("not approved"));

    let approved = world.owner_says(&["approve", "demo", "--expect-digest", &digest(&wider)]);
    assert_eq!(approved["current"]["version"], "1.0.2");
    let [current, previous, waiting] = world.versions();
    assert_eq!(
        (current.as_deref(), previous.as_deref(), waiting),
        (Some("1.0.2"), Some("1.0.1"), None)
    );
    assert!(
        world
            .refused(&["approve", "demo"])
            .contains("no release of `demo` waits")
    );

    // What asks for less gets less, and more again has to wait again.
    fs::copy(world.release("1.0.3", READS), &file).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    fs::copy(world.release("1.0.4", READS_MORE), &file).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "waits");
}

#[test]
fn what_the_owner_does_not_want_is_not_taken_again() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    world.install(&file);
    fs::copy(world.release("1.0.2", READS_MORE), &file).unwrap();
    world.owner_says(&["update"]);
    assert_eq!(
        world.owner_says(&["approve", "demo", "--reject"])["event"],
        "rejected"
    );
    assert_eq!(world.owner_says(&["update"])["event"], "skipped");

    fs::copy(world.release("1.0.3", ""), &file).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(
        world.owner_says(&["rollback", "demo"])["current"]["version"],
        "1.0.1"
    );
    assert_eq!(world.owner_says(&["update"])["event"], "skipped");
    let why = world.refused(&["rollback", "demo"]);
    assert!(
        why.contains("none that is older than 1.0.1 (release 1) is kept"),
        "{why}"
    );
    assert!(
        why.contains("hint: what is newer is taken from where it comes from"),
        "{why}"
    );
    let again = ["install", &file, "--yes"];
    assert_eq!(world.owner_says(&again)["current"]["version"], "1.0.3");
    assert_eq!(world.owner_says(&["update"])["event"], "up-to-date");
}

#[test]
fn going_back_goes_further_back_or_to_the_release_that_is_named() {
    let world = World::new();
    let files = ["1.0.1", "1.0.2", "1.0.3", "1.0.4"].map(|version| world.release(version, ""));
    world.install(&files[0]);
    let source = &files[0];
    for file in &files[1..] {
        fs::copy(file, source).unwrap();
        assert_eq!(world.owner_says(&["update"])["event"], "updated");
    }
    let version = |said: serde_json::Value| said["current"]["version"].clone();
    let why = world.refused(&["rollback", "demo", "9"]);
    let kept = "these are kept: 1.0.3 (release 3), 1.0.2 (release 2), 1.0.1 (release 1)";
    assert!(why.contains(kept), "{why}");
    let why = world.refused(&["rollback", "demo", "4"]);
    assert!(
        why.contains("demo is at 1.0.4 (release 4) already"),
        "{why}"
    );
    assert_eq!(version(world.owner_says(&["rollback", "demo"])), "1.0.3");
    // Neither what it went back from nor anything newer comes again by itself.
    assert_eq!(world.owner_says(&["update"])["event"], "skipped");
    let why = world.refused(&["rollback", "demo", "1.0.4"]);
    assert!(
        why.contains("no release `1.0.4` of `demo` that is older"),
        "{why}"
    );
    assert_eq!(
        version(world.owner_says(&["rollback", "demo", "1"])),
        "1.0.1"
    );
    assert_eq!(world.owner_says(&["update"])["event"], "skipped");
    world.refused(&["rollback", "demo"]);

    fs::copy(world.release("1.0.5", ""), source).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(
        version(world.owner_says(&["rollback", "demo", "1.0.1"])),
        "1.0.1"
    );
}

#[test]
fn a_host_that_serves_takes_what_wants_nothing_new() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    world.install(&file);
    let served = Served::start_with(&world.site, &world.owner, &["--update-every", "1s"]);
    assert_eq!(
        world.owner_says(&["list"])["status"]["serving"],
        digest(&file)
    );
    fs::copy(world.release("1.0.2", READS), &file).unwrap();
    served.wait_for_version("1.0.2");
    fs::copy(world.release("1.0.3", READS_MORE), &file).unwrap();
    wait_for("a release that waits", || {
        world.versions()[2]
            .as_deref()
            .filter(|version| *version == "1.0.3")
            .map(|_| ())
    });
    let listed = world.owner_says(&["list"]);
    assert_eq!(listed["current"]["version"], "1.0.2");
    served.stop();
    assert_eq!(world.owner_says(&["list"])["status"], json!(null));
}

#[test]
fn an_update_that_is_due_in_quiet_hours_comes_after_them() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.install(&file);
    let settings = world.owner.home.join(".config/syft-host/config.toml");
    let say = |quiet: &str| {
        let text = format!("[serve]\nupdate-every = '1s'\n{quiet}\n");
        fs::write(&settings, text).unwrap();
    };
    say(&quiet_now());
    let served = Served::start(&world.site, &world.owner);
    fs::copy(world.release("1.0.2", ""), &file).unwrap();
    // What the owner types counts at once.
    let typed = world.release("1.0.3", "");
    world.install(&typed);
    served.wait_for_version("1.0.3");
    fs::copy(world.release("1.0.4", ""), &typed).unwrap();
    assert_eq!(world.owner_says(&["list"])["current"]["version"], "1.0.3");
    say("");
    served.reload();
    served.wait_for_version("1.0.4");
    served.stop();
}

/// Returns hours that it is in now, whatever the time zone: all but one minute of an hour, which is
/// neither this one nor one of the next.
fn quiet_now() -> String {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Time zones are whole quarters of an hour apart.
    let minute = since_1970.unwrap().as_secs() / 60 % 15;
    let (end, begin) = if (5..=13).contains(&minute) {
        ("12:00", "12:01")
    } else {
        ("12:07", "12:08")
    };
    format!("quiet = '{begin}-{end}'")
}

#[test]
fn an_installed_app_is_inspected_by_its_name() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let bytes = ["--yes", "--expect-digest", &digest(&file)];
    let deny = ["--deny", "*/public/a.json"];
    world.owner_says(&[&["install", &file], &bytes[..], &deny].concat());
    fs::copy(world.release("1.0.2", READS), &file).unwrap();
    world.owner_says(&["update"]);
    let shown = world.owner.run(&world.site, &["inspect", "demo"]);
    let shown = shown.succeeded().stdout;
    for words in [
        &format!("the key of {ALICE} as you know it"),
        "│ /hello",
        "│ */public/*.json",
        "Installed:\n  1.0.2 (release 2), since ",
        "not served: start `syft-host serve`",
        "You deny it, whatever it asks for:\n  */public/a.json",
        "`syft-host rollback` can go back to:\n  1.0.1 (release 1)",
        "calls at the same time",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let json = world.owner_says(&["inspect", "demo"]);
    assert_eq!(json["installed"]["earlier"][0]["version"], "1.0.1");
    let why = world.refused(&["inspect", "dmeo"]);
    assert!(
        why.contains("did you mean `syft-host inspect demo`?"),
        "{why}"
    );
}

#[test]
fn what_is_published_is_named_where_something_else_is_asked_for() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    let why = world.refused(&["install", "demo"]);
    assert!(
        why.contains("no datasite on this machine publishes any"),
        "{why}"
    );
    let key = world.alice.key();
    let publish = ["publish", &file, "--key", key.to_str().unwrap()];
    world.alice.run(&world.site, &publish).succeeded();
    let url = format!("syft://{ALICE}/public/syft-apps/demo");
    for typed in ["demo", "dmo", &url.replace("demo", "demmo")] {
        let why = world.refused(&["install", typed]);
        assert!(
            why.contains(&format!("did you mean `syft-host install {url}`?")),
            "{why}"
        );
    }
    for typed in ["greeter", &url.replace("demo", "greeter")] {
        let why = world.refused(&["install", typed]);
        assert!(why.contains(&format!("this is published: {url}")), "{why}");
    }
}

#[test]
fn the_owner_is_asked_what_becomes_of_the_data() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.install(&file);
    let served = Served::start(&world.site, &world.owner);
    let own = world
        .site
        .datasites()
        .join(&world.owner.email)
        .join("app_data/demo");
    assert!(own.join("rpc/rpc.schema.json").is_file());
    fs::write(own.join("note.txt"), "note").unwrap();
    let remove = ["remove", "demo"];
    let Some((removed, shown)) = world.owner.on_terminal(&world.site, &["c"], &remove) else {
        return;
    };
    assert!(
        !removed && shown.contains("demo is not removed."),
        "{shown}"
    );
    assert!(!shown.contains("error"), "a no is no error: {shown}");
    for words in [
        "what it kept between calls",
        "its folder in the datasite, which is synced",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let (removed, shown) = world
        .owner
        .on_terminal(&world.site, &["k"], &remove)
        .unwrap();
    assert!(removed && shown.contains("This stays:"), "{shown}");
    let stays = own.join("note.txt").is_file();
    assert!(
        stays && !own.join("rpc/rpc.schema.json").exists(),
        "nothing is advertised"
    );

    world.install(&file);
    served.wait_for("it is served again", |event| {
        event["event"] == "app-started"
    });
    let remove = [&remove[..], &["--delete-data"]].concat();
    world.owner_says(&remove);
    assert!(!own.exists());
    let apps = world.owner.home.join(".local/share/syft-host/apps");
    assert!(!apps.join(&world.owner.email).join("demo").exists());
    served.stop();
}

#[test]
fn the_compiled_code_of_a_removed_app_is_deleted() {
    let world = World::new();
    // Of these bytes nobody else has compiled any.
    let file = world.release("1.0.1", "[app.env]\nONLY = 'removed'");
    let installed = world.install(&file);
    let sha256 = installed["current"]["sha256"].as_str().unwrap().to_owned();
    let n_compiled = || {
        let entries = fs::read_dir(shared_cache().join("syft-host/compiled")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let is_it = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(&sha256);
        names.filter(is_it).count()
    };
    assert_eq!(n_compiled(), 1);
    world.owner_says(&["remove", "demo", "--keep-data"]);
    assert_eq!(n_compiled(), 0);
}

#[test]
fn updates_come_from_where_it_was_installed_last() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.install(&file);
    let copy = file.replace("demo-", "copy-");
    fs::copy(&file, &copy).unwrap();
    let said = world.owner_says(&["install", &copy, "--yes"]);
    assert_eq!(
        (&said["event"], &said["source"]),
        (&json!("installed"), &json!(copy))
    );
    fs::copy(world.release("1.0.2", ""), &copy).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
}

/// It runs for the first time when the owner has agreed.
#[test]
fn what_wants_more_is_not_tried_before_it_is_approved() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    world.install(&file);
    let unfit = world.alice.unfit_release("1.0.2", READS_MORE);
    fs::copy(&unfit, &file).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "waits");
    let why = world.refused(&["approve", "demo", "--expect-digest", &digest(&unfit)]);
    assert!(
        why.contains("not approved: the component does not export"),
        "{why}"
    );
    let [current, _, waiting] = world.versions();
    assert_eq!(
        (current.as_deref(), waiting.as_deref()),
        (Some("1.0.1"), Some("1.0.2"))
    );
}

#[test]
fn what_waits_is_taken_once_it_wants_nothing_more() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    world.install(&file);
    let wider = world.release("1.0.2", READS_MORE);
    world.install(&wider);
    world.owner_says(&["rollback", "demo"]);
    let third = world.release("1.0.3", READS_MORE);
    assert_eq!(
        world.owner_says(&["install", &third, "--yes"])["event"],
        "waits"
    );
    let sha256 = digest(&wider);
    let again = ["install", &wider, "--yes", "--expect-digest", &sha256];
    world.owner_says(&[&again[..], &["--allow-downgrade"]].concat());
    fs::copy(&third, &wider).unwrap();
    assert_eq!(world.owner_says(&["update"])["event"], "updated");
    assert_eq!(world.versions()[0].as_deref(), Some("1.0.3"));
}

#[test]
fn denials_outlive_updates() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let digest = digest(&file);
    let deny = ["--deny", "*/public/a.json", "--deny", "*/public/b.json"];
    let install = [
        &["install", &file, "--yes", "--expect-digest", &digest],
        &deny[..],
    ]
    .concat();
    world.owner_says(&install);
    fs::copy(world.release("1.0.2", READS), &file).unwrap();
    let updated = world.owner_says(&["update"]);
    assert_eq!(
        updated["current"]["denied"],
        json!(["*/public/a.json", "*/public/b.json"])
    );
}

#[test]
fn no_later_word_undoes_a_denial() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let digest_of = |file: &str| digest(file);
    let sha256 = digest_of(&file);
    let bytes = ["--yes", "--expect-digest", &sha256];
    world.owner_says(
        &[
            &["install", &file],
            &bytes[..],
            &["--deny", "*/public/a.json"],
        ]
        .concat(),
    );
    // Nothing else is installed, and still it counts.
    let said = world.owner_says(&["install", &file, "--deny", "*/public/b.json"]);
    let denied = json!(["*/public/a.json", "*/public/b.json"]);
    assert_eq!(said["current"]["denied"], denied);

    let wider = world.release("1.0.2", READS_MORE);
    let waits = world.owner_says(&["install", &wider, "--yes", "--deny", "*/public/c.json"]);
    let denied = json!(["*/public/a.json", "*/public/b.json", "*/public/c.json"]);
    assert_eq!(waits["waiting"]["denied"], denied);
    let approve = ["approve", "demo", "--deny", "*/public/d.json"];
    let why = world.refused(&approve);
    assert!(why.contains("You deny it\n  */public/a.json\n"), "{why}");
    let sha256 = digest_of(&wider);
    let approved = world.owner_says(&[&approve[..], &["--expect-digest", &sha256]].concat());
    let denied = json!([
        "*/public/a.json",
        "*/public/b.json",
        "*/public/c.json",
        "*/public/d.json"
    ]);
    assert_eq!(approved["current"]["denied"], denied);
    let back = world.owner_says(&["rollback", "demo"]);
    assert_eq!(back["current"]["version"], "1.0.1");
    assert_eq!(back["current"]["denied"], denied);
}

#[test]
fn what_is_damaged_hides_nothing_and_is_mended() {
    let world = World::new();
    let file = world.release("1.0.1", READS);
    let installed = world.install(&file);
    fs::copy(world.release("1.0.2", READS_MORE), &file).unwrap();
    world.owner_says(&["update"]);
    let data = world.owner.home.join(".local/share/syft-host");
    let records = data.join("installed").join(&world.owner.email);
    fs::write(records.join("another.json"), "{").unwrap();
    let shown = world.owner.run(&world.site, &["approve"]);
    assert_eq!(shown.code, Some(2), "{shown:?}");
    assert!(shown.stdout.contains("demo 1.0.2 waits"), "{shown:?}");
    assert!(shown.stderr.contains("another.json"), "{shown:?}");

    let sha256 = installed["current"]["sha256"].as_str().unwrap();
    let component = data.join("components").join(&world.owner.email);
    let component = component.join(format!("{sha256}.wasm"));
    let whole = fs::read(&component).unwrap();
    fs::write(&component, &whole[..100]).unwrap();
    fs::write(&file, &whole).unwrap();
    world.owner_says(&["install", &file, "--allow-downgrade"]);
    assert!(fs::read(&component).unwrap() == whole);
}

#[test]
fn what_is_removed_keeps_its_data_for_its_author_alone() {
    let world = World::new();
    let file = world.release("1.0.1", "");
    world.install(&file);
    let data = world.owner_says(&["remove", "demo"]);
    assert_eq!(
        (&data["event"], &data["name"], &data["data"]),
        (&json!("removed"), &json!("demo"), &json!(false))
    );
    assert_eq!(data["left"][0]["kind"], "private");
    assert!(
        world
            .refused(&["remove", "demo"])
            .contains("no app `demo` is installed")
    );
    assert!(
        world
            .refused(&["rollback", "demo"])
            .contains("no app `demo` is installed")
    );

    let mallory = Person::new(&world.site, MALLORY, 6);
    let other = mallory.release(&world.site, &example("hello"), "1.0.5", "");
    let install = [
        "install",
        &other,
        "--yes",
        "--expect-digest",
        &digest(&other),
    ];
    let why = world.refused(&install);
    assert!(
        why.contains("the data of an app `demo` from alice@example.org is stored here"),
        "{why}"
    );
    assert!(why.contains("syft-host remove demo --delete-data"), "{why}");
    world.install(&file);
    let why = world.refused(&install);
    assert!(
        why.contains("`demo` is already installed from alice@example.org"),
        "{why}"
    );

    // What lies in the datasite has no owner, so it is told of.
    world.owner_says(&["remove", "demo", "--delete-data"]);
    let folder = world.site.datasites().join(&world.owner.email);
    fs::create_dir_all(folder.join("app_data/demo")).unwrap();
    let ended = world.owner.run(&world.site, &install).succeeded();
    assert!(
        ended.stderr.contains("app_data/demo is there already"),
        "{}",
        ended.stderr
    );
    assert_eq!(world.owner_says(&["list"])["author"], MALLORY);
}
