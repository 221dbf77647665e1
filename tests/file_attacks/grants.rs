//! What grants open, and what they leave closed.

use serde_json::{Value, json};

use super::{Attack, done, error, ok};
use crate::signing::run;
use crate::support::apps::{Approved, granted, ops, start_files};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::planted::{FRIEND, planted, seen, snapshot};
use crate::support::site::OWNER;

/// Each operation of the guest on names, once; in a folder with a file `old.txt`.
fn every_operation(folder: &str) -> Vec<Value> {
    let at = |name: &str| seen(&format!("{folder}/{name}"));
    let below = |name: &str| format!("{OWNER}/{folder}/{name}");
    vec![
        json!({"list": at("")}),
        json!({"stat": at("old.txt")}),
        json!({"lstat": at("old.txt")}),
        json!({"stat": at("")}),
        json!({"read": at("old.txt")}),
        json!({"open": [at("old.txt"), "r", ""]}),
        json!({"raw": {"metadata_hash_at": ["root", below("old.txt")]}}),
        json!({"raw": {"stat_at": ["root", below("old.txt")]}}),
        json!({"write": [at("new.txt"), "new"]}),
        json!({"create_new": [at("newer.txt"), "new"]}),
        json!({"append": [at("old.txt"), "more"]}),
        json!({"open": [at("old.txt"), "rw", "over"]}),
        json!({"open": [at("old.txt"), "wt", "less"]}),
        json!({"set_len": [at("old.txt"), 2]}),
        json!({"set_times": [at("old.txt"), 1_000_000]}),
        json!({"raw": {"set_times_at": ["root", below("old.txt"), 2_000_000]}}),
        json!({"raw": {"open": ["root", below("old.txt"), "t", "h"]}}),
        json!({"raw": {"open": ["root", below("empty.txt"), "c", "h"]}}),
        json!({"copy": [at("old.txt"), at("copy.txt")]}),
        json!({"rename": [at("copy.txt"), at("moved.txt")]}),
        json!({"mkdir": at("folder")}),
        json!({"mkdir_all": at("a/b/c")}),
        json!({"rmdir": at("folder")}),
        json!({"rmdir_all": at("a")}),
        json!({"unlink": at("old.txt")}),
    ]
}

const N_READING: usize = 8;

#[test]
fn every_operation_works_with_its_grant() {
    let attack = Attack::new(|_| {});
    let steps = every_operation("app_data/app/out");
    let outcomes = attack.run(steps.iter().cloned().collect());
    for (step, outcome) in steps.iter().zip(outcomes.as_array().unwrap()) {
        assert!(outcome["error"].is_null(), "{step}: {outcome}");
    }
    let left = attack.run(json!([{"list": seen("app_data/app/out")}]));
    let names = ["empty.txt", "moved.txt", "new.txt", "newer.txt"].map(|name| [name, "file"]);
    assert_eq!(left, json!([{"ok": names}]));
    let moved = attack.site.own("app_data/app/out/moved.txt");
    assert_eq!(std::fs::read_to_string(moved).unwrap(), "");
}

#[test]
fn every_operation_is_refused_without_a_grant() {
    let attack = Attack::new(|site| {
        site.write("private/old.txt", "SECRET");
        site.write("private/copy.txt", "SECRET");
        site.write("private/folder/x", "SECRET");
    });
    attack.check_refused(&every_operation("private"));
    // What is in the way or missing makes no difference that the guest could see.
    attack.check_refused(&every_operation("missing"));
}

/// A folder to be deleted is empty and there, so that nothing else can be the
/// reason.
#[test]
fn each_step_of_changing_is_refused_by_the_policy_alone() {
    let attack = Attack::new(|site| {
        site.write("private/file", "SECRET");
        std::fs::create_dir(site.own("private/empty")).unwrap();
    });
    let denied = || error("not-permitted");
    let at = |path: &str| format!("{OWNER}/{path}");
    attack.check(&[
        (
            json!({"raw": {"remove_directory_at": ["root", at("private/empty")]}}),
            denied(),
        ),
        (
            json!({"raw": {"create_directory_at": ["root", at("private/new")]}}),
            denied(),
        ),
        (
            json!({"raw": {"unlink_file_at": ["root", at("private/file")]}}),
            denied(),
        ),
        (
            json!({"raw": {"set_times_at": ["root", at("private/file"), 1]}}),
            denied(),
        ),
        (
            json!({"raw": {"open": ["root", at("private/file"), "w", "h"]}}),
            denied(),
        ),
        (
            json!({"raw": {"open": ["root", at("private/file"), "t", "h"]}}),
            denied(),
        ),
        (
            json!({"raw": {"open": ["root", at("private/new"), "c", "h"]}}),
            denied(),
        ),
        (
            json!({"raw": {"open": ["root", at("private/file"), "r", "h"]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"open": ["root", at("private"), "dr", "h"]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"stat_at": ["root", at("private/file")]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"stat_at": ["root", at("private")]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"metadata_hash_at": ["root", at("private/file")]}}),
            error("no-entry"),
        ),
        (
            json!({"raw": {"readlink_at": ["root", at("private/file")]}}),
            error("no-entry"),
        ),
    ]);
}

#[test]
fn a_read_grant_lets_nothing_be_changed() {
    let attack = Attack::new(|site| {
        site.write("public/old.txt", "old");
        site.write("public/copy.txt", "copy");
        std::fs::create_dir(site.own("public/folder")).unwrap();
    });
    let steps = every_operation("public");
    let reading: Value = steps[..N_READING].iter().cloned().collect();
    for outcome in attack.run(reading).as_array().unwrap() {
        assert!(outcome["error"].is_null(), "{outcome}");
    }
    attack.check_refused(&steps[N_READING..]);
}

#[test]
fn truncating_and_appending_through_a_read_grant_is_refused() {
    let attack = Attack::new(|_| {});
    let (path, below) = (seen("public/open.txt"), format!("{OWNER}/public/open.txt"));
    let denied = || error("PermissionDenied");
    attack.check(&[
        (json!({"open": [path, "wt", ""]}), denied()),
        (json!({"open": [path, "rw", ""]}), denied()),
        (json!({"append": [path, "x"]}), denied()),
        (json!({"set_len": [path, 0]}), denied()),
        // No access is asked for, only that the file be cut.
        (
            json!({"raw": {"open": ["root", below, "t", "h"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"open": ["root", below, "tr", "h"]}}),
            error("not-permitted"),
        ),
        (
            json!({"raw": {"open": ["root", format!("{below}/"), "t", "h"]}}),
            error("not-directory"),
        ),
        (
            json!({"raw": {"open": ["root", below, "cxtr", "h"]}}),
            error("not-permitted"),
        ),
        (json!({"read": path}), ok("open")),
    ]);
}

#[test]
fn renaming_across_grants_is_refused() {
    let attack = Attack::new(|_| {});
    let out = seen("app_data/app/out/old.txt");
    let friend = format!("/datasites/{FRIEND}/public/scores.json");
    let denied = || error("PermissionDenied");
    attack.check(&[
        (
            json!({"rename": [seen("private/key.txt"), seen("app_data/app/out/got")]}),
            denied(),
        ),
        (
            json!({"rename": [seen("public/open.txt"), seen("app_data/app/out/got")]}),
            denied(),
        ),
        (json!({"rename": [out, seen("public/put.txt")]}), denied()),
        (json!({"rename": [out, seen("private/key.txt")]}), denied()),
        (json!({"rename": [out, friend]}), denied()),
        (json!({"read": out}), ok("old")),
    ]);
}

#[test]
fn a_folder_is_not_renamed_with_what_is_below_it() {
    let deny = ["{app_data}/out/sub/deep"];
    let approved = Approved::new(&[], &["{app_data}/out/**"], &deny);
    let attack = Attack::with(&approved, |site| {
        site.write("app_data/app/out/sub/deep/key.txt", "SECRET");
        site.write("app_data/app/out/sub/x.txt", "x");
    });
    let out = |path: &str| seen(&format!("app_data/app/out/{path}"));
    attack.check(&[
        (json!({"read": out("sub/deep/key.txt")}), error("NotFound")),
        (
            json!({"rename": [out("sub"), out("sub2")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"rename": [out("sub/deep"), out("deep")]}),
            error("PermissionDenied"),
        ),
        (json!({"rmdir_all": out("sub/deep")}), error("NotFound")),
        (json!({"list": out("sub")}), ok(json!([["x.txt", "file"]]))),
        (
            json!({"rename": [out("sub/x.txt"), out("sub/deep/x.txt")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"write": [out("sub/deep/new"), "x"]}),
            error("PermissionDenied"),
        ),
        (
            json!({"mkdir": out("sub/deep/new")}),
            error("PermissionDenied"),
        ),
        (json!({"rename": [out("sub/x.txt"), out("x.txt")]}), done()),
    ]);
}

#[test]
fn a_listing_shows_what_is_granted_and_no_more() {
    let attack = Attack::new(|site| {
        site.write("public/../secret-name/x", "SECRET");
    });
    let folders = json!([[FRIEND, "folder"], [OWNER, "folder"]]);
    attack.check(&[
        (json!({"list": "/datasites"}), ok(folders)),
        (
            json!({"list": format!("/datasites/{OWNER}")}),
            ok(json!([["app_data", "folder"], ["public", "folder"]])),
        ),
        (
            json!({"list": seen("app_data")}),
            ok(json!([["app", "folder"]])),
        ),
        (
            json!({"list": seen("app_data/app")}),
            ok(json!([["out", "folder"]])),
        ),
        (
            json!({"list": format!("/datasites/{FRIEND}")}),
            ok(json!([["public", "folder"]])),
        ),
        (
            json!({"list": format!("/datasites/{FRIEND}/public")}),
            ok(json!([["scores.json", "file"]])),
        ),
        (json!({"list": seen("private")}), error("NotFound")),
        (json!({"exists": seen("private")}), ok(false)),
        (json!({"exists": seen("private/key.txt")}), ok(false)),
        (json!({"exists": seen("private/nothing")}), ok(false)),
    ]);
}

#[test]
fn what_is_denied_stays_so_whatever_is_allowed() {
    let deny = [
        "{datasite}/private",
        "*/public/else.txt",
        "{datasite}/app_data/other",
    ];
    let attack = Attack::with(&Approved::new(&["**"], &["**"], &deny), |_| {});
    let friend = |path: &str| format!("/datasites/{FRIEND}/{path}");
    attack.check(&[
        (json!({"read": seen("private/key.txt")}), error("NotFound")),
        (
            json!({"read": seen("private/more/key.txt")}),
            error("NotFound"),
        ),
        (
            json!({"read": friend("public/else.txt")}),
            error("NotFound"),
        ),
        (
            json!({"write": [friend("public/else.txt"), "x"]}),
            error("PermissionDenied"),
        ),
        (
            json!({"unlink": friend("public/else.txt")}),
            error("PermissionDenied"),
        ),
        (
            json!({"list": friend("public")}),
            ok(json!([["scores.json", "file"]])),
        ),
        (
            json!({"rename": [seen("private"), seen("app_data/app/out/x")]}),
            error("PermissionDenied"),
        ),
        (
            json!({"rename": [seen("app_data/other/data.txt"), seen("app_data/app/out/x")]}),
            error("PermissionDenied"),
        ),
        (json!({"read": friend("public/scores.json")}), ok("scores")),
        (json!({"write": [seen("app_data/app/out/x"), "x"]}), done()),
    ]);
}

/// Even an app that may everything.
#[test]
fn access_rules_are_not_written() {
    let attack = Attack::with(&Approved::new(&[], &["**"], &["*/private"]), |site| {
        site.write("syft.pub.yaml", "rules");
        site.write("app_data/app/out/syft.pub.yaml", "rules");
    });
    let rules = seen("syft.pub.yaml");
    let out = |name: &str| seen(&format!("app_data/app/out/{name}"));
    let denied = || error("PermissionDenied");
    attack.check(&[
        (json!({"read": rules}), ok("rules")),
        (json!({"write": [rules, "x"]}), denied()),
        (json!({"append": [rules, "x"]}), denied()),
        (json!({"open": [rules, "rw", ""]}), denied()),
        (json!({"unlink": rules}), denied()),
        (json!({"rename": [rules, out("x")]}), denied()),
        (json!({"rename": [out("old.txt"), rules]}), denied()),
        (
            json!({"create_new": [seen("new/syft.pub.yaml"), "x"]}),
            denied(),
        ),
        (json!({"mkdir": out("more/syft.pub.yaml")}), denied()),
        (
            json!({"raw": {"set_times_at": ["root", format!("{OWNER}/syft.pub.yaml"), 1]}}),
            error("not-permitted"),
        ),
        (json!({"unlink": out("syft.pub.yaml")}), denied()),
        (json!({"write": [out("SYFT.pub.YAML"), "x"]}), denied()),
        (
            json!({"rename": [out("old.txt"), out("Syft.Pub.yaml")]}),
            denied(),
        ),
        (
            json!({"write": [out("\u{17f}yft.pub.yaml"), "x"]}),
            denied(),
        ),
        (json!({"write": [out("did.json"), "x"]}), denied()),
    ]);
}

/// Even to an app that may everything, its own `rpc/` folder too.
#[test]
fn requests_and_answers_are_not_there() {
    let attack = Attack::with(&Approved::new(&["**"], &["**"], &["*/private"]), |site| {
        site.write("app_data/other/data.txt", "data");
        site.write("app_data/Third/RPC/x", "SECRET");
    });
    let other = |path: &str| seen(&format!("app_data/other/{path}"));
    let denied = || error("PermissionDenied");
    attack.check(&[
        (json!({"read": other("data.txt")}), ok("data")),
        (
            json!({"list": other("")}),
            ok(json!([["data.txt", "file"]])),
        ),
        (json!({"list": other("rpc")}), error("NotFound")),
        (json!({"stat": other("rpc")}), error("NotFound")),
        (json!({"read": other("rpc/x/1.request")}), error("NotFound")),
        (json!({"write": [other("rpc/x/2.request"), "x"]}), denied()),
        (json!({"mkdir": other("rpc/y")}), denied()),
        (
            json!({"rename": [other("rpc/x/1.request"), other("x")]}),
            denied(),
        ),
        (json!({"rename": [other("rpc"), other("cpr")]}), denied()),
        (json!({"rmdir_all": other("rpc")}), error("NotFound")),
        (
            json!({"list": seen("app_data/Third/RPC")}),
            error("NotFound"),
        ),
        (json!({"list": seen("app_data/app/rpc")}), error("NotFound")),
        (
            json!({"write": [seen("app_data/app/rpc/ops/x.response"), "x"]}),
            denied(),
        ),
    ]);
}

#[test]
fn without_a_manifest_nothing_is_there_and_the_log_says_what_would_allow_it() {
    let site = planted();
    let host = Host::start(&site, &guest("files"), &["--name", "app"]);
    let before = snapshot(&site);
    let outcomes = ops(
        &host,
        &json!([
            {"list": "/datasites"},
            {"read": seen("public/open.txt")},
            {"raw": {"stat": "root"}},
        ]),
    );
    let expected = json!([error("NotFound"), error("NotFound"), error("no-entry")]);
    assert_eq!(outcomes, expected);
    assert_eq!(snapshot(&site), before);
    let path = format!("{OWNER}/public/open.txt");
    let line = host.wait_for_log("the refusal", |line| line["path"] == path.as_str());
    assert_eq!(line["message"], "file access denied");
    assert_eq!(
        (&line["app"], &line["endpoint"]),
        (&json!("app"), &json!("/ops"))
    );
    let hint = line["hint"].as_str().unwrap();
    let wanted = format!("add to the app's syft-app.toml: [files] read = [\"{path}\"]");
    assert!(hint.ends_with(&wanted), "{hint}");
}

#[test]
fn what_is_approved_but_not_asked_for_is_not_granted() {
    let site = planted();
    let component = granted(&site, &guest("files"), &["*/public/scores.json"], &[], &[]);
    let options = ["--name", "app", "--allow-read", "**", "--allow-write", "**"];
    let host = Host::start(&site, &component, &options);
    let outcomes = ops(
        &host,
        &json!([
            {"read": format!("/datasites/{FRIEND}/public/scores.json")},
            {"read": seen("public/open.txt")},
            {"write": [format!("/datasites/{FRIEND}/public/scores.json"), "x"]},
        ]),
    );
    let expected = json!([ok("scores"), error("NotFound"), error("PermissionDenied")]);
    assert_eq!(outcomes, expected);
}

#[test]
fn all_that_is_requested_can_be_allowed_at_once() {
    let site = planted();
    let component = granted(&site, &guest("files"), &["*/public/scores.json"], &[], &[]);
    let host = Host::start(
        &site,
        &component,
        &["--name", "app", "--allow-all-requested"],
    );
    let path = format!("/datasites/{FRIEND}/public/scores.json");
    assert_eq!(ops(&host, &json!([{"read": path}])), json!([ok("scores")]));
}

#[test]
fn what_was_refused_is_logged_with_what_would_allow_it() {
    let site = planted();
    let approved = Approved::new(&["{datasite}/public/**"], &[], &[]);
    let host = start_files(&site, &approved, &[]);
    ops(&host, &json!([{"read": seen("private/key.txt")}]));
    let line = host.wait_for_log("the refusal", |line| {
        line["message"] == "file access denied"
    });
    assert_eq!(line["path"], format!("{OWNER}/private/key.txt"));
    let hint = line["hint"].as_str().unwrap();
    assert!(
        hint.contains(&format!("--allow-read \"{OWNER}/private/key.txt\"")),
        "{hint}"
    );
}

/// Only the name `/datasites` is left then.
#[test]
fn with_everything_denied_the_datasites_folder_is_not_seen_either() {
    let attack = Attack::with(&Approved::new(&["**"], &["**"], &["**"]), |_| {});
    let no_entry = || error("no-entry");
    attack.check(&[
        (json!({"raw": {"read_directory": "root"}}), no_entry()),
        (json!({"raw": {"stat": "root"}}), no_entry()),
        (json!({"raw": {"metadata_hash": "root"}}), no_entry()),
        (
            json!({"raw": {"open": ["root", ".", "dr", "h"]}}),
            no_entry(),
        ),
        (
            json!({"raw": {"create_directory_at": ["root", "x"]}}),
            error("not-permitted"),
        ),
    ]);
}

/// Grants are for what is below the datasites folder. Whose keys are trusted lies elsewhere, so
/// that not even an app that was granted everything decides whose apps are run.
#[test]
fn what_is_trusted_is_out_of_reach_of_an_app_that_may_do_everything() {
    let trust = ".config/syft-host/trust";
    let attack = Attack::with(&Approved::new(&["**"], &["**"], &[]), |site| {
        let digest = "0".repeat(64);
        run(site, &["trust", "revoke", &digest]).succeeded();
        let policy = site.path().join(trust).join("policy.yaml");
        std::fs::write(policy, "# SECRET").unwrap();
        site.link(site.path().join(trust), "public/trust");
        site.link(format!("../../../../{trust}"), "public/trust2");
    });
    attack.check(&[(json!({"read": seen("public/open.txt")}), ok("open"))]);
    let absolute = attack.site.path().join(trust).display().to_string();
    for folder in [
        absolute,
        format!("/datasites/../../{trust}"),
        format!("/datasites/{OWNER}/../../../{trust}"),
        seen("public/trust"),
        seen("public/trust2"),
    ] {
        let at = |name: &str| format!("{folder}/{name}");
        attack.check_refused(&[
            json!({"list": at("")}),
            json!({"read": at("policy.yaml")}),
            json!({"stat": at("revoked.json")}),
            json!({"write": [at("policy.yaml"), "apiVersion: v1"]}),
            json!({"create_new": [at("authors/x.json"), "{}"]}),
            json!({"unlink": at("revoked.json")}),
            json!({"rename": [at("revoked.json"), seen("public/revoked.json")]}),
            json!({"rename": [seen("public/open.txt"), at("policy.yaml")]}),
            json!({"copy": [at("revoked.json"), seen("public/revoked.json")]}),
        ]);
    }
    for path in [trust.to_owned(), format!("{OWNER}/public/trust")] {
        attack.check_refused(&[
            json!({"raw": {"open": ["root", format!("../../{path}/policy.yaml"), "r", "h"]}}),
            json!({"raw": {"open": ["root", format!("{path}/policy.yaml"), "r", "h"]}}),
        ]);
    }
}
