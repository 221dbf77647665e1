//! The commands as a user types them.

use std::fs;

use crate::support::guests::{example, guest, repository};
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{CALLER, OWNER, Site};

/// Runs `syft-host call` as the caller, and returns exit code, stdout and stderr.
fn call(site: &Site, endpoint: &str, options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = syft_host(site);
    let url = format!("syft://{OWNER}/app_data/app/rpc/{endpoint}");
    command
        .args(["call", &url, "--email", CALLER, "--data-dir"])
        .arg(site.data_dir());
    let output = output(command.args(options));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn probe() -> (Site, Host) {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    (site, host)
}

#[test]
fn call_prints_the_answer_and_tells_by_its_exit_code_what_came_of_it() {
    let (site, _host) = probe();
    let ok = call(&site, "text", &["--body", "World"]);
    assert_eq!(
        (ok.0, ok.1.trim_end().is_empty()),
        (Some(0), false),
        "{ok:?}"
    );
    let refused = call(&site, "refuse", &[]);
    assert_eq!(refused.0, Some(1), "{refused:?}");
    assert!(refused.2.contains("error: 409 Conflict"), "{refused:?}");
    let late = call(&site, "nobody", &["--timeout", "1s"]);
    assert_eq!(late.0, Some(3), "{late:?}");
    assert!(late.2.contains("no answer within 1s"), "{late:?}");
    let wrong = call(&site, "echo", &["--method", "fetch"]);
    assert_eq!(wrong.0, Some(2), "{wrong:?}");
    assert!(wrong.2.contains("hint: use GET"), "{wrong:?}");
}

#[test]
fn an_error_sends_no_control_characters_to_the_terminal() {
    let site = Site::new();
    let wrong = call(&site, "echo", &["--method", "\u{1b}[31mFETCH\u{202e}"]);
    let expected = "error: `\u{fffd}[31mFETCH\u{fffd}` is no method\n";
    assert!(wrong.2.starts_with(expected), "{wrong:?}");
}

#[test]
fn call_leaves_nothing_behind() {
    let (site, host) = probe();
    assert_eq!(call(&site, "echo", &[]).0, Some(0));
    assert_eq!(call(&site, "nobody", &["--timeout", "1s"]).0, Some(3));
    for endpoint in ["echo", "nobody"] {
        let folder = host.rpc.join(endpoint).join(CALLER);
        let left = fs::read_dir(&folder).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        // It keeps the folder, which SyftBox's client would remove and not see again.
        assert_eq!(left, [".syftkeep"], "{}", folder.display());
    }
}

#[test]
fn call_takes_a_body_from_a_file_and_headers() {
    let (site, _host) = probe();
    let body = site.path().join("body");
    fs::write(&body, "from a file").unwrap();
    let body = format!("@{}", body.display());
    let options = ["--body", &body, "-H", "X-A: 1", "--method", "put", "--json"];
    let (code, stdout, stderr) = call(&site, "echo", &options);
    assert_eq!(code, Some(0), "{stderr}");
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["body"], "from a file");
    assert_eq!(answer["headers"]["X-A"], "1");
    assert_eq!(answer["status_code"], 200);
}

#[test]
fn call_is_refused_where_the_url_names_no_endpoint() {
    let site = Site::new();
    for url in [
        "https://example.com/",
        "syft://nobody",
        "syft://a@b.co/public/x",
        "syft://a@b.co/app_data/x/rpc/../../y",
    ] {
        let output = output(syft_host(&site).args(["call", url]));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{url}: {stderr}");
        assert!(stderr.starts_with("error: "), "{url}: {stderr}");
    }
}

#[test]
fn run_builds_a_crate_first() {
    let site = Site::new();
    // Built by the other tests' build too, into its own folder.
    let folder = repository().join("examples-guest/hello");
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(folder)
        .args(["--allow-native-build", "--email", OWNER, "--data-dir"]);
    let host = Host::spawn(&site, {
        command.arg(site.data_dir());
        command
    });
    assert_eq!(host.ready["app"], "hello");
    let answer = crate::support::client::call(&host.rpc, "hello", r#"{"name":"Ada"}"#);
    assert_eq!(answer.text(), "Hello, Ada!");
}

/// Runs `syft-host run` on something that is no app.
fn run_error(site: &Site, app: &std::path::Path, options: &[&str]) -> String {
    let mut command = syft_host(site);
    command
        .arg("run")
        .arg(app)
        .args(options)
        .args(["--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        !site.datasites().join(OWNER).exists(),
        "nothing is made for it"
    );
    stderr
}

#[test]
fn run_says_why_a_file_is_no_app() {
    let site = Site::new();
    let core = site.path().join("core.wasm");
    fs::write(&core, b"\0asm\x01\0\0\0").unwrap();
    let text = site.path().join("text.wasm");
    fs::write(&text, "(component)").unwrap();
    let huge = site.path().join("huge.wasm");
    fs::File::create(&huge).unwrap().set_len(65 << 20).unwrap();
    let absent = site.path().join("absent.wasm");
    for (path, expected) in [
        (
            core,
            "not a component\nhint: build it for the target wasm32-wasip2",
        ),
        (text, "not a valid component"),
        (huge, "has 68157440 bytes; at most 67108864 are allowed"),
        (absent, "No such file"),
        (
            guest("not-an-app"),
            "does not export `syft:app/rpc@0.1.0` or `syft:app/rpc@0.2.0`\nhint: list its handlers",
        ),
        (
            guest("wants-unknown-import"),
            "which no app can have\nhint: apps can import",
        ),
    ] {
        let error = run_error(&site, &path, &[]);
        assert!(error.contains(expected), "{}: {error}", path.display());
    }
}

#[test]
fn run_wants_a_name_that_is_a_folder() {
    let site = Site::new();
    for name in ["../x", "a//b", "a/rpc", "", ".hidden", "logs"] {
        let error = run_error(&site, &example("hello"), &["--name", name]);
        assert!(
            error.contains("is no app name") && error.contains("hint: give the app a name"),
            "{error}"
        );
    }
}

#[test]
fn the_demo_shows_a_request_and_its_answer() {
    let site = Site::new();
    let mut command = syft_host(&site);
    let output = output(command.arg("demo"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for expected in [
        "bob@example.org calls syft://alice@example.org/app_data/hello/rpc/hello",
        r#"request   {"name":"Ada"}"#,
        "Hello, Ada!",
        "400 Bad Request",
        "What to try next:",
    ] {
        assert!(stdout.contains(expected), "{expected} is not in:\n{stdout}");
    }
}

#[test]
fn commands_have_the_names_that_people_type() {
    let site = Site::new();
    for (typed, expected) in [
        (&["ls"][..], "No app is installed"),
        (&["ps"], "No app is installed"),
        (&["upgrade"], "No app is installed"),
        (&["uninstall", "greeter"], "no app `greeter` is installed"),
        (&["rm", "greeter"], "no app `greeter` is installed"),
    ] {
        let output = output(syft_host(&site).args(typed));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(expected), "{typed:?}: {said}");
    }
}

#[test]
fn that_nobody_reads_on_is_no_error() {
    let site = Site::new();
    for command in [
        &["config"][..],
        &["list"],
        &["doctor"],
        &["clean", "--dry-run"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = syft_host(&site)
            .args(command)
            .stdout(writer)
            .spawn()
            .unwrap();
        assert!(command.wait().unwrap().success());
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = syft_host(&site)
        .arg("config")
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn there_are_colours_where_they_are_wanted() {
    let site = Site::new();
    let error = |variables: &[(&str, &str)], options: &[&str]| {
        let mut command = syft_host(&site);
        command.args(options).args(["rollback", "\u{1b}[31mx"]);
        let output = output(command.envs(variables.iter().copied()));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    const RED: &str = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m ";
    for (variables, options, is_painted) in [
        (&[][..], &[][..], false),
        (&[], &["--color", "always"], true),
        (&[("NO_COLOR", "1")], &["--color=always"], true),
        (&[("CLICOLOR_FORCE", "1")], &[], true),
        (
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
            &["--color", "never"],
            false,
        ),
        (&[("CLICOLOR_FORCE", "1")], &["--color", "never"], false),
    ] {
        let said = error(variables, options);
        assert_eq!(
            said.starts_with(RED),
            is_painted,
            "{variables:?} {options:?} {said:?}"
        );
        let left = said
            .replace(RED, "")
            .replace("\u{1b}[1m\u{1b}[36mhint:\u{1b}[0m", "");
        assert!(!left.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn help_names_every_option() {
    let site = Site::new();
    for (command, expected) in [
        (&["--help"][..], "Run SyftBox apps you do not trust"),
        (&["run", "--help"], "--memory"),
        (&["call", "--help"], "--timeout"),
        (&["parked", "--help"], "--retry"),
        (&["build", "--help"], "--output"),
        (&["inspect", "--help"], "Component file"),
        (&["keygen", "--help"], "--no-passphrase"),
        (&["sign", "--help"], "--passphrase-file"),
        (&["verify", "--help"], "did.json of a datasite"),
        (&["clean", "--help"], "--dry-run"),
        (&["demo", "--help"], "--keep-serving"),
    ] {
        let output = output(syft_host(&site).args(command));
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(expected),
            "{command:?}"
        );
    }
}
