//! The shape of the source: who may use what, and no forgotten files.
//!
//! Why: docs/decisions/53-crates-by-what-they-may-touch.md

mod dependencies;
mod documents;
mod errors;
mod layers;
mod names;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guests::repository;

/// All that the program is made of.
const CRATES_OF_THE_HOST: &[&str] = &[
    "host/protocol/src",
    "host/system/src",
    "host/manifest/src",
    "host/package/src",
    "host/runtime/src",
    "host/server/src",
    "host/workers/src",
    "host/src",
];

/// What of it has IO, processes and a runtime.
const HOST: &[&str] = &[
    "host/src",
    "host/runtime/src",
    "host/server/src",
    "host/workers/src",
];

/// What only some files may name, and which. Paths are below the folder.
const ONLY: &[(&[&str], &[&str], &[&str])] = &[
    (
        &["host/runtime/src"],
        &["wasmtime::", "wasmtime_wasi::"],
        &[
            "sandbox.rs",
            "sandbox/",
            "capability.rs",
            "capability/",
            "wit.rs",
        ],
    ),
    // What the system is asked for stands in `host/system`.
    (
        HOST,
        &[
            "use notify",
            " notify::",
            "(notify::",
            "sd_notify::",
            "fs::inotify",
        ],
        &[],
    ),
    (
        &[
            "host/src",
            "host/manifest/src",
            "host/package/src",
            "host/runtime/src",
            "host/server/src",
            "host/workers/src",
        ],
        &[
            "rustix",
            "cap_std::",
            "cap_fs_ext::",
            "std::os::",
            "libc::",
            "windows_sys",
            "\"/proc",
            "\"/sys/",
            "signal::unix",
        ],
        // Their tests make links, FIFOs and files that others may read.
        &[
            "accounts/tests.rs",
            "published.rs",
            "tree/shared_folder.rs",
            "tree/wake.rs",
            "trust/did.rs",
            "trust/tests.rs",
        ],
    ),
    // Strangers' components are compiled in a process that is there for it.
    (
        HOST,
        &[
            "Component::new",
            "Component::from_binary",
            "Component::from_file",
            "Module::new",
            "Module::from_",
            "precompile_",
            "enable_compiler(true)",
        ],
        &[
            "sandbox/compiler/job.rs",
            "sandbox/engine.rs",
            // They write modules, and the tests run ones of our own.
            "python_app/one_module/module.rs",
            "python_app/one_module/rewrite.rs",
            "python_app/one_module/tests.rs",
        ],
    ),
    // Whoever speaks to others does it by what was allowed and checked.
    (
        HOST,
        &[
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "std::net::{",
            "ToSocketAddrs",
        ],
        &[
            "capability/http/connect.rs",
            "capability/http/tls.rs",
            "config/loopback_address.rs",
            "dashboard/listen.rs",
            // Names the sockets of WASI that it refuses.
            "sandbox/sockets.rs",
        ],
    ),
    // What speaks to the owner's browser.
    (HOST, &["axum::", "maud::"], &["dashboard.rs", "dashboard/"]),
    (
        HOST,
        &["hyper::", "rustls::", "wasmtime_wasi_http::"],
        &["capability/http.rs", "capability/http/"],
    ),
    (HOST, &["redb::"], &["state.rs", "state/"]),
    (HOST, &["serde_saphyr::"], &["subscriptions.rs"]),
    (HOST, &["clap::"], &["main.rs", "commands.rs", "commands/"]),
    (
        HOST,
        &["io::stdout", "println!", "print!("],
        // And what a child says to us, and what is asked of a terminal.
        &["ui.rs", "paint.rs", "sandbox/compiler/job.rs"],
    ),
    (
        HOST,
        &["io::stderr", "eprintln!"],
        // And what a process says that was to become a child.
        &[
            "ui.rs",
            "logging.rs",
            "paint.rs",
            "progress.rs",
            "child/enter.rs",
        ],
    ),
    // The width of the terminal counts before there is a configuration.
    (
        HOST,
        &["env::var", "env::home_dir"],
        &["config.rs", "config/", "layout.rs"],
    ),
    // By whatever name it goes: a child of another place would have our environment and our
    // folder, and nobody would end it.
    (
        HOST,
        &[
            "process::Command",
            "std::process::{",
            "std::process::*",
            "std::process;",
            "std::process as",
            "process::{self",
            "Command::new",
            "CommandExt",
            "tokio::process",
        ],
        &["child.rs", "child/"],
    ),
    (
        HOST,
        &["tracing_subscriber::"],
        &["activity/layer.rs", "logging.rs"],
    ),
    (HOST, &["crate::commands"], &["main.rs"]),
    (HOST, &["unsafe {"], &["sandbox/cache.rs"]),
    (
        &["host/system/src"],
        &["unsafe {"],
        &["machine.rs", "windows.rs"],
    ),
    (
        &["host/package/src"],
        &["std::env", "std::process", "async fn", "println!"],
        &[],
    ),
    // Many of them pin keys at a time there.
    (&["host/package/src"], &["std::thread"], &["trust/tests.rs"]),
    (
        &["host/manifest/src"],
        &[
            "std::env",
            "std::net",
            "std::thread",
            "std::process",
            "async fn",
            "println!",
        ],
        &[],
    ),
    (
        &["host/protocol/src"],
        &[
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "std::process",
            "tokio",
            "wasmtime",
            "SystemTime::now",
            "async fn",
        ],
        &[],
    ),
    (
        &["host/protocol/src"],
        &["Instant::now"],
        &[
            "inbox/tests.rs",
            "outbox/life/tests.rs",
            "acl/glob/tests.rs",
            "pattern/tests.rs",
            "retention/tests.rs",
            "file_events/tests.rs",
            "file_events/observed/tests.rs",
            "file_events/queue/tests.rs",
            "due_calls/tests.rs",
            "scan_schedule/tests.rs",
        ],
    ),
];

#[test]
fn only_some_files_reach_outside() {
    let mut wrong = Vec::new();
    for (folders, names, allowed) in ONLY {
        for folder in *folders {
            wrong.extend(lines_that_name(&repository().join(folder), names, allowed));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn lines_that_name(folder: &Path, names: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for file in rust_files(folder) {
        let short = file.strip_prefix(folder).unwrap().display().to_string();
        if allowed.iter().any(|place| short.starts_with(place)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let found = code.filter(|line| names.iter().any(|name| line.contains(name)));
        lines.extend(found.map(|line| format!("{short}: {}", line.trim())));
    }
    lines
}

#[test]
fn every_source_file_says_what_it_holds() {
    let others = [
        "guest-sdk/src",
        "guest-sdk/macros/src",
        "guest-python/src",
        "fuzz/src",
    ];
    for folder in CRATES_OF_THE_HOST.iter().chain(&others) {
        for file in rust_files(&repository().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let is_tests = file.ends_with("tests.rs");
            assert!(is_tests || text.starts_with("//! "), "{}", file.display());
        }
    }
}

#[test]
fn every_test_file_is_part_of_the_tests() {
    let tests = repository().join("tests");
    let main = fs::read_to_string(tests.join("main.rs")).unwrap();
    let support = fs::read_to_string(tests.join("support.rs")).unwrap();
    for (folder, parent) in [(tests.clone(), main), (tests.join("support"), support)] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_module = path.extension().is_some_and(|extension| extension == "rs");
            if is_module && stem != "main" {
                assert!(
                    parent.contains(&format!("mod {stem};")),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_guest_and_script_is_used_by_a_test() {
    let tests = repository().join("tests");
    let sources: String = rust_files(&tests)
        .into_iter()
        .filter(|file| !file.starts_with(tests.join("guests")))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for (folder, kind) in [("guests", "Cargo.toml"), ("python", "")] {
        for entry in fs::read_dir(tests.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let counts = match kind {
                "" => path.is_file(),
                file => path.join(file).is_file(),
            };
            assert!(
                !counts || sources.contains(&name),
                "{} is not used",
                path.display()
            );
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "target")
        .map(Result::unwrap)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
