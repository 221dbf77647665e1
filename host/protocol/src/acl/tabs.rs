//! Tabs where only spaces may indent.

use std::ops::Range;

use super::AclError;

/// Fails where a tab indents: `yaml.v3` allows none there, the parser some.
pub(super) fn check_tabs(text: &str, inner: &[Range<usize>]) -> Result<(), AclError> {
    let mut inner = inner.iter().peekable();
    let mut start = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        while inner.next_if(|range| range.end <= start).is_some() {}
        let is_inner = inner.peek().is_some_and(|range| range.start < start);
        start += line.len();
        let rest = after_indent(line);
        if is_inner || !rest.starts_with('\t') {
            continue;
        }
        return Err(match rest.trim_start() {
            // Allowed or not by what stands before; not worth telling.
            rest if rest.is_empty() || rest.starts_with('#') => AclError::Unsupported {
                line: at + 1,
                what: "a tab at the start of a line".to_owned(),
            },
            _ => AclError::Syntax {
                line: at + 1,
                problem: "a tab stands where only spaces indent".to_owned(),
            },
        });
    }
    Ok(())
}

/// Returns a line without spaces and the marks of items and keys before them.
fn after_indent(line: &str) -> &str {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(' ');
        match rest.strip_prefix(['-', '?', ':']) {
            Some(after) if after.starts_with([' ', '\t']) => rest = after,
            _ => return rest,
        }
    }
}

/// Returns `text` with a space for every tab that its lines start with.
pub(super) fn without_tabs(text: &str) -> String {
    let mut spaced = String::new();
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches([' ', '\t']);
        spaced.extend(std::iter::repeat_n(' ', line.len() - rest.len()));
        spaced.push_str(rest);
    }
    spaced
}
