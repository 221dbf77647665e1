//! Reads an `rpc.schema.json`, which a stranger may have written.

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Parameter, SchemaEntry};
use crate::address::Endpoint;

/// The most bytes of the file: what an app may say of its endpoints, with all of it escaped.
pub const MAX_SCHEMA_BYTES: u64 = 8 << 20;

/// The most endpoints, and parameters of one, that are read. Those of an app are fewer.
const MAX_ENDPOINTS: usize = 1_000;
const MAX_PARAMETERS: usize = 200;

/// Why a document says nothing of endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// It is larger than any app's.
    #[error("it has more than {MAX_SCHEMA_BYTES} bytes")]
    TooLarge,
    /// It is not JSON, or no object.
    #[error("it is no JSON object")]
    NotAnObject,
}

/// Returns what a document says of endpoints. What is none is left out, and what is said in
/// another way than ours counts as not said.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<SchemaEntry>, SchemaError> {
    if bytes.len() as u64 > MAX_SCHEMA_BYTES {
        return Err(SchemaError::TooLarge);
    }
    let document = serde_json::from_slice::<Map<String, Value>>(bytes);
    let document = document.map_err(|_| SchemaError::NotAnObject)?;
    let entries = document.into_iter().filter_map(|(key, said)| {
        let endpoint = match key.as_str() {
            "/." => "",
            key => key,
        };
        Some(entry(Endpoint::parse(endpoint).ok()?, said))
    });
    Ok(entries.take(MAX_ENDPOINTS).collect())
}

fn entry(endpoint: Endpoint, mut said: Value) -> SchemaEntry {
    let mut take = |key: &str| said.get_mut(key).map(Value::take);
    let description = match take("description") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let parameters = match take("args") {
        Some(Value::Object(parameters)) => parameters,
        _ => Map::new(),
    };
    let parameters = parameters.into_iter().take(MAX_PARAMETERS);
    SchemaEntry {
        endpoint,
        description,
        parameters: parameters
            .map(|(name, said)| parameter(name, said))
            .collect(),
        returns: take("returns").unwrap_or_else(any),
        returns_schema: take("returns_schema"),
    }
}

fn parameter(name: String, mut said: Value) -> Parameter {
    let mut take = |key: &str| said.get_mut(key).map(Value::take);
    Parameter {
        name,
        type_json: take("type").unwrap_or_else(any),
        schema: take("schema"),
        required: take("required") != Some(Value::Bool(false)),
    }
}

fn any() -> Value {
    Value::from("any")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Schema;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let parameter = |name: &str, required: bool| Parameter {
            name: name.to_owned(),
            type_json: json!("str"),
            schema: (!required).then(|| json!({"default": "x"})),
            required,
        };
        let entry = |endpoint: &str| SchemaEntry {
            endpoint: Endpoint::parse(endpoint).expect("an endpoint"),
            description: Some("Does it.\nWell.".to_owned()),
            parameters: vec![parameter("a", true), parameter("b", false)],
            returns: json!({"type": "array", "items": "int"}),
            returns_schema: Some(json!({"type": "array"})),
        };
        let entries = [entry(""), entry("/deep/er")];
        let read = Schema::read(Schema::to_json(&entries).as_bytes()).expect("an object");
        assert_eq!(read, entries);
    }

    #[test]
    fn what_says_less_is_taken_for_what_it_says() {
        let read = |text: &str| Schema::read(text.as_bytes());
        for text in ["", "[]", "7", "{", "\u{feff}{}"] {
            assert_eq!(read(text), Err(SchemaError::NotAnObject), "{text:?}");
        }
        let large = " ".repeat(MAX_SCHEMA_BYTES as usize + 1);
        assert_eq!(read(&large), Err(SchemaError::TooLarge));
        let text = r#"{"/a": 7, "/../b": {}, "/c": {"args": {"x": null, "y": {"required": 0}}}}"#;
        let entries = read(text).expect("it is an object");
        let names: Vec<String> = entries
            .iter()
            .map(|entry| entry.endpoint.to_string())
            .collect();
        assert_eq!(names, ["/a", "/c"]);
        assert_eq!(entries[0].returns, "any");
        let required: Vec<bool> = entries[1]
            .parameters
            .iter()
            .map(|parameter| parameter.required)
            .collect();
        assert_eq!(required, [true, true]);
    }

    #[test]
    fn what_there_may_be_many_of_has_a_bound() {
        let many: Map<String, Value> = (0..2_000)
            .map(|index| (format!("/{index}"), json!({})))
            .collect();
        let text = Value::Object(many).to_string();
        let entries = Schema::read(text.as_bytes()).expect("an object");
        assert_eq!(entries.len(), MAX_ENDPOINTS);
    }
}
