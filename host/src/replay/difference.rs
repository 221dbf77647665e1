//! Where a call that ran again parts from its recording.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use syft_runtime::recording::{
    CallStep, Data, FoundAtPath, RecordedAnswer, RecordedEnd, Recording,
};

/// The most lines of one text that are shown.
const MAX_LINES: usize = 20;

/// The most letters of one line that are shown.
const MAX_LETTERS: usize = 200;

/// In what they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The first thing that the call asked for in which they do, if there is one.
    pub step: Option<DifferentPart>,
    /// What differs in the end, each with its lines before and now.
    pub end: Vec<DifferentPart>,
}

/// Something that is not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferentPart {
    /// What it is.
    pub what: String,
    /// How it was recorded, in lines.
    pub recorded: Vec<String>,
    /// How it is now.
    pub now: Vec<String>,
}

impl Difference {
    /// Compares a recording with that of the same call when it ran again.
    pub fn of(recorded: &Recording, now: &Recording) -> Self {
        Self {
            step: first_step(recorded, now),
            end: end(recorded, now),
        }
    }

    /// Tells whether there is none.
    pub fn is_none(&self) -> bool {
        self.step.is_none() && self.end.is_empty()
    }

    /// Returns it for scripts.
    pub fn to_json(&self) -> Value {
        let part = |part: &DifferentPart| json!({"what": part.what, "recorded": part.recorded, "now": part.now});
        json!({
            "step": self.step.as_ref().map(part),
            "end": self.end.iter().map(part).collect::<Vec<_>>(),
        })
    }
}

/// Returns the first thing that they asked for or were told otherwise.
fn first_step(recorded: &Recording, now: &Recording) -> Option<DifferentPart> {
    let (before, after) = (&recorded.steps, &now.steps);
    let n_same = before
        .iter()
        .zip(after)
        .take_while(|(one, other)| one == other);
    let n_same = n_same.count();
    let pair = (before.get(n_same), after.get(n_same));
    let what = format!("the {} thing that it asked for", ordinal(n_same + 1));
    let (recorded_lines, now_lines) = match pair {
        (None, None) => return None,
        // How far a call comes within its time is different each time.
        (None, _) | (_, None) if is_cut(&recorded.end) && is_cut(&now.end) => return None,
        (Some(one), Some(other)) if one.asks_same(other) => {
            let (one_told, other_told) = (told(one), told(other));
            let what = format!("{what}, {}: what it was told", one.words());
            let (recorded, now) = changed(&one_told, &other_told);
            return Some(DifferentPart {
                what,
                recorded,
                now,
            });
        }
        (one, other) => (asked(one), asked(other)),
    };
    Some(DifferentPart {
        what,
        recorded: recorded_lines,
        now: now_lines,
    })
}

/// Tells whether a call was ended when its time was over.
fn is_cut(end: &RecordedEnd) -> bool {
    end.outcome == "timed-out"
}

fn asked(step: Option<&CallStep>) -> Vec<String> {
    let Some(step) = step else {
        return vec!["nothing more".to_owned()];
    };
    let mut lines = vec![step.words()];
    match step {
        CallStep::State {
            value: Some(value),
            operation,
            ..
        } if operation == "set" => lines.extend(data_lines(value)),
        CallStep::Http { headers, body, .. } => {
            lines.extend(
                headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}")),
            );
            lines.extend(data_lines(body));
        }
        CallStep::Send { headers, body, .. } => {
            lines.extend(
                headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}")),
            );
            lines.extend(body.iter().flat_map(data_lines));
        }
        _ => {}
    }
    shown(lines)
}

fn told(step: &CallStep) -> Vec<String> {
    match step {
        CallStep::File { result, .. } => vec![result.clone()],
        CallStep::State {
            value, keys, error, ..
        } => match (error, value) {
            (Some(error), _) => vec![error.clone()],
            (None, Some(value)) => data_lines(value),
            (None, None) if keys.is_empty() => vec!["nothing".to_owned()],
            (None, None) => keys.clone(),
        },
        CallStep::Http { answer, .. } => vec![format!("{answer:?}")],
        CallStep::Send { error, .. } => vec![error.clone().unwrap_or_else(|| "taken".to_owned())],
        CallStep::Receive {
            outcomes, error, ..
        } => match error {
            Some((_, why)) => vec![why.clone()],
            None => vec![format!("{outcomes:?}")],
        },
        CallStep::Log { text, .. } => vec![text.clone()],
    }
}

/// Returns what differs in how they ended.
fn end(recorded: &Recording, now: &Recording) -> Vec<DifferentPart> {
    let mut parts = Vec::new();
    let (one, other) = (&recorded.end, &now.end);
    let mut compare = |what: String, one: Vec<String>, other: Vec<String>| {
        if one != other {
            let (recorded, now) = changed(&one, &other);
            parts.push(DifferentPart {
                what,
                recorded,
                now,
            });
        }
    };
    compare("how it ended".to_owned(), outcome(one), outcome(other));
    match (&one.answer, &other.answer) {
        (Some(one), Some(other)) => {
            let status = |answer: &RecordedAnswer| vec![answer.status.to_string()];
            compare(
                "status of the answer".to_owned(),
                status(one),
                status(other),
            );
            let (headers, headers_now) = (header_lines(one), header_lines(other));
            compare("headers of the answer".to_owned(), headers, headers_now);
            let (body, body_now) = (body_lines(one), body_lines(other));
            compare("body of the answer".to_owned(), body, body_now);
        }
        (one, other) => {
            let lines = |answer: &Option<RecordedAnswer>| match answer {
                None => vec!["none".to_owned()],
                Some(answer) => body_lines(answer),
            };
            compare("the answer".to_owned(), lines(one), lines(other));
        }
    }
    let (state, state_now) = (recorded.written_state(), now.written_state());
    let keys: BTreeSet<&String> = state.keys().chain(state_now.keys()).collect();
    for key in keys {
        let lines = |value: Option<&Option<Data>>| match value {
            None => vec!["not written".to_owned()],
            Some(None) => vec!["deleted".to_owned()],
            Some(Some(value)) => data_lines(value),
        };
        compare(
            format!("state `{key}`"),
            lines(state.get(key)),
            lines(state_now.get(key)),
        );
    }
    let paths: BTreeSet<&String> = one.files.keys().chain(other.files.keys()).collect();
    for path in paths {
        let lines = |found: Option<&FoundAtPath>| match found {
            None => vec!["not changed".to_owned()],
            Some(FoundAtPath::Absent) => vec!["deleted".to_owned()],
            Some(FoundAtPath::Folder) => vec!["a folder".to_owned()],
            Some(FoundAtPath::File { size, content, .. }) => content
                .as_ref()
                .map_or_else(|| vec![format!("{size} bytes")], data_lines),
        };
        compare(
            format!("file `{path}`"),
            lines(one.files.get(path)),
            lines(other.files.get(path)),
        );
    }
    parts
}

fn outcome(end: &RecordedEnd) -> Vec<String> {
    let detail = end
        .detail
        .iter()
        .chain(&end.trace)
        .flat_map(|text| text.lines());
    let mut lines = vec![end.outcome.clone()];
    lines.extend(detail.map(str::to_owned));
    lines
}

fn header_lines(answer: &RecordedAnswer) -> Vec<String> {
    let headers = answer.headers.iter();
    headers
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

fn body_lines(answer: &RecordedAnswer) -> Vec<String> {
    answer.body.as_ref().map_or_else(Vec::new, data_lines)
}

fn data_lines(data: &Data) -> Vec<String> {
    match data.text() {
        Some(text) => text.lines().map(str::to_owned).collect(),
        None => {
            let bytes = data.bytes();
            let mut lines = vec![format!("{} bytes that are no text", bytes.len())];
            let hex = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x} ")).collect();
            lines.extend(bytes.chunks(32).map(hex));
            lines
        }
    }
}

/// Returns the lines in which two texts differ: without those at the beginning and at the end
/// that are the same.
fn changed(one: &[String], other: &[String]) -> (Vec<String>, Vec<String>) {
    let same = |pair: &(&String, &String)| pair.0 == pair.1;
    let n_first = one.iter().zip(other).take_while(same).count();
    let (one, other) = (&one[n_first..], &other[n_first..]);
    let last = one.iter().rev().zip(other.iter().rev());
    let n_last = last.take_while(same).count();
    let middle = |lines: &[String]| shown(lines[..lines.len() - n_last].to_vec());
    (middle(one), middle(other))
}

/// Returns as many lines, and as much of each, as people read.
fn shown(lines: Vec<String>) -> Vec<String> {
    let n_more = lines.len().saturating_sub(MAX_LINES);
    let cut = |line: String| match line.char_indices().nth(MAX_LETTERS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    };
    let mut shown: Vec<String> = lines.into_iter().take(MAX_LINES).map(cut).collect();
    if n_more > 0 {
        shown.push(format!("… and {n_more} lines more"));
    }
    shown
}

fn ordinal(n: usize) -> String {
    let end = match (n % 10, n % 100) {
        (1, hundredth) if hundredth != 11 => "st",
        (2, hundredth) if hundredth != 12 => "nd",
        (3, hundredth) if hundredth != 13 => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        for (one, other, recorded, now) in [
            ("a\nb\nc", "a\nx\nc", "b", "x"),
            ("a\nb", "a\nb\nc", "", "c"),
            ("a\na", "a", "a", ""),
            ("a", "b", "a", "b"),
        ] {
            let expected = (lines(recorded), lines(now));
            assert_eq!(
                changed(&lines(one), &lines(other)),
                expected,
                "{one} {other}"
            );
        }
        let many = lines(&"x\n".repeat(30));
        let (recorded, _) = changed(&many, &[]);
        assert_eq!(recorded.len(), MAX_LINES + 1);
        assert_eq!(
            recorded.last().map(String::as_str),
            Some("… and 10 lines more")
        );
    }

    #[test]
    fn places_have_their_names() {
        let names = [1, 2, 3, 4, 11, 12, 21, 101, 111].map(ordinal);
        let expected = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "101st", "111th",
        ];
        assert_eq!(names, expected);
    }
}
