//! Whom one line of a rule's `access` names.

use std::collections::HashSet;

use super::glob;
use super::work::{TooHard, Work};

/// Everybody, guests included.
const EVERYONE: &str = "*";

/// Whoever asks.
const USER: &str = "USER";

/// The entries of one list, sorted by what they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccessList {
    everyone: bool,
    requester: bool,
    names: HashSet<String>,
    globs: Vec<String>,
}

impl AccessList {
    pub(super) fn new(entries: Vec<String>) -> AccessList {
        let mut list = AccessList::default();
        for entry in entries {
            match &*entry {
                EVERYONE => list.everyone = true,
                USER => list.requester = true,
                _ => {
                    if entry.contains(['*', '?', '[', ']']) {
                        list.globs.push(entry.clone());
                    }
                    list.names.insert(entry);
                }
            }
        }
        list
    }

    /// Tells whether the list names whoever uses SyftBox.
    pub(super) fn names_all(&self) -> bool {
        self.everyone || self.requester
    }

    /// Returns whom the list names, for people; nothing if it is nobody.
    pub(super) fn in_words(&self) -> Option<String> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let everyone = self.everyone.then_some("everybody");
        let requester = self.requester.then_some("each user");
        let all: Vec<&str> = everyone.into_iter().chain(requester).chain(names).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Returns whether the list names `user`, which is not empty.
    pub(super) fn holds(&self, user: &str, work: &mut Work) -> Result<bool, TooHard> {
        // The server puts the requester in the place of `USER`, and so for one
        // of that very name takes it out.
        if self.everyone || self.requester && user != USER || self.names.contains(user) {
            return Ok(true);
        }
        for glob in &self.globs {
            if glob::is_match(glob, user, work)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[&str], user: &str, expected: bool) {
        let list = AccessList::new(entries.iter().map(|entry| (*entry).to_owned()).collect());
        let actual = list.holds(user, &mut Work::new());
        assert_eq!(actual, Ok(expected), "{entries:?} {user}");
    }

    #[test]
    fn names_users() {
        check(&[], "bob@x.org", false);
        check(&["*"], "bob@x.org", true);
        check(&["*"], "guest@syftbox.net", true);
        check(&["**"], "bob@x.org", true);
        check(&["USER"], "bob@x.org", true);
        check(&["user"], "bob@x.org", false);
        check(&["USER"], "USER", false);
        check(&["USER", "*"], "USER", true);
        check(&["bob@x.org"], "bob@x.org", true);
        check(&["bob@x.org"], "Bob@x.org", false);
        check(&["bob@x.org"], "bob@x.or", false);
        check(&["bob@x.org"], "xbob@x.org", false);
        check(&["bob@x.org "], "bob@x.org", false);
        check(&["a@x.org", "bob@x.org"], "bob@x.org", true);
    }

    #[test]
    fn globs_name_users() {
        check(&["*@x.org"], "bob@x.org", true);
        check(&["*@x.org"], "bob@y.org", false);
        check(&["*@x.org"], "@x.org", true);
        check(&["b?b@x.org"], "bob@x.org", true);
        check(&["b?b@x.org"], "boob@x.org", false);
        check(&["[a-c]ob@x.org"], "bob@x.org", true);
        check(&["[!a-c]ob@x.org"], "bob@x.org", false);
        check(&["*@*.x.org"], "bob@a.b.x.org", true);
        check(&["*@*.x.org"], "bob@x.org", false);
        check(&["{bob,eve}@x.org"], "bob@x.org", false);
        check(&["{bob,eve}@x.org"], "{bob,eve}@x.org", true);
        check(&["{bob,eve}@*.org"], "eve@x.org", true);
        check(&["[bob@x.org"], "bob@x.org", false);
        check(&["[bob@x.org"], "[bob@x.org", true);
        check(&["b]b@x.org"], "b]b@x.org", true);
        check(&["\\*@x.org"], "bob@x.org", false);
        check(&["\\*@x.org"], "*@x.org", true);
        check(&["*@X.org"], "bob@x.org", false);
    }

    #[test]
    fn globs_in_a_name_are_plain() {
        check(&["bob@x.org"], "*@x.org", false);
        check(&["b?b@x.org"], "b*b@x.org", true);
        check(&["*@x.org"], "*@x.org", true);
        check(&["a@x.org"], "*", false);
    }
}
