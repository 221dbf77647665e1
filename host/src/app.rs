//! An app: a program that fits our world, the endpoints it serves, and whom it
//! runs for.

use std::sync::Arc;

use syft_protocol::address::{Address, AppName, Datasite, Sender};
use syft_protocol::inbox::Stamp;
use syft_protocol::message::{self, Method};
use thiserror::Error;

use crate::capability::files::FileAccess;
use crate::reply::Conclusion;
use crate::router::{Router, RouterError};
use crate::sandbox::bindings::exports::syft::app::rpc;
use crate::sandbox::bindings::syft::app::types;
use crate::sandbox::{Identity, LoadError, Outcome, Program, Sandbox};
use crate::state::{Mark, Store, StoreError};

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

    /// Returns the answer to a request that has run already, where that was kept and is
    /// not known to lie beside the request.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unpublished(
        &self,
        address: &Address,
        stamp: Stamp,
        request: &message::Request,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.state
            .unpublished(address, || Mark::new(stamp, request))
    }

    /// Takes note that the answer to a request lies beside it.
    pub fn published(&self, address: &Address) {
        self.state.published(address);
    }

    /// Runs the handler of a request, and keeps what it wrote to its state, and with it
    /// its answer, if it answered. The address says where it goes, whatever its URL
    /// claims. `conclude` makes the answer; it is called again if the call runs again.
    ///
    /// # Errors
    /// The host cannot keep the state. Nothing of the call was kept.
    pub async fn call(
        &self,
        sandbox: &Sandbox,
        address: &Address,
        stamp: Stamp,
        sender: Sender,
        request: message::Request,
        conclude: impl Fn(Outcome) -> Conclusion,
    ) -> Result<Conclusion, StoreError> {
        let Some(route) = self.router.route(address.endpoint()) else {
            let detail = format!("no endpoint {}", address.endpoint());
            return Ok(conclude(Outcome::Trapped(detail)));
        };
        let mark = Mark::new(stamp, &request);
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
        let (request, mark, conclude) = (&request, &mark, &conclude);
        let call = |state| async move {
            let (program, identity) = (&self.program, &self.identity);
            let (outcome, mut state) = sandbox
                .call(program, identity, &self.files, state, request)
                .await;
            let answered = matches!(outcome, Outcome::Answered(_));
            let conclusion = conclude(outcome);
            state.keep_answer(address, mark, &conclusion.reply.json);
            ((answered, conclusion), state)
        };
        let ended_well = |(answered, _): &(bool, Conclusion)| *answered;
        let transaction = self.state.transact(sandbox.limits(), call, ended_well);
        transaction.await.map(|(_, conclusion)| conclusion)
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
