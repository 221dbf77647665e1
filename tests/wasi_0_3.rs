//! Apps for WASI 0.3: they run beside those for 0.2, and what they start is bounded and ends
//! with their call.

use std::fs;

use serde_json::{Value, json};

use crate::support::apps::{Approved, ops, start_files_of};
use crate::support::client::{call, send};
use crate::support::failures::check_failure;
use crate::support::guests::{example, guest};
use crate::support::host::{Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::planted::{SECRET, planted};
use crate::support::site::{OWNER, Site};

fn concurrent(options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let time: &[&str] = if options.contains(&"--time") {
        &[]
    } else {
        &["--time", "2s"]
    };
    let options = [&["--name", "app"], time, options].concat();
    let host = Host::start(&site, &guest("concurrent"), &options);
    (site, host)
}

/// Checks that a call fails as it should while others are answered.
fn check(endpoint: &str, options: &[&str], expected: &str) {
    let (_site, host) = concurrent(options);
    check_failure(&host, endpoint, expected);
    assert!(
        host.peak_memory() < 400 << 20,
        "{} bytes",
        host.peak_memory()
    );
}

#[test]
fn one_host_serves_apps_for_both() {
    let site = Site::new();
    let installed = Installation::new(&site);
    for (name, component) in [("older", "async-tasks"), ("newer", "wasi-0-3")] {
        installed.put(name, &fs::read(example(component)).unwrap());
    }
    // The second host finds their compiled code.
    for _ in 0..2 {
        let serving = Serving::start(&site, &[]);
        for (name, endpoint) in [
            ("older", "api/v1/naps/together"),
            ("newer", "together"),
            ("older", "api/v1/naps/together"),
        ] {
            let body = json!({"ms": vec![250; 8]}).to_string();
            let answer = call(&site.rpc(name), endpoint, &body);
            assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
            let slept: Value = serde_json::from_str(&answer.text()).unwrap();
            let [sum, took] = ["sum_ms", "took_ms"].map(|key| slept[key].as_u64().unwrap());
            assert_eq!(sum, 2000, "{name}");
            assert!((250..sum).contains(&took), "{name}: not at a time: {slept}");
        }
        serving.stop();
    }
}

#[test]
fn its_endpoints_and_errors_are_those_of_any_app() {
    let site = Site::new();
    let host = Host::start(&site, &example("wasi-0-3"), &["--name", "app"]);
    let schema = fs::read_to_string(host.rpc.join("rpc.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let described = &schema["/together"]["description"];
    assert_eq!(described, "Sleeps several naps at a time.");
    let answer = call(&host.rpc, "together", r#"{"ms": "long"}"#);
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("invalid type"), "{}", answer.text());
}

#[test]
fn its_state_is_kept() {
    let (_site, host) = concurrent(&[]);
    let sent: Vec<_> = (0..20).map(|_| send(&host.rpc, "counts", None)).collect();
    let mut counted: Vec<u32> = (sent.iter())
        .map(|sent| sent.answer().text().parse().unwrap())
        .collect();
    counted.sort_unstable();
    assert_eq!(counted, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_loop_is_ended() {
    check("loop", &[], "timed-out");
}

#[test]
fn giving_way_for_ever_is_ended() {
    check("yields", &[], "timed-out");
}

#[test]
fn waiting_is_ended() {
    check("waits", &[], "timed-out");
}

#[test]
fn waiting_for_nothing_is_ended_at_once() {
    check("waits-for-nothing", &["--time", "10m"], "trapped");
}

#[test]
fn tasks_are_bounded() {
    check("starts-tasks", &[], "trapped");
}

#[test]
fn streams_are_bounded() {
    check("opens-streams", &[], "trapped");
    check("hands-streams-on", &[], "trapped");
}

#[test]
fn output_is_bounded() {
    check("prints", &["--time", "10m"], "too-much-output");
}

#[test]
fn memory_is_bounded_while_tasks_wait() {
    check("allocates-later", &["--memory", "16MiB"], "out-of-memory");
}

#[test]
fn what_was_closed_is_not_held() {
    let (_site, host) = concurrent(&["--time", "10m"]);
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
    let before = host.peak_memory();
    let answer = call(&host.rpc, "opens-and-closes", "");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    let more = host.peak_memory() - before;
    assert!(more < 64 << 20, "{more} bytes for 200,000 streams");
}

#[test]
fn an_answer_ends_all_tasks() {
    let (_site, host) = concurrent(&[]);
    for _ in 0..20 {
        assert_eq!(call(&host.rpc, "answers-then-waits", "").text(), "ok");
    }
    // What a task of theirs had logged would be here by now.
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
    let log = host.log();
    let after = log
        .iter()
        .find(|line| line["message"] == "after the answer");
    assert_eq!(after, None);
}

/// The guest has answered, but it does not give way, and nobody is told what it said.
#[test]
fn computing_on_without_giving_way_is_ended() {
    check("answers-then-loops", &[], "timed-out");
}

#[test]
fn what_is_not_offered_is_refused_by_its_name() {
    let site = Site::new();
    let component = guest("wants-sockets-of-wasi-0-3");
    let mut command = syft_host(&site);
    command.arg("run").arg(&component);
    command.args(["--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    let expected = "the component imports `wasi:sockets/ip-name-lookup@0.3.0`, which no app can have\n\
                    hint: apps can import";
    assert!(error.contains(expected), "{error}");
}

/// Returns a host of a probing guest, to which what is usual was granted.
fn probing(site: &Site, guest: &str, options: &[&str]) -> Host {
    let read = ["{datasite}/public/**", "*/public/scores.json"];
    let approved = Approved::new(&read, &["{app_data}/out/**"], &[]);
    start_files_of(site, guest, &approved, options)
}

/// Steps that both guests for files know: what was granted, and what was not.
fn steps() -> Value {
    let own = |path: &str| format!("{OWNER}/{path}");
    let out = |name: &str| own(&format!("app_data/app/out/{name}"));
    let steps = [
        json!({"stat_at": ["root", own("public/open.txt")]}),
        json!({"stat_at": ["root", own("private/key.txt")]}),
        json!({"stat_at": ["root", "../outside/key.txt"]}),
        json!({"open": ["root", own("public/open.txt"), "r", "open"]}),
        json!({"open": ["root", own("private/key.txt"), "r", "key"]}),
        json!({"open": ["root", own("public/open.txt"), "w", "no"]}),
        json!({"open": ["root", own("public"), "d", "public"]}),
        json!({"open": ["root", own("private"), "d", "private"]}),
        json!({"read_via_stream": ["open", 0]}),
        json!({"read_via_stream": ["open", 2]}),
        json!({"read_via_stream": ["open", u64::MAX]}),
        json!({"write_via_stream": ["open", "over", 0]}),
        json!({"read_directory": "root"}),
        json!({"read_directory": "public"}),
        json!({"stat": "public"}),
        json!({"get_type": "open"}),
        json!({"is_same_object": ["open", "public"]}),
        json!({"metadata_hash": "open"}),
        json!({"metadata_hash_at": ["root", own("private/key.txt")]}),
        json!({"open": ["root", out("new.txt"), "crwx", "new"]}),
        json!({"open": ["root", out("new.txt"), "crwx", "again"]}),
        json!({"write_via_stream": ["new", "some text", 0]}),
        json!({"append_via_stream": ["new", ", and more"]}),
        json!({"write_via_stream": ["new", "SOME", 0]}),
        json!({"read_via_stream": ["new", 0]}),
        json!({"set_size": ["new", 4]}),
        json!({"stat": "new"}),
        json!({"set_times": ["new", 1_000_000]}),
        json!({"set_times_at": ["root", out("old.txt"), 1_000_000]}),
        json!({"set_times_at": ["root", own("public/open.txt"), 1_000_000]}),
        json!({"sync": "new"}),
        json!({"create_directory_at": ["root", out("folder")]}),
        json!({"create_directory_at": ["root", own("folder")]}),
        json!({"rename_at": ["root", out("new.txt"), "root", out("folder/moved.txt")]}),
        json!({"rename_at": ["root", out("folder"), "root", out("other")]}),
        json!({"rename_at": ["root", out("other"), "root", own("public/other")]}),
        json!({"link_at": ["root", own("public/open.txt"), "root", out("link")]}),
        json!({"symlink_at": ["root", "/etc/passwd", out("link")]}),
        json!({"readlink_at": ["root", own("public/open.txt")]}),
        json!({"remove_directory_at": ["root", out("other")]}),
        json!({"unlink_file_at": ["root", out("other/moved.txt")]}),
        json!({"remove_directory_at": ["root", out("other")]}),
        json!({"unlink_file_at": ["root", own("private/key.txt")]}),
        json!({"open": ["root", own("syft.pub.yaml"), "w", "rules"]}),
        json!({"hold_open": ["root", own("public/open.txt"), 1000]}),
    ];
    steps.map(|step| json!({"raw": step})).into_iter().collect()
}

#[test]
fn files_are_granted_as_in_other_apps() {
    let [older, newer] = ["files", "files-0-3"].map(|guest| {
        let site = planted();
        let host = probing(&site, guest, &[]);
        (ops(&host, &steps()), site)
    });
    assert!(!newer.0.to_string().contains(SECRET), "{}", newer.0);
    let (expected, found) = (older.0.as_array().unwrap(), newer.0.as_array().unwrap());
    for (n, step) in steps().as_array().unwrap().iter().enumerate() {
        assert_eq!(found[n], expected[n], "{step}");
    }
    for site in [older.1, newer.1] {
        let left = fs::read_to_string(site.own("public/open.txt")).unwrap();
        assert_eq!(left, "open");
    }
}

#[test]
fn a_call_that_fails_leaves_nothing_in_files() {
    let site = planted();
    let host = probing(&site, "files-0-3", &[]);
    let out = |name: &str| format!("{OWNER}/app_data/app/out/{name}");
    let own = |name: &str| site.own(&format!("app_data/app/out/{name}"));
    let step = |step: Value| json!({ "raw": step });
    let changes = [
        json!({"open": ["root", out("new.txt"), "cw", "new"]}),
        json!({"write_via_stream": ["new", "text", 0]}),
        json!({"open": ["root", out("old.txt"), "rw", "old"]}),
        json!({"append_via_stream": ["old", " and more"]}),
        json!({"read_via_stream": ["old", 0]}),
        json!({"create_directory_at": ["root", out("folder")]}),
        json!({"rename_at": ["root", out("new.txt"), "root", out("folder/moved.txt")]}),
    ];
    let changes: Vec<Value> = changes.into_iter().map(step).collect();
    let failing = [&changes[..], &[step(json!({"panic": "on purpose"}))]].concat();
    let answer = call(&host.rpc, "ops", &Value::from(failing).to_string());
    assert_eq!(answer.status(), 500, "{}", answer.text());
    assert_eq!(fs::read_to_string(own("old.txt")).unwrap(), "old");
    assert!(!own("new.txt").exists() && !own("folder").exists());
    let outcomes = ops(&host, &Value::from(changes));
    assert_eq!(outcomes[4], json!({"ok": "old and more"}), "{outcomes}");
    assert_eq!(fs::read_to_string(own("old.txt")).unwrap(), "old and more");
    let moved = fs::read_to_string(own("folder/moved.txt")).unwrap();
    assert_eq!(moved, "text");
}

#[test]
fn files_within_the_host_end_where_the_budget_ends() {
    let site = planted();
    let host = probing(&site, "files-0-3", &["--time", "5m"]);
    let at = |name: &str| format!("{OWNER}/app_data/app/out/{name}");
    let steps = json!([
        {"raw": {"open": ["root", at("copy.txt"), "crw", "copy"]}},
        {"raw": {"open": ["root", at("old.txt"), "rw", "old"]}},
        {"raw": {"pipe": ["old", "copy"]}},
        {"raw": {"read_via_stream": ["copy", 0]}},
        {"raw": {"open": ["root", at("large.txt"), "crw", "large"]}},
        {"raw": {"set_size": ["large", 63 << 20]}},
        {"raw": {"pipe": ["copy", "copy"]}},
        {"raw": {"hold_listings": ["root", 1000]}},
    ]);
    let outcomes = ops(&host, &steps);
    assert_eq!(outcomes[2], json!({"ok": null}));
    assert_eq!(outcomes[3], json!({"ok": "old"}));
    // It reads what it has appended, until it may write no more.
    assert_eq!(outcomes[5], json!({"ok": null}));
    assert_eq!(outcomes[6], json!({"error": "quota"}));
    assert_eq!(outcomes[7]["ok"]["error"], "quota");
    assert!(outcomes[7]["ok"]["held"].as_u64().unwrap() < 128);
    assert!(
        host.peak_memory() < 400 << 20,
        "{} bytes",
        host.peak_memory()
    );
}
