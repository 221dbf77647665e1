//! `rpc.schema.json`: what an app tells the world about its endpoints.

mod python_json;
mod read;

use serde_json::{Map, Value, json};

use crate::address::Endpoint;

pub use read::{MAX_SCHEMA_BYTES, SchemaError};

/// The name of the file below `rpc/`.
pub const SCHEMA_FILE: &str = "rpc.schema.json";

/// The document in `rpc.schema.json`.
pub struct Schema;

/// What the schema says of one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaEntry {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What it does, if its author says so.
    pub description: Option<String>,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// The type of its answer, `"any"` if unknown.
    pub returns: Value,
    /// A JSON Schema of its answer, if there is one.
    pub returns_schema: Option<Value>,
}

/// One parameter of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, which is the key in the body of a request.
    pub name: String,
    /// The type: a name such as `"str"`, or an object that describes it.
    pub type_json: Value,
    /// A JSON Schema of its values, if there is one.
    pub schema: Option<Value>,
    /// Whether it has no default.
    pub required: bool,
}

impl Schema {
    /// Returns the document for endpoints in the order of their registration,
    /// as the released SyftEvent writes it: Python's `json.dumps(indent=2)`,
    /// pure ASCII, no line feed at the end.
    ///
    /// Of two entries with one endpoint, or two parameters with one name, the
    /// later wins at the earlier's place, as in a Python dict.
    ///
    /// The release knows no JSON Schema but those of its models. Ours are added under
    /// keys of their own, `schema` and `returns_schema`, which its readers pass over.
    pub fn to_json(entries: &[SchemaEntry]) -> String {
        let document: Map<String, Value> = entries
            .iter()
            .map(|entry| (entry.endpoint.schema_key(), entry_json(entry)))
            .collect();
        python_json::dumps(&Value::Object(document))
    }

    /// Returns what a document says of endpoints, whoever wrote it.
    ///
    /// # Errors
    /// It is no JSON object, or larger than that of any app.
    pub fn read(bytes: &[u8]) -> Result<Vec<SchemaEntry>, SchemaError> {
        read::read(bytes)
    }
}

fn entry_json(entry: &SchemaEntry) -> Value {
    let parameter_json = |parameter: &Parameter| {
        let json = json!({ "type": parameter.type_json, "required": parameter.required });
        with(json, "schema", &parameter.schema)
    };
    let args: Map<String, Value> = entry
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter_json(parameter)))
        .collect();
    let json = json!({ "description": entry.description, "args": args, "returns": entry.returns });
    with(json, "returns_schema", &entry.returns_schema)
}

/// Adds a value under a key, if there is one.
fn with(mut object: Value, key: &str, value: &Option<Value>) -> Value {
    if let Some(value) = value {
        object[key] = value.clone();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(endpoint: &str, parameters: &[&str]) -> SchemaEntry {
        let parameter = |name: &&str| Parameter {
            name: (*name).to_owned(),
            type_json: json!("any"),
            schema: None,
            required: true,
        };
        SchemaEntry {
            endpoint: Endpoint::parse(endpoint).expect(endpoint),
            description: None,
            parameters: parameters.iter().map(parameter).collect(),
            returns: json!("any"),
            returns_schema: None,
        }
    }

    #[test]
    fn no_endpoints_are_an_empty_object() {
        assert_eq!(Schema::to_json(&[]), "{}");
    }

    #[test]
    fn the_root_has_its_own_key() {
        let expected = "{\n  \"/.\": {\n    \"description\": null,\n    \"args\": {},\n    \"returns\": \"any\"\n  }\n}";
        assert_eq!(Schema::to_json(&[entry("", &[])]), expected);
    }

    #[test]
    fn a_json_schema_comes_behind_what_the_release_has() {
        let mut entry = entry("a", &["x"]);
        entry.parameters[0].schema = Some(json!({"type": "string"}));
        entry.returns_schema = Some(json!(true));
        let schema: Value = serde_json::from_str(&Schema::to_json(&[entry])).expect("JSON");
        let expected = concat!(
            r#"{"/a":{"description":null,"args":{"x":{"type":"any","required":true,"#,
            r#""schema":{"type":"string"}}},"returns":"any","returns_schema":true}}"#,
        );
        assert_eq!(schema.to_string(), expected);
    }

    #[test]
    fn the_later_entry_wins_at_the_earlier_place() {
        let schema = Schema::to_json(&[entry("a", &[]), entry("b", &[]), entry("/a/", &["x"])]);
        assert_eq!(
            schema,
            Schema::to_json(&[entry("a", &["x"]), entry("b", &[])])
        );
    }
}
