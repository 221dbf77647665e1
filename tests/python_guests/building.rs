//! What `syft-host build` makes of a program, and what it says of one that is none.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use syft_manifest::Manifest;

use super::of_the_readme;
use crate::python::venv;
use crate::support::client::call;
use crate::support::host::{Host, output, shared_cache, syft_host};
use crate::support::site::Site;
use crate::support::wheels::build_wheels;

fn build(site: &Site, program: &str, more: &[&str]) -> Output {
    let mut command = syft_host(site);
    command.args(["build", program]).args(more);
    output(command.current_dir(site.path()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a program, lets it be built, and returns what is said of that on stderr.
fn said_of(files: &[(&str, &str)]) -> Option<String> {
    venv::python()?;
    let site = Site::new();
    for (name, content) in files {
        fs::write(site.path().join(name), content).unwrap();
    }
    let built = build(&site, files[0].0, &[]);
    assert_eq!(built.status.code(), Some(2), "{}", text(&built.stdout));
    Some(text(&built.stderr))
}

fn check_said(files: &[(&str, &str)], expected: &[&str]) {
    let Some(said) = said_of(files) else {
        return;
    };
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
}

#[test]
fn watches_become_what_the_app_asks_to_read() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let program = of_the_readme(python, "file_monitor");
    let built = build(
        &site,
        program.to_str().unwrap(),
        &["-o", "app.wasm", "--json"],
    );
    assert!(built.status.success(), "{}", text(&built.stderr));
    let said: Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!(said["name"], "file_monitor");
    let component = fs::read(site.path().join("app.wasm")).unwrap();
    let manifest = Manifest::from_component(&component).unwrap().unwrap();
    let read: Vec<_> = manifest
        .files
        .read
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        read,
        ["**/*.log", "**/*.md", "**/*.txt", "{datasite}/**/*.json"]
    );
    assert!(manifest.files.write.is_empty());
}

#[test]
fn the_authors_manifest_wins() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let program = "from syft_event import SyftEvents\nbox = SyftEvents('b')\n@box.watch('*.txt')\ndef f(event): pass\n";
    fs::write(site.path().join("app.py"), program).unwrap();
    let manifest = "[app]\nname = \"a\"\nversion = \"2.0.0\"\n[files]\nread = [\"{datasite}/*\"]\n";
    fs::write(site.path().join("syft-app.toml"), manifest).unwrap();
    let built = build(&site, ".", &[]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    let component = fs::read(site.path().join("a.wasm")).unwrap();
    let manifest = Manifest::from_component(&component).unwrap().unwrap();
    assert_eq!(manifest.version.unwrap().to_string(), "2.0.0");
    assert_eq!(manifest.files.read.len(), 1);
}

/// What a program calls its app is found out before anything is built.
#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    for name in ["llm/../x", "llm/rpc/x", "/llm", "a/b/c/d/e", "llm/x\\n"] {
        let program = format!(
            "from syft_event import SyftEvents\nbox = SyftEvents('{name}')\n\
             @box.on_request('/x')\ndef x(): pass\n"
        );
        check_said(&[("app.py", &program)], &["is no app name", "my_app"]);
    }
}

/// All that the author wrote runs in the builder's sandbox.
#[test]
fn nothing_of_a_program_runs_outside_of_a_sandbox() {
    let attempts = "
import os, socket, subprocess
from syft_event import SyftEvents

def attempt(do, *arguments):
    try:
        do(*arguments)
    except Exception as error:
        return type(error).__name__
    return 'done'

print('@', attempt(open, '/etc/passwd'), attempt(open, 'SITE/secret'))
print('@', attempt(subprocess.run, ['touch', 'SITE/made']))
print('@', attempt(lambda: open('SITE/made', 'w')))
print('@', attempt(socket.create_connection, ('127.0.0.1', 22), 1))
print('@', [name for name in os.environ if name in ('PATH', 'HOME', 'USER')])
raise RuntimeError(open('/0/syft_program.name').read())
";
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    fs::write(site.path().join("secret"), "x").unwrap();
    let attempts = attempts.replace("SITE", site.path().to_str().unwrap());
    fs::write(site.path().join("try.py"), attempts).unwrap();
    let built = build(&site, "try.py", &[]);
    let said = text(&built.stderr);
    assert!(said.contains("RuntimeError: try.py"), "it ran: {said}");
    assert!(!site.path().join("made").exists());
}

#[test]
fn links_are_not_followed() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    fs::write(site.path().join("secret.py"), "X = 1").unwrap();
    fs::create_dir(site.path().join("program")).unwrap();
    let link = site.path().join("program/other.py");
    std::os::unix::fs::symlink("../secret.py", link).unwrap();
    fs::write(site.path().join("program/app.py"), "import other").unwrap();
    let built = build(&site, "program", &[]);
    let said = text(&built.stderr);
    assert!(said.contains("other.py is a link"), "{said}");
}

#[test]
fn syntax_errors_name_their_line() {
    check_said(
        &[("app.py", "import syft_event\ndef f(:\n")],
        &["error: app.py:2: SyntaxError"],
    );
}

#[test]
fn a_name_that_is_no_text_is_no_name() {
    check_said(
        &[("app.py", "SyftEvents('\\ud800')")],
        &["error: `?` is no app name"],
    );
}

#[test]
fn errors_of_modules_beside_it_name_their_line() {
    check_said(
        &[
            ("app.py", "import other"),
            ("other.py", "\nraise ValueError('no')\n"),
        ],
        &["error: other.py:2: ValueError: no"],
    );
}

/// Returns a cache with what builds programs, and without any wheel.
fn cache_without_wheels(site: &Site) -> PathBuf {
    assert!(venv::python().is_some());
    let cache = site.path().join("cache");
    let python = cache.join("syft-host/python");
    fs::create_dir_all(&python).unwrap();
    for entry in fs::read_dir(shared_cache().join("syft-host/python")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("componentize-py-") && !name.ends_with(".lock") {
            std::os::unix::fs::symlink(entry.path(), python.join(name)).unwrap();
        }
    }
    cache
}

#[test]
fn pydantic_without_its_wheel_leads_to_the_command_that_builds_it() {
    if said_of(&[("app.py", "import syft_event\n")]).is_none() {
        return;
    }
    let site = Site::new();
    fs::write(site.path().join("app.py"), "import pydantic\n").unwrap();
    let mut command = syft_host(&site);
    command.env("XDG_CACHE_HOME", cache_without_wheels(&site));
    let built = output(command.args(["build", "app.py"]).current_dir(site.path()));
    let said = text(&built.stderr);
    assert_eq!(built.status.code(), Some(2), "{said}");
    let hint = "which is built for the sandbox once: syft-host wheels build";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn a_version_that_does_not_fit_leads_to_the_one_that_does() {
    build_wheels();
    check_said(
        &[("app.py", ""), ("requirements.txt", "pyyaml==5.1\n")],
        &[
            "error: install the packages that the program needs: ",
            "hint: the sandbox has pyyaml ",
        ],
    );
}

#[test]
fn native_packages_are_refused() {
    build_wheels();
    check_said(
        &[("app.py", ""), ("requirements.txt", "numpy\n")],
        &[
            "error: install the packages that the program needs: ",
            "hint: numpy has nothing in pure Python",
        ],
    );
}

#[test]
fn requirements_name_packages_and_nothing_else() {
    check_said(
        &[
            ("app.py", ""),
            (
                "requirements.txt",
                "attrs\n--index-url https://example.org\n",
            ),
        ],
        &["requirements.txt:2: it names no package:\n    │ --index-url https://example.org"],
    );
}

/// A program may come from anybody and lie in somebody's home folder.
#[test]
fn files_beside_a_program_go_in_only_if_they_are_included() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let program = concat!(
        "import os\n",
        "from syft_event import SyftEvents\n",
        "try:\n    import papers\nexcept ImportError:\n    pass\n",
        "NAMED = ['secret.txt', 'settings.json']\n",
        "FOUND = sorted(os.path.join(d, f) for d, _, fs in os.walk('.') for f in fs)\n",
        "box = SyftEvents('Seeing'.lower())\n",
        "@box.on_request('/found')\n",
        "def found():\n    return FOUND\n",
    );
    fs::create_dir(site.path().join("papers")).unwrap();
    for (name, text) in [
        ("app.py", program),
        ("secret.txt", "secret"),
        ("settings.json", "{}"),
        ("papers/taxes.txt", "secret"),
    ] {
        fs::write(site.path().join(name), text).unwrap();
    }
    let included = ["--include", "settings.json", "-o", "app.wasm", "--json"];
    let built = build(&site, "app.py", &included);
    let (said, stderr) = (text(&built.stdout), text(&built.stderr));
    assert!(built.status.success(), "{stderr}");
    assert!(stderr.contains("hint: to give it to everyone who gets the app: --include secret.txt"));
    assert!(!stderr.contains("names settings.json"), "{stderr}");
    // The name as the program computed it.
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["name"], "seeing");
    let host = Host::start(&site, &site.path().join("app.wasm"), &[]);
    let found = call(&host.rpc, "found", "").text();
    assert_eq!(found, r#"["./app.py", "./settings.json"]"#);
    // The second is a file, and would be none of the program's where it leads out.
    for name in ["../x", "papers/../secret.txt"] {
        let refused = build(&site, "app.py", &["--include", name]);
        assert_eq!(refused.status.code(), Some(2), "{name}");
        let why = text(&refused.stderr);
        assert!(why.contains("is no file beside the program"), "{why}");
    }
}
