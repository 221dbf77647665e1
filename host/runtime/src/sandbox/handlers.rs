//! What an app does for others: it answers requests, and takes events and replies.

use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lower};

use super::{Answer, CallName, Outcome, Program, Ready, Remains};
use crate::capability::{AppAccess, AppIdentity, CallEnvironment};
use crate::meter::Meter;
use crate::state::Session;
use crate::wit::types::Failure;
use crate::wit::{replies, rpc, watch};

/// What a handler of requests returns.
type Handled = Result<rpc::Response, rpc::Error>;

/// What any other handler returns.
type Taken = Result<(), Failure>;

/// How a call ended that has nothing to answer, with the state as it left it.
pub(super) type TakenCall = (Result<(), Outcome>, Session, Remains);

impl Program {
    /// Delivers an event to it, in a fresh instance. Returns the outcome, and the state as
    /// the call left it; nothing of that is kept yet.
    pub async fn on_event(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
        access: &AppAccess,
        state: Session,
        event: &watch::Event,
    ) -> (Result<(), Outcome>, Session) {
        let name = CallName::of_event(identity, event);
        let ready = self.ready_alone((identity, meter), access, state, name);
        let (taken, state, _) = self.take_event(ready, event).await;
        (taken, state)
    }

    /// Hands it what became of a message, in a fresh instance. Returns the outcome, and the state
    /// as the call left it; nothing of that is kept yet.
    pub async fn on_reply(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
        access: &AppAccess,
        state: Session,
        reply: &replies::Reply,
    ) -> (Result<(), Outcome>, Session) {
        let name = CallName::of_reply(identity, reply);
        let ready = self.ready_alone((identity, meter), access, state, name);
        let (taken, state, _) = self.take_reply(ready, reply).await;
        (taken, state)
    }

    /// Makes a call ready behind which is nobody on whose behalf it could read.
    pub(super) fn ready_alone<'a>(
        &self,
        (identity, meter): (&'a AppIdentity, &'a Meter),
        access: &AppAccess,
        state: Session,
        name: CallName,
    ) -> Ready<'a> {
        let access = self.access(access, None, identity, &name, meter, None);
        Ready {
            identity,
            meter,
            access,
            state,
            name,
        }
    }

    pub(super) async fn take_event(&self, ready: Ready<'_>, event: &watch::Event) -> TakenCall {
        let export = self.exports.watching.as_ref();
        let export = export
            .map(|watching| watching.on_event)
            .ok_or("the app watches nothing");
        self.take(ready, export, (event,)).await
    }

    pub(super) async fn take_reply(&self, ready: Ready<'_>, reply: &replies::Reply) -> TakenCall {
        let export = self.exports.on_reply.ok_or("the app takes no replies");
        self.take(ready, export, (reply,)).await
    }

    /// Has one of its handlers take something, which it may lack.
    pub(super) async fn take<P>(
        &self,
        ready: Ready<'_>,
        export: Result<ComponentExportIndex, &str>,
        given: P,
    ) -> TakenCall
    where
        P: ComponentNamedList + Lower + Send + Sync,
    {
        let (meter, environment) = (ready.meter, Arc::clone(&ready.access.environment));
        let (taken, state, remains) = self
            .within_limits(ready, async |store, app| {
                let export = export.map_err(|lacks| wasmtime::Error::msg(lacks.to_owned()))?;
                let take = app.get_typed_func::<P, (Taken,)>(&mut *store, export)?;
                let (taken,) = take.call_async(store, given).await?;
                Ok(taken)
            })
            .await;
        let taken =
            taken.and_then(|taken| taken.map_err(|failure| failed(failure, &environment, meter)));
        (taken, state, remains)
    }

    /// Has it answer a request.
    pub(super) async fn handle(
        &self,
        ready: Ready<'_>,
        request: &rpc::Request,
    ) -> (Outcome, Session, Remains) {
        let (meter, environment) = (ready.meter, Arc::clone(&ready.access.environment));
        let (answer, state, remains) = self
            .within_limits(ready, async |store, app| {
                let handle =
                    app.get_typed_func::<_, (Handled,)>(&mut *store, self.exports.handle)?;
                let (handled,) = handle.call_async(store, (request,)).await?;
                Ok(handled)
            })
            .await;
        let outcome = match answer {
            Ok(Ok(response)) => Outcome::Answered(Answer {
                status: response.status,
                headers: response.headers,
                body: response.body,
            }),
            Ok(Err(rpc::Error::InvalidArguments(message))) => {
                Outcome::InvalidArguments(environment.mask(&message).into_owned())
            }
            Ok(Err(rpc::Error::Failed(failure))) => failed(failure, &environment, meter),
            Err(outcome) => outcome,
        };
        (outcome, state, remains)
    }
}

/// Returns what a guest says of its failure, without the owner's secrets.
fn failed(failure: Failure, environment: &CallEnvironment, meter: &Meter) -> Outcome {
    let masked = |text: &str| environment.mask(text).into_owned();
    Outcome::Failed {
        kind: masked(&failure.kind),
        message: masked(&failure.message),
        handler: masked(&failure.handler),
        refused: meter.refused_wish(),
    }
}
