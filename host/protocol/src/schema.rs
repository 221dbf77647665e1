//! `rpc.schema.json`: what an app tells the world about its endpoints.

mod python_json;

use serde_json::{Map, Value, json};

use crate::address::Endpoint;

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
}

/// One parameter of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, which is the key in the body of a request.
    pub name: String,
    /// The type: a name such as `"str"`, or an object that describes it.
    pub type_json: Value,
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
    pub fn to_json(entries: &[SchemaEntry]) -> String {
        let document: Map<String, Value> = entries
            .iter()
            .map(|entry| (entry.endpoint.schema_key(), entry_json(entry)))
            .collect();
        python_json::dumps(&Value::Object(document))
    }
}

fn entry_json(entry: &SchemaEntry) -> Value {
    let parameter_json = |parameter: &Parameter| json!({ "type": parameter.type_json, "required": parameter.required });
    let args: Map<String, Value> = entry
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter_json(parameter)))
        .collect();
    json!({ "description": entry.description, "args": args, "returns": entry.returns })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(endpoint: &str, parameters: &[&str]) -> SchemaEntry {
        let parameter = |name: &&str| Parameter {
            name: (*name).to_owned(),
            type_json: json!("any"),
            required: true,
        };
        SchemaEntry {
            endpoint: Endpoint::parse(endpoint).expect(endpoint),
            description: None,
            parameters: parameters.iter().map(parameter).collect(),
            returns: json!("any"),
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
    fn the_later_entry_wins_at_the_earlier_place() {
        let schema = Schema::to_json(&[entry("a", &[]), entry("b", &[]), entry("/a/", &["x"])]);
        assert_eq!(
            schema,
            Schema::to_json(&[entry("a", &["x"]), entry("b", &[])])
        );
    }
}
