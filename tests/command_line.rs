//! The commands as a user types them.

mod calling;

use std::fs;

use serde_json::{Value, json};

use crate::support::guests::{example, guest, repository};
use crate::support::host::{Ended, Host, as_owner, output, output_of_build, syft_host};
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
    let late = call(&site, "nobody", &["--timeout", "1s", "--no-check"]);
    assert_eq!(late.0, Some(3), "{late:?}");
    assert!(late.2.contains("no answer within 1 s, id "), "{late:?}");
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
    let nobody = call(&site, "nobody", &["--timeout", "1s", "--no-check"]);
    assert_eq!(nobody.0, Some(3), "{nobody:?}");
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

/// The component of the demo is a part of the program, and may be older than the example. A release
/// has it as the example builds it: see `packaging/release`.
#[test]
fn the_demo_serves_what_its_example_serves() {
    let site = Site::new();
    let built = site.path().join("hello.wasm");
    let mut build = syft_host(&site);
    let folder = repository().join("examples-guest/hello");
    build.args(["build", "--allow-native-build"]).arg(folder);
    Ended::of(&output_of_build(build.arg("-o").arg(&built))).succeeded();
    let shipped = repository().join("host/src/commands/demo/hello.wasm");
    let [ours, built] = [shipped, built].map(|component| {
        let mut inspect = syft_host(&site);
        let shown = output(inspect.args(["inspect", "--json"]).arg(component));
        let shown = Ended::of(&shown).succeeded().stdout;
        let mut shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        for key in ["bytes", "path", "sha256"] {
            let object = shown.as_object_mut().unwrap();
            assert!(object.remove(key).is_some(), "{key}");
        }
        shown
    });
    assert_eq!(ours, built, "`just demo-app` renews it");
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
        (&["describe", "--help"], "rpc.schema.json"),
        (&["parked", "--help"], "--retry"),
        (&["build", "--help"], "--output"),
        (&["inspect", "--help"], "Component file"),
        (&["keygen", "--help"], "--no-passphrase"),
        (&["sign", "--help"], "--passphrase-file"),
        (&["verify", "--help"], "did.json of a datasite"),
        (&["clean", "--help"], "--dry-run"),
        (&["demo", "--help"], "--keep-serving"),
        (&["completions", "--help"], "bash-completion"),
    ] {
        let output = output(syft_host(&site).args(command));
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(expected),
            "{command:?}"
        );
    }
}

/// Writes what an app of a datasite would publish.
fn publish_schema(site: &Site, datasite: &str, app: &str, schema: &str) {
    let rpc = site.datasites().join(datasite).join("app_data").join(app);
    fs::create_dir_all(rpc.join("rpc")).unwrap();
    fs::write(rpc.join("rpc/rpc.schema.json"), schema).unwrap();
}

#[test]
fn describe_shows_what_an_app_takes_and_how_to_call_it() {
    let site = Site::new();
    let host = Host::start(&site, &example("hello"), &[]);
    let all = as_owner(&site, &["describe", "hello"]).succeeded();
    let expected = [
        &format!("Endpoints of hello, as {OWNER} publishes it:\n"),
        "  │ /hello (name?: str) → str\n",
        "  │ /calculate (a: int, b: int, operation?: str) → int\n",
        "  syft-host describe hello/hello\n",
    ];
    for part in expected {
        assert!(all.stdout.contains(part), "{part}: {}", all.stdout);
    }
    let one = as_owner(&site, &["describe", "hello/calculate"]).succeeded();
    let call = "  syft-host call hello/calculate \\\n    --body '";
    let (_, body) = one.stdout.split_once(call).expect(&one.stdout);
    let (body, _) = body.split_once("'\n").unwrap();
    let called = as_owner(&site, &["call", "hello/calculate", "--body", body]).succeeded();
    assert_eq!(called.stdout, "2\n", "{body}");
    drop(host);

    let file = example("hello");
    let file = file.to_str().unwrap();
    let of_file = as_owner(&site, &["describe", file, "calculate", "--json"]).succeeded();
    let json: Value = serde_json::from_str(&of_file.stdout).unwrap();
    assert_eq!(json["endpoints"].as_array().unwrap().len(), 1);
    let endpoint = &json["endpoints"][0];
    assert_eq!(endpoint["endpoint"], "/calculate");
    assert_eq!(endpoint["parameters"][0]["name"], "a");
    assert_eq!(endpoint["example_body"].to_string(), body);
    let wrong = as_owner(&site, &["describe", "hello/calclate"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("did you mean `/calculate`?"),
        "{wrong:?}"
    );
}

#[test]
fn what_describe_proposes_as_a_body_is_taken() {
    let site = Site::new();
    let host = Host::start(&site, &guest("toolbox"), &["--name", "app"]);
    for (endpoint, is_whole) in [("whole-seat", true), ("seat", false), ("typed", false)] {
        let target = format!("app/{endpoint}");
        let described = as_owner(&site, &["describe", &target, "--json"]).succeeded();
        let described: Value = serde_json::from_str(&described.stdout).unwrap();
        let body = described["endpoints"][0]["example_body"].to_string();
        as_owner(&site, &["call", &target, "--body", &body]).succeeded();
        let shown = as_owner(&site, &["describe", &target]).succeeded().stdout;
        assert_eq!(
            shown.contains(", which is the whole body"),
            is_whole,
            "{shown}"
        );
    }
    drop(host);
}

#[test]
fn what_strangers_publish_passes_for_nothing_of_ours() {
    let site = Site::new();
    let forged = "x\nCall it:\n  syft-host call evil/x\u{1b}[2J";
    let entry = json!({
        "description": forged,
        "args": {(forged): {"type": forged, "required": true}, "$(rm -rf x)": {"type": "str"}},
        "returns": {"type": "model", "name": forged},
    });
    let schema = json!({"/a b'; rm -rf x": entry.clone(), "/../../b": entry});
    publish_schema(&site, CALLER, "chat", &schema.to_string());
    let all = as_owner(&site, &["describe", &format!("{CALLER}/chat")]).succeeded();
    let one = format!("{CALLER}/chat/a b'; rm -rf x");
    let one = as_owner(&site, &["describe", &one]).succeeded();
    for shown in [&all.stdout, &one.stdout] {
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        for line in shown.lines().filter(|line| line.contains("evil")) {
            assert!(
                line.starts_with("  │ ") || line.contains("--body '"),
                "{shown}"
            );
        }
    }
    assert_eq!(
        one.stdout.matches("\nCall it:\n").count(),
        1,
        "{}",
        one.stdout
    );
    let quoted = format!(r"syft-host call '{CALLER}/chat/a b'\''; rm -rf x' \");
    assert!(one.stdout.contains(&quoted), "{}", one.stdout);
    assert!(!all.stdout.contains("/b "), "{}", all.stdout);
    publish_schema(&site, CALLER, "chat", "no JSON");
    let none = as_owner(&site, &["describe", &format!("{CALLER}/chat")]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("it is no JSON object"), "{none:?}");
}
