//! `syft-host run --watch`: what is changed is built and takes the place of what is served.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::author;
use crate::python::venv;
use crate::support::client::{Sent, call, send};
use crate::support::guests::example;
use crate::support::host::syft_host;
use crate::support::installed::{Serving, changed};
use crate::support::site::{OWNER, Site};

fn watch(site: &Site, app: &Path, options: &[&str]) -> Serving {
    let mut command = syft_host(site);
    command
        .args(["--json", "--log-format", "json", "run", "--watch"])
        .arg(app);
    command.args(options).args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    Serving::spawn(site, command)
}

fn ready(serving: &Serving) -> PathBuf {
    let ready = serving.wait_for("it to be ready", |event| event["event"] == "ready");
    PathBuf::from(ready["path"].as_str().unwrap())
}

/// Waits for an event for the `nth` time.
fn wait_for_nth(serving: &Serving, nth: usize, event: &str) -> Value {
    let is_it = |told: &&Value| told["event"] == event;
    crate::support::wait_for(event, || {
        serving.events().iter().filter(is_it).nth(nth - 1).cloned()
    })
}

/// Puts a file into the place of another one, as builders do.
fn put(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, path).unwrap();
}

fn hello(rpc: &Path) -> String {
    call(rpc, "hello", r#"{"name":"Ada"}"#).text()
}

#[test]
fn a_component_that_is_replaced_is_served_and_no_request_is_lost() {
    let site = Site::new();
    let app = site.path().join("app.wasm");
    let hello_wasm = example("hello");
    put(&app, &fs::read(&hello_wasm).unwrap());
    let serving = watch(&site, &app, &[]);
    let rpc = ready(&serving);
    let mut sent: Vec<Sent> = Vec::new();
    for (nth, greeting) in ["Howdy", "Salut", "Tjena"].into_iter().enumerate() {
        let n_before = sent.len();
        sent.extend((0..5).map(|_| send(&rpc, "hello", None)));
        put(
            &app,
            &changed(&hello_wasm, "Hello, ", &format!("{greeting}, ")),
        );
        // Until the new one answers.
        let is_new = |sent: &Sent| sent.answer().text() == format!("{greeting}, World!");
        crate::support::wait_for("the new greeting", || {
            sent.push(send(&rpc, "hello", None));
            sent.last().filter(|last| is_new(last)).map(|_| ())
        });
        let replaced = wait_for_nth(&serving, nth + 1, "replaced");
        assert_eq!(replaced["app"], "app");
        assert!(
            replaced["changed"][0]
                .as_str()
                .unwrap()
                .ends_with("/app.wasm"),
            "{replaced}"
        );
        assert!(sent.len() > n_before);
    }
    for sent in &sent {
        assert_eq!(sent.answer().status(), 200);
    }
    serving.stop();
}

#[test]
fn a_build_that_fails_leaves_the_one_before_at_work() {
    let site = Site::new();
    let app = site.path().join("app.wasm");
    let good = fs::read(example("hello")).unwrap();
    put(&app, b"this is nothing");
    let serving = watch(&site, &app, &[]);
    let failed = wait_for_nth(&serving, 1, "failed");
    assert_eq!(failed["serving"], Value::Null);
    put(&app, &good);
    let rpc = ready(&serving);
    put(&app, b"\0asm\x01\0\0\0");
    let failed = wait_for_nth(&serving, 2, "failed");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("core WebAssembly module"),
        "{failed}"
    );
    assert!(failed["serving"].is_string(), "{failed}");
    assert_eq!(hello(&rpc), "Hello, Ada!");
    // What is served already does not start anew.
    put(&app, &good);
    put(&app, &changed(&example("hello"), "Hello, ", "Howdy, "));
    wait_for_nth(&serving, 1, "replaced");
    assert_eq!(hello(&rpc), "Howdy, Ada!");
    serving.stop();
}

#[test]
fn what_can_never_be_served_is_not_waited_for() {
    let site = Site::new();
    let folder = site.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let said = author(&site, &folder, &["run", "--watch"]).refused();
    assert!(said.contains("error: .: no app is there"), "{said}");
    fs::write(folder.join("Cargo.toml"), "").unwrap();
    let said = author(&site, &folder, &["run", "--watch"]).refused();
    assert!(said.contains("nobody agreed to that"), "{said}");
    let said = author(&site, &folder, &["run", "--watch", "none.wasm"]).refused();
    assert!(said.contains("none.wasm: nothing is there"), "{said}");
}

#[test]
fn a_program_is_served_anew_with_all_that_belongs_to_it() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let app = site.path().join("greeter");
    fs::create_dir_all(app.join("words")).unwrap();
    let write = |file: &str, text: &str| fs::write(app.join(file), text).unwrap();
    write("words/__init__.py", "from pathlib import Path\n");
    write("words/end.txt", "!");
    let program = "import words\nfrom syft_event import SyftEvents\nbox = SyftEvents('greeter')\n\
                   @box.on_request('/hello')\ndef hello(name: str = 'World') -> str:\n    \
                   end = (words.Path(words.__file__).parent / 'end.txt').read_text()\n    \
                   return f'Hello, {name}{end}'\n";
    write("app.py", program);
    let serving = watch(&site, &app, &[]);
    let rpc = ready(&serving);
    assert_eq!(hello(&rpc), "Hello, Ada!");
    write("app.py", &program.replace("Hello", "Howdy"));
    wait_for_nth(&serving, 1, "replaced");
    assert_eq!(hello(&rpc), "Howdy, Ada!");
    // What lies beside it has nothing to do with it.
    write("notes.txt", "x");
    write("words/end.txt", "?");
    let replaced = wait_for_nth(&serving, 2, "replaced");
    let changed = replaced["changed"].to_string();
    assert!(
        changed.contains("words/end.txt") && !changed.contains("notes"),
        "{changed}"
    );
    assert_eq!(hello(&rpc), "Howdy, Ada?");
    write("app.py", "import more\n1/0");
    let failed = wait_for_nth(&serving, 1, "failed");
    assert_ne!(failed["serving"], Value::Null);
    assert_eq!(hello(&rpc), "Howdy, Ada?");
    // A module that was not there, and an endpoint more.
    write(
        "app.py",
        &format!("import more\n{program}box.on_request('/more')(more.more)\n"),
    );
    wait_for_nth(&serving, 2, "failed");
    write("more.py", "def more() -> str:\n    return 'more'\n");
    let replaced = wait_for_nth(&serving, 3, "replaced");
    assert_eq!(replaced["endpoints"].to_string(), r#"["/hello","/more"]"#);
    assert_eq!(call(&rpc, "more", "").text(), "more");
    serving.stop();
}

#[test]
fn a_crate_is_built_again() {
    let site = Site::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watched");
    fs::create_dir_all(folder.join("src")).unwrap();
    let sdk = crate::support::guests::repository().join("guest-sdk");
    let cargo = format!(
        "[package]\nname = \"greeter\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\n\
         crate-type = [\"cdylib\"]\n[dependencies]\nsyft-guest = {{ path = {sdk:?} }}\n[workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), cargo).unwrap();
    let source = "use syft_guest::prelude::*;\n#[on_request(\"/hello\")]\n\
                  fn hello(name: String) -> String {\n    format!(\"Hello, {name}!\")\n}\n\
                  syft_guest::app!(hello);\n";
    let lib = folder.join("src/lib.rs");
    fs::write(&lib, source).unwrap();
    let serving = watch(&site, &folder, &["--allow-native-build"]);
    // All that it depends on is compiled first.
    let rpc = crate::support::wait_long_for("it to be ready", || {
        let events = serving.events();
        let ready = events.iter().find(|event| event["event"] == "ready")?;
        Some(PathBuf::from(ready["path"].as_str().unwrap()))
    });
    assert_eq!(hello(&rpc), "Hello, Ada!");
    fs::write(&lib, "no Rust at all").unwrap();
    let failed = wait_for_nth(&serving, 1, "failed");
    assert!(
        failed["error"].as_str().unwrap().contains("does not build"),
        "{failed}"
    );
    assert_eq!(hello(&rpc), "Hello, Ada!");
    fs::write(&lib, source.replace("Hello", "Howdy")).unwrap();
    let replaced = wait_for_nth(&serving, 1, "replaced");
    assert!(
        replaced["changed"].to_string().contains("src/lib.rs"),
        "{replaced}"
    );
    assert_eq!(hello(&rpc), "Howdy, Ada!");
    serving.stop();
}
