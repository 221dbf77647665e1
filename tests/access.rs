//! `syft-host access`: who may do what, by the rules in a tree.

mod asked;

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::guests::repository;
use crate::support::host::{output, syft_host};
use crate::support::site::{OWNER, Site};

/// Runs `syft-host access`, and returns exit code, stdout and stderr.
fn access(site: &Site, who: &str, path: &str, options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = syft_host(site);
    command
        .arg("access")
        .args(options)
        .arg("--data-dir")
        .arg(site.data_dir());
    let output = output(command.args(["--", who, path]));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    (output.status.code(), stdout, stderr)
}

/// What scripts are told.
fn told(site: &Site, who: &str, path: &str) -> Value {
    let (code, stdout, stderr) = access(site, who, path, &["--json"]);
    assert_eq!(code, Some(0), "{who} {path}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// What people are told.
fn shown(site: &Site, who: &str, path: &str) -> String {
    let (code, stdout, stderr) = access(site, who, path, &[]);
    assert_eq!(code, Some(0), "{who} {path}: {stderr}");
    stdout
}

fn plant(site: &Site, path: &str, text: &str) {
    let path = site.datasites().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A tree with the owner's folder, of which anybody may read `public/`.
fn site() -> Site {
    let site = Site::new();
    let rules = "rules:\n- pattern: '*.csv'\n  access: {write: [bob@example.com]}\n\
                 - pattern: '**'\n  access: {read: ['*']}\n";
    plant(&site, &format!("{OWNER}/public/syft.pub.yaml"), rules);
    site
}

/// Decides all cases of a file by trees on a disk, and returns how many.
fn check(name: &str) -> usize {
    let path = repository().join("host/protocol/cases/acl").join(name);
    let sets: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut n_cases = 0;
    for set in sets.as_array().unwrap() {
        let title = set["name"].as_str().unwrap();
        if set.get("now").is_some() {
            eprintln!("not run: {name}: {title}: it is about a day that is not today");
            continue;
        }
        if title == "a file below a path that is itself named like one" {
            eprintln!("not run: {name}: {title}: on a disk that is a folder, which closes");
            continue;
        }
        let site = Site::new();
        for (path, text) in set["files"].as_object().unwrap() {
            plant(&site, path, text.as_str().unwrap());
        }
        for case in set["cases"].as_array().unwrap() {
            let (user, path) = (case["user"].as_str(), case["path"].as_str());
            let (user, path) = (user.unwrap(), path.unwrap());
            let action = match case["action"].as_str().unwrap() {
                "create" => "write",
                action => action,
            };
            let told = told(&site, user, path);
            let allowed = &case["allowed"];
            assert_eq!(
                &told[action], allowed,
                "{title}: {action} {path} by {user}: {told}"
            );
            n_cases += 1;
        }
    }
    n_cases
}

#[test]
fn decides_as_the_server_in_all_147_cases() {
    assert_eq!(check("acl.json"), 147);
}

#[test]
fn decides_our_own_cases_too() {
    let folder = repository().join("host/protocol/cases/acl");
    let mut n_cases = 0;
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name != "acl.json" {
            n_cases += check(&name);
        }
    }
    assert!(n_cases > 100, "{n_cases}");
}

#[test]
fn names_the_file_and_the_rule_that_decide() {
    let site = site();
    let file = format!("{OWNER}/public/syft.pub.yaml");
    for (who, path, expected) in [
        (
            "bob@example.com",
            "public/a.csv",
            json!([true, true, false, file, "*.csv"]),
        ),
        (
            "bob@example.com",
            "public/a.txt",
            json!([true, false, false, file, "**"]),
        ),
        (
            "bob@example.com",
            "private/a.csv",
            json!([false, false, false, null, null]),
        ),
        (
            OWNER,
            "private/a.csv",
            json!([true, true, true, null, null]),
        ),
    ] {
        let path = format!("{OWNER}/{path}");
        let told = told(&site, who, &path);
        let found = ["read", "write", "admin", "file", "rule"].map(|key| &told[key]);
        assert_eq!(json!(found), expected, "{told}");
        assert_eq!((&told["email"], &told["path"]), (&json!(who), &json!(path)));
    }
}

#[test]
fn shows_people_what_decides() {
    let site = site();
    plant(
        &site,
        &format!("{OWNER}/closed/syft.pub.yaml"),
        "rules: [{pattern: a, access: {}}]",
    );
    let file = format!("{OWNER}/public/syft.pub.yaml");
    let alike = |answer: &str, words: &str| {
        ["read", "write", "admin"]
            .map(|what| format!("{what:<6} {answer:<4} {words}\n"))
            .concat()
    };
    for (who, path, expected) in [
        (
            "bob@example.com",
            "public/a.csv",
            format!(
                "read   yes  rule 1 (*.csv) of {file}\n\
                 write  yes  rule 1 (*.csv) of {file}\n\
                 admin  no   rule 1 (*.csv) of {file}\n"
            ),
        ),
        (
            "bob@example.com",
            "closed/b",
            alike(
                "no",
                &format!("no rule of {OWNER}/closed/syft.pub.yaml matches, which closes it"),
            ),
        ),
        (
            "bob@example.com",
            "private/x",
            alike("no", "no syft.pub.yaml applies"),
        ),
        (
            OWNER,
            "private/x",
            alike("yes", "the owner may do everything"),
        ),
        ("", "public/x", alike("no", "nobody has that name")),
    ] {
        assert_eq!(shown(&site, who, &format!("{OWNER}/{path}")), expected);
    }
}

#[test]
fn takes_any_text_for_a_name() {
    let site = site();
    for (who, reads) in [
        ("bob", true),
        ("*", true),
        ("*@example.com", true),
        ("guest@syftbox.net", true),
        ("{bob,eve}@example.com", true),
        ("owner@example.co", true),
        ("語@example.com", true),
        ("--json", true),
        ("-x@example.com", true),
        ("a b@example.com", true),
        ("../owner@example.com", false),
        ("owner@example.com/", false),
        ("", false),
    ] {
        let told = told(&site, who, &format!("{OWNER}/public/x"));
        assert_eq!(
            (&told["read"], &told["write"]),
            (&json!(reads), &json!(false)),
            "{told}"
        );
    }
    let too_long = "x".repeat(1025);
    assert_eq!(
        told(&site, &too_long, &format!("{OWNER}/public/x"))["read"],
        false
    );
}

#[test]
fn whom_the_host_runs_for_does_not_matter() {
    let site = site();
    let path = format!("{OWNER}/public/x");
    for options in [
        &["--json", "--email", "other@example.com"][..],
        &["--json", "--email", OWNER],
    ] {
        let (code, stdout, stderr) = access(&site, "bob@example.com", &path, options);
        assert_eq!(code, Some(0), "{stderr}");
        let told: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            (&told["email"], &told["admin"]),
            (&json!("bob@example.com"), &json!(false))
        );
    }
    let mut command = syft_host(&site);
    command.args(["access", "bob@example.com", &path, "--json", "--config"]);
    let output = output(command.arg(site.config(OWNER)));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["read"], true, "{told}");
}

#[test]
fn takes_paths_as_the_server_does() {
    let site = site();
    plant(
        &site,
        &format!("{OWNER}/public/team/syft.pub.yaml"),
        "rules: []",
    );
    let public = format!("{OWNER}/public");
    let outside = json!("the path leaves the root by `..`");
    let root = json!("the path names the root of all datasites");
    let long = format!("{public}/{}", "x/".repeat(3000));
    for (path, reads, reason) in [
        (format!("{public}/x"), true, None),
        (format!("/{public}/x"), true, None),
        (format!("//{public}//x/"), true, None),
        (format!("{public}/./x/."), true, None),
        (format!("{public}/team/../x"), true, None),
        (format!("{public}/x/../team/y"), false, None),
        (format!("{public}/x/../../private"), false, None),
        (format!("nobody@example.com/../{public}/x"), true, None),
        (format!("{OWNER}\\public\\x"), false, None),
        (format!("{public}/{}", "n".repeat(255)), true, None),
        (format!("../{public}/x"), false, Some(&outside)),
        (format!("/../{public}/x"), false, Some(&outside)),
        (format!("{OWNER}/../../{public}/x"), false, Some(&outside)),
        (String::new(), false, Some(&root)),
        ("/".to_owned(), false, Some(&root)),
        (format!("{OWNER}/.."), false, Some(&root)),
        (
            long,
            false,
            Some(&json!("the path is longer than 4096 bytes")),
        ),
    ] {
        let told = told(&site, "bob@example.com", &path);
        assert_eq!(told["read"], reads, "{path}: {told}");
        if let Some(reason) = reason {
            assert_eq!(&told["reason"], reason, "{path}");
        }
    }
    let absolute = site.datasites().join(&public).join("x");
    let told = told(&site, "bob@example.com", absolute.to_str().unwrap());
    assert_eq!(told["read"], false, "paths are below the datasites folder");
}

/// Makes folders with something of the name of a rules file in each that is none, below
/// rules that let carol in. Returns their names and what is said of them.
fn damaged(site: &Site) -> Vec<(&'static str, &'static str)> {
    let opens = "rules: [{pattern: '**', access: {read: ['*']}}]";
    let lets_carol = "rules: [{pattern: '**', access: {read: [carol@example.com]}}]";
    plant(site, &format!("{OWNER}/syft.pub.yaml"), lets_carol);
    plant(site, &format!("{OWNER}/real/syft.pub.yaml"), opens);
    fs::write(site.path().join("outside.yaml"), opens).unwrap();
    let rules = |folder: &str| {
        let folder = site.datasites().join(OWNER).join(folder);
        fs::create_dir_all(&folder).unwrap();
        folder.join("syft.pub.yaml")
    };
    for (folder, target) in [
        ("link", "../real/syft.pub.yaml"),
        ("out", site.path().join("outside.yaml").to_str().unwrap()),
        ("dangling", "nothing"),
        ("loop", "syft.pub.yaml"),
    ] {
        symlink(target, rules(folder)).unwrap();
    }
    fs::create_dir(rules("folder")).unwrap();
    let (here, fifo) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(here, rules("fifo"), fifo, 0o644.into(), 0).unwrap();
    std::os::unix::net::UnixListener::bind(rules("socket")).unwrap();
    let wide: Vec<u8> = opens.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (folder, text) in [
        ("empty", Vec::new()),
        ("blank", b" \n\n".to_vec()),
        ("comment", b"# rules: to come\n".to_vec()),
        ("null", b"null\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("latin", b"rules: [] # \xe9\n".to_vec()),
        ("wide", [&b"\xff\xfe"[..], &wide].concat()),
        (
            "large",
            format!("{opens} # {}", "x".repeat(257 << 10)).into_bytes(),
        ),
        ("huge", Vec::new()),
        (
            "directive",
            format!("%YAML 1.2\n---\n{opens}\n").into_bytes(),
        ),
    ] {
        fs::write(rules(folder), text).unwrap();
    }
    fs::File::create(rules("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    fs::write(
        rules("refused").with_file_name("syft.pub.rejected.yaml"),
        opens,
    )
    .unwrap();
    fs::write(
        rules("doubted").with_file_name("syft.pub.conflict.yaml"),
        opens,
    )
    .unwrap();
    vec![
        ("link", "is a symbolic link"),
        ("out", "is a symbolic link"),
        ("dangling", "is a symbolic link"),
        ("loop", "is a symbolic link"),
        ("folder", "is a folder"),
        ("fifo", "is no regular file"),
        ("socket", "is no regular file"),
        ("empty", "is empty"),
        ("blank", "no rule of"),
        ("comment", "no rule of"),
        ("null", "no rule of"),
        ("zeros", "a control character"),
        ("latin", "bytes that are not UTF-8"),
        ("wide", "UTF-16 is not supported"),
        ("large", "more than 262144 bytes"),
        ("huge", "more than 262144 bytes"),
        ("directive", "`%YAML 1.2` is not supported"),
        ("refused", "was set aside by sync as syft.pub.rejected.yaml"),
        ("doubted", "was set aside by sync as syft.pub.conflict.yaml"),
    ]
}

#[test]
fn what_is_no_whole_regular_file_closes_its_folder() {
    let site = Site::new();
    for (folder, why) in damaged(&site) {
        let path = format!("{OWNER}/{folder}/x");
        for who in ["bob@example.com", "carol@example.com"] {
            let told = told(&site, who, &path);
            assert_eq!(told["read"], false, "{told}");
            assert_eq!(told["file"], format!("{OWNER}/{folder}/syft.pub.yaml"));
            assert!(told["reason"].as_str().unwrap().contains(why), "{told}");
        }
        assert_eq!(told(&site, OWNER, &path)["admin"], true);
    }
    // A link is no folder to sync, so nothing is said of what is in it.
    let owner = site.datasites().join(OWNER);
    symlink("real", owner.join("alias")).unwrap();
    for (who, path, reads) in [
        ("bob@example.com", "alias/x", false),
        ("carol@example.com", "alias/x", true),
        ("bob@example.com", "real/x", true),
        ("carol@example.com", "y", true),
        ("bob@example.com", "y", false),
    ] {
        let told = told(&site, who, &format!("{OWNER}/{path}"));
        assert_eq!(told["read"], reads, "{told}");
    }
}

/// The owner of all files cannot be kept from reading them.
#[test]
fn a_file_that_may_not_be_read_closes_its_folder() {
    use std::os::unix::fs::PermissionsExt;
    let site = site();
    let path = format!("{OWNER}/public/a/syft.pub.yaml");
    plant(
        &site,
        &path,
        "rules: [{pattern: '**', access: {read: ['*']}}]",
    );
    let none = fs::Permissions::from_mode(0o0);
    fs::set_permissions(site.datasites().join(&path), none).unwrap();
    let told = told(&site, "bob@example.com", &format!("{OWNER}/public/a/x"));
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(told["read"], is_root, "{told}");
}

#[test]
fn a_file_that_the_server_cannot_load_is_as_if_it_were_not_there() {
    let site = site();
    let public = format!("{OWNER}/public");
    plant(&site, &format!("{public}/a/syft.pub.yaml"), "rules: [");
    let (code, stdout, stderr) = access(&site, "bob@example.com", &format!("{public}/a/x"), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let expected = format!("read   yes  rule 2 (**) of {public}/syft.pub.yaml");
    assert!(stdout.starts_with(&expected), "{stdout}");
    assert!(stderr.contains("rules not usable"), "{stderr}");

    // The server would load this one, and so decide by it.
    let huge = format!("rules: [] # {}", "x".repeat(257 << 10));
    plant(&site, &format!("{public}/b/syft.pub.yaml"), &huge);
    let told = told(&site, "bob@example.com", &format!("{public}/b/x"));
    assert_eq!(told["read"], false, "{told}");
    assert_eq!(told["file"], format!("{public}/b/syft.pub.yaml"));
}

#[test]
fn what_strangers_wrote_does_not_reach_the_terminal_raw() {
    let site = Site::new();
    let folder = "o@example.com/a\u{1b}c\u{202e}b";
    plant(
        &site,
        &format!("{folder}/syft.pub.yaml"),
        r#"rules: [{pattern: "\e]0;owned\a\u202e*\n.csv", access: {read: ["*"]}}, {pattern: "x{{\e}}", access: {}}]"#,
    );
    plant(
        &site,
        "o@example.com/c\u{1b}[2J/syft.pub.yaml",
        "rules: [\u{1b}[2J",
    );
    let matches = format!("{folder}/\u{1b}]0;owned\u{7}\u{202e}x\n.csv");
    let rule = "read   yes  rule 1 (\u{fffd}]0;owned\u{fffd}\u{fffd}*\u{fffd}.csv) of";
    let answer = shown(&site, "bob@example.com", &matches);
    assert!(answer.starts_with(rule), "{answer}");
    for path in [
        matches,
        format!("{folder}/x"),
        "o@example.com/c\u{1b}[2J/x".to_owned(),
        "o@example.com/\u{9b}31m\r".to_owned(),
    ] {
        let (code, stdout, stderr) = access(&site, "bob@\u{1b}[31m", &path, &[]);
        assert_eq!(code, Some(0), "{stderr}");
        assert_eq!(stdout.lines().count(), 3, "{stdout:?}");
        for text in [&stdout, &stderr] {
            let is_plain = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
            assert!(text.chars().all(is_plain), "{text:?}");
        }
        // Scripts get what is there, escaped as JSON does.
        let (_, json, _) = access(&site, "bob@\u{1b}[31m", &path, &["--json"]);
        assert!(!json.trim_end().contains(char::is_control), "{json:?}");
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(told["path"], path);
    }
}

#[test]
fn says_where_it_looked_in_vain() {
    let site = Site::new();
    fs::remove_dir(site.datasites()).unwrap();
    let check = |expected: &str| {
        let (code, stdout, stderr) = access(&site, "bob@example.com", "o@example.com/x", &[]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        let begin = format!("error: open {}: ", site.datasites().display());
        assert!(stderr.starts_with(&begin), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    check("there is nothing of this name");
    fs::write(site.datasites(), "").unwrap();
    check("it is no folder");
}
