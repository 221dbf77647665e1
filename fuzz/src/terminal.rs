//! Foreign text on its way to a terminal.

use serde_json::Value;
use syft_manifest::sanitize::{self, is_plain};

/// Any text.
pub fn plain(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let shown = sanitize::plain(text);
    assert!(shown.chars().all(is_plain));
    assert_eq!(shown.chars().count(), text.chars().count());
    assert_eq!(sanitize::plain(&shown), shown);
    let max_chars = bytes.first().copied().map_or(0, usize::from);
    let excerpt = sanitize::plain_excerpt(text, max_chars);
    assert!(excerpt.chars().all(is_plain) && excerpt.chars().count() <= max_chars + 1);
    let is_cut = text.chars().count() > max_chars;
    assert!(
        excerpt
            == if is_cut {
                format!("{}…", shown.chars().take(max_chars).collect::<String>())
            } else {
                shown
            }
    );
    json(&Value::from(text));
    if let Ok(value) = serde_json::from_str(text) {
        json(&value);
    }
}

fn json(value: &Value) {
    let shown = sanitize::plain_json(value);
    assert!(shown.chars().all(is_plain));
    // Through the same reading of numbers.
    let expected: Value = serde_json::from_str(&value.to_string()).expect("JSON");
    assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(expected));
}
