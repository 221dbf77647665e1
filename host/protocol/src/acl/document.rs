//! The first YAML document of a text, read as Go's `yaml.v3` decodes one.
//!
//! The nodes are kept as they are written, and get a meaning only when asked
//! for one: to `yaml.v3` too, `yes` is true where a truth value is due and a
//! text where a text is.

use std::collections::HashSet;

use super::AclError;
use super::yaml::{self, Content, Kind, Node, Scalar, ScalarTag};
use crate::excerpt::excerpt;

/// The most fields and items that are looked at. Without aliases a file is far
/// too short for it; with them, texts multiply.
const MAX_VISITS: usize = 100_000;

/// The most `<<` within `<<`.
const MAX_MERGES: usize = 16;

/// The nodes of the document, children before or after their parents.
pub(super) struct Document {
    nodes: Vec<Content>,
    visits_left: usize,
}

impl Document {
    /// Reads the first document. None at all is a null.
    pub(super) fn parse(text: &[u8]) -> Result<Document, AclError> {
        Ok(Document {
            nodes: yaml::read(text)?,
            visits_left: MAX_VISITS,
        })
    }

    /// Returns the outermost node.
    pub(super) fn root(&self) -> Node {
        Node(0)
    }

    /// Returns the error that `node` is not what is due.
    pub(super) fn fault(&self, node: Node, problem: impl Into<String>) -> AclError {
        AclError::Shape {
            line: self.nodes[node.0].line,
            problem: problem.into(),
        }
    }

    pub(super) fn is_null(&self, node: Node) -> bool {
        match self.kind(node) {
            Kind::Scalar(scalar) => scalar.is_null(),
            _ => false,
        }
    }

    /// Returns the items of a list; a null has none. `what` names it.
    pub(super) fn items(&mut self, node: Node, what: &str) -> Result<Vec<Node>, AclError> {
        let items = match self.kind(node) {
            Kind::List(items) => items.clone(),
            Kind::Scalar(scalar) if scalar.is_null() => Vec::new(),
            _ => return Err(self.fault(node, format!("{what} is no list"))),
        };
        self.visit(items.len())?;
        Ok(items)
    }

    /// Returns the fields of a map, merged ones behind its own; a null has
    /// none. `what` names it.
    pub(super) fn fields(
        &mut self,
        node: Node,
        what: &str,
    ) -> Result<Vec<(String, Node)>, AclError> {
        let mut fields = Vec::new();
        if !self.is_null(node) {
            self.collect_fields(node, what, 0, &mut HashSet::new(), &mut fields)?;
        }
        Ok(fields)
    }

    /// Returns a scalar as a text, numbers and truth values as they are
    /// written; `None` for a null. `what` names it.
    pub(super) fn text(&self, node: Node, what: &str) -> Result<Option<String>, AclError> {
        let Kind::Scalar(scalar) = self.kind(node) else {
            return Err(self.fault(node, format!("{what} is no text")));
        };
        if scalar.is_null() {
            return Ok(None);
        }
        if let ScalarTag::Yaml(tag) = &scalar.tag {
            match &**tag {
                "str" | "merge" => {}
                "bool" if truth(&scalar.text).is_some() => {}
                "null" | "bool" => return Err(self.fault(node, format!("{what} is no !!{tag}"))),
                _ => return Err(self.unsupported(node, tag)),
            }
        }
        Ok(Some(scalar.text.clone()))
    }

    /// Returns a scalar as a truth value, by the words of YAML 1.1; a null is
    /// false. `what` names it.
    pub(super) fn bool(&self, node: Node, what: &str) -> Result<bool, AclError> {
        let fault = || self.fault(node, format!("{what} is neither true nor false"));
        let Kind::Scalar(scalar) = self.kind(node) else {
            return Err(fault());
        };
        if scalar.is_null() {
            return Ok(false);
        }
        match &scalar.tag {
            ScalarTag::None if scalar.is_plain => {
                truth(&scalar.text).or_else(|| old_truth(&scalar.text))
            }
            ScalarTag::Yaml(tag) if tag == "bool" => truth(&scalar.text),
            ScalarTag::Yaml(tag) if tag != "str" => return Err(self.unsupported(node, tag)),
            // "yes" in quotes is true, "true" is a mistake.
            _ => old_truth(&scalar.text),
        }
        .ok_or_else(fault)
    }

    /// Adds the fields of one map whose keys are not yet `known`.
    fn collect_fields(
        &mut self,
        node: Node,
        what: &str,
        depth: usize,
        known: &mut HashSet<String>,
        fields: &mut Vec<(String, Node)>,
    ) -> Result<(), AclError> {
        let Kind::Map(pairs) = self.kind(node) else {
            return Err(self.fault(node, format!("{what} is no map")));
        };
        let pairs = pairs.clone();
        self.visit(pairs.len())?;
        self.check_unique(&pairs)?;
        let mut merged = None;
        let mut own = HashSet::new();
        for pair in pairs.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            if self.is_merge(key) {
                merged = Some(value);
                continue;
            }
            let Some(name) = self.text(key, &format!("a key of {what}"))? else {
                continue;
            };
            if !own.insert(name.clone()) {
                return Err(self.duplicate(key, &name));
            }
            if known.insert(name.clone()) {
                fields.push((name, value));
            }
        }
        match merged {
            Some(_) if depth == MAX_MERGES => Err(AclError::TooMuch {
                limit: MAX_MERGES,
                what: "merges within merges",
            }),
            Some(merged) => self.merge(merged, what, depth + 1, known, fields),
            None => Ok(()),
        }
    }

    /// Adds what stands behind `<<`: a map, or a list of maps.
    fn merge(
        &mut self,
        node: Node,
        what: &str,
        depth: usize,
        known: &mut HashSet<String>,
        fields: &mut Vec<(String, Node)>,
    ) -> Result<(), AclError> {
        let maps = match &self.nodes[node.0].kind {
            Kind::List(maps) => maps.clone(),
            _ => vec![node],
        };
        self.visit(maps.len())?;
        for map in maps {
            self.collect_fields(map, &format!("what {what} merges"), depth, known, fields)?;
        }
        Ok(())
    }

    /// Fails where two keys are written alike.
    fn check_unique(&self, pairs: &[Node]) -> Result<(), AclError> {
        let mut seen = HashSet::new();
        for key in pairs.iter().step_by(2) {
            let written = match &self.nodes[key.0].kind {
                Kind::Scalar(scalar) => (0, &*scalar.text, None),
                Kind::List(_) => (1, "", None),
                Kind::Map(_) => (2, "", None),
                Kind::Alias(node) => (3, "", Some(node.0)),
            };
            if !seen.insert(written) {
                return Err(self.duplicate(*key, written.1));
            }
        }
        Ok(())
    }

    fn duplicate(&self, key: Node, name: &str) -> AclError {
        self.fault(
            key,
            format!("the key `{}` stands there twice", excerpt(name)),
        )
    }

    fn unsupported(&self, node: Node, tag: &str) -> AclError {
        AclError::Unsupported {
            line: self.nodes[node.0].line,
            what: format!("the tag `!!{}`", excerpt(tag)),
        }
    }

    fn is_merge(&self, key: Node) -> bool {
        match &self.nodes[key.0].kind {
            Kind::Scalar(scalar) if scalar.text == "<<" => match &scalar.tag {
                ScalarTag::None => scalar.is_plain,
                ScalarTag::Yaml(tag) => tag == "merge",
                ScalarTag::Custom => false,
            },
            _ => false,
        }
    }

    /// Returns what a node is, behind an alias what that means.
    fn kind(&self, node: Node) -> &Kind {
        match &self.nodes[node.0].kind {
            // An alias means an anchored node, which is none itself.
            Kind::Alias(node) => &self.nodes[node.0].kind,
            kind => kind,
        }
    }

    fn visit(&mut self, n_nodes: usize) -> Result<(), AclError> {
        match self.visits_left.checked_sub(n_nodes + 1) {
            Some(left) => {
                self.visits_left = left;
                Ok(())
            }
            None => Err(AclError::TooMuch {
                limit: MAX_VISITS,
                what: "values, aliases followed",
            }),
        }
    }
}

impl Scalar {
    fn is_null(&self) -> bool {
        let is_written = matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL");
        match &self.tag {
            ScalarTag::None => self.is_plain && is_written,
            ScalarTag::Yaml(tag) => tag == "null" && is_written,
            ScalarTag::Custom => false,
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The truth values that only YAML 1.1 has.
fn old_truth(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
