//! The one decision about files: what an app asked for, what its owner approved,
//! and what nobody can approve.
//!
//! Why: docs/decisions/24-granted-is-requested-and-approved.md

use syft_manifest::{Files, Grants};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::{PathPattern, Pattern, Reach};

use super::datasites_dir::DatasitesDir;
use super::other_apps::AppFolder;
use crate::wire::{FileRight, Looked};

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

impl Want {
    /// Returns it as the log has it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Read => "read",
            Self::Write | Self::MakeFolder => "write",
        }
    }
}

impl From<Want> for FileRight {
    fn from(want: Want) -> Self {
        match want {
            Want::See => Self::See,
            Want::Read => Self::Read,
            Want::Write => Self::Write,
            Want::MakeFolder => Self::MakeFolder,
        }
    }
}

/// Why a guest may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
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

/// What may be done with one path, each with the reason where it may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRights {
    pub see: ReadRight,
    pub read: ReadRight,
    pub(crate) write: Result<(), Denied>,
    pub(crate) make_folder: Result<(), Denied>,
}

/// Whether something may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadRight {
    /// It may.
    Granted,
    /// It may where the sender of the request may read it.
    IfSenderMay,
    /// It may not.
    Denied(Denied),
}

impl PathRights {
    /// Returns those in a folder that is the call's alone.
    pub(super) fn all() -> Self {
        Self {
            see: ReadRight::Granted,
            read: ReadRight::Granted,
            write: Ok(()),
            make_folder: Ok(()),
        }
    }

    /// Returns what the owner's host says of a path. Why something is refused is its to log.
    pub(super) fn of_owner(looked: Option<&Looked>) -> Self {
        let right = |may: fn(&Looked) -> bool| {
            let may = looked.filter(|looked| may(looked));
            may.map(|_| ()).ok_or(Denied::NotRequested)
        };
        let to_read = |may| match right(may) {
            Ok(()) => ReadRight::Granted,
            Err(denied) => ReadRight::Denied(denied),
        };
        Self {
            see: to_read(|looked| looked.see),
            read: to_read(|looked| looked.read),
            write: right(|looked| looked.write),
            make_folder: right(|looked| looked.make_folder),
        }
    }

    /// Returns those in a folder that is only there to be read.
    pub(super) fn to_read() -> Self {
        Self {
            write: Err(Denied::Never),
            make_folder: Err(Denied::Never),
            ..Self::all()
        }
    }

    fn none(denied: &Denied) -> Self {
        Self {
            see: ReadRight::Denied(denied.clone()),
            read: ReadRight::Denied(denied.clone()),
            write: Err(denied.clone()),
            make_folder: Err(denied.clone()),
        }
    }
}

impl ReadRight {
    /// Tells whether it may be read for any sender.
    pub fn is_granted(&self) -> bool {
        *self == Self::Granted
    }

    /// Combines what patterns to read say with what those say that are read on behalf of
    /// the sender.
    fn of(own: Result<(), Denied>, on_behalf: Result<(), Denied>) -> Self {
        match (own, on_behalf) {
            (Ok(()), _) => Self::Granted,
            (Err(_), Ok(())) => Self::IfSenderMay,
            (Err(_), Err(Denied::NotApproved)) => Self::Denied(Denied::NotApproved),
            (Err(denied), Err(_)) => Self::Denied(denied),
        }
    }
}

/// The patterns of one app, ready to decide.
#[derive(Debug, Clone, Default)]
pub struct FilePolicy {
    folder: AppFolder,
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

/// What the patterns of one side have to do with a path.
struct SetsReach {
    read: Reach,
    write: Reach,
    on_behalf: Reach,
}

impl Sets {
    /// Counts the patterns alone that name a folder and do not merely stand for it.
    fn reach(&self, path: &[&str], named: &[&str]) -> SetsReach {
        let of = |patterns: &[Pattern]| {
            let naming = patterns.iter();
            Reach::of(
                naming.filter(|pattern| pattern.has_literal_start(named)),
                path,
            )
        };
        SetsReach {
            read: of(&self.read),
            write: of(&self.write),
            on_behalf: of(&self.on_behalf),
        }
    }
}

impl FilePolicy {
    /// Returns what was granted to an app of a datasite.
    pub fn new(grants: &Grants, datasite: &Datasite, app: &AppName) -> Self {
        let resolve = |patterns: &[PathPattern]| -> Vec<Pattern> {
            patterns
                .iter()
                .map(|pattern| pattern.resolve(datasite, app))
                .collect()
        };
        // It needs nobody's approval.
        let own = grants.requested.own_folder;
        let own = own.then(|| PathPattern::of_own_folder().resolve(datasite, app));
        let sets = |patterns: &Files| {
            let mut write = resolve(&patterns.write);
            write.extend(own.clone());
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
            folder: AppFolder::new(datasite, app),
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
    pub fn may_read_any(
        &self,
        starts: &[&str],
        mut overlaps: impl FnMut(&Pattern) -> bool,
    ) -> bool {
        if is_of_requests(starts) || self.is_denied(starts) {
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
    pub fn may_read_of_others(&self, owner: &str) -> bool {
        let is_any = |sets: &Sets| {
            let mut patterns = sets.read.iter();
            patterns.any(|pattern| !pattern.has_literal_start(&[owner]))
        };
        is_any(&self.requested) && is_any(&self.approved)
    }

    /// Decides about a path, given by its names below the datasites folder, as it lies there.
    ///
    /// The folder of another app that lies in the app's own is no part of it: what is in it is
    /// requested only by patterns that name it.
    pub fn decide_in(&self, datasites: &DatasitesDir, path: &[&str]) -> PathRights {
        self.decide_naming(path, self.folder.other_app(datasites, path))
    }

    /// Decides about a path as far as patterns say.
    pub fn decide(&self, path: &[&str]) -> PathRights {
        self.decide_naming(path, &[])
    }

    fn decide_naming(&self, path: &[&str], named: &[&str]) -> PathRights {
        if is_of_requests(path) {
            return PathRights::none(&Denied::Never);
        }
        let mut rights = if self.is_denied(path) {
            PathRights::none(&Denied::ByOwner)
        } else {
            self.by_patterns(path, named)
        };
        if is_ruling(path) {
            rights.write = Err(Denied::Never);
            rights.make_folder = Err(Denied::Never);
        }
        rights
    }

    /// A folder is known where something in it may be, so that a guest finds its
    /// way. Below the fixed part of a pattern that is read on behalf of the
    /// sender, a folder is known if the sender may know it.
    fn by_patterns(&self, path: &[&str], named: &[&str]) -> PathRights {
        let requested = self.requested.reach(path, named);
        let approved = self.approved.reach(path, &[]);
        let in_both = |holds: fn(&SetsReach) -> bool| match (holds(&requested), holds(&approved)) {
            (true, true) => Ok(()),
            (true, false) => Err(Denied::NotApproved),
            (false, _) => Err(Denied::NotRequested),
        };
        let see = if in_both(|sets| sets.on_behalf.is_literal_start).is_ok() {
            ReadRight::Granted
        } else {
            ReadRight::of(
                in_both(|sets| sets.read.concerns()),
                in_both(|sets| sets.on_behalf.concerns()),
            )
        };
        PathRights {
            see,
            read: ReadRight::of(
                in_both(|sets| sets.read.matches),
                in_both(|sets| sets.on_behalf.matches),
            ),
            write: in_both(|sets| sets.write.matches),
            make_folder: in_both(|sets| sets.write.matches || sets.write.is_literal_start),
        }
    }

    /// What is denied takes all below it along.
    fn is_denied(&self, path: &[&str]) -> bool {
        let any_matches = |path: &[&str]| self.denied.iter().any(|pattern| pattern.matches(path));
        !self.denied.is_empty() && (0..=path.len()).any(|end| any_matches(&path[..end]))
    }
}

/// Tells whether a path is where requests to apps and their answers are, which is the host's
/// business.
fn is_of_requests(path: &[&str]) -> bool {
    path.get(1).is_some_and(|name| is_like(name, "APP_DATA"))
        && path.iter().skip(3).any(|name| is_like(name, "RPC"))
}

/// Tells whether a path is that of access rules or keys, which only the owner changes.
fn is_ruling(path: &[&str]) -> bool {
    const RULING: [&str; 3] = ["SYFT.PUB.YAML", "DID.JSON", "DID.CONFLICT.JSON"];
    let is_one = |name: &&str| RULING.iter().any(|ruling| is_like(name, ruling));
    path.iter().any(is_one)
}

/// Tells whether some file system may take a name for one that is given in
/// capitals.
fn is_like(name: &str, capitals: &str) -> bool {
    if name.is_ascii() {
        name.eq_ignore_ascii_case(capitals)
    } else {
        name.to_lowercase().to_uppercase() == capitals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<PathPattern> {
        let parse = |text: &&str| PathPattern::parse(text).expect("a pattern");
        texts.iter().map(parse).collect()
    }

    fn policy(requested: Files, approved: Files, denied: &[&str]) -> FilePolicy {
        policy_of("app", requested, approved, denied)
    }

    fn policy_of(app: &str, requested: Files, approved: Files, denied: &[&str]) -> FilePolicy {
        let grants = Grants {
            requested,
            approved,
            denied: patterns(denied),
            ..Grants::default()
        };
        let datasite = Datasite::parse("o@x.org").expect("an email");
        FilePolicy::new(&grants, &datasite, &AppName::parse(app).expect("a name"))
    }

    fn all(read: &[&str], write: &[&str], on_behalf: &[&str]) -> Files {
        Files {
            read: patterns(read),
            write: patterns(write),
            on_behalf_of_sender: patterns(on_behalf),
            ..Files::default()
        }
    }

    /// Decides for a sender who may read what is public.
    fn decide(policy: &FilePolicy, path: &str, want: Want) -> Result<(), Denied> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        said(&policy.decide(&names), path, want)
    }

    fn said(rights: &PathRights, path: &str, want: Want) -> Result<(), Denied> {
        let with_sender = |right| match right {
            ReadRight::Granted => Ok(()),
            ReadRight::IfSenderMay if path.contains("public") => Ok(()),
            ReadRight::IfSenderMay => Err(Denied::SenderMayNot("private".to_owned())),
            ReadRight::Denied(denied) => Err(denied),
        };
        match want {
            Want::See => with_sender(rights.see.clone()),
            Want::Read => with_sender(rights.read.clone()),
            Want::Write => rights.write.clone(),
            Want::MakeFolder => rights.make_folder.clone(),
        }
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

    /// The folders `llm/x` and `llm/a/b` are those of other apps, in that of the app `llm`.
    #[test]
    fn another_app_in_its_folder_is_no_part_of_it() {
        use Want::{MakeFolder, Read, See, Write};
        let site = tempfile::tempdir().expect("a folder");
        let own = site.path().join("o@x.org/app_data/llm");
        for app in ["", "x", "a/b"] {
            std::fs::create_dir_all(own.join(app).join("rpc")).expect("a folder");
        }
        let datasites = DatasitesDir::open(site.path()).expect("a folder");
        let may_not = || Err(Denied::NotRequested);
        let decided = |policy: &FilePolicy, path: &str, want| {
            let path = format!("o@x.org/app_data/llm{path}");
            let names: Vec<&str> = path.split('/').collect();
            said(&policy.decide_in(&datasites, &names), &path, want)
        };
        for wide in [
            "{app_data}/**",
            "{datasite}/**",
            "o@x.org/app_data/llm/**",
            "**",
            "{app_data}/*/*",
        ] {
            let wanted = all(&[], &[wide], &[]);
            let policy = policy_of("llm", wanted.clone(), wanted, &[]);
            assert_eq!(decided(&policy, "/y/f", Write), Ok(()), "{wide}");
            for want in [See, Read, Write, MakeFolder] {
                for path in ["/x", "/x/f", "/x/y", "/x/y/f", "/a/b", "/a/b/f"] {
                    assert_eq!(decided(&policy, path, want), may_not(), "{wide} {path}");
                }
                assert_eq!(decided(&policy, "/x/rpc/f", want), Err(Denied::Never));
            }
        }
        let named = all(&["{app_data}/**", "{app_data}/x/shared/*"], &[], &[]);
        let policy = policy_of("llm", named.clone(), named, &[]);
        for (path, want, expected) in [
            ("/x", See, Ok(())),
            ("/x", Read, may_not()),
            ("/x/shared", See, Ok(())),
            ("/x/shared/f", Read, Ok(())),
            ("/x/f", Read, may_not()),
            ("/x/shared/f", Write, may_not()),
            ("/a", Read, Ok(())),
            ("/a/f", Read, Ok(())),
            ("/a/b/f", Read, may_not()),
        ] {
            assert_eq!(decided(&policy, path, want), expected, "{want:?} {path}");
        }
        // The inner app has what is its own, and nothing of the outer one.
        let own = all(&[], &["{app_data}/**"], &[]);
        let policy = policy_of("llm/x", own.clone(), own, &[]);
        assert_eq!(decided(&policy, "/x/f", Write), Ok(()));
        for path in ["/f", "/a/f", "/a/b/f"] {
            assert_eq!(decided(&policy, path, Read), may_not(), "{path}");
        }
    }

    #[test]
    fn the_own_folder_needs_no_approval() {
        use Want::{Read, Write};
        let asks = Files {
            own_folder: true,
            ..Files::default()
        };
        let granted = policy(asks.clone(), Files::default(), &[]);
        let denied = policy(asks, Files::default(), &["{app_data}/secret"]);
        let own = "o@x.org/app_data/app";
        for (policy, path, want, expected) in [
            (&granted, format!("{own}/x/y"), Write, Ok(())),
            (&granted, format!("{own}/rpc/x"), Read, Err(Denied::Never)),
            (
                &granted,
                format!("{own}/syft.pub.yaml"),
                Write,
                Err(Denied::Never),
            ),
            (
                &granted,
                format!("{own}2/x"),
                Read,
                Err(Denied::NotRequested),
            ),
            (&denied, format!("{own}/x"), Write, Ok(())),
            (
                &denied,
                format!("{own}/secret/x"),
                Read,
                Err(Denied::ByOwner),
            ),
        ] {
            assert_eq!(decide(policy, &path, want), expected, "{want:?} {path}");
        }
    }

    #[test]
    fn nothing_is_granted_at_first() {
        let nothing = FilePolicy::default();
        assert!(nothing.is_empty());
        for want in [Want::See, Want::Read, Want::Write, Want::MakeFolder] {
            for path in ["", "a@x.org", "a@x.org/public/x"] {
                assert!(decide(&nothing, path, want).is_err(), "{want:?} {path}");
            }
        }
    }
}
