//! What lies in the tree before the host starts, and what it makes of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use uuid::Uuid;

use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

fn start(site: &Site) -> Host {
    Host::start(site, &guest("probe"), &["--name", "app"])
}

/// Starts the probe where that must be refused, with a host's folder of its own if
/// one is given, and returns the error.
fn refusal(site: &Site, home: Option<&Path>) -> String {
    let mut command = syft_host(site);
    if let Some(home) = home {
        command.env("SYFT_HOST_HOME", home);
    }
    command
        .arg("run")
        .arg(guest("probe"))
        .args(["--name", "app", "--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    error
}

#[test]
fn answers_five_thousand_requests_that_lie_there() {
    let site = Site::new();
    let rpc = site.rpc("app");
    let sent: Vec<(String, Sent)> = (0..5_000)
        .map(|n| {
            let (id, body) = (Uuid::new_v4(), format!("body {n}"));
            let sender = format!("user{}@example.com", n % 50);
            let bytes = request(id, &sender, "echo", Some(body.as_bytes())).to_string();
            (
                body,
                Sent::write(&rpc.join("echo").join(sender), id, bytes.as_bytes()),
            )
        })
        .collect();
    let _host = start(&site);
    for (body, sent) in sent {
        let answer = sent.answer();
        assert_eq!((answer.status(), answer.text()), (200, body));
    }
}

#[test]
fn answers_requests_of_the_older_layout_in_place() {
    let site = Site::new();
    let id = Uuid::new_v4();
    let bytes = request(id, CALLER, "deep/er", Some(b"old")).to_string();
    let sent = Sent::write(&site.rpc("app").join("deep/er"), id, bytes.as_bytes());
    let _host = start(&site);
    assert_eq!(sent.answer().status(), 200);
}

#[test]
fn does_not_answer_again_what_is_answered() {
    let site = Site::new();
    let rpc = site.rpc("app");
    let answered = send(&rpc, "echo", None);
    fs::write(answered.response_path(), "{\"kept\":true}").unwrap();
    let pending = send(&rpc, "echo", None);
    let _host = start(&site);
    assert_eq!(pending.answer().status(), 200);
    assert_eq!(
        fs::read_to_string(answered.response_path()).unwrap(),
        "{\"kept\":true}"
    );
}

#[test]
fn makes_each_endpoint_a_folder_that_sync_keeps() {
    let site = Site::new();
    let host = start(&site);
    for endpoint in host.ready["endpoints"].as_array().unwrap() {
        let folder = host
            .rpc
            .join(endpoint.as_str().unwrap().trim_start_matches('/'));
        assert!(folder.join(".syftkeep").is_file(), "{}", folder.display());
    }
}

#[test]
fn keeps_the_rules_that_an_owner_edited() {
    let site = Site::new();
    fs::create_dir_all(site.rpc("app")).unwrap();
    let rules = site.rpc("app").join("syft.pub.yaml");
    fs::write(&rules, "rules: []\n").unwrap();
    start(&site).stop();
    start(&site).stop();
    assert_eq!(fs::read_to_string(rules).unwrap(), "rules: []\n");
}

/// They let everybody make folders of any name, and were for any endpoint.
#[test]
fn replaces_rules_of_its_own_that_nobody_edited() {
    use syft_protocol::address::Endpoint;
    use syft_protocol::permissions::{RELEASED_RPC_RULES, rpc_rules};
    let site = Site::new();
    fs::create_dir_all(site.rpc("app")).unwrap();
    let rules = site.rpc("app").join("syft.pub.yaml");
    let others = rpc_rules(std::iter::once(&Endpoint::parse("other").unwrap()));
    for before in [RELEASED_RPC_RULES, &others] {
        fs::write(&rules, before).unwrap();
        start(&site).stop();
        let now = fs::read_to_string(&rules).unwrap();
        assert!(now.contains("'echo/{{.UserEmail}}/"), "{now}");
        assert!(!now.contains("'other/") && !now.contains("**/"), "{now}");
    }
    // A rule less, of one endpoint, is an owner's edit.
    let edited = others.replace("- pattern: 'other", "- pattern: 'mine");
    fs::write(&rules, &edited).unwrap();
    start(&site).stop();
    assert_eq!(fs::read_to_string(&rules).unwrap(), edited);
}

#[test]
fn keeps_the_schema_up_to_date_and_lets_an_equal_one_be() {
    let site = Site::new();
    start(&site).stop();
    let path = site.rpc("app").join("rpc.schema.json");
    let (first, time) = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    start(&site).stop();
    assert_eq!(
        fs::metadata(&path).unwrap().modified().unwrap(),
        time,
        "not written again"
    );
    fs::write(&path, "{}").unwrap();
    start(&site).stop();
    assert_eq!(fs::read(&path).unwrap(), first);
}

#[test]
fn publishes_no_schema_where_the_owner_wants_none() {
    let site = Site::new();
    Host::start(&site, &guest("probe"), &["--name", "app", "--no-schema"]).stop();
    assert!(!site.rpc("app").join("rpc.schema.json").exists());
}

#[test]
fn answers_expired_requests_without_running_them() {
    let site = Site::new();
    let id = Uuid::new_v4();
    let mut expired = request(id, CALLER, "fail", None);
    expired["expires"] = "2020-01-01T00:00:00+00:00".into();
    let folder = site.rpc("app").join("fail").join(CALLER);
    let sent = Sent::write(&folder, id, expired.to_string().as_bytes());
    let _host = start(&site);
    let answer = sent.answer();
    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (419, "Request expired")
    );
    assert_eq!(answer.json["expires"], "2020-01-01T00:00:00+00:00");
}

#[test]
fn deletes_requests_and_answers_that_had_their_time() {
    let site = Site::new();
    let rpc = site.rpc("app");
    let aged = |created: &str| {
        let id = Uuid::new_v4();
        let mut old = request(id, CALLER, "echo", None);
        old["created"] = created.into();
        let sent = Sent::write(
            &rpc.join("echo").join(CALLER),
            id,
            old.to_string().as_bytes(),
        );
        fs::write(sent.response_path(), "{}").unwrap();
        sent
    };
    let (old, young) = (
        aged("2020-01-01T00:00:00+00:00"),
        aged("2998-01-01T00:00:00+00:00"),
    );
    let id = Uuid::new_v4();
    let broken = Sent::write(&rpc.join("echo").join(CALLER), id, b"no request");
    let options = ["--name", "app", "--sweep-every", "1s"];
    let host = Host::start(&site, &guest("probe"), &options);
    wait_for("the old request to go", || {
        (!old.path.exists()).then_some(())
    });
    wait_for("its answer to go", || {
        (!old.response_path().exists()).then_some(())
    });
    assert!(young.path.exists() && young.response_path().exists());
    assert_eq!(broken.answer().status(), 400, "what has no age is answered");
    host.stop();
    assert!(broken.path.exists(), "and kept");
}

#[test]
fn refuses_to_serve_through_a_symlink() {
    for link in [
        "app_data",
        "app_data/app",
        "app_data/app/rpc",
        "app_data/app/rpc/echo",
    ] {
        let site = Site::new();
        let outside = site.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        let place = site.datasites().join(OWNER).join(link);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(&outside, &place).unwrap();
        refusal(&site, None);
        assert_eq!(
            fs::read_dir(&outside).unwrap().count(),
            0,
            "nothing is written through {link}"
        );
    }
}

#[test]
fn refuses_to_keep_compiled_code_where_others_write() {
    let site = Site::new();
    let error = refusal(&site, Some(&site.datasites().join("home")));
    assert!(
        error.contains("inside the synced folder") && error.contains("hint: set SYFT_HOST_HOME")
    );
}

#[test]
fn reads_the_config_of_the_released_client() {
    let site = Site::new();
    let config = site.config(OWNER);
    for (option, variable) in [(true, false), (false, true)] {
        let mut command = syft_host(&site);
        command
            .arg("run")
            .arg(guest("probe"))
            .args(["--name", "app"]);
        if option {
            command.arg("--config").arg(&config);
        }
        if variable {
            command.env("SYFTBOX_CLIENT_CONFIG_PATH", &config);
        }
        let host = Host::spawn(&site, command);
        assert_eq!(host.rpc, site.rpc("app").canonicalize().unwrap());
        assert_eq!(host.ready["local"], false);
        assert_eq!(call(&host.rpc, "echo", "x").status(), 200);
    }
}

#[test]
fn serves_a_local_datasite_where_there_is_no_syftbox() {
    let site = Site::new();
    let home = site.path().join("home");
    let mut command = syft_host(&site);
    command.env("SYFT_HOST_HOME", &home);
    command
        .arg("run")
        .arg(guest("probe"))
        .args(["--name", "app"]);
    let host = Host::spawn(&site, command);
    assert_eq!(host.ready["local"], true);
    assert!(
        host.rpc.starts_with(home.canonicalize().unwrap()),
        "{}",
        host.rpc.display()
    );
    let datasite = host.ready["datasite"].as_str().unwrap();
    let url = format!("syft://{datasite}/app_data/app/rpc/text");
    let mut command = syft_host(&site);
    command
        .env("SYFT_HOST_HOME", &home)
        .args(["call", &url, "--body", "World"]);
    let output = output(&mut command);
    assert!(output.status.success(), "{output:?}");
}

/// What is looked for in a home is not missed by who has said where all else is.
#[test]
fn needs_no_home_where_its_folder_is_said() {
    let site = Site::new();
    let home = site.path().join("home");
    let mut command = syft_host(&site);
    command
        .env("HOME", "nowhere")
        .env("SYFT_HOST_HOME", &home)
        .args(["list", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    let output = output(&mut command);
    assert!(output.status.success(), "{output:?}");
    assert!(home.join("data/installed").is_dir());
}

#[test]
fn does_not_delete_an_old_request_that_can_still_be_answered() {
    let site = Site::new();
    let id = Uuid::new_v4();
    let mut old = request(id, CALLER, "sleep", Some(br#"{"ms":1000}"#));
    old["created"] = "2020-01-01T00:00:00+00:00".into();
    let folder = site.rpc("app").join("sleep").join(CALLER);
    let sent = Sent::write(&folder, id, old.to_string().as_bytes());
    let _host = start(&site);
    assert_eq!(sent.answer().status(), 200);
}

#[test]
fn a_second_host_of_the_same_app_is_refused() {
    let site = Site::new();
    let host = start(&site);
    let error = refusal(&site, None);
    let expected = format!(
        "another host, process {}, serves",
        host.pid().as_raw_nonzero()
    );
    assert!(error.contains(&expected), "{error}");
    host.stop();
    start(&site).stop();
}

/// The state of such a host is another, so only the tree can tell.
#[test]
fn a_second_host_with_a_folder_of_its_own_is_refused_too() {
    let site = Site::new();
    let _host = start(&site);
    let error = refusal(&site, Some(&site.path().join("home")));
    assert!(
        error.contains("another host") && error.contains("app_data/app/rpc already"),
        "{error}"
    );
}

#[test]
fn loads_no_compiled_code_that_others_could_have_written() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let home = site.path().join("home");
    let compiled = home.join("cache/compiled");
    fs::create_dir_all(&compiled).unwrap();
    fs::set_permissions(&compiled, fs::Permissions::from_mode(0o777)).unwrap();
    let error = refusal(&site, Some(&home));
    assert!(error.contains("can be written by others"), "{error}");
}

#[test]
fn refuses_times_without_bound() {
    let site = Site::new();
    for option in ["--time", "--keep", "--sweep-every"] {
        let mut command = syft_host(&site);
        command.args(["run", "x.wasm", option, "200000000000000d"]);
        assert_eq!(output(&mut command).status.code(), Some(2), "{option}");
    }
}
