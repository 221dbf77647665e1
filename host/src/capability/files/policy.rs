//! The one decision about files: what an app asked for, what its owner approved,
//! and what nobody can approve.
//!
//! Why: docs/decisions/24-granted-is-requested-and-approved.md

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::{PathPattern, Pattern};

use crate::manifest::Files;

/// What an app asks for and what of it the owner approved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// What the app's manifest asks for.
    pub requested: Files,
    /// What the owner approved. Only what is in both is granted.
    pub approved: Files,
    /// What the owner denies, whatever was approved.
    pub denied: Vec<PathPattern>,
}

/// What a guest wants with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Want {
    /// Know a folder, and list in it what may be known.
    See,
    /// Read a file.
    Read,
    /// Make, change, move or delete a file, or delete a folder.
    Write,
    /// Make a folder.
    MakeFolder,
}

/// Why a guest may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Its manifest does not ask for it.
    NotRequested,
    /// The owner did not approve it.
    NotApproved,
    /// The owner denies it.
    ByOwner,
    /// Nobody can grant it.
    Never,
    /// It may be read on behalf of the sender, who may not read it.
    SenderMayNot(String),
}

/// The patterns of one app, ready to decide.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    requested: Sets,
    approved: Sets,
    denied: Vec<Pattern>,
}

#[derive(Debug, Clone, Default)]
struct Sets {
    /// Readable: those to read and those to write.
    read: Vec<Pattern>,
    write: Vec<Pattern>,
    on_behalf: Vec<Pattern>,
}

impl Policy {
    pub(crate) fn new(grants: &Grants, datasite: &Datasite, app: &AppName) -> Self {
        let resolve = |patterns: &[PathPattern]| -> Vec<Pattern> {
            patterns
                .iter()
                .map(|it| it.resolve(datasite, app))
                .collect()
        };
        let sets = |patterns: &Files| {
            let write = resolve(&patterns.write);
            Sets {
                read: resolve(&patterns.read)
                    .into_iter()
                    .chain(write.clone())
                    .collect(),
                write,
                on_behalf: resolve(&patterns.on_behalf_of_sender),
            }
        };
        Self {
            requested: sets(&grants.requested),
            approved: sets(&grants.approved),
            denied: resolve(&grants.denied),
        }
    }

    /// Tells whether nothing at all is granted.
    pub(crate) fn is_empty(&self) -> bool {
        let none = |sets: &Sets| sets.read.is_empty() && sets.on_behalf.is_empty();
        none(&self.requested) || none(&self.approved)
    }

    /// Tells whether something can be read that is among what is meant. `overlaps` tells it
    /// of one pattern, and `starts` are names with which all paths begin that are meant.
    pub(crate) fn may_read_any(
        &self,
        starts: &[&str],
        mut overlaps: impl FnMut(&Pattern) -> bool,
    ) -> bool {
        if is_never_granted(starts, Want::Read) || self.is_denied(starts) {
            return false;
        }
        let denied: Vec<Pattern> = self.denied.iter().map(Pattern::with_all_below).collect();
        let is_denied = |pattern: &Pattern| denied.iter().any(|denied| denied.covers(pattern));
        let mut is_any = |patterns: &[Pattern]| {
            let mut patterns = patterns.iter().filter(|pattern| !is_denied(pattern));
            patterns.any(&mut overlaps)
        };
        is_any(&self.requested.read) && is_any(&self.approved.read)
    }

    /// Tells whether files outside of the owner's own datasite can be read.
    pub(crate) fn may_read_of_others(&self, owner: &str) -> bool {
        let is_any = |sets: &Sets| sets.read.iter().any(|it| !it.has_literal_start(&[owner]));
        is_any(&self.requested) && is_any(&self.approved)
    }

    /// Decides about a path, given by its names below the datasites folder.
    /// `sender_may_read` is asked where that is what counts.
    pub(crate) fn decide(
        &self,
        path: &[&str],
        want: Want,
        sender_may_read: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Denied> {
        if is_never_granted(path, want) {
            return Err(Denied::Never);
        }
        if self.is_denied(path) {
            return Err(Denied::ByOwner);
        }
        match want {
            Want::See => self.may_see(path, sender_may_read),
            Want::Read => self.may_read(path, sender_may_read),
            Want::Write => self.in_both(|sets| any_matches(&sets.write, path)),
            Want::MakeFolder => self.in_both(|sets| {
                let on_the_way = sets.write.iter().any(|it| it.has_literal_start(path));
                any_matches(&sets.write, path) || on_the_way
            }),
        }
    }

    fn may_read(
        &self,
        path: &[&str],
        sender_may_read: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Denied> {
        let Err(denied) = self.in_both(|sets| any_matches(&sets.read, path)) else {
            return Ok(());
        };
        match self.in_both(|sets| any_matches(&sets.on_behalf, path)) {
            Ok(()) => sender_may_read().map_err(Denied::SenderMayNot),
            Err(Denied::NotApproved) => Err(Denied::NotApproved),
            Err(_) => Err(denied),
        }
    }

    /// A folder is known where something in it may be, so that a guest finds its
    /// way. Below the fixed part of a pattern that is read on behalf of the
    /// sender it is known as far as the sender may know it.
    fn may_see(
        &self,
        path: &[&str],
        sender_may_read: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Denied> {
        let Err(denied) = self.in_both(|sets| any_concerns(&sets.read, path)) else {
            return Ok(());
        };
        let fixed = |sets: &Sets| sets.on_behalf.iter().any(|it| it.has_literal_start(path));
        if self.in_both(fixed).is_ok() {
            return Ok(());
        }
        match self.in_both(|sets| any_concerns(&sets.on_behalf, path)) {
            Ok(()) => sender_may_read().map_err(Denied::SenderMayNot),
            Err(Denied::NotApproved) => Err(Denied::NotApproved),
            Err(_) => Err(denied),
        }
    }

    fn in_both(&self, holds: impl Fn(&Sets) -> bool) -> Result<(), Denied> {
        match (holds(&self.requested), holds(&self.approved)) {
            (true, true) => Ok(()),
            (true, false) => Err(Denied::NotApproved),
            (false, _) => Err(Denied::NotRequested),
        }
    }

    /// What is denied takes all below it along.
    fn is_denied(&self, path: &[&str]) -> bool {
        !self.denied.is_empty()
            && (0..=path.len()).any(|end| any_matches(&self.denied, &path[..end]))
    }
}

fn any_matches(patterns: &[Pattern], path: &[&str]) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

/// Tells whether a folder is one of the patterns' or on the way to them.
fn any_concerns(patterns: &[Pattern], path: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.leads_on_from(path) || pattern.matches(path))
}

/// Requests and answers of apps are the host's business, access rules and keys
/// the owner's.
fn is_never_granted(path: &[&str], want: Want) -> bool {
    let is_rpc = path.get(1).is_some_and(|name| is_like(name, "APP_DATA"))
        && path.iter().skip(3).any(|name| is_like(name, "RPC"));
    let changes = matches!(want, Want::Write | Want::MakeFolder);
    let is_ruling = |name: &&str| {
        ["SYFT.PUB.YAML", "DID.JSON", "DID.CONFLICT.JSON"]
            .iter()
            .any(|ruling| is_like(name, ruling))
    };
    is_rpc || (changes && path.iter().any(is_ruling))
}

/// Tells whether some file system may take a name for one that is given in
/// capitals.
fn is_like(name: &str, capitals: &str) -> bool {
    match name.is_ascii() {
        true => name.eq_ignore_ascii_case(capitals),
        false => name.to_lowercase().to_uppercase() == capitals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<PathPattern> {
        let parse = |text: &&str| PathPattern::parse(text).expect("a pattern");
        texts.iter().map(parse).collect()
    }

    fn policy(requested: Files, approved: Files, denied: &[&str]) -> Policy {
        let grants = Grants {
            requested,
            approved,
            denied: patterns(denied),
        };
        let datasite = Datasite::parse("o@x.org").expect("an email");
        Policy::new(&grants, &datasite, &AppName::parse("app").expect("a name"))
    }

    fn all(read: &[&str], write: &[&str], on_behalf: &[&str]) -> Files {
        Files {
            read: patterns(read),
            write: patterns(write),
            on_behalf_of_sender: patterns(on_behalf),
        }
    }

    fn decide(policy: &Policy, path: &str, want: Want) -> Result<(), Denied> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let public = path.contains("public");
        let sender = || public.then_some(()).ok_or_else(|| "private".to_owned());
        policy.decide(&names, want, sender)
    }

    #[test]
    fn decides_about_every_kind_of_access() {
        use Want::{MakeFolder, Read, See, Write};
        let wanted = all(
            &["*/public/*.json"],
            &["{app_data}/out/**"],
            &["o@x.org/shared/**"],
        );
        let policy = policy(
            wanted.clone(),
            wanted,
            &["*/public/secret.json", "eve@x.org"],
        );
        let may_not = || Err(Denied::SenderMayNot("private".to_owned()));
        for (path, want, expected) in [
            ("", See, Ok(())),
            ("a@x.org", See, Ok(())),
            ("a@x.org/public", See, Ok(())),
            ("a@x.org/private", See, Err(Denied::NotRequested)),
            ("a@x.org/public/s.json", Read, Ok(())),
            ("a@x.org/public/s.json", Write, Err(Denied::NotRequested)),
            ("a@x.org/public/s.txt", Read, Err(Denied::NotRequested)),
            ("a@x.org/public/secret.json", Read, Err(Denied::ByOwner)),
            ("eve@x.org", See, Err(Denied::ByOwner)),
            ("eve@x.org/public/s.json", Read, Err(Denied::ByOwner)),
            ("o@x.org/app_data", MakeFolder, Ok(())),
            ("o@x.org/app_data/app/out", MakeFolder, Ok(())),
            ("o@x.org/app_data/app/out/x/y", MakeFolder, Ok(())),
            (
                "o@x.org/app_data/app/in",
                MakeFolder,
                Err(Denied::NotRequested),
            ),
            ("o@x.org/app_data/app/out/x/y", Write, Ok(())),
            ("o@x.org/app_data/app/out/x/y", Read, Ok(())),
            ("o@x.org/app_data/app/out/syft.pub.yaml", Read, Ok(())),
            (
                "o@x.org/app_data/app/out/syft.pub.yaml",
                Write,
                Err(Denied::Never),
            ),
            (
                "o@x.org/app_data/app/out/Syft.Pub.YAML",
                Write,
                Err(Denied::Never),
            ),
            (
                "o@x.org/app_data/app/out/\u{17f}yft.pub.yaml",
                Write,
                Err(Denied::Never),
            ),
            (
                "o@x.org/app_data/app/out/did.json",
                Write,
                Err(Denied::Never),
            ),
            ("o@x.org/app_data/app/out/rpc/x", Read, Err(Denied::Never)),
            ("o@x.org/shared", See, Ok(())),
            ("o@x.org/shared/public/x", Read, Ok(())),
            ("o@x.org/shared/x", Read, may_not()),
            ("o@x.org/shared/team", See, may_not()),
            ("o@x.org/shared/public/x", Write, Err(Denied::NotRequested)),
        ] {
            assert_eq!(decide(&policy, path, want), expected, "{want:?} {path}");
        }
    }

    #[test]
    fn grants_what_is_both_requested_and_approved() {
        let requested = all(&["a@x.org/public/**"], &[], &[]);
        for (approved, path, expected) in [
            (all(&["**/x"], &[], &[]), "a@x.org/public/x", Ok(())),
            (
                all(&["**/x"], &[], &[]),
                "a@x.org/public/y",
                Err(Denied::NotApproved),
            ),
            (
                all(&["**"], &["**"], &[]),
                "a@x.org/private/x",
                Err(Denied::NotRequested),
            ),
            (
                all(&[], &[], &[]),
                "a@x.org/public/x",
                Err(Denied::NotApproved),
            ),
        ] {
            let policy = policy(requested.clone(), approved, &[]);
            assert_eq!(decide(&policy, path, Want::Read), expected, "{path}");
        }
    }

    #[test]
    fn nothing_is_granted_at_first() {
        let nothing = Policy::default();
        assert!(nothing.is_empty());
        for want in [Want::See, Want::Read, Want::Write, Want::MakeFolder] {
            for path in ["", "a@x.org", "a@x.org/public/x"] {
                assert!(decide(&nothing, path, want).is_err(), "{want:?} {path}");
            }
        }
    }
}
