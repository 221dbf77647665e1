//! An app: a program that fits our world, the endpoints it serves, and whom it
//! runs for.

use std::sync::Arc;

use syft_protocol::address::{Address, AppName, Datasite, Sender};
use syft_protocol::message::{self, Method};
use thiserror::Error;

use crate::capability::files::FileAccess;
use crate::router::{Router, RouterError};
use crate::sandbox::bindings::exports::syft::app::rpc;
use crate::sandbox::bindings::syft::app::types;
use crate::sandbox::{Identity, LoadError, Outcome, Program, Sandbox};
use crate::state::{Store, StoreError};

/// An app, ready to answer.
pub struct App {
    name: AppName,
    datasite: Datasite,
    identity: Identity,
    files: FileAccess,
    state: Arc<Store>,
    program: Program,
    router: Router,
}

/// Why a component could not be made an app.
#[derive(Debug, Error)]
pub enum AppError {
    /// The component does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It did not say which endpoints it has.
    #[error("the app did not name its endpoints: {0}")]
    Silent(String),
    /// Its endpoints cannot be served.
    #[error(transparent)]
    Router(#[from] RouterError),
}

impl App {
    /// Loads a component and asks it for its endpoints.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn load(
        sandbox: &Sandbox,
        name: AppName,
        datasite: Datasite,
        files: FileAccess,
        state: Store,
        component: &[u8],
    ) -> Result<Self, AppError> {
        let program = sandbox.load(component)?;
        let identity = Identity {
            app: Arc::from(name.as_str()),
            datasite: Arc::from(datasite.as_str()),
        };
        let endpoints = sandbox
            .endpoints(&program, &identity)
            .await
            .map_err(|outcome| AppError::Silent(outcome.detail().unwrap_or_default()))?;
        let router = Router::new(endpoints, sandbox.limits().endpoints)?;
        Ok(Self {
            name,
            datasite,
            identity,
            files,
            state: Arc::new(state),
            program,
            router,
        })
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// Returns the owner for whom the app runs.
    pub fn datasite(&self) -> &Datasite {
        &self.datasite
    }

    /// Returns the endpoints of the app.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Runs the handler of a request, and keeps what it wrote to its state if it
    /// answered. The address says where it goes, whatever its URL claims.
    ///
    /// # Errors
    /// The host cannot keep the state. Nothing of the call was kept.
    pub async fn call(
        &self,
        sandbox: &Sandbox,
        address: &Address,
        sender: Sender,
        request: message::Request,
    ) -> Result<Outcome, StoreError> {
        let Some(route) = self.router.route(address.endpoint()) else {
            let detail = format!("no endpoint {}", address.endpoint());
            return Ok(Outcome::Trapped(detail));
        };
        let request = rpc::Request {
            id: address.id().uuid().to_string(),
            endpoint: route.name.to_string(),
            sender: sender.email,
            sender_proof: proof(sender.proof),
            url: request.url.as_str().to_owned(),
            method: method(request.method),
            headers: request.headers.into_iter().collect(),
            body: request.body,
            created: request.created.micros(),
            expires: request.expires.micros(),
        };
        let call = |state| {
            let (program, identity) = (&self.program, &self.identity);
            sandbox.call(program, identity, &self.files, state, &request)
        };
        self.state
            .transact(sandbox.limits(), call, |outcome| {
                matches!(outcome, Outcome::Answered(_))
            })
            .await
    }
}

fn proof(proof: syft_protocol::address::Proof) -> types::SenderProof {
    use syft_protocol::address::Proof;
    match proof {
        Proof::Claimed => types::SenderProof::Claimed,
        Proof::Folder => types::SenderProof::Folder,
        Proof::Signed => types::SenderProof::Signed,
    }
}

fn method(method: Method) -> types::Method {
    match method {
        Method::Get => types::Method::Get,
        Method::Head => types::Method::Head,
        Method::Post => types::Method::Post,
        Method::Put => types::Method::Put,
        Method::Patch => types::Method::Patch,
        Method::Delete => types::Method::Delete,
    }
}
