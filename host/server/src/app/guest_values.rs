//! Requests, events and names as the guest sees them: the types of our WIT world.

use std::sync::Arc;

use syft_protocol::address::{Address, AppName, Datasite, Sender};
use syft_protocol::due_calls::DueRun;
use syft_protocol::encryption::{DECRYPTED, ORIGINAL_SENDER, says_opened};
use syft_protocol::file_events::{Delivery, EventKind};
use syft_protocol::message;

use crate::router::Route;
use syft_runtime::capability::AppIdentity;
use syft_runtime::wit::{rpc, schedules, types, watch};

pub(super) fn request(
    address: &Address,
    route: &Route,
    sender: Sender,
    request: message::Request,
) -> rpc::Request {
    let headers = request.headers.into_iter();
    rpc::Request {
        id: address.id().uuid().to_string(),
        endpoint: route.name.to_string(),
        sender: sender.email,
        sender_proof: sender.proof.into(),
        url: request.url.as_str().to_owned(),
        method: request.method.into(),
        // The release passes them on, whoever wrote them.
        headers: headers.filter(|(name, _)| !says_opened(name)).collect(),
        body: request.body,
        created: request.created.micros(),
        expires: request.expires.micros(),
    }
}

/// Gives a request the body that was in its encrypted one, and says so as the release does.
pub(super) fn put_opened(request: &mut rpc::Request, body: Vec<u8>) {
    request.body = Some(body);
    request.sender_proof = types::SenderProof::Signed;
    request.headers.extend([
        (DECRYPTED.to_owned(), "true".to_owned()),
        (ORIGINAL_SENDER.to_owned(), request.sender.clone()),
    ]);
}

pub(super) fn event(delivery: &Delivery) -> watch::Event {
    let event = &delivery.event;
    watch::Event {
        id: delivery.id.to_string(),
        watch: u32::try_from(delivery.watch).unwrap_or(u32::MAX),
        kind: kind(event.kind),
        path: event.path.to_string(),
        moved_from: event.moved_from.as_deref().map(str::to_owned),
        attempt: event.attempt,
    }
}

pub(super) fn due(run: &DueRun, schedule: &str) -> schedules::Due {
    schedules::Due {
        id: run.call.id.to_string(),
        schedule: schedule.to_owned(),
        due: run.call.due.micros(),
        attempt: run.attempt,
    }
}

pub(super) fn identity(name: &AppName, datasite: &Datasite) -> AppIdentity {
    AppIdentity {
        app: Arc::from(name.as_str()),
        datasite: Arc::from(datasite.as_str()),
    }
}

fn kind(kind: EventKind) -> watch::EventKind {
    match kind {
        EventKind::Created => watch::EventKind::Created,
        EventKind::Modified => watch::EventKind::Modified,
        EventKind::Moved => watch::EventKind::Moved,
        EventKind::Deleted => watch::EventKind::Deleted,
    }
}
