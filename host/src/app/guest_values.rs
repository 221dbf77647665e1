//! Requests, events and names as the guest sees them: the types of our WIT world.

use std::sync::Arc;

use syft_protocol::address::{Address, AppName, Datasite, Proof, Sender};
use syft_protocol::message::{self, Method};
use syft_protocol::watching::{Event, Kind};
use uuid::Uuid;

use crate::capability::AppIdentity;
use crate::router::Route;
use crate::wit::{rpc, types, watch};

pub(super) fn request(
    address: &Address,
    route: &Route,
    sender: Sender,
    request: message::Request,
) -> rpc::Request {
    rpc::Request {
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
    }
}

pub(super) fn event(id: Uuid, watch: usize, event: &Event) -> watch::Event {
    watch::Event {
        id: id.to_string(),
        watch: u32::try_from(watch).unwrap_or(u32::MAX),
        kind: kind(event.kind),
        path: event.path.to_string(),
        moved_from: event.moved_from.as_deref().map(str::to_owned),
        attempt: event.attempt,
    }
}

pub(super) fn identity(name: &AppName, datasite: &Datasite) -> AppIdentity {
    AppIdentity {
        app: Arc::from(name.as_str()),
        datasite: Arc::from(datasite.as_str()),
    }
}

fn kind(kind: Kind) -> watch::EventKind {
    match kind {
        Kind::Created => watch::EventKind::Created,
        Kind::Modified => watch::EventKind::Modified,
        Kind::Moved => watch::EventKind::Moved,
        Kind::Deleted => watch::EventKind::Deleted,
    }
}

fn proof(proof: Proof) -> types::SenderProof {
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
