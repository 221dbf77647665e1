//! A body that an endpoint takes, made of what is published of its parameters.

use serde_json::{Map, Value, json};
use syft_protocol::schema::{Parameter, SchemaEntry};

/// How deep types within types are followed, and how many values an example has at most. A
/// stranger may have written a type that holds itself.
const MAX_DEPTH: usize = 8;
const MAX_VALUES: usize = 100;

/// Returns a body with all that an endpoint needs, and what else its author gives a value for;
/// `None` where it takes none.
pub(super) fn example_body(entry: &SchemaEntry) -> Option<Value> {
    let mut example = Example { left: MAX_VALUES };
    if entry.parameters.is_empty() {
        return None;
    }
    if let Some(whole) = whole_body(entry) {
        return example.parameter(whole);
    }
    let values = entry.parameters.iter().filter_map(|parameter| {
        let value = example.parameter(parameter)?;
        Some((parameter.name.clone(), value))
    });
    Some(Value::Object(values.collect()))
}

/// Returns the parameter that takes the whole body, if there is one: a model of pydantic that
/// has no other beside it. A guest in Rust takes each by its name, unless it says so.
pub(super) fn whole_body(entry: &SchemaEntry) -> Option<&Parameter> {
    let [only] = entry.parameters.as_slice() else {
        return None;
    };
    // The released SyftEvent publishes no schema beside a type, and knows no other way.
    let Some(schema) = &only.schema else {
        return is_model(&only.type_json).then_some(only);
    };
    let is_said = schema.get("x-syft-whole-body") == Some(&Value::Bool(true));
    let is_whole = is_said || (is_model(&only.type_json) && is_of_pydantic(&only.type_json));
    is_whole.then_some(only)
}

/// Tells whether a model is pydantic's, which gives each of its fields a title. What a guest in
/// Rust publishes has none.
fn is_of_pydantic(model: &Value) -> bool {
    let properties = model.pointer("/schema/properties");
    let properties = properties.and_then(Value::as_object);
    properties.is_some_and(|properties| {
        let mut fields = properties.values();
        fields.any(|field| field.get("title").is_some())
    })
}

fn is_model(published: &Value) -> bool {
    published.get("type").is_some_and(|kind| kind == "model")
}

struct Example {
    /// Values that it may still have.
    left: usize,
}

impl Example {
    /// Returns a value for a parameter; none for one that can be left out and of which nothing
    /// says more.
    fn parameter(&mut self, parameter: &Parameter) -> Option<Value> {
        let schema = parameter.schema.as_ref();
        let given = schema.and_then(given);
        if given.is_some() || !parameter.required {
            return given;
        }
        if is_model(&parameter.type_json) {
            let schema = parameter.type_json.get("schema").or(schema)?;
            return Some(self.of_schema(schema, schema, MAX_DEPTH));
        }
        Some(match schema {
            Some(schema) => self.of_schema(schema, schema, MAX_DEPTH),
            None => self.of_type(&parameter.type_json, MAX_DEPTH),
        })
    }

    /// Returns a value of a type as the released SyftEvent names it.
    fn of_type(&mut self, published: &Value, depth: usize) -> Value {
        if let Some(schema) = published.get("schema") {
            return self.of_schema(schema, schema, depth);
        }
        let is_list = published.get("type").is_some_and(|kind| kind == "array");
        match published.as_str() {
            _ if is_list => match published.get("items") {
                Some(items) if self.go_on(depth) => json!([self.of_type(items, depth - 1)]),
                _ => json!([]),
            },
            Some("int") => json!(1),
            Some("float") => json!(1.5),
            Some("bool") => json!(true),
            Some("list" | "tuple" | "set") => json!([]),
            Some("dict") => json!({}),
            Some("null") => Value::Null,
            Some("datetime") => json!("2030-01-31T12:00:00Z"),
            _ => json!("text"),
        }
    }

    /// Returns a value that a JSON Schema takes, as far as it is a simple one.
    fn of_schema(&mut self, schema: &Value, root: &Value, depth: usize) -> Value {
        if let Some(given) = given(schema) {
            return given;
        }
        if !self.go_on(depth) {
            return Value::Null;
        }
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
        if let Some(target) = target {
            return self.of_schema(target, root, depth - 1);
        }
        for either in ["anyOf", "oneOf", "allOf"] {
            let first = schema.get(either).and_then(|schemas| schemas.get(0));
            if let Some(first) = first {
                return self.of_schema(first, root, depth - 1);
            }
        }
        match kind(schema) {
            Some("object") => self.object(schema, root, depth),
            Some("array") => match schema.get("items") {
                Some(items) => json!([self.of_schema(items, root, depth - 1)]),
                None => json!([]),
            },
            Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            _ => match schema.get("format").and_then(Value::as_str) {
                Some("date-time") => json!("2030-01-31T12:00:00Z"),
                Some("date") => json!("2030-01-31"),
                Some("time") => json!("12:00:00"),
                Some("email") => json!("ada@example.org"),
                Some("uri") => json!("https://example.org/"),
                Some("uuid") => json!("00000000-0000-4000-8000-000000000000"),
                _ => json!("text"),
            },
        }
    }

    /// Returns an object with the fields that it needs.
    fn object(&mut self, schema: &Value, root: &Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|it| it == name));
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut object = Map::new();
        for (name, property) in properties.into_iter().flatten() {
            if self.left == 0 {
                break;
            }
            if is_required(name) || given(property).is_some() {
                let value = self.of_schema(property, root, depth - 1);
                object.insert(name.clone(), value);
            }
        }
        Value::Object(object)
    }

    /// Tells whether there may be one more value.
    fn go_on(&mut self, depth: usize) -> bool {
        let goes_on = depth > 0 && self.left > 0;
        self.left = self.left.saturating_sub(1);
        goes_on
    }
}

/// Returns the value that the author gives, in the order in which they say most.
fn given(schema: &Value) -> Option<Value> {
    let first = |key: &str| schema.get(key)?.get(0);
    let given = first("examples")
        .or_else(|| schema.get("example"))
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default"))
        .or_else(|| first("enum"))?;
    Some(given.clone())
}

/// Returns the first type that is not `null`.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null"),
        name => name.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use syft_protocol::schema::Schema;

    use super::*;

    /// Returns the example for an endpoint with these parameters.
    fn check(args: Value) -> Option<Value> {
        let document = json!({"/f": {"args": args}}).to_string();
        let entries = Schema::read(document.as_bytes()).expect("it is a document");
        example_body(&entries[0])
    }

    #[test]
    fn an_example_has_what_is_needed_and_what_is_given() {
        assert_eq!(check(json!({})), None);
        let args = json!({
            "a": {"type": "int", "required": true},
            "b": {"type": "str", "required": false},
            "c": {"type": "str", "required": false, "schema": {"default": "add"}},
            "d": {"type": {"type": "array", "items": "float"}, "required": true},
            "e": {"type": "str", "required": true, "schema": {"type": "string", "format": "date"}},
        });
        let expected = json!({"a": 1, "c": "add", "d": [1.5], "e": "2030-01-31"});
        assert_eq!(check(args), Some(expected));
    }

    #[test]
    fn a_model_takes_the_whole_body_where_its_framework_gives_it() {
        let model = json!({"type": "model", "name": "User", "schema": {
            "properties": {
                "name": {"type": "string", "examples": ["Ada"]},
                "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "friend": {"$ref": "#/$defs/Friend"},
                "nick": {"type": "string"},
            },
            "required": ["name", "age", "friend"],
            "type": "object",
            "$defs": {"Friend": {"type": "object", "properties": {"n": {"type": "number", "minimum": 3}},
                "required": ["n"]}},
        }});
        let expected = json!({"name": "Ada", "age": 1, "friend": {"n": 3}});
        let one = json!({"user": {"type": model, "required": true}});
        assert_eq!(check(one), Some(expected.clone()), "the released SyftEvent");
        // With the schema that our hosts add, it is pydantic's if its fields have titles.
        let published = |model: &Value| json!({"user": {"type": model, "required": true, "schema": model["schema"]}});
        let named = json!({"user": expected});
        assert_eq!(check(published(&model)), Some(named), "a guest in Rust");
        let mut said = published(&model);
        said["user"]["schema"]["x-syft-whole-body"] = json!(true);
        assert_eq!(check(said), Some(expected.clone()), "`Json` in Rust");
        let mut of_pydantic = model.clone();
        of_pydantic["schema"]["properties"]["nick"]["title"] = json!("Nick");
        assert_eq!(check(published(&of_pydantic)), Some(expected.clone()));
        let two = json!({
            "user": {"type": model, "required": true},
            "x": {"type": "bool", "required": true},
        });
        assert_eq!(check(two), Some(json!({"user": expected, "x": true})));
    }

    #[test]
    fn a_type_that_holds_itself_ends() {
        let model = json!({"type": "model", "schema": {
            "type": "object",
            "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}},
            "required": ["a", "b", "c"],
        }});
        let example = check(json!({"x": {"type": model, "required": true}}));
        assert!(example.is_some_and(|example| example.to_string().len() < 2_000));
        let deep = (0..90).fold(
            json!("int"),
            |items, _| json!({"type": "array", "items": items}),
        );
        assert!(check(json!({"x": {"type": deep, "required": true}})).is_some());
    }
}
