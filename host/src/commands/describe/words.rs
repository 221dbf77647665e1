//! The types of parameters and answers, in words.

use serde_json::Value;
use syft_manifest::sanitize::plain_excerpt;

/// The most that is shown of a type, and how deep lists of lists are followed.
const MAX_CHARS: usize = 200;
const MAX_DEPTH: usize = 8;

/// Returns a type as it is published, with what its JSON Schema says beyond that.
pub(super) fn type_in_words(published: &Value, schema: Option<&Value>) -> String {
    let choices = schema.and_then(|schema| schema.get("enum")?.as_array());
    let words = match choices {
        Some(choices) if !choices.is_empty() => {
            let choices: Vec<String> = choices.iter().take(20).map(Value::to_string).collect();
            format!("one of {}", choices.join(", "))
        }
        _ => name(published, MAX_DEPTH),
    };
    plain_excerpt(&words, MAX_CHARS)
}

fn name(published: &Value, depth: usize) -> String {
    let of = |key: &str| published.get(key);
    match published {
        Value::String(name) => name.clone(),
        Value::Null => "any".to_owned(),
        _ if depth == 0 => "any".to_owned(),
        _ => match of("type").and_then(Value::as_str) {
            Some("array") => {
                let items = of("items").map(|items| name(items, depth - 1));
                format!("list of {}", items.unwrap_or_else(|| "any".to_owned()))
            }
            Some("model") => {
                let title = of("name").and_then(Value::as_str).unwrap_or("object");
                let fields = of("schema").and_then(|schema| schema.get("properties"));
                let fields = fields.and_then(Value::as_object);
                let fields: Vec<&str> = (fields.iter())
                    .flat_map(|fields| fields.keys().map(String::as_str))
                    .collect();
                format!("{title} {{{}}}", fields.join(", "))
            }
            Some(other) => other.to_owned(),
            None => published.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_words() {
        for (published, expected) in [
            (json!("str"), "str"),
            (json!({"type": "array", "items": "int"}), "list of int"),
            (json!({"type": "array"}), "list of any"),
            (
                json!({"type": "model", "name": "User", "schema": {"properties": {"a": 1, "b": 2}}}),
                "User {a, b}",
            ),
            (json!({"type": "union"}), "union"),
            (json!([1]), "[1]"),
            (json!("\u{1b}[2J"), "\u{fffd}[2J"),
        ] {
            assert_eq!(type_in_words(&published, None), expected);
        }
        let choices = json!({"enum": ["add", 2]});
        let words = type_in_words(&json!("str"), Some(&choices));
        assert_eq!(words, "one of \"add\", 2");
        let deep = (0..50).fold(
            json!("x"),
            |items, _| json!({"type": "array", "items": items}),
        );
        assert!(type_in_words(&deep, None).ends_with("list of any"));
        let long = type_in_words(&json!("x".repeat(1_000)), None);
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
    }
}
