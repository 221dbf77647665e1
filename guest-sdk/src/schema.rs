//! What the published schema says of types.
//!
//! Whether a type has a JSON Schema is found out by method look-up: see `answer.rs`.

#[cfg(feature = "schema")]
mod release;

use std::marker::PhantomData;

use serde_json::Value;

/// In a JSON Schema, that its value is the whole body.
const WHOLE_BODY: &str = "x-syft-whole-body";

/// The JSON Schema of a type, or none.
#[cfg(feature = "schema")]
pub type Found = Option<schemars::Schema>;

/// Never a schema.
#[cfg(not(feature = "schema"))]
pub type Found = Option<std::convert::Infallible>;

/// A type that is asked for its schema.
#[derive(Debug)]
pub struct Typed<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Typed<T> {
    /// The type.
    pub const NEW: Self = Typed(PhantomData);
}

/// Comes first.
#[cfg(feature = "schema")]
pub trait HasSchema {
    /// Returns the schema.
    fn schema(self) -> Found;
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema + ?Sized> HasSchema for Typed<T> {
    fn schema(self) -> Found {
        let settings = schemars::generate::SchemaSettings::draft2020_12();
        let settings = settings.with(|settings| settings.meta_schema = None);
        Some(settings.into_generator().into_root_schema_for::<T>())
    }
}

/// Stands for the one that there is with the feature.
#[cfg(not(feature = "schema"))]
pub trait HasSchema {}

/// Comes second.
pub trait HasNoSchema {
    /// Returns none.
    fn schema(self) -> Found;
}

impl<T: ?Sized> HasNoSchema for &Typed<T> {
    fn schema(self) -> Found {
        None
    }
}

/// What the published schema says of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub(crate) type_json: String,
    pub(crate) schema_json: Option<String>,
}

impl Described {
    /// Returns what the macro knew.
    pub fn known(type_json: &str, schema_json: Option<&str>) -> Described {
        Described {
            type_json: type_json.to_owned(),
            schema_json: schema_json.map(str::to_owned),
        }
    }

    /// Says that a value is the whole body of a request, and not the one of a name in it.
    #[must_use]
    pub fn whole_body(mut self) -> Described {
        let schema = self.schema_json.as_deref();
        let schema = schema.and_then(|text| serde_json::from_str(text).ok());
        if let Some(Value::Object(mut schema)) = schema {
            schema.insert(WHOLE_BODY.to_owned(), Value::Bool(true));
            self.schema_json = Some(Value::Object(schema).to_string());
        }
        self
    }

    /// Returns what was found at run time, or the type as the macro read it.
    #[cfg(feature = "schema")]
    pub fn found(found: Found, type_json: &str, default: Option<&str>) -> Described {
        match found {
            Some(schema) => release::described(schema, type_json, default),
            None => Described::known(type_json, None),
        }
    }

    /// Returns the type as the macro read it.
    #[cfg(not(feature = "schema"))]
    pub fn found(_: Found, type_json: &str, _: Option<&str>) -> Described {
        Described::known(type_json, None)
    }
}
