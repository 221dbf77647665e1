//! The first YAML document of a text, as nodes.
//!
//! The parser reads YAML 1.2, the server's YAML 1.1. What they may read
//! differently is not read at all ([`AclError::Unsupported`]).

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag, options,
};

use super::AclError;
use super::structure::{
    Structure, check_block, check_characters, check_key, check_plain, check_quoted,
};
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

/// Reads the document; its root is the first node. None at all is a null.
pub(super) fn read(text: &[u8]) -> Result<Vec<Content>, AclError> {
    let text = decode(text)?;
    check_characters(text)?;
    let mut builder = Builder::new(text);
    let end = builder.read()?;
    Structure::check(text, &builder.texts, end)?;
    if builder.nodes.is_empty() {
        builder.add(1, 0, Kind::Scalar(Scalar::null()));
    }
    Ok(builder.nodes)
}

/// Returns what an error of the parser means. Some of what it refuses the server
/// may read, as tabs within brackets.
fn fault(error: &ScanError, is_in_brackets: bool) -> AclError {
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
        | ErrorKind::TabInPlainScalar => is_in_brackets,
        _ => false,
    };
    if server_may_read {
        AclError::Unsupported {
            line,
            what: format!("what the server may read ({problem})"),
        }
    } else {
        AclError::Syntax { line, problem }
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
struct Builder<'a> {
    text: &'a str,
    nodes: Vec<Content>,
    /// The lists and maps that are not yet closed, the innermost last.
    open: Vec<Node>,
    anchors: HashMap<usize, Node>,
    /// How many lists and maps within brackets are open.
    n_brackets: usize,
    /// The bytes of all texts, in order.
    texts: Vec<Range<usize>>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Builder<'a> {
        Builder {
            text,
            nodes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            n_brackets: 0,
            texts: Vec::new(),
        }
    }

    /// Takes the first document and returns where it ends.
    fn read(&mut self) -> Result<usize, AclError> {
        let options = options! {
            emit_comments: false,
            bom_inside_document_as_content: true,
            block_scalar_eof_without_line_feed: true,
        };
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = event.map_err(|error| fault(&error, self.n_brackets > 0))?;
            let bytes = span.byte_range().unwrap_or(0..0);
            if matches!(event, Event::DocumentEnd) {
                return Ok(bytes.start);
            }
            self.check(&event, &bytes)?;
            self.take(event, span.start.line(), bytes);
        }
        Ok(self.text.len())
    }

    /// Fails where the versions of YAML may read a text or a key differently.
    fn check(&self, event: &Event<'_>, bytes: &Range<usize>) -> Result<(), AclError> {
        match event {
            Event::Scalar(_, ScalarStyle::Plain, ..) => {
                check_plain(self.text, bytes, self.n_brackets > 0)?;
            }
            Event::Scalar(_, ScalarStyle::DoubleQuoted, ..) => check_quoted(self.text, bytes)?,
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                check_block(self.text, bytes)?;
            }
            Event::SequenceStart(.., Some(tag)) => self.check_tag(tag, "seq", bytes)?,
            Event::MappingStart(.., Some(tag)) => self.check_tag(tag, "map", bytes)?,
            _ => {}
        }
        match event {
            Event::Scalar(..) | Event::Alias(_) if self.is_key_due() => check_key(self.text, bytes),
            _ => Ok(()),
        }
    }

    /// Fails where a list or a map is tagged as something else.
    fn check_tag(&self, tag: &Tag, name: &str, bytes: &Range<usize>) -> Result<(), AclError> {
        match scalar_tag(Some(tag)) {
            ScalarTag::Yaml(other) if other != name => Err(AclError::Unsupported {
                line: self.text[..bytes.start].matches('\n').count() + 1,
                what: format!("the tag `!!{}` before a list or a map", excerpt(&other)),
            }),
            _ => Ok(()),
        }
    }

    fn is_key_due(&self) -> bool {
        let parent = self.open.last().map(|node| &self.nodes[node.0].kind);
        matches!(parent, Some(Kind::Map(children)) if children.len() % 2 == 0)
    }

    fn take(&mut self, event: Event<'_>, line: usize, bytes: Range<usize>) {
        self.note(&event, bytes);
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

    /// Counts brackets, and keeps where texts stand.
    fn note(&mut self, event: &Event<'_>, bytes: Range<usize>) {
        match event {
            Event::Scalar(..) => self.texts.push(bytes),
            Event::SequenceStart(StructureStyle::Flow, ..)
            | Event::MappingStart(StructureStyle::Flow, ..) => self.n_brackets += 1,
            Event::SequenceEnd | Event::MappingEnd => {
                self.n_brackets = self.n_brackets.saturating_sub(1);
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
    let damaged = |valid: &str, problem| AclError::Damaged {
        line: valid.matches('\n').count() + 1,
        problem,
    };
    let text = str::from_utf8(text).map_err(|error| {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        damaged(&String::from_utf8_lossy(valid), "bytes that are not UTF-8")
    })?;
    match text.find(is_control) {
        Some(at) => Err(damaged(&text[..at], "a control character")),
        None => Ok(text),
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}
