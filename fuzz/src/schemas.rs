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
    let read = &read[&endpoint.schema_key()];
    assert_eq!(read["description"], *name);
    assert!(is_same(&read["args"][name]["type"], &value), "{read}");
    assert_eq!(read["args"][name]["required"], true);
    assert!(is_same(&read["returns_schema"], &value), "{read}");
    if let Value::Number(number) = value {
        assert_eq!(last_number(&published), number.as_f64(), "{published}");
    }
}

/// A whole document, which whoever calls an app reads: what is read of it is read again from what
/// is written.
pub fn published_schema(bytes: &[u8]) {
    let Ok(entries) = Schema::read(bytes) else {
        return;
    };
    let again = Schema::read(Schema::to_json(&entries).as_bytes()).expect("it was written");
    assert_eq!(names(&again), names(&entries));
}

/// Returns the endpoints and their parameters. Of several with one name the last one stays.
fn names(entries: &[SchemaEntry]) -> Vec<(String, Vec<&str>)> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for entry in entries {
        let name = entry.endpoint.to_string();
        let parameters = entry.parameters.iter();
        let parameters = parameters.map(|parameter| &*parameter.name).collect();
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = parameters,
            None => found.push((name, parameters)),
        }
    }
    found
}

/// Reading JSON may be wrong in the last digit of a number.
fn is_same(read: &Value, value: &Value) -> bool {
    match (read, value) {
        (Value::Array(read), Value::Array(values)) => {
            read.len() == values.len() && read.iter().zip(values).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(read), Value::Object(values)) => {
            let is_in = |(name, value)| read.get(name).is_some_and(|found| is_same(found, value));
            read.len() == values.len() && values.iter().all(is_in)
        }
        (Value::Number(read), Value::Number(number)) if number.is_f64() => {
            let (read, number) = (read.as_f64(), number.as_f64());
            read.zip(number)
                .is_some_and(|(a, b)| (a - b).abs() <= b.abs() * 1e-15)
        }
        (read, value) => read == value,
    }
}

/// Returns the number that stands last, to its last digit.
fn last_number(published: &str) -> Option<f64> {
    let (_, tail) = published.rsplit_once("\"returns_schema\": ")?;
    tail.lines().next()?.parse().ok()
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
