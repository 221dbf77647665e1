//! The scores that others publish. Strangers wrote them: each file is bounded, and
//! one that is wrong is left out and named.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

const MAX_FILE_BYTES: u64 = 64 << 10;
const MAX_SCORES: usize = 100;
const MAX_MODEL_CHARS: usize = 100;

/// What the datasites publish.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// In no order.
    pub scores: Vec<Score>,
    /// Sorted by datasite.
    pub skipped: Vec<Skipped>,
}

/// A score that somebody claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub datasite: String,
    pub model: String,
    pub score: f64,
}

/// A datasite whose scores are left out.
#[derive(Debug, PartialEq, Serialize)]
pub struct Skipped {
    pub datasite: String,
    pub reason: &'static str,
}

/// Reads `public/scores.json` of every datasite that has one.
pub fn read_all(datasites: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(datasites)? {
        let entry = entry?;
        // The host shows no other names.
        let Ok(datasite) = entry.file_name().into_string() else {
            continue;
        };
        match read(&entry.path().join("public/scores.json")) {
            Ok(scores) => found.scores.extend(scores.into_iter().map(|entry| Score {
                datasite: datasite.clone(),
                model: entry.model,
                score: entry.score,
            })),
            Err(reason) => found.skipped.push(Skipped { datasite, reason }),
        }
    }
    found.skipped.sort_by(|a, b| a.datasite.cmp(&b.datasite));
    Ok(found)
}

/// Returns the scores of a file, or why it is skipped. A missing file has no scores.
fn read(path: &Path) -> Result<Vec<Entry>, &'static str> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(_) => return Err("the file cannot be opened"),
    };
    let mut json = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut json)
        .map_err(|_| "the file cannot be read")?;
    if json.len() as u64 > MAX_FILE_BYTES {
        return Err("the file has more than 64 KiB");
    }
    parse(&json)
}

/// One score, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    One(Entry),
    Many(Vec<Entry>),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Entry {
    model: String,
    score: f64,
}

fn parse(json: &[u8]) -> Result<Vec<Entry>, &'static str> {
    let entries = match serde_json::from_slice(json) {
        Ok(Content::One(entry)) => vec![entry],
        Ok(Content::Many(entries)) => entries,
        Err(_) => {
            return Err(r#"the file is not {"model": "…", "score": 0.93} or a list of these"#);
        }
    };
    if entries.len() > MAX_SCORES {
        return Err("the file has more than 100 scores");
    }
    if !entries.iter().all(|entry| is_name(&entry.model)) {
        return Err("a model's name has 1 to 100 characters and no control characters");
    }
    Ok(entries)
}

fn is_name(model: &str) -> bool {
    let n_chars = model.chars().count();
    (1..=MAX_MODEL_CHARS).contains(&n_chars) && !model.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_score_or_a_list() {
        let entry = |model: &str, score| Entry {
            model: model.to_owned(),
            score,
        };
        for (json, expected) in [
            (r#"{"model": "m", "score": 0.93}"#, vec![entry("m", 0.93)]),
            (
                r#"{"model": "m", "score": 1, "by": "me"}"#,
                vec![entry("m", 1.0)],
            ),
            (
                r#"[{"model": "a", "score": 1}, {"model": "b", "score": -2}]"#,
                vec![entry("a", 1.0), entry("b", -2.0)],
            ),
            ("[]", Vec::new()),
        ] {
            assert_eq!(parse(json.as_bytes()), Ok(expected), "{json}");
        }
    }

    #[test]
    fn leaves_out_what_is_wrong() {
        let long = format!(r#"{{"model": "{}", "score": 1}}"#, "m".repeat(101));
        let many = format!("[{}]", vec![r#"{"model": "m", "score": 1}"#; 101].join(","));
        let deep = "[".repeat(10_000);
        for (json, expected) in [
            ("", "is not"),
            ("no json", "is not"),
            (r#"{"model": "m"}"#, "is not"),
            (r#"{"model": 1, "score": 1}"#, "is not"),
            (r#"{"model": "m", "score": "1"}"#, "is not"),
            (r#"{"model": "m", "score": NaN}"#, "is not"),
            (r#"{"model": "m", "score": 1e999}"#, "is not"),
            (r#"{"model": "m", "score": 1} x"#, "is not"),
            (&deep, "is not"),
            (&many, "more than 100 scores"),
            (&long, "1 to 100 characters"),
            (r#"{"model": "", "score": 1}"#, "1 to 100 characters"),
            (r#"{"model": "a\nb", "score": 1}"#, "no control"),
        ] {
            let reason = parse(json.as_bytes()).expect_err(json);
            assert!(reason.contains(expected), "{json}: {reason}");
        }
    }

    #[test]
    fn reads_datasites_and_names_those_left_out() {
        let root = std::env::temp_dir().join(format!("leaderboard-{}", std::process::id()));
        for (datasite, content) in [
            ("a@x.org", r#"{"model": "m", "score": 1}"#.to_owned()),
            ("b@x.org", "{".to_owned()),
            ("c@x.org", " ".repeat((64 << 10) + 1)),
        ] {
            let folder = root.join(datasite).join("public");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("scores.json"), content).unwrap();
        }
        fs::create_dir_all(root.join("nothing@x.org")).unwrap();
        let found = read_all(&root);
        fs::remove_dir_all(&root).unwrap();
        let found = found.unwrap();
        assert_eq!(found.scores.len(), 1, "{found:?}");
        assert_eq!(found.scores[0].datasite, "a@x.org");
        let skipped = found
            .skipped
            .iter()
            .map(|skipped| skipped.datasite.as_str());
        assert_eq!(skipped.collect::<Vec<_>>(), ["b@x.org", "c@x.org"]);
    }
}
