//! Which endpoints an app serves, as it says itself when it is loaded.

use std::collections::HashMap;
use std::sync::Arc;

use syft_manifest::Limits;
use syft_protocol::address::{AddressError, Endpoint};
use syft_protocol::schema::{Parameter, Schema, SchemaEntry};
use thiserror::Error;

use syft_runtime::wit::rpc;

/// The endpoints of an app. Immutable: a new version of an app has a new one.
#[derive(Debug)]
pub struct Router {
    routes: HashMap<Endpoint, Route>,
    entries: Vec<SchemaEntry>,
}

/// What an endpoint leads to.
#[derive(Debug, Clone)]
pub struct Route {
    /// The endpoint in the app's own spelling.
    pub name: Arc<str>,
}

/// Why the endpoints of an app cannot be served.
#[derive(Debug, Error)]
pub enum RouterError {
    /// The app has no endpoints and watches nothing either.
    #[error("the app has no endpoints and watches no files")]
    Empty,
    /// There are too many.
    #[error("the app has {count} endpoints; at most {limit} are allowed")]
    TooMany {
        /// Their number.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// It says too much of them.
    #[error("the app describes its endpoints in {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// The bytes of it.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// One of them is no path.
    #[error(transparent)]
    Path(#[from] AddressError),
    /// Two of them are the same.
    #[error("the app has the endpoint {0} twice")]
    Twice(Endpoint),
    /// A description of a type is not JSON.
    #[error("the app describes a type of {endpoint} by something that is not JSON: {error}")]
    Type {
        /// The endpoint.
        endpoint: Endpoint,
        /// What is wrong.
        error: serde_json::Error,
    },
}

impl Router {
    /// Returns the router of the endpoints that a guest named.
    pub(crate) fn new(endpoints: Vec<rpc::Endpoint>, limits: &Limits) -> Result<Self, RouterError> {
        let (count, limit) = (endpoints.len(), limits.endpoints);
        if count > limit {
            return Err(RouterError::TooMany { count, limit });
        }
        let (bytes, limit) = (
            endpoints.iter().map(text_bytes).sum(),
            limits.described_bytes,
        );
        if bytes > limit {
            return Err(RouterError::TooLong { bytes, limit });
        }
        let mut routes = HashMap::new();
        let mut entries = Vec::with_capacity(count);
        for described in endpoints {
            let endpoint = Endpoint::parse(&described.path)?;
            let name = Arc::from(described.path.as_str());
            if routes.insert(endpoint.clone(), Route { name }).is_some() {
                return Err(RouterError::Twice(endpoint));
            }
            entries.push(entry(endpoint, described)?);
        }
        Ok(Self { routes, entries })
    }

    /// Returns where a request for this endpoint goes.
    pub fn route(&self, endpoint: &Endpoint) -> Option<&Route> {
        self.routes.get(endpoint)
    }

    /// Returns the endpoints in the order in which the app named them.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> + Clone {
        self.entries.iter().map(|entry| &entry.endpoint)
    }

    /// Returns what the app says of its endpoints.
    pub fn entries(&self) -> &[SchemaEntry] {
        &self.entries
    }

    /// Returns the published description of the endpoints.
    pub fn schema(&self) -> String {
        Schema::to_json(&self.entries)
    }
}

/// Returns the bytes of all texts about an endpoint.
fn text_bytes(described: &rpc::Endpoint) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let parameters = described.parameters.iter().map(|parameter| {
        let texts = parameter.name.len() + parameter.type_json.len();
        size_of::<rpc::Parameter>() + texts + length(&parameter.schema_json)
    });
    described.path.len()
        + length(&described.description)
        + described.returns_json.len()
        + length(&described.returns_schema_json)
        + parameters.sum::<usize>()
}

fn entry(endpoint: Endpoint, described: rpc::Endpoint) -> Result<SchemaEntry, RouterError> {
    let parse = |text: &str| {
        serde_json::from_str(text).map_err(|error| RouterError::Type {
            endpoint: endpoint.clone(),
            error,
        })
    };
    let parameters = described
        .parameters
        .into_iter()
        .map(|parameter| {
            Ok(Parameter {
                type_json: parse(&parameter.type_json)?,
                schema: parameter.schema_json.as_deref().map(parse).transpose()?,
                name: parameter.name,
                required: parameter.required,
            })
        })
        .collect::<Result<_, RouterError>>()?;
    Ok(SchemaEntry {
        description: described.description,
        parameters,
        returns: parse(&described.returns_json)?,
        returns_schema: described
            .returns_schema_json
            .as_deref()
            .map(parse)
            .transpose()?,
        endpoint,
    })
}
