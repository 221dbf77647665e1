//! What rules say, in words for an owner.

use super::RuleSet;
use super::access_list::AccessList;
use super::ruleset::{Grants, Rule};

impl RuleSet {
    /// Returns what the rules say, one line for each: whom they let do what with which paths.
    /// Patterns and names are as their author wrote them.
    pub fn in_words(&self) -> Vec<String> {
        let end = self
            .terminal
            .then(|| "rules in the folders below do not count".to_owned());
        self.rules.iter().map(Rule::in_words).chain(end).collect()
    }

    /// Returns what the first rule says that lets in whoever uses SyftBox, if one does.
    pub fn first_for_all(&self) -> Option<String> {
        let rule = self.rules.iter().find(|rule| rule.grants.are_for_all())?;
        Some(rule.in_words())
    }
}

impl Rule {
    fn in_words(&self) -> String {
        format!("{}: {}", self.pattern, self.grants.in_words())
    }
}

impl Grants {
    fn are_for_all(&self) -> bool {
        [&self.read, &self.write, &self.admin]
            .into_iter()
            .any(AccessList::names_all)
    }

    fn in_words(&self) -> String {
        let may = |list: &AccessList, what| Some(format!("{} may {what}", list.in_words()?));
        let said = [
            may(&self.read, "read"),
            may(&self.write, "read and write"),
            may(&self.admin, "do everything, and change the rules"),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() {
            "nobody but the owner".to_owned()
        } else {
            said.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_said() {
        let text = "\
terminal: true
rules:
- pattern: 'public/**'
  access: {read: ['*'], write: [bob@x.org, '*@y.org', alice@x.org]}
- pattern: '{{.UserEmail}}/*'
  access: {admin: [USER]}
- pattern: secret.txt
  access: {}
";
        let rules = RuleSet::parse(text.as_bytes()).expect("rules");
        let expected = [
            "public/**: everybody may read; *@y.org, alice@x.org, bob@x.org may read and write",
            "{{.UserEmail}}/*: each user may do everything, and change the rules",
            "secret.txt: nobody but the owner",
            "**: nobody but the owner",
            "rules in the folders below do not count",
        ];
        assert_eq!(rules.in_words(), expected);
        assert_eq!(rules.first_for_all().as_deref(), Some(expected[0]));
        let closed = "rules:\n- pattern: 'everybody may'\n  access: {read: [bob@x.org]}\n";
        let closed = RuleSet::parse(closed.as_bytes()).expect("rules");
        assert_eq!(closed.first_for_all(), None);
    }
}
