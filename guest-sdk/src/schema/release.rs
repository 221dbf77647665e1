//! From a JSON Schema to the types that the released SyftEvent publishes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::Described;
use crate::Json;

/// Deeper than any type that somebody wants to read.
const MAX_DEPTH: usize = 16;

/// Returns what is published of a type. What its schema does not tell is as the
/// macro read it.
pub(super) fn described(schema: Schema, type_json: &str, default: Option<&str>) -> Described {
    // A type that may be anything has the schema `true`, or no more than a title.
    let Value::Object(mut schema) = schema.to_value() else {
        return Described::known(type_json, None);
    };
    let type_json = match type_of(&schema, &schema, MAX_DEPTH) {
        Value::String(any) if any == "any" => type_json.to_owned(),
        found => found.to_string(),
    };
    if let Some(default) = default.and_then(|text| serde_json::from_str(text).ok()) {
        schema.insert("default".to_owned(), default);
    }
    let says_nothing = schema.keys().all(|key| key == "title");
    Described {
        type_json,
        schema_json: (!says_nothing).then(|| Value::Object(schema).to_string()),
    }
}

/// Returns the released name of a type, or `"any"`.
fn type_of(schema: &Map<String, Value>, root: &Map<String, Value>, depth: usize) -> Value {
    let any = || json!("any");
    if depth == 0 {
        return any();
    }
    let inner = |schema: &Value| match schema {
        Value::Object(schema) => type_of(schema, root, depth - 1),
        _ => any(),
    };
    if let Some((name, Value::Object(target))) = referenced(schema, root) {
        let mut target = target.clone();
        // As at the root, where schemars writes it.
        target.entry("title").or_insert_with(|| json!(name));
        return type_of(&target, root, depth - 1);
    }
    if let Some(only) = not_null(schema) {
        return inner(only);
    }
    match one_type(schema) {
        Some("string") => json!("str"),
        Some("integer") => json!("int"),
        Some("number") => json!("float"),
        Some("boolean") => json!("bool"),
        Some("object") if schema.contains_key("properties") => model(schema, root),
        Some("object") => json!("dict"),
        Some("array") => match schema.get("items") {
            Some(items) => json!({"type": "array", "items": inner(items)}),
            None => any(),
        },
        _ => any(),
    }
}

/// Returns what `$ref` leads to, and its name.
fn referenced<'a>(
    schema: &'a Map<String, Value>,
    root: &'a Map<String, Value>,
) -> Option<(&'a str, &'a Value)> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    let target = root.get("$defs")?.get(name)?;
    Some((name, target))
}

/// Returns the one thing that it is if it is not `null`.
fn not_null(schema: &Map<String, Value>) -> Option<&Value> {
    let either = schema.get("anyOf")?.as_array()?;
    let mut others = either.iter().filter(|schema| schema["type"] != "null");
    let only = others.next()?;
    others.next().is_none().then_some(only)
}

/// Returns the one type that it has, besides `null`.
fn one_type(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut others = names.iter().filter(|name| *name != "null");
            let only = others.next()?.as_str()?;
            others.next().is_none().then_some(only)
        }
        _ => None,
    }
}

/// Returns a type with fields, as a pydantic model is published.
fn model(schema: &Map<String, Value>, root: &Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    if let (None, Some(definitions)) = (schema.get("$defs"), root.get("$defs")) {
        schema.insert("$defs".to_owned(), definitions.clone());
    }
    let name = schema
        .get("title")
        .cloned()
        .unwrap_or_else(|| json!("model"));
    json!({"type": "model", "name": name, "schema": schema})
}

impl<T: JsonSchema> JsonSchema for Json<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use crate::prelude::*;
    use crate::schemars::{JsonSchema, SchemaGenerator};
    use crate::{Endpoint, Handler};

    /// Returns the type and the schema of the only parameter.
    fn parameter<H: Handler>() -> (Value, Option<Value>) {
        let endpoint = H::endpoint();
        let [parameter] = endpoint.parameters.as_slice() else {
            panic!("{endpoint:?}");
        };
        pair(&parameter.type_json, parameter.schema_json.as_deref())
    }

    fn returns(endpoint: &Endpoint) -> (Value, Option<Value>) {
        let schema = endpoint.returns_schema_json.as_deref();
        pair(&endpoint.returns_json, schema)
    }

    fn pair(type_json: &str, schema_json: Option<&str>) -> (Value, Option<Value>) {
        let parse = |text: &str| serde_json::from_str(text).expect(text);
        (parse(type_json), schema_json.map(parse))
    }

    /// Checks that the macro writes the schema that schemars would make.
    macro_rules! check_known {
        ($($ty:ty),+ $(,)?) => {$({
            #[on_request("/f")]
            #[allow(clippy::boxed_local, reason = "one of many types")]
            fn f(a: $ty) {
                let _: $ty = a;
            }
            let (_, found) = parameter::<f>();
            let mut expected = SchemaGenerator::default().into_root_schema_for::<$ty>();
            expected.remove("$schema");
            expected.remove("title");
            assert_eq!(found, Some(expected.to_value()), stringify!($ty));
        })+};
    }

    #[test]
    fn known_schemas_are_those_of_schemars() {
        check_known!(
            String, bool, f32, f64, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128,
            usize, Vec<i64>, VecDeque<bool>, BTreeSet<String>, HashMap<String, f64>,
            BTreeMap<String, Vec<u8>>, Vec<Vec<u8>>, Option<String>, Option<u16>,
            Option<Vec<bool>>, Vec<Option<f64>>, Box<i64>,
        );
    }

    /// A score.
    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Score {
        /// Of whom.
        name: String,
        #[serde(default)]
        n: i64,
        deep: Option<Box<Deep>>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Deep {
        scores: Vec<Score>,
    }

    type Id = u32;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
        Green,
    }

    #[derive(Deserialize, Serialize)]
    struct Plain {
        a: i64,
    }

    #[test]
    fn a_type_with_fields_is_a_model() {
        #[on_request("/f")]
        fn f(Json(score): Json<Score>) -> Result<Option<Score>, Error> {
            Ok(Some(score))
        }
        let (ty, schema) = parameter::<f>();
        let mut schema = schema.expect("a schema");
        let whole = schema
            .as_object_mut()
            .expect("an object")
            .remove("x-syft-whole-body");
        assert_eq!(whole, Some(json!(true)));
        assert_eq!(
            (&ty["type"], &ty["name"]),
            (&json!("model"), &json!("Score"))
        );
        assert_eq!(ty["schema"], schema);
        assert_eq!(schema.get("$schema"), None);
        assert_eq!(schema["description"], "A score.");
        assert_eq!(schema["properties"]["name"]["description"], "Of whom.");
        assert_eq!(schema["properties"]["n"]["default"], 0);
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["$defs"]["Deep"]["type"], "object");
        assert_eq!(returns(&f::endpoint()), (ty, Some(schema)));
    }

    #[test]
    fn types_are_named_by_their_schemas() {
        #[on_request("/f")]
        #[allow(clippy::too_many_arguments, reason = "one for each kind of type")]
        fn f(
            list: Vec<Score>,
            maybe: Option<Deep>,
            table: HashMap<String, Score>,
            id: Id,
            color: Color,
            pair: (i64, String),
            any: Value,
            plain: Plain,
            plains: Vec<Plain>,
            array: [bool; 2],
        ) -> Vec<Color> {
            let _ = (list, maybe, table, id, pair, any, plain.a, plains, array);
            vec![color]
        }
        let endpoint = f::endpoint();
        let named = endpoint.parameters.iter().map(|parameter| {
            let (ty, schema) = pair(&parameter.type_json, parameter.schema_json.as_deref());
            (parameter.name.as_str(), ty, schema)
        });
        let named: Vec<_> = named.collect();
        let ty = |name: &str| {
            let (_, ty, schema) = named.iter().find(|named| named.0 == name).expect(name);
            (ty, schema)
        };
        assert_eq!(ty("list").0["items"]["type"], "model");
        assert_eq!(ty("list").0["items"]["name"], "Score");
        assert!(ty("list").0["items"]["schema"]["$defs"]["Deep"].is_object());
        assert_eq!(ty("maybe").0["name"], "Deep");
        assert_eq!(ty("table").0, "dict");
        assert!(ty("table").1.as_ref().expect("a schema")["$defs"].is_object());
        assert_eq!(ty("id").0, "int");
        assert_eq!(ty("color").0, "str");
        let color = ty("color").1.as_ref().expect("a schema");
        assert_eq!(color["enum"], json!(["red", "green"]));
        assert_eq!(ty("pair").0, "any");
        assert_eq!(ty("pair").1.as_ref().expect("a schema")["minItems"], 2);
        assert_eq!(ty("any"), (&json!("any"), &None));
        assert_eq!(ty("plain"), (&json!("any"), &None));
        assert_eq!(
            ty("plains"),
            (&json!({"type": "array", "items": "any"}), &None)
        );
        assert_eq!(ty("array").0, &json!({"type": "array", "items": "bool"}));
        let (returned, _) = returns(&endpoint);
        assert_eq!(returned, json!({"type": "array", "items": "str"}));
    }

    #[test]
    fn literal_defaults_are_in_the_schema() {
        #[on_request("/f")]
        fn f(
            #[default("add")] a: String,
            #[default(-3)] b: i64,
            #[default(vec![1])] c: Vec<i64>,
            #[default(Color::Red)] d: Color,
            #[default(7)] e: Id,
        ) {
            let _ = (a, b, c, d, e);
        }
        let defaults = f::endpoint().parameters.into_iter().map(|parameter| {
            assert!(!parameter.required);
            let schema: Value =
                serde_json::from_str(&parameter.schema_json.expect("a schema")).expect("JSON");
            schema.get("default").cloned()
        });
        let defaults: Vec<_> = defaults.collect();
        let expected = [
            Some(json!("add")),
            Some(json!(-3)),
            None,
            None,
            Some(json!(7)),
        ];
        assert_eq!(defaults, expected);
    }

    #[test]
    fn what_is_no_json_has_no_schema() {
        macro_rules! check_returns {
            ($($ty:ty: $value:expr),+ $(,)?) => {$({
                #[on_request("/f")]
                fn f() -> $ty {
                    $value
                }
                assert_eq!(f::endpoint().returns_schema_json, None, stringify!($ty));
            })+};
        }
        check_returns!(
            (): (),
            Result<(), Error>: Ok(()),
            Vec<u8>: vec![],
            Option<Vec<u8>>: None,
            Bytes: Bytes(vec![]),
            Response: Response::new(200),
            impl serde::Serialize: 1,
        );
        #[on_request("/f")]
        fn f(bytes: Bytes) {
            let _ = bytes;
        }
        assert_eq!(parameter::<f>(), (json!("bytes"), None));
        #[on_request("/g")]
        fn g(bytes: Vec<u8>) {
            let _ = bytes;
        }
        let (ty, schema) = parameter::<g>();
        assert_eq!(ty, "bytes");
        assert_eq!(
            schema.expect("a schema")["type"],
            json!(["string", "array"])
        );
    }

    /// A list of lists without an end.
    #[derive(Deserialize, JsonSchema)]
    struct Endless(Vec<Endless>);

    #[test]
    fn endless_types_come_to_an_end() {
        #[on_request("/f")]
        fn f(Json(list): Json<Endless>) -> usize {
            list.0.len()
        }
        let (ty, schema) = parameter::<f>();
        assert!(ty.to_string().contains(r#""items":"any""#), "{ty}");
        assert!(schema.is_some());
    }
}
