//! What guests make the host hold is counted and bounded, for each call and for all together.

use std::fs;

use serde_json::json;

use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::host::{Host, output, peak_memory, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::Site;
use crate::support::wait_for;

/// More than one call may take at once, with what the host takes for itself.
const PEAK: usize = 400 << 20;

fn start(site: &Site, options: &[&str]) -> Host {
    Host::start(
        site,
        &guest("hoarder"),
        &[&["--name", "app"], options].concat(),
    )
}

/// Each kind of thing that a guest can make the host hold, in numbers far beyond what it may,
/// the status that comes of it, and how its answer begins where that says how far it came.
const KINDS: &[(&str, &str, u64, &str)] = &[
    // A handle keeps a copy of a value of 1 MiB.
    ("compare", r#"{"n":3000}"#, 200, "3"),
    ("swap", r#"{"n":3000}"#, 409, "Error::Other"),
    ("open", r#"{"n":9000}"#, 200, "9000"),
    ("open", r#"{"n":20000}"#, 500, ""),
    ("creep", r#"{"rounds":60}"#, 200, "33"),
    ("get-many", r#"{"n":15}"#, 200, "15 values"),
    ("get-many", r#"{"n":3000}"#, 200, "Error::Other"),
    ("get-nothing", r#"{"n":400000}"#, 200, ""),
    ("get-nothing", r#"{"n":1500000}"#, 500, ""),
    ("list", r#"{"n":12000}"#, 200, "120"),
    ("poll", r#"{"n":4000,"times":1}"#, 200, "1"),
    // More than it may lend to the host at once.
    ("poll", r#"{"n":1000,"times":300}"#, 500, ""),
    ("poll", r#"{"n":1000,"times":9000}"#, 500, ""),
    ("random", r#"{"n":200}"#, 200, "209715200"),
    ("log", r#"{"n":500}"#, 500, ""),
    ("fail", r#"{"bytes":15000000}"#, 500, ""),
    ("fail", r#"{"bytes":50000000}"#, 500, ""),
    ("refuse", r#"{"bytes":15000000}"#, 500, ""),
    ("answer", r#"{"bytes":15000000}"#, 500, ""),
    ("answer", r#"{"bytes":50000000}"#, 500, ""),
];

#[test]
fn whatever_a_guest_has_the_host_hold_is_bounded() {
    let site = Site::in_memory();
    let host = start(&site, &["--time", "60s"]);
    for (endpoint, body, status, begins) in KINDS {
        let answer = call(&host.rpc, endpoint, body);
        let text = answer.text();
        assert_eq!(answer.status(), *status, "{endpoint} {body}: {text}");
        assert!(text.starts_with(begins), "{endpoint} {body}: {text}");
        let peak = host.peak_memory();
        assert!(peak < PEAK, "{endpoint} {body}: {} MiB", peak >> 20);
    }
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "afterwards");
}

/// An overwrite that is refused leaves the count as it was: it neither falls, so that more
/// and more could be held, nor below zero, so that nothing could be written any more.
#[test]
fn a_refused_overwrite_changes_no_count() {
    let site = Site::in_memory();
    let host = start(&site, &["--time", "60s"]);
    let told = call(&host.rpc, "overwrite", r#"{"n":40}"#).text();
    assert_eq!(told, "33 written, 40 refused, then true");
}

/// Sends calls that take so much memory each.
fn fill(host: &Host, n_calls: usize, bytes: usize) -> Vec<Sent> {
    let body = json!({"bytes": bytes}).to_string();
    let send = |_| send(&host.rpc, "fill", Some(body.as_bytes()));
    (0..n_calls).map(send).collect()
}

#[test]
fn all_calls_together_keep_to_the_total_and_each_is_answered() {
    const N_CALLS: usize = 128;
    const BYTES: usize = 110 << 20;
    let site = Site::in_memory();
    let host = start(&site, &["--memory-total", "1GiB", "--time", "60s"]);
    let sent = fill(&host, N_CALLS, BYTES);
    for sent in sent {
        let answer = sent.answer();
        assert_eq!((answer.status(), answer.text()), (200, BYTES.to_string()));
    }
    // The host itself takes some beside it.
    let peak = host.peak_memory();
    assert!(peak < (1 << 30) + (128 << 20), "{} MiB", peak >> 20);
    // Whatever was ended for want of memory ran again, and was answered once.
    wait_for("the log to have them all", || {
        let log = host.log();
        let answered = log.iter().filter(|line| line["message"] == "answered");
        (answered.count() == N_CALLS).then_some(())
    });
}

/// A call that needs little is answered while others want far more than there is.
#[test]
fn small_calls_go_on_while_large_ones_wait() {
    let site = Site::in_memory();
    let host = start(&site, &["--memory-total", "256MiB", "--time", "60s"]);
    let large = fill(&host, 24, 100 << 20);
    for _ in 0..5 {
        assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "meanwhile");
    }
    for sent in large {
        assert_eq!(sent.answer().status(), 200);
    }
}

/// The total is of all apps: what one of them takes leaves room for another.
#[test]
fn an_app_that_takes_all_it_can_leaves_room_for_others() {
    let site = Site::in_memory();
    let installed = Installation::new(&site);
    let hoarder = fs::read(guest("hoarder")).unwrap();
    for name in ["greedy", "modest"] {
        installed.put(name, &hoarder);
    }
    let serving = Serving::start(&site, &["--memory-total", "512MiB"]);
    for name in ["greedy", "modest"] {
        serving.wait_for_nth(1, "app-started", name);
    }
    let body = json!({"bytes": 100 << 20}).to_string();
    let fill = |_| send(&site.rpc("greedy"), "fill", Some(body.as_bytes()));
    let large: Vec<Sent> = (0..24).map(fill).collect();
    for _ in 0..5 {
        let answer = call(&site.rpc("modest"), "ok", "");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    }
    for sent in large {
        assert_eq!(sent.answer().status(), 200);
    }
    let peak = peak_memory(serving.pid());
    assert!(peak < (512 << 20) + (128 << 20), "{} MiB", peak >> 20);
}

#[test]
fn the_total_is_at_least_what_one_call_takes() {
    let site = Site::new();
    for size in ["255MiB", "0KiB", "1", "-1GiB", "1GB"] {
        let mut command = syft_host(&site);
        command.args(["run", "app.wasm", &format!("--memory-total={size}")]);
        let output = output(&mut command);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("256MiB"), "{size}: {error}");
    }
}

#[test]
fn it_is_said_at_start_how_much_apps_may_take() {
    let site = Site::new();
    let host = start(&site, &["--memory-total", "3GiB"]);
    let line = host.wait_for_log("the total", |line| line["memory_total"] == "3 GiB");
    assert_eq!(line["level"], "INFO", "{line}");
}
