//! Who may do what by `syft.pub.yaml`, as the SyftBox server decides.
//!
//! Of the files on the way to a path, the deepest decides alone; a `terminal`
//! one hides those below it. Of its rules, the first in the order of their
//! scores whose pattern matches decides alone. The owner may do everything.
//!
//! # Where this is stricter than the server
//!
//! - **Owner.** The whole first segment of the path must be the requester. To
//!   the server any beginning will do: `alice@example.co` owns
//!   `alice@example.com/…`.
//! - **Nobody.** An empty requester is nobody and may do nothing, not even
//!   what everybody may; the server takes it for the owner of everything. So
//!   is one with a slash, which could be no folder, or of more than 1024
//!   bytes.
//! - **Values in templates** are plain text: a requester `*@example.com` does
//!   not turn `{{.UserEmail}}/**` into a glob over the folders of others, nor
//!   do `{`, `,` and `\` in a name act in one. What the author of the file
//!   wrote acts as on the server, also in a string within a template.
//! - **Paths** that leave the root by `..` are refused, also `/../a`, which
//!   the server takes for `a`; so are paths of more than 4096 bytes.
//! - **A rule that cannot be judged denies**, instead of leaving the decision
//!   to a rule below it: templates that use more of Go than is read here
//!   (control structures, variables, `printf` and the other functions of Go,
//!   numbers other than whole tens, `\x` and `\u` escapes, the bare dot), on
//!   all paths that begin as the pattern does; and patterns that take more
//!   than 4 million steps in one decision.
//! - **Files** of more than 256 KiB, 1000 rules, 10 000 list entries, 4096
//!   bytes in a pattern, 1024 in an entry or 100 000 steps through aliases are
//!   not read.
//! - **YAML** is read only where its versions 1.1 and 1.2 and the parsers of
//!   both sides agree. These are not read: directives (`%YAML`, `%TAG` and
//!   unknown ones); a second document, `...` alone and anything behind `...`;
//!   text in the line of `---`; U+0085, U+2028, U+2029, a carriage return
//!   within a line, and U+FEFF other than at the start, anywhere in the file;
//!   UTF-16; keys that are empty, take several lines or more than 1000 bytes,
//!   or follow a `?`; tabs at the start of a line within brackets, in texts
//!   without quotes and in block texts; `?` or `:` before a text without
//!   quotes, and `?` in one within brackets; the escapes `\/` and `\'`;
//!   anchors and tags of other characters than ASCII letters, digits, `-` and
//!   `_`, the long form `!<…>`, and, within brackets, apart from what they
//!   mark; `!!binary`, `!!int`, `!!float` and `!!timestamp` on what is used;
//!   other tags than `!!seq` and `!!map` on a list or a map; nesting deeper
//!   than 255.
//! - **A file that is not read** closes its folder and all below, by
//!   [`RuleSet::closed`]. The server, given what it refuses itself
//!   ([`AclError::server_refuses`]), goes on with the rules from before or with
//!   those above.
//! - **A null rule** (`rules: [~]`) is an error; it crashes the server.
//!
//! # Where this differs otherwise
//!
//! - Rules of equal score keep the order of the file, whatever their number.
//!   The server's order is unspecified above 12 rules.
//! - A change counts at once. The server caches decisions for up to an hour,
//!   and after a `terminal` file with others below it is deleted, it stays
//!   terminal until the server restarts.

mod access_list;
mod document;
mod error;
mod path;
mod ruleset;
mod structure;
mod yaml;

mod action;
mod glob;
mod matcher;
mod score;
mod template;
mod words;
mod work;

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::excerpt::excerpt;
use crate::permissions::PERMISSION_FILE;
use crate::timestamp::Timestamp;

pub use error::AclError;
pub use matcher::Unknown;
pub use path::PathFault;
pub use ruleset::RuleSet;

use matcher::Matcher;
use ruleset::{Grants, Rule};
use score::score;
use template::Context;
use work::Work;

/// The most slashes in the path of a folder with a permission file: the
/// server's `ACLMaxDepth`.
const MAX_SLASHES: usize = 255;

/// The most bytes of a requester, far above any email.
const MAX_USER_BYTES: usize = 1024;

/// What is asked for, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// To read a file.
    Read,
    /// To make a new file. The rules know no difference to writing.
    Create,
    /// To change or to delete a file.
    Write,
    /// To do all that the rules can give, changing permission files included.
    Admin,
}

/// The answer to one question, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it may be done.
    pub allowed: bool,
    /// What was needed: more than was asked for where a permission file is to
    /// be written.
    pub needed: Access,
    /// What decides.
    pub reason: Reason<'a>,
}

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// The path is in the requester's own datasite: allowed.
    Owner,
    /// This rule matches first: allowed if its lists name the requester.
    Rule(RuleRef<'a>),
    /// No permission file applies: denied.
    NoFile,
    /// In the file that applies, no rule matches: denied. Every file has a
    /// rule for all paths, but glob characters in the name of its folder can
    /// keep it from matching.
    NoRule {
        /// The path of the permission file.
        file: &'a str,
    },
    /// It cannot be told whether this rule applies: denied.
    Unknown(RuleRef<'a>, Unknown),
    /// The requester is nobody: denied.
    Nobody,
    /// The path is none: denied.
    Path(PathFault),
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRef<'a> {
    /// The path of the permission file.
    pub file: &'a str,
    /// The place of the rule in it, counted from 0; `None` for the rule that
    /// every file ends with unless it has one for `**`, and that names nobody.
    pub index: Option<usize>,
    /// The pattern as it stands there.
    pub pattern: &'a str,
}

/// Tells whether all of `name` is what a glob means, as SyftBox matches them; `None` where
/// that takes too long to find out.
pub fn matches_glob(pattern: &str, name: &str) -> Option<bool> {
    glob::is_match(pattern, name, &mut work::Work::new()).ok()
}

/// The permission files below one root.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    /// By the cleaned path of their folders.
    files: HashMap<String, File>,
}

/// A permission file in its place.
#[derive(Clone, Debug)]
struct File {
    path: String,
    terminal: bool,
    /// By their scores, the highest first.
    rules: Vec<PlacedRule>,
}

#[derive(Clone, Debug)]
struct PlacedRule {
    index: Option<usize>,
    pattern: String,
    matcher: Matcher,
    grants: Grants,
}

impl Acl {
    /// Returns the state without any file: all is the owners' alone.
    pub fn new() -> Acl {
        Acl::default()
    }

    /// Puts the rules of a permission file into its folder, in the place of
    /// what was there. `folder` is its path below the root, `/` between names.
    ///
    /// The root itself can hold none, nor a folder 257 deep or deeper.
    pub fn insert(&mut self, folder: &str, rules: RuleSet) -> Result<(), AclError> {
        let fault = |problem| AclError::Folder {
            folder: excerpt(folder),
            problem,
        };
        let cleaned = path::clean(folder).map_err(|reason| fault(reason.as_str()))?;
        if cleaned.matches('/').count() > MAX_SLASHES {
            return Err(fault("is more than 256 names deep"));
        }
        let file = File::new(&cleaned, rules);
        self.files.insert(cleaned, file);
        Ok(())
    }

    /// Takes the permission file of a folder away; returns whether there was
    /// one.
    pub fn remove(&mut self, folder: &str) -> bool {
        match path::clean(folder) {
            Ok(cleaned) => self.files.remove(&cleaned).is_some(),
            Err(_) => false,
        }
    }

    /// Returns whether `user` may do `access` to `path` at `now`, which only
    /// templates with dates ask for. `path` is relative to the root.
    pub fn decide(&self, now: Timestamp, user: &str, path: &str, access: Access) -> Decision<'_> {
        let path = match path::clean(path) {
            Ok(path) => path,
            Err(fault) => return Decision::denied(access, Reason::Path(fault)),
        };
        let needed = needed(&path, access);
        if user.is_empty() || user.len() > MAX_USER_BYTES || user.contains('/') {
            return Decision::denied(needed, Reason::Nobody);
        }
        if path.split('/').next() == Some(user) {
            return Decision {
                allowed: true,
                needed,
                reason: Reason::Owner,
            };
        }
        match self.file_for(&path) {
            Some(file) => file.decide(&Context::new(now, user), user, &path, needed),
            None => Decision::denied(needed, Reason::NoFile),
        }
    }

    /// Returns the deepest file on the way to `path` that no terminal one
    /// hides. The last name of the path may be a folder too.
    fn file_for(&self, path: &str) -> Option<&File> {
        let ends = path.match_indices('/').map(|(at, _)| at);
        let mut nearest = None;
        for end in ends.chain([path.len()]).take(MAX_SLASHES + 1) {
            let Some(file) = self.files.get(&path[..end]) else {
                continue;
            };
            nearest = Some(file);
            if file.terminal {
                break;
            }
        }
        nearest
    }
}

impl File {
    fn new(folder: &str, rules: RuleSet) -> File {
        let mut placed: Vec<PlacedRule> = rules
            .rules
            .into_iter()
            .map(|rule| PlacedRule::new(folder, rule))
            .collect();
        placed.sort_by_key(|rule| Reverse(score(&rule.pattern)));
        File {
            path: format!("{folder}/{PERMISSION_FILE}"),
            terminal: rules.terminal,
            rules: placed,
        }
    }

    fn decide(
        &self,
        context: &Context<'_>,
        user: &str,
        path: &str,
        needed: Access,
    ) -> Decision<'_> {
        let mut work = Work::new();
        for rule in &self.rules {
            let place = RuleRef {
                file: &self.path,
                index: rule.index,
                pattern: &rule.pattern,
            };
            let allowed = match rule.matcher.is_match(path, context, &mut work) {
                Ok(false) => continue,
                Ok(true) => rule
                    .grants
                    .allow(user, needed, &mut work)
                    .map_err(Unknown::from),
                Err(unknown) => Err(unknown),
            };
            return match allowed {
                Ok(allowed) => Decision {
                    allowed,
                    needed,
                    reason: Reason::Rule(place),
                },
                Err(unknown) => Decision::denied(needed, Reason::Unknown(place, unknown)),
            };
        }
        Decision::denied(needed, Reason::NoRule { file: &self.path })
    }
}

impl PlacedRule {
    fn new(folder: &str, rule: Rule) -> PlacedRule {
        PlacedRule {
            index: rule.index,
            // By text: `./a`, `/a`, `../a` and `a/` match nothing.
            matcher: Matcher::new(format!("{folder}/{}", rule.pattern)),
            pattern: rule.pattern,
            grants: rule.grants,
        }
    }
}

impl Decision<'_> {
    fn denied(needed: Access, reason: Reason<'_>) -> Decision<'_> {
        Decision {
            allowed: false,
            needed,
            reason,
        }
    }
}

/// Returns what `access` to `path` takes: who may write a permission file may
/// give everything away.
fn needed(path: &str, access: Access) -> Access {
    let name = path.rsplit('/').next();
    match access {
        Access::Create | Access::Write if name == Some(PERMISSION_FILE) => Access::Admin,
        _ => access,
    }
}
