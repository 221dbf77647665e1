//! The first YAML document of a text, as nodes.
//!
//! The parser reads YAML 1.2, the server's YAML 1.1. Where they are known to
//! part, it is made up for here, or the file is left unread
//! ([`AclError::Unsupported`]) rather than taken for invalid.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag, options,
};

use super::AclError;
use super::tabs::{check_tabs, without_tabs};
use crate::excerpt::excerpt;

const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// A node of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(pub(super) usize);

/// What a node is, and the line it starts in.
pub(super) struct Content {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    /// Keys and values, turn by turn.
    Map(Vec<Node>),
    Alias(Node),
}

pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) is_plain: bool,
    pub(super) tag: ScalarTag,
}

/// What a tag says about a scalar.
pub(super) enum ScalarTag {
    /// Nothing: the text says it.
    None,
    /// One of YAML's own, by its name.
    Yaml(String),
    /// Another one; what it marks is a text.
    Custom,
}

/// Reads the first document; its root is the first node. None at all is a
/// null.
pub(super) fn read(text: &[u8]) -> Result<Vec<Content>, AclError> {
    let text = decode(text)?;
    let mut builder = Builder::default();
    let end = match builder.read(text) {
        Ok(end) => end,
        Err(error) => return Err(fault(text, &error)),
    };
    check_tabs(&text[..end], &builder.inner)?;
    if builder.nodes.is_empty() {
        builder.add(1, 0, Kind::Scalar(Scalar::null()));
    }
    Ok(builder.nodes)
}

/// Returns what an error of the parser means. Within brackets the server
/// allows tabs that the parser refuses.
fn fault(text: &str, error: &ScanError) -> AclError {
    let line = error.marker().line();
    let problem = excerpt(&error.info());
    let server_may_read = match error.kind() {
        ErrorKind::RecursionLimitExceeded
        | ErrorKind::CommentNotSeparated
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => true,
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => {
            let mut builder = Builder::default();
            match builder.read(&without_tabs(text)) {
                Ok(end) => match check_tabs(&text[..end], &builder.inner) {
                    Ok(()) => true,
                    Err(error) => return error,
                },
                Err(_) => false,
            }
        }
        _ => false,
    };
    match server_may_read {
        true => AclError::Unsupported {
            line,
            what: format!("what the server may read ({problem})"),
        },
        false => AclError::Syntax { line, problem },
    }
}

impl Scalar {
    /// Returns what stands where nothing stands.
    fn null() -> Scalar {
        Scalar {
            text: String::new(),
            is_plain: true,
            tag: ScalarTag::None,
        }
    }
}

/// Puts the events of one document together, without recursion.
#[derive(Default)]
struct Builder {
    nodes: Vec<Content>,
    /// The lists and maps that are not yet closed, the innermost last.
    open: Vec<Node>,
    anchors: HashMap<usize, Node>,
    /// Where the last list or map within brackets starts, that holds all open
    /// ones within brackets, and how many of these there are.
    flow: (usize, usize),
    /// The bytes of texts and of lists and maps within brackets, in order.
    inner: Vec<Range<usize>>,
}

impl Builder {
    /// Takes the first document and returns where it ends.
    fn read(&mut self, text: &str) -> Result<usize, ScanError> {
        let options = options! {
            emit_comments: false,
            bom_inside_document_as_content: true,
            block_scalar_eof_without_line_feed: true,
        };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event?;
            let bytes = span.byte_range().unwrap_or(0..0);
            if matches!(event, Event::DocumentEnd) {
                return Ok(bytes.start);
            }
            self.take(event, span.start.line(), bytes);
        }
        Ok(text.len())
    }

    fn take(&mut self, event: Event<'_>, line: usize, bytes: Range<usize>) {
        self.note_inner(&event, bytes);
        match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor);
                let node = *node.expect("the parser names only anchors that it has seen");
                self.add(line, 0, Kind::Alias(node));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain,
                    tag: scalar_tag(tag.as_deref()),
                };
                self.add(line, anchor, Kind::Scalar(scalar));
            }
            Event::SequenceStart(_, anchor, _) => {
                let node = self.add(line, anchor, Kind::List(Vec::new()));
                self.open.push(node);
            }
            Event::MappingStart(_, anchor, _) => {
                let node = self.add(line, anchor, Kind::Map(Vec::new()));
                self.open.push(node);
            }
            Event::SequenceEnd | Event::MappingEnd => drop(self.open.pop()),
            _ => {}
        }
    }

    fn note_inner(&mut self, event: &Event<'_>, bytes: Range<usize>) {
        let (start, depth) = self.flow;
        match event {
            Event::Scalar(..) if depth == 0 => self.inner.push(bytes),
            Event::SequenceStart(StructureStyle::Flow, ..)
            | Event::MappingStart(StructureStyle::Flow, ..) => {
                self.flow = (if depth == 0 { bytes.start } else { start }, depth + 1);
            }
            Event::SequenceEnd | Event::MappingEnd if depth > 0 => {
                if depth == 1 {
                    self.inner.push(start..bytes.end);
                }
                self.flow.1 -= 1;
            }
            _ => {}
        }
    }

    /// Adds a node to the innermost list or map. Anchors count from 1.
    fn add(&mut self, line: usize, anchor: usize, kind: Kind) -> Node {
        let node = Node(self.nodes.len());
        self.nodes.push(Content { line, kind });
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
        if let Some(parent) = self.open.last()
            && let Kind::List(children) | Kind::Map(children) = &mut self.nodes[parent.0].kind
        {
            children.push(node);
        }
        node
    }
}

fn scalar_tag(tag: Option<&Tag>) -> ScalarTag {
    let Some(tag) = tag else {
        return ScalarTag::None;
    };
    match tag.suffix_in_namespace(YAML_TAGS) {
        Some(name) => ScalarTag::Yaml(name.into_owned()),
        None if tag.original() == "!" => ScalarTag::None,
        None => ScalarTag::Custom,
    }
}

/// Returns the text if it is UTF-8 and all characters are those of YAML.
fn decode(text: &[u8]) -> Result<&str, AclError> {
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Err(AclError::Unsupported {
            line: 1,
            what: "UTF-16".to_owned(),
        });
    }
    let problem = |valid: &str, problem: &str| AclError::Syntax {
        line: valid.matches('\n').count() + 1,
        problem: problem.to_owned(),
    };
    let text = str::from_utf8(text).map_err(|error| {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        problem(&String::from_utf8_lossy(valid), "not UTF-8")
    })?;
    match text.find(is_control) {
        Some(at) => Err(problem(&text[..at], "control characters are not allowed")),
        None => Ok(text),
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}
