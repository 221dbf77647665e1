//! The JSON Schema of `config.toml`, by the list of its keys.

use serde_json::{Map, Value, json};

use super::keys::{APP_KEYS, KEYS, SettingKey, SettingKind};

/// Returns the JSON Schema of `config.toml`, which editors find in the repository as
/// `host/config.schema.json`.
pub fn settings_schema() -> Value {
    let of_apps = |key: &SettingKey| APP_KEYS.contains(&key.name);
    let mut sections = sections(|_| true);
    sections.insert(
        "apps".to_owned(),
        json!({
            "description": "What is said of one app, by its name: it counts before what is said \
                            of all",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": false,
                "properties": self::sections(of_apps),
            },
        }),
    );
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "config.toml of syft-host",
        "description": "How `syft-host serve` serves",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn sections(is_meant: impl Fn(&SettingKey) -> bool) -> Map<String, Value> {
    let mut sections = Map::new();
    for key in KEYS.iter().filter(|key| is_meant(key)) {
        let (section, name) = key.parts();
        let section = sections.entry(section).or_insert_with(
            || json!({"type": "object", "additionalProperties": false, "properties": {}}),
        );
        section["properties"][name] = schema_of(key);
    }
    sections
}

fn schema_of(key: &SettingKey) -> Value {
    let mut schema = match &key.kind {
        SettingKind::Text(_) => json!({"type": "string"}),
        SettingKind::Word(words) => json!({"enum": words}),
        SettingKind::Count(bounds) => {
            json!({"type": "integer", "minimum": bounds.start(), "maximum": bounds.end()})
        }
        SettingKind::Flag => json!({"type": "boolean"}),
        SettingKind::Files | SettingKind::Hosts => {
            json!({"type": "array", "items": {"type": "string"}})
        }
    };
    schema["description"] = json!(format!("{}. Default: {}", key.about, key.default));
    schema
}
