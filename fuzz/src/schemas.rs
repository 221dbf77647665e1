//! What apps say of their endpoints, as it is published.

use serde_json::Value;
use syft_protocol::address::Endpoint;
use syft_protocol::schema::{Parameter, Schema, SchemaEntry};

/// The texts of an app: the name of an endpoint, and JSON behind it on the next lines.
pub fn endpoint_schema(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, json) = text.split_once('\n').unwrap_or(("", &text));
    let parsed = (Endpoint::parse(name), serde_json::from_str::<Value>(json));
    let (Ok(endpoint), Ok(value)) = parsed else {
        return;
    };
    let published = Schema::to_json(&[entry(endpoint.clone(), name, &value)]);
    assert!(
        published
            .bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    );
    let read: Value = serde_json::from_str(&published).expect("JSON");
    // Through the same reading of numbers.
    let value: Value = serde_json::from_str(&value.to_string()).expect("JSON");
    let read = &read[&endpoint.schema_key()];
    assert_eq!(read["description"], *name);
    assert_eq!(read["args"][name]["type"], value);
    assert_eq!(read["args"][name]["required"], true);
    assert_eq!(read["returns_schema"], value);
}

fn entry(endpoint: Endpoint, name: &str, value: &Value) -> SchemaEntry {
    SchemaEntry {
        endpoint,
        description: Some(name.to_owned()),
        parameters: vec![Parameter {
            name: name.to_owned(),
            type_json: value.clone(),
            schema: None,
            required: true,
        }],
        returns: Value::Null,
        returns_schema: Some(value.clone()),
    }
}
