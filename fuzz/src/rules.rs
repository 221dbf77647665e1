//! Access rules: files that strangers wrote, and what they decide.

use serde_json::json;
use syft_protocol::acl::{Access, Acl, Reason, RuleSet};
use syft_protocol::timestamp::Timestamp;

use crate::assert_is_short_line;

const FOLDER: &str = "o@x.org";
const USERS: [&str; 4] = ["bob@x.org", "*", "o@x.or", ""];
const PATHS: [&str; 5] = [
    "o@x.org/a.txt",
    "o@x.org/public/b/c.json",
    "o@x.org/bob@x.org/a",
    "o@x.org/syft.pub.yaml",
    "o@x.org",
];
const ALL: [Access; 4] = [Access::Read, Access::Create, Access::Write, Access::Admin];

/// The bytes of a `syft.pub.yaml`.
pub fn rules(bytes: &[u8]) {
    let parsed = RuleSet::parse(bytes);
    let is_usable = parsed.is_ok();
    if let Err(error) = &parsed {
        assert_is_short_line(&error.to_string(), 250);
    }
    let acl = acl(parsed.unwrap_or_else(|_| RuleSet::closed()));
    for path in PATHS {
        for user in USERS {
            check_decisions(&acl, user, path);
            let may = acl.decide(Timestamp::MIN, user, path, Access::Read).allowed;
            assert!(is_usable || !may, "{user} {path}");
        }
        let owner = acl.decide(Timestamp::MIN, FOLDER, path, Access::Admin);
        assert!(owner.allowed && owner.reason == Reason::Owner);
    }
}

/// Returns the rules in their place, above a file that opens a folder to all.
fn acl(rules: RuleSet) -> Acl {
    let open = b"rules: [{pattern: '**', access: {admin: ['*']}}]";
    let mut acl = Acl::new();
    let open = RuleSet::parse(open).expect("rules");
    acl.insert(&format!("{FOLDER}/public"), open)
        .expect("a folder");
    acl.insert(FOLDER, rules).expect("a folder");
    acl
}

fn check_decisions(acl: &Acl, user: &str, path: &str) {
    let decisions = ALL.map(|access| acl.decide(Timestamp::MIN, user, path, access));
    let [read, create, write, admin] = decisions.map(|decision| decision.allowed);
    assert!(
        write == create && (read || !write) && (write || !admin),
        "{user:?} {path:?}"
    );
    let again = ALL.map(|access| acl.decide(Timestamp::MIN, user, path, access));
    assert_eq!(decisions, again);
    let is_nobody = user.is_empty() || user.contains('/');
    for decision in decisions {
        assert!(!decision.allowed || !is_nobody, "{user:?} {path:?}");
        let is_judged = matches!(decision.reason, Reason::Owner | Reason::Rule(_));
        assert!(!decision.allowed || is_judged, "{decision:?}");
    }
}

/// A pattern, who asks and for what, a line each.
pub fn access(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let [pattern, user, path] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let Some(acl) = for_requester(pattern) else {
        return;
    };
    let path = format!("{FOLDER}/{path}");
    check_decisions(&acl, user, &path);
    let asked = |user| acl.decide(Timestamp::MIN, user, &path, Access::Read);
    let decision = asked(user);
    assert!(
        decision.reason != Reason::Owner
            || path.starts_with(&format!("{user}/"))
            || path.contains("..")
    );
    let is_special = |text: &str| text.contains(['*', '?', '[', ']', '{', '}', '\\']);
    // Nobody takes more by a name that would match much as a pattern.
    if decision.allowed && is_special(user) && !is_special(&path) {
        assert!(
            asked("nobody@x.org").allowed,
            "{pattern:?} {user:?} {path:?}"
        );
    }
    // A pattern of plain names is that path and no other.
    let is_clean = path.split('/').all(|name| !["", ".", ".."].contains(&name));
    let is_asker = !user.is_empty() && !user.contains('/') && user.len() <= 1024 && user != FOLDER;
    if !is_special(pattern)
        && is_clean
        && is_asker
        && path.len() <= 4096
        && !path.ends_with("/public")
        && !path.contains("/public/")
    {
        let is_meant = path.strip_prefix(FOLDER) == Some(&format!("/{pattern}"));
        assert_eq!(decision.allowed, is_meant, "{pattern:?} {user:?} {path:?}");
    }
}

/// Returns a rule that lets whoever asks read what a pattern says.
fn for_requester(pattern: &str) -> Option<Acl> {
    let rule = json!({"pattern": pattern, "access": {"read": ["USER"]}});
    let file = json!({ "rules": [rule] }).to_string();
    Some(acl(RuleSet::parse(file.as_bytes()).ok()?))
}
