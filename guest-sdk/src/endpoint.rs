//! What the published schema says of an endpoint.

use crate::bindings::exports::syft::app::rpc;
use crate::schema::Described;

/// An endpoint as the published schema shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The path below `rpc/`, such as `/users/list`.
    pub path: String,
    /// The doc comment of the handler.
    pub description: Option<String>,
    /// The parameters, without the request itself.
    pub parameters: Vec<Parameter>,
    /// What the handler returns, as [`Parameter::type_json`].
    pub returns_json: String,
    /// What the handler returns, as [`Parameter::schema_json`].
    pub returns_schema_json: Option<String>,
}

/// A parameter as the published schema shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The name in the JSON object that is the body.
    pub name: String,
    /// The type as JSON: `"int"`, or `{"type":"array","items":"int"}`.
    pub type_json: String,
    /// A JSON Schema of the values that it takes, with its default if that is a
    /// literal. Known for types of the standard library and for those that derive
    /// [`JsonSchema`](crate::schemars::JsonSchema).
    pub schema_json: Option<String>,
    /// Whether the caller must give it.
    pub required: bool,
}

/// Returns an endpoint with the parameters `(name, type, required)`.
pub fn endpoint<const N: usize>(
    path: &str,
    description: Option<&str>,
    parameters: [(&str, Described, bool); N],
    returns: Described,
) -> Endpoint {
    let parameters = parameters
        .into_iter()
        .map(|(name, described, required)| Parameter {
            name: name.to_owned(),
            type_json: described.type_json,
            schema_json: described.schema_json,
            required,
        });
    Endpoint {
        path: path.to_owned(),
        description: description.map(str::to_owned),
        parameters: parameters.collect(),
        returns_json: returns.type_json,
        returns_schema_json: returns.schema_json,
    }
}

impl From<Endpoint> for rpc::Endpoint {
    fn from(endpoint: Endpoint) -> rpc::Endpoint {
        rpc::Endpoint {
            path: endpoint.path,
            description: endpoint.description,
            parameters: endpoint.parameters.into_iter().map(Into::into).collect(),
            returns_json: endpoint.returns_json,
            returns_schema_json: endpoint.returns_schema_json,
        }
    }
}

impl From<Parameter> for rpc::Parameter {
    fn from(parameter: Parameter) -> rpc::Parameter {
        rpc::Parameter {
            name: parameter.name,
            type_json: parameter.type_json,
            schema_json: parameter.schema_json,
            required: parameter.required,
        }
    }
}
