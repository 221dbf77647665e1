//! Templates in patterns: the part of Go's `text/template` that they use.
//!
//! Read are the fields `.UserEmail`, `.UserHash`, `.Year`, `.Month`, `.Date`,
//! also as `$.UserEmail`; strings in both kinds of quotes and whole numbers;
//! the functions `sha2`, `upper`, `lower`; pipelines, parentheses, comments
//! and trim markers. The server drops a rule whose template does not parse,
//! and skips one whose template fails for the requester, as an unknown field
//! does: [`Template::Failing`]. What Go has beyond that is
//! [`Template::Unknown`], about which nothing can be said.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::action::{self, Token};
use crate::timestamp::Timestamp;

/// The most parentheses within parentheses.
const MAX_DEPTH: usize = 32;

/// A pattern that holds actions.
#[derive(Clone, Debug)]
pub(super) enum Template {
    /// Text and values, in order.
    Parts(Vec<Part>),
    /// Expands for nobody on the server either.
    Failing,
    /// Uses what is not implemented here.
    Unknown,
}

/// Text, or a pipeline that gives a value.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Value(Vec<Command>),
}

/// The words of one stage of a pipeline.
type Command = Vec<Operand>;

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Field(Field),
    Function(Function),
    Text(String),
    Number(u64),
    Pipeline(Vec<Command>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    UserEmail,
    UserHash,
    Year,
    Month,
    Date,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Sha2,
    Upper,
    Lower,
}

/// Why a template gives no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Failing,
    Unknown,
}

/// A text of an expanded template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Whether it comes from the requester, so that nothing in it may act as
    /// a glob.
    pub(super) literal: bool,
}

/// Whom and when a template is expanded for.
pub(super) struct Context<'a> {
    user: &'a str,
    now: Timestamp,
}

impl<'a> Context<'a> {
    pub(super) fn new(now: Timestamp, user: &'a str) -> Context<'a> {
        Context { user, now }
    }

    fn field(&self, field: Field) -> Piece {
        let date = || {
            OffsetDateTime::from_unix_timestamp(self.now.micros().div_euclid(1_000_000))
                .expect("years 1 to 9999 exist in `time`")
                .date()
        };
        let text = match field {
            Field::UserEmail => return Piece::literal(self.user.to_owned()),
            Field::UserHash => sha256_hex(self.user.as_bytes())[..16].to_owned(),
            Field::Year => format!("{:04}", date().year()),
            Field::Month => format!("{:02}", u8::from(date().month())),
            Field::Date => format!("{:02}", date().day()),
        };
        Piece::literal(text)
    }
}

impl Piece {
    fn literal(text: String) -> Piece {
        Piece {
            text,
            literal: true,
        }
    }

    fn authored(text: String) -> Piece {
        Piece {
            text,
            literal: false,
        }
    }
}

impl Template {
    pub(super) fn parse(pattern: &str) -> Template {
        match parse(pattern) {
            Ok(parts) => Template::Parts(parts),
            Err(Fault::Failing) => Template::Failing,
            Err(Fault::Unknown) => Template::Unknown,
        }
    }
}

/// Returns the texts that `parts` make, or `None` if that fails.
pub(super) fn expand(parts: &[Part], context: &Context<'_>) -> Option<Vec<Piece>> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(Piece::authored(text.clone())),
            Part::Value(pipeline) => value(pipeline, context)?.into_piece(),
        })
        .collect()
}

fn parse(pattern: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    for section in action::sections(pattern)? {
        match section {
            action::Section::Text(text) => parts.push(Part::Text(text.to_owned())),
            action::Section::Action(tokens) => {
                let mut tokens = tokens.into_iter().peekable();
                parts.push(Part::Value(pipeline(&mut tokens, 0)?));
            }
        }
    }
    // An action that fails does so only when its turn comes, and nothing here
    // stops before the end: so one that always fails, fails all.
    Ok(parts)
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<Token>>;

/// Reads a pipeline up to its end or, within parentheses, up to theirs.
fn pipeline(tokens: &mut Tokens, depth: usize) -> Result<Vec<Command>, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::Unknown);
    }
    let mut commands = vec![Vec::new()];
    loop {
        let token = tokens.next();
        let words = commands.last_mut().expect("there is always one command");
        match token {
            None if depth == 0 => break,
            Some(Token::Close) if depth > 0 => break,
            None | Some(Token::Close) => return Err(Fault::Failing),
            Some(Token::Space) => {}
            Some(Token::Pipe) => commands.push(Vec::new()),
            Some(token) => {
                words.push(operand(token, tokens, depth)?);
                ends_word(tokens)?;
            }
        }
    }
    check_stages(&commands)?;
    Ok(commands)
}

fn operand(token: Token, tokens: &mut Tokens, depth: usize) -> Result<Operand, Fault> {
    match token {
        Token::Field(name) => field(&name).map(Operand::Field),
        Token::Root => match tokens.next() {
            Some(Token::Field(name)) => field(&name).map(Operand::Field),
            _ => Err(Fault::Unknown),
        },
        Token::Identifier(name) => function(&name).map(Operand::Function),
        Token::Text(text) => Ok(Operand::Text(text)),
        Token::Number(number) => Ok(Operand::Number(number)),
        Token::Open => pipeline(tokens, depth + 1).map(Operand::Pipeline),
        Token::Space | Token::Pipe | Token::Close => Err(Fault::Failing),
    }
}

/// Fails where two words touch, and where a field follows on a value that has
/// none.
fn ends_word(tokens: &mut Tokens) -> Result<(), Fault> {
    match tokens.peek() {
        None | Some(Token::Space | Token::Pipe | Token::Close) => Ok(()),
        Some(_) => Err(Fault::Failing),
    }
}

/// Fails where a stage is empty, and where a later one does not take the value
/// of the one before.
fn check_stages(commands: &[Command]) -> Result<(), Fault> {
    let starts_well = |(at, command): (usize, &Command)| match command.first() {
        None => false,
        Some(Operand::Function(_)) => true,
        Some(_) => at == 0 && command.len() == 1,
    };
    if commands.iter().enumerate().all(starts_well) {
        Ok(())
    } else {
        Err(Fault::Failing)
    }
}

fn field(name: &str) -> Result<Field, Fault> {
    match name {
        "UserEmail" => Ok(Field::UserEmail),
        "UserHash" => Ok(Field::UserHash),
        "Year" => Ok(Field::Year),
        "Month" => Ok(Field::Month),
        "Date" => Ok(Field::Date),
        _ => Err(Fault::Failing),
    }
}

/// The functions and words of Go's own that are not read here.
const UNREAD: [&str; 32] = [
    "and", "block", "break", "call", "continue", "define", "else", "end", "eq", "false", "ge",
    "gt", "html", "if", "index", "js", "le", "len", "lt", "ne", "nil", "not", "or", "print",
    "printf", "println", "range", "slice", "template", "true", "urlquery", "with",
];

fn function(name: &str) -> Result<Function, Fault> {
    match name {
        "sha2" => Ok(Function::Sha2),
        "upper" => Ok(Function::Upper),
        "lower" => Ok(Function::Lower),
        name if UNREAD.contains(&name) => Err(Fault::Unknown),
        _ => Err(Fault::Failing),
    }
}

/// What an operand is worth.
enum Value {
    Text(Piece),
    Number(u64),
}

impl Value {
    fn into_piece(self) -> Option<Piece> {
        match self {
            Value::Text(piece) => Some(piece),
            Value::Number(number) => Some(Piece::authored(number.to_string())),
        }
    }
}

/// Where a value comes from decides where it may go: Go fits a number as it
/// stands to what the function takes, and no other.
enum Argument {
    Written(Value),
    Computed(Value),
}

fn value(pipeline: &[Command], context: &Context<'_>) -> Option<Value> {
    let mut last = None;
    for command in pipeline {
        last = Some(command_value(command, last, context)?);
    }
    last
}

fn command_value(command: &Command, last: Option<Value>, context: &Context<'_>) -> Option<Value> {
    let (first, words) = command.split_first()?;
    let Operand::Function(function) = first else {
        return Some(match argument(first, context)? {
            Argument::Written(value) | Argument::Computed(value) => value,
        });
    };
    let mut arguments: Vec<Argument> = Vec::new();
    for word in words {
        arguments.push(argument(word, context)?);
    }
    arguments.extend(last.map(Argument::Computed));
    call(*function, arguments).map(Value::Text)
}

fn argument(operand: &Operand, context: &Context<'_>) -> Option<Argument> {
    Some(match operand {
        Operand::Field(field) => Argument::Computed(Value::Text(context.field(*field))),
        Operand::Text(text) => Argument::Written(Value::Text(Piece::authored(text.clone()))),
        Operand::Number(number) => Argument::Written(Value::Number(*number)),
        Operand::Pipeline(pipeline) => Argument::Computed(value(pipeline, context)?),
        // As an argument a function is called with none, and each takes one.
        Operand::Function(_) => return None,
    })
}

fn call(function: Function, arguments: Vec<Argument>) -> Option<Piece> {
    let mut arguments = arguments.into_iter();
    let (Argument::Written(Value::Text(piece)) | Argument::Computed(Value::Text(piece))) =
        arguments.next()?
    else {
        return None;
    };
    let more: Vec<u8> = arguments.map(byte).collect::<Option<_>>()?;
    let text = match function {
        Function::Sha2 => {
            return Some(Piece {
                text: sha2(&piece.text, &more),
                ..piece
            });
        }
        Function::Upper => go_upper(&piece.text),
        Function::Lower => go_lower(&piece.text),
    };
    more.is_empty().then_some(Piece { text, ..piece })
}

/// Returns a number as Go's `uint8` takes it: cut, not refused.
fn byte(argument: Argument) -> Option<u8> {
    match argument {
        Argument::Written(Value::Number(number)) => Some(number.to_le_bytes()[0]),
        _ => None,
    }
}

fn sha2(text: &str, lengths: &[u8]) -> String {
    let mut hex = sha256_hex(text.as_bytes());
    match lengths.first() {
        None => {}
        Some(0) => hex.truncate(16),
        Some(length) => hex.truncate(usize::from(*length)),
    }
    hex
}

fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Go maps character by character; what has no single capital stays.
fn go_upper(text: &str) -> String {
    text.chars()
        .map(|c| single(c.to_uppercase()).unwrap_or(c))
        .collect()
}

fn go_lower(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'İ' => 'i',
            c => single(c.to_lowercase()).unwrap_or(c),
        })
        .collect()
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    match chars.next() {
        None => first,
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
