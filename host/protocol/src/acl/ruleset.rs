//! One permission file: its rules, in the order of the file.

use super::access_list::AccessList;
use super::document::Document;
use super::work::{TooHard, Work};
use super::yaml::Node;
use super::{Access, AclError};

/// The most bytes of a file.
const MAX_BYTES: usize = 256 * 1024;

/// The most rules in a file.
const MAX_RULES: usize = 1000;

/// The most entries in all lists of a file together.
const MAX_ENTRIES: usize = 10_000;

/// The most bytes of a pattern.
const MAX_PATTERN_BYTES: usize = 4096;

/// The most bytes of a list entry.
const MAX_ENTRY_BYTES: usize = 1024;

/// The pattern that matches everything, and ends every file.
const EVERYTHING: &str = "**";

/// The rules of one permission file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    pub(super) terminal: bool,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The place in the file, unless it does not stand there.
    pub(super) index: Option<usize>,
    pub(super) pattern: String,
    pub(super) grants: Grants,
}

/// Whom a rule gives what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) admin: AccessList,
    pub(super) write: AccessList,
    pub(super) read: AccessList,
}

impl RuleSet {
    /// Reads a permission file as the server does.
    ///
    /// # Errors
    /// The server does not load it, or it holds more, or other YAML, than is read
    /// here. An empty one is for the caller to refuse: none of that kind reaches
    /// the server.
    pub fn parse(text: &[u8]) -> Result<RuleSet, AclError> {
        if text.len() > MAX_BYTES {
            return Err(AclError::TooMuch {
                limit: MAX_BYTES,
                what: "bytes",
            });
        }
        let mut reader = Reader {
            document: Document::parse(text)?,
            n_entries: 0,
        };
        reader.rule_set()
    }

    /// Returns the rules that let nobody but the owner in, here and below.
    pub fn closed() -> RuleSet {
        RuleSet {
            terminal: true,
            rules: vec![Rule::fallback()],
        }
    }

    /// Returns whether the files in folders below do not count.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl Rule {
    fn fallback() -> Rule {
        Rule {
            index: None,
            pattern: EVERYTHING.to_owned(),
            grants: Grants::default(),
        }
    }
}

impl Grants {
    /// Returns whether `user` has `needed`: admin gives write, write gives
    /// read.
    pub(super) fn allow(
        &self,
        user: &str,
        needed: Access,
        work: &mut Work,
    ) -> Result<bool, TooHard> {
        let lists = [&self.admin, &self.write, &self.read];
        let n_lists = match needed {
            Access::Admin => 1,
            Access::Write | Access::Create => 2,
            Access::Read => 3,
        };
        for list in &lists[..n_lists] {
            if list.holds(user, work)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads the rules out of a document.
struct Reader {
    document: Document,
    n_entries: usize,
}

impl Reader {
    fn rule_set(&mut self) -> Result<RuleSet, AclError> {
        let mut terminal = false;
        let mut rules = Vec::new();
        let root = self.document.root();
        for (key, value) in self.map(root, "the file")? {
            match &*key {
                "terminal" => terminal = self.document.bool(value, "`terminal`")?,
                "rules" => rules = self.rules(value)?,
                _ => {}
            }
        }
        if !rules.iter().any(|rule| rule.pattern == EVERYTHING) {
            rules.push(Rule::fallback());
        }
        Ok(RuleSet { terminal, rules })
    }

    fn rules(&mut self, node: Node) -> Result<Vec<Rule>, AclError> {
        let mut rules = Vec::new();
        for (index, node) in self.list(node, "`rules`")?.into_iter().enumerate() {
            if index == MAX_RULES {
                return Err(AclError::TooMuch {
                    limit: MAX_RULES,
                    what: "rules",
                });
            }
            rules.push(self.rule(index, node)?);
        }
        Ok(rules)
    }

    fn rule(&mut self, index: usize, node: Node) -> Result<Rule, AclError> {
        if self.document.is_null(node) {
            return Err(self.document.fault(node, "a rule is null"));
        }
        let mut pattern = String::new();
        let mut grants = None;
        for (key, value) in self.map(node, "a rule")? {
            match &*key {
                "pattern" => pattern = self.pattern(value)?,
                "access" => grants = self.grants(value)?,
                _ => {}
            }
        }
        if pattern.is_empty() {
            return Err(self.document.fault(node, "a rule has no `pattern`"));
        }
        let grants = grants.ok_or_else(|| self.document.fault(node, "a rule has no `access`"))?;
        Ok(Rule {
            index: Some(index),
            pattern,
            grants,
        })
    }

    fn pattern(&mut self, node: Node) -> Result<String, AclError> {
        let pattern = self.document.text(node, "`pattern`")?.unwrap_or_default();
        if pattern.len() > MAX_PATTERN_BYTES {
            Err(AclError::TooMuch {
                limit: MAX_PATTERN_BYTES,
                what: "bytes in a pattern",
            })
        } else {
            Ok(pattern)
        }
    }

    /// Returns `None` for a null. Keys of no meaning are passed over, but must
    /// hold lists of texts like the others.
    fn grants(&mut self, node: Node) -> Result<Option<Grants>, AclError> {
        if self.document.is_null(node) {
            return Ok(None);
        }
        let mut grants = Grants::default();
        for (key, value) in self.map(node, "`access`")? {
            let list = AccessList::new(self.entries(value)?);
            match &*key {
                "admin" => grants.admin = list,
                "write" => grants.write = list,
                "read" => grants.read = list,
                _ => {}
            }
        }
        Ok(Some(grants))
    }

    /// Returns the texts of a list, without its nulls.
    fn entries(&mut self, node: Node) -> Result<Vec<String>, AclError> {
        let mut entries = Vec::new();
        for node in self.list(node, "a list in `access`")? {
            self.n_entries += 1;
            if self.n_entries > MAX_ENTRIES {
                return Err(AclError::TooMuch {
                    limit: MAX_ENTRIES,
                    what: "entries in lists",
                });
            }
            let entry = self.document.text(node, "an entry of a list in `access`")?;
            if entry
                .as_ref()
                .is_some_and(|entry| entry.len() > MAX_ENTRY_BYTES)
            {
                return Err(AclError::TooMuch {
                    limit: MAX_ENTRY_BYTES,
                    what: "bytes in an entry",
                });
            }
            entries.extend(entry);
        }
        Ok(entries)
    }

    fn map(&mut self, node: Node, what: &str) -> Result<Vec<(String, Node)>, AclError> {
        self.document.fields(node, what)
    }

    fn list(&mut self, node: Node, what: &str) -> Result<Vec<Node>, AclError> {
        self.document.items(node, what)
    }
}
