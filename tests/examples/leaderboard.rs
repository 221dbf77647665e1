//! `leaderboard` reads and writes what it was granted.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::{ALICE, BOB, built, json_of, plant, start, tree};
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};

/// A tree of datasites that publish scores, some of them badly.
fn scores() -> Site {
    let site = Site::new();
    let public = |who: &str, content: &str| {
        plant(&site, &format!("{who}/public/scores.json"), content);
    };
    public(ALICE, r#"{"model": "<b>resnet</b>", "score": 0.93}"#);
    public(
        BOB,
        r#"[{"model": "vit", "score": 0.97}, {"model": "tree", "score": 0.5}]"#,
    );
    public("eve@example.com", "{\"model\": \"secret");
    public("huge@example.com", &" ".repeat(70_000));
    public("one@example.com", r#"{"model": "vit", "score": 0.93}"#);
    let secret = r#"{"model": "secret", "score": 0.99}"#;
    plant(&site, &format!("{ALICE}/private/scores.json"), secret);
    plant(&site, &format!("{ALICE}/public/deep/scores.json"), secret);
    plant(&site, &format!("{OWNER}/private/scores.json"), secret);
    plant(&site, "nothing@example.com/readme.txt", "");
    plant(&site, "no-folder@example.com", "");
    let link = site.datasites().join("link@example.com/public/scores.json");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("../../alice@example.com/private/scores.json", link).unwrap();
    let folder = site.datasites().join("folder@example.com/public");
    fs::create_dir_all(folder.join("scores.json")).unwrap();
    symlink(ALICE, site.datasites().join("twin@example.com")).unwrap();
    site
}

#[test]
fn ranks_what_datasites_publish_and_names_what_it_skips() {
    let site = scores();
    let host = start(&site, "leaderboard");
    let ranking = json_of(&call(&host.rpc, "ranking", ""));
    assert_eq!(
        ranking["places"],
        json!([
            {"rank": 1, "datasite": BOB, "model": "vit", "score": 0.97},
            {"rank": 2, "datasite": ALICE, "model": "<b>resnet</b>", "score": 0.93},
            {"rank": 2, "datasite": "one@example.com", "model": "vit", "score": 0.93},
            {"rank": 4, "datasite": BOB, "model": "tree", "score": 0.5},
        ])
    );
    let skipped = ranking["skipped"].as_array().unwrap();
    let skipped: Vec<_> = skipped.iter().map(|entry| &entry["datasite"]).collect();
    assert_eq!(
        json!(skipped),
        // To an app a link is nothing at all.
        json!(["eve@example.com", "folder@example.com", "huge@example.com"])
    );
    assert!(!ranking.to_string().contains("secret"), "{ranking}");

    let best = json_of(&call(&host.rpc, "ranking", r#"{"n": 1}"#));
    assert_eq!(best["places"].as_array().unwrap().len(), 1);
    let none = json_of(&call(&host.rpc, "ranking", r#"{"n": 0}"#));
    assert_eq!(none["places"], json!([]));
    for wrong in [r#"{"n": -1}"#, r#"{"n": "all"}"#] {
        assert_eq!(call(&host.rpc, "ranking", wrong).status(), 400, "{wrong}");
    }
}

#[test]
fn sees_new_scores_at_the_next_call() {
    let site = Site::new();
    let host = start(&site, "leaderboard");
    let n_places = || {
        let ranking = json_of(&call(&host.rpc, "ranking", ""));
        ranking["places"].as_array().unwrap().len()
    };
    assert_eq!(n_places(), 0);
    plant(
        &site,
        &format!("{BOB}/public/scores.json"),
        r#"{"model": "m", "score": 1}"#,
    );
    assert_eq!(n_places(), 1);
}

#[test]
fn reads_only_what_was_approved() {
    let site = scores();
    let only_bob = format!("{BOB}/public/scores.json");
    let options = ["--allow-read", &only_bob];
    let host = Host::start(&site, &built("leaderboard"), &options);
    let before = tree(&site);
    let ranking = json_of(&call(&host.rpc, "ranking", ""));
    let places = ranking["places"].as_array().unwrap();
    assert!(
        places.len() == 2 && places.iter().all(|place| place["datasite"] == BOB),
        "{ranking}"
    );
    assert_eq!(ranking["skipped"], json!([]));
    assert_eq!(call(&host.rpc, "publish", "").status(), 500);
    assert_eq!(tree(&site), before, "nothing is written");
    host.wait_for_log("the refusal", |line| {
        let text = line.to_string();
        text.contains("file access denied") && text.contains("--allow-write")
    });
}

#[test]
fn leaves_out_whom_the_owner_denies() {
    let site = scores();
    let options = ["--allow-all-requested", "--deny", ALICE];
    let host = Host::start(&site, &built("leaderboard"), &options);
    let ranking = json_of(&call(&host.rpc, "ranking", ""));
    assert!(!ranking.to_string().contains(ALICE), "{ranking}");
    assert_eq!(ranking["places"].as_array().unwrap().len(), 3);
}

#[test]
fn writes_its_page_and_nothing_else() {
    let site = scores();
    let host = start(&site, "leaderboard");
    let before = tree(&site);
    for _ in 0..2 {
        let published = json_of(&call(&host.rpc, "publish", ""));
        assert_eq!(
            (&published["places"], &published["skipped"]),
            (&json!(4), &json!(3))
        );
    }
    let mut after = tree(&site);
    let results = format!("{OWNER}/app_data/leaderboard/results");
    let json = after.remove(&format!("{results}/ranking.json")).unwrap();
    let page = after.remove(&format!("{results}/index.html")).unwrap();
    assert_eq!(after, before, "nothing else changes, nothing is left over");
    let ranking: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(ranking, json_of(&call(&host.rpc, "ranking", "")));
    assert!(page.contains("<td>&lt;b&gt;resnet&lt;/b&gt;<td>"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    for text in [&page, &json] {
        assert!(!text.contains("secret"), "{text}");
    }
}

/// Its folder is in the tree, so others may have put something there.
#[test]
fn does_not_write_through_links_in_its_folder() {
    let site = scores();
    let host = start(&site, "leaderboard");
    let app = site.datasites().join(OWNER).join("app_data/leaderboard");
    let elsewhere = site.datasites().join(OWNER).join("private");
    symlink("../../private", app.join("results")).unwrap();
    let before = tree(&site);
    assert_eq!(call(&host.rpc, "publish", "").status(), 500);
    assert_eq!(tree(&site), before);

    fs::remove_file(app.join("results")).unwrap();
    fs::create_dir(app.join("results")).unwrap();
    let target = elsewhere.join("scores.json");
    symlink(&target, app.join("results/index.html")).unwrap();
    let content = fs::read(&target).unwrap();
    // A link in the way may be replaced; what it leads to stays.
    call(&host.rpc, "publish", "");
    assert_eq!(fs::read(&target).unwrap(), content);
}
