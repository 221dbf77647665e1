//! How a call is called: in the log, and to services that are to know it when it runs again.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::capability::{Advice, AppIdentity, CallLabel, CallSpans};
use crate::wire::Work;
use crate::wit::types::Method;
use crate::wit::{replies, rpc, schedules, watch};

/// The names of a call.
pub(crate) struct CallName {
    /// The id of its request or of its event.
    pub(super) id: Arc<str>,
    /// What runs: an endpoint, or something else in brackets.
    pub(super) endpoint: Arc<str>,
    /// The same each time that the same request or event runs, and of no other. Nobody else can
    /// choose it, as senders do with the ids of their requests.
    pub(crate) idempotency_key: Arc<str>,
    pub(crate) spans: CallSpans,
}

/// What of a request tells it from others.
struct NamedRequest<'a> {
    id: &'a str,
    endpoint: &'a str,
    sender: &'a str,
    url: &'a str,
    method: Method,
    created: i64,
    body: Option<&'a [u8]>,
}

impl NamedRequest<'_> {
    fn name(&self, identity: &AppIdentity) -> CallName {
        let method = format!("{:?}", self.method);
        let parts = [
            b"request".as_slice(),
            self.endpoint.as_bytes(),
            self.sender.as_bytes(),
            self.url.as_bytes(),
            method.as_bytes(),
            &self.created.to_be_bytes(),
            self.body.unwrap_or_default(),
        ];
        CallName::new(identity, self.id, self.endpoint, &parts).with_spans()
    }
}

impl CallName {
    /// Returns the names of a call that answers no request.
    pub(super) fn of_host(identity: &AppIdentity, what: &str) -> Self {
        Self::new(identity, what, &format!("({what})"), &[])
    }

    pub(super) fn of_request(identity: &AppIdentity, request: &rpc::Request) -> Self {
        let request = NamedRequest {
            id: &request.id,
            endpoint: &request.endpoint,
            sender: &request.sender,
            url: &request.url,
            method: request.method,
            created: request.created,
            body: request.body.as_deref(),
        };
        request.name(identity)
    }

    /// Returns the names of a call that another machine runs.
    pub(crate) fn of_work(identity: &AppIdentity, work: &Work) -> Self {
        match work {
            Work::Request(request) => {
                let request = NamedRequest {
                    id: &request.id,
                    endpoint: &request.endpoint,
                    sender: &request.sender,
                    url: &request.url,
                    method: request.method.into(),
                    created: request.created,
                    body: request.body.as_deref(),
                };
                request.name(identity)
            }
            Work::Event(event) => Self::of_event_id(identity, &event.id),
            Work::Reply(reply) => Self::of_reply_to(identity, &reply.message_id),
            Work::Due(due) => Self::of_due_id(identity, &due.id),
        }
    }

    /// The id of an event is the host's own, and stays the same when it is delivered again.
    pub(super) fn of_event(identity: &AppIdentity, event: &watch::Event) -> Self {
        Self::of_event_id(identity, &event.id)
    }

    fn of_event_id(identity: &AppIdentity, id: &str) -> Self {
        Self::new(identity, id, "(watch)", &[b"event"]).with_spans()
    }

    /// What becomes of a message is handed over once, however often that is tried.
    pub(super) fn of_reply(identity: &AppIdentity, reply: &replies::Reply) -> Self {
        Self::of_reply_to(identity, &reply.message_id)
    }

    fn of_reply_to(identity: &AppIdentity, message_id: &str) -> Self {
        Self::new(identity, message_id, "(reply)", &[b"reply"]).with_spans()
    }

    /// The id of a call that is due stays the same when it is tried again.
    pub(super) fn of_due(identity: &AppIdentity, due: &schedules::Due) -> Self {
        Self::of_due_id(identity, &due.id)
    }

    fn of_due_id(identity: &AppIdentity, id: &str) -> Self {
        Self::new(identity, id, "(schedule)", &[b"due"]).with_spans()
    }

    fn with_spans(self) -> Self {
        Self {
            spans: CallSpans::begin_call(),
            ..self
        }
    }

    /// Returns how the log calls the call.
    pub(crate) fn label(&self, identity: &AppIdentity, advice: Advice) -> CallLabel {
        CallLabel {
            app: Arc::clone(&identity.app),
            endpoint: Arc::clone(&self.endpoint),
            request: Arc::clone(&self.id),
            advice,
            spans: self.spans.clone(),
        }
    }

    fn new(identity: &AppIdentity, id: &str, endpoint: &str, parts: &[&[u8]]) -> Self {
        let of_all = [
            identity.datasite.as_bytes(),
            identity.app.as_bytes(),
            id.as_bytes(),
        ];
        let mut hash = Sha256::new();
        for part in of_all.iter().chain(parts) {
            // With its length, so that no two lists of parts look the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self {
            id: Arc::from(id),
            endpoint: Arc::from(endpoint),
            idempotency_key: Arc::from(Builder::from_random_bytes(bytes).as_uuid().to_string()),
            spans: CallSpans::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::types::SenderProof;

    fn request() -> rpc::Request {
        rpc::Request {
            id: "5f0d1f6e-0000-4000-8000-000000000001".to_owned(),
            endpoint: "/pay".to_owned(),
            sender: "bob@example.org".to_owned(),
            sender_proof: SenderProof::Claimed,
            url: "syft://alice@example.org/app_data/shop/rpc/pay".to_owned(),
            method: Method::Post,
            headers: Vec::new(),
            body: Some(b"{}".to_vec()),
            created: 1,
            expires: 2,
        }
    }

    fn key(app: &str, request: &rpc::Request) -> String {
        let identity = AppIdentity {
            app: Arc::from(app),
            datasite: Arc::from("alice@example.org"),
        };
        let name = CallName::of_request(&identity, request);
        name.idempotency_key.to_string()
    }

    #[test]
    fn the_same_request_has_the_same_key_and_another_has_another() {
        let first = key("shop", &request());
        assert_eq!(first, key("shop", &request()));
        // How the sender is known may differ from one attempt to the next.
        let proved = rpc::Request {
            sender_proof: SenderProof::Folder,
            ..request()
        };
        assert_eq!(first, key("shop", &proved));
        assert_ne!(first, key("shop2", &request()));
        let others = [
            rpc::Request {
                sender: "eve@example.org".to_owned(),
                ..request()
            },
            rpc::Request {
                body: Some(b"{ }".to_vec()),
                ..request()
            },
            rpc::Request {
                id: "5f0d1f6e-0000-4000-8000-000000000002".to_owned(),
                ..request()
            },
        ];
        for other in others {
            assert_ne!(first, key("shop", &other), "{other:?}");
        }
    }
}
