//! What a new release asks for beyond what its owner approved for an older one.
//!
//! Why: docs/decisions/40-an-approval-is-a-set.md

use syft_manifest::units::{show_size, show_time};
use syft_manifest::{Http, Limits, Manifest, ManifestLimits, Messages, WantedRules, WantedSecret};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;

/// Returns in words what is asked for and not covered by what was approved; nothing, if all
/// of it is.
///
/// A pattern is covered by one that stands for all that it stands for. Where that cannot be
/// told from the two alone, it counts as not covered: the owner is asked once too often then.
pub fn added_permissions(
    approved: &Manifest,
    asked: &Manifest,
    owner: &Datasite,
    app: &AppName,
) -> Vec<String> {
    let (old, new) = (&approved.files, &asked.files);
    let uncovered = |patterns: &[PathPattern], by: &[&[PathPattern]]| -> Vec<PathPattern> {
        let by: Vec<_> = by.iter().copied().flatten().collect();
        let is_covered = |pattern: &&PathPattern| {
            let pattern = pattern.resolve(owner, app);
            by.iter()
                .any(|other| other.resolve(owner, app).covers(&pattern))
        };
        patterns
            .iter()
            .filter(|pattern| !is_covered(pattern))
            .cloned()
            .collect()
    };
    let read = uncovered(&new.read, &[&old.read, &old.write]);
    let write = uncovered(&new.write, &[&old.write]);
    let for_callers = [&old.read[..], &old.write, &old.on_behalf_of_sender];
    let for_callers = uncovered(&new.on_behalf_of_sender, &for_callers);
    let send = uncovered(&asked.messages.send, &[&approved.messages.send]);
    let mut added = Vec::new();
    for (words, patterns) in [
        ("read", read),
        ("read and write", write),
        (
            "read for a caller what that caller may read, in",
            for_callers,
        ),
    ] {
        added.extend(patterns.iter().map(|pattern| format!("{words} {pattern}")));
    }
    added.extend(added_http(&approved.http, &asked.http));
    let send = send.iter();
    added.extend(send.map(|pattern| format!("{} {pattern}", Messages::WORDS)));
    added.extend(added_secrets(&approved.secrets, &asked.secrets));
    added.extend(added_access(&approved.access, &asked.access));
    added.extend(added_limits(&approved.limits, &asked.limits));
    added
}

/// An origin is covered by one that stands for it, if its methods are covered as well.
fn added_http(approved: &Http, asked: &Http) -> Vec<String> {
    let has_all_methods = match asked.methods.as_slice() {
        [] => approved.methods.is_empty(),
        methods => methods.iter().all(|method| approved.has_method(*method)),
    };
    let words = asked.in_words();
    let added = asked.allow.iter();
    added
        .filter(|origin| !has_all_methods || !approved.has_origin(origin))
        .map(|origin| format!("{words} {origin}"))
        .collect()
}

/// A secret is covered where the app gets it in the very same way.
fn added_secrets(approved: &[WantedSecret], asked: &[WantedSecret]) -> Vec<String> {
    let added = asked.iter().filter(|secret| !approved.contains(secret));
    added.map(WantedSecret::in_words).collect()
}

/// Rules are covered where they are the very same in the same file.
fn added_access(approved: &[WantedRules], asked: &[WantedRules]) -> Vec<String> {
    let added = asked.iter().filter(|rules| !approved.contains(rules));
    let in_words = |rules: &WantedRules| format!("{} {}", rules.words(), rules.path());
    added.map(in_words).collect()
}

fn added_limits(approved: &ManifestLimits, asked: &ManifestLimits) -> Vec<String> {
    let old = approved.over(Limits::default());
    let new = asked.over(Limits::default());
    let mut added = Vec::new();
    if new.time > old.time {
        let (new, old) = (show_time(new.time), show_time(old.time));
        added.push(format!("take {new} for a call instead of {old}"));
    }
    if new.memory_bytes > old.memory_bytes {
        let (new, old) = (new.memory_bytes as u64, old.memory_bytes as u64);
        let (new, old) = (show_size(new), show_size(old));
        added.push(format!("use {new} of memory for a call instead of {old}"));
    }
    if new.concurrency > old.concurrency {
        let (new, old) = (new.concurrency, old.concurrency);
        added.push(format!("run {new} calls at the same time instead of {old}"));
    }
    if new.state_bytes > old.state_bytes {
        let (new, old) = (show_size(new.state_bytes), show_size(old.state_bytes));
        added.push(format!("keep {new} between calls instead of {old}"));
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(toml: &str) -> Manifest {
        Manifest::from_toml("x", toml).expect("a manifest").0
    }

    #[test]
    fn what_is_covered_is_not_added() {
        let owner = Datasite::parse("alice@example.org").expect("a datasite");
        let app = AppName::parse("demo").expect("a name");
        for (approved, asked, expected) in [
            ("", "", &[][..]),
            ("[files]\nread = ['*/public/**']", "", &[]),
            (
                "[files]\nread = ['*/public/**']",
                "[files]\nread = ['bob@example.org/public/a.json', '*/public/s*/x']",
                &[],
            ),
            (
                "[files]\nread = ['*/public/*.json']",
                "[files]\nread = ['*/public/*']",
                &["read */public/*"],
            ),
            (
                "[files]\nread = ['{app_data}/a']",
                "[files]\nwrite = ['{app_data}/a']",
                &["read and write {app_data}/a"],
            ),
            (
                "[files]\nwrite = ['{app_data}/**']",
                "[files]\nread = ['alice@example.org/app_data/demo/x']\n\
                 on-behalf-of-sender = ['{datasite}/app_data/demo/y']",
                &[],
            ),
            (
                "[files]\non-behalf-of-sender = ['{datasite}/s/**']",
                "[files]\nread = ['{datasite}/s/**']",
                &["read {datasite}/s/**"],
            ),
            (
                "[http]\nallow = ['https://*.a.example']",
                "[http]\nallow = ['https://b.a.example', 'https://a.example']\nmethods = ['GET']",
                &["send requests (GET) to https://a.example"],
            ),
            (
                "[http]\nallow = ['https://a.example']\nmethods = ['GET']",
                "[http]\nallow = ['https://a.example']",
                &["send requests to https://a.example"],
            ),
            (
                "[http]\nallow = ['https://a.example']\nmethods = ['GET', 'PUT']",
                "[http]\nallow = ['https://a.example']\nmethods = ['PUT']",
                &[],
            ),
            (
                "[messages]\nsend = ['*/app_data/pong/rpc/**']",
                "[messages]\nsend = ['bob@x.org/app_data/pong/rpc/ping', '*/app_data/pong2/rpc/**']",
                &["send requests as you to */app_data/pong2/rpc/**"],
            ),
            (
                "[secrets.A]\n[secrets.B]",
                "[secrets.A]\n[secrets.C]",
                &["read the secret C"],
            ),
            (
                "[http]\nallow = ['https://*.a.example']\n\
                 [secrets.A]\nsend-to = 'https://x.a.example'\n\
                 [secrets.B]\nsend-to = 'https://x.a.example'\nheader = 'X-B'",
                "[http]\nallow = ['https://*.a.example']\n\
                 [secrets.A]\nsend-to = 'https://y.a.example'\n[secrets.B]",
                &[
                    "have the host add to requests to https://y.a.example the secret A",
                    "read the secret B",
                ],
            ),
            (
                "[http]\nallow = ['https://a.example']\n\
                 [secrets.A]\nsend-to = 'https://a.example'\nheader = 'X-A'",
                "[http]\nallow = ['https://a.example']\n\
                 [secrets.A]\nsend-to = 'https://a.example'\nheader = 'X-A'\nformat = '{}'",
                &[],
            ),
            (
                "[access]\n'a/syft.pub.yaml' = 'rules: []'\n'syft.pub.yaml' = 'rules: []'",
                "[access]\n'a/syft.pub.yaml' = 'rules: []'\n'syft.pub.yaml' = \"\"\"\nrules:\n\
                 - {pattern: 'x/**', access: {read: [bob@x.org]}}\n\"\"\"",
                &[
                    "let others into its own folder (x/**: bob@x.org may read · **: nobody but the \
                   owner) by syft.pub.yaml",
                ],
            ),
            ("", "[limits]\ntime = '10s'\nmemory = '64MiB'", &[]),
            (
                "[limits]\ntime = '1s'",
                "[limits]\ntime = '2s'\nmemory = '256MiB'\nconcurrency = 500\n\
                 [state]\nquota = '1GiB'",
                &[
                    "take 2 s for a call instead of 1 s",
                    "use 256 MiB of memory for a call instead of 128 MiB",
                    "run 500 calls at the same time instead of 128",
                    "keep 1 GiB between calls instead of 64 MiB",
                ],
            ),
        ] {
            let added = added_permissions(&manifest(approved), &manifest(asked), &owner, &app);
            assert_eq!(added, expected, "{approved}\n{asked}");
        }
    }
}
