//! What guests take and give, as the other side writes it.

use super::{
    WireAnswer, WireDue, WireEvent, WireEventKind, WireMessage, WireMessageError,
    WireMessageOutcome, WireMethod, WireProof, WireReply, WireReplyTo, WireRequest, Work,
};
use crate::wit::{messages, replies, rpc, schedules, types, watch};

impl From<&rpc::Request> for Work {
    fn from(request: &rpc::Request) -> Self {
        Self::Request(WireRequest {
            id: request.id.clone(),
            endpoint: request.endpoint.clone(),
            sender: request.sender.clone(),
            sender_proof: request.sender_proof.into(),
            url: request.url.clone(),
            method: request.method.into(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            created: request.created,
            expires: request.expires,
        })
    }
}

impl From<WireRequest> for rpc::Request {
    fn from(request: WireRequest) -> Self {
        Self {
            id: request.id,
            endpoint: request.endpoint,
            sender: request.sender,
            sender_proof: request.sender_proof.into(),
            url: request.url,
            method: request.method.into(),
            headers: request.headers,
            body: request.body,
            created: request.created,
            expires: request.expires,
        }
    }
}

impl From<&watch::Event> for Work {
    fn from(event: &watch::Event) -> Self {
        Self::Event(WireEvent {
            id: event.id.clone(),
            watch: event.watch,
            kind: event.kind.into(),
            path: event.path.clone(),
            moved_from: event.moved_from.clone(),
            attempt: event.attempt,
        })
    }
}

impl From<WireEvent> for watch::Event {
    fn from(event: WireEvent) -> Self {
        Self {
            id: event.id,
            watch: event.watch,
            kind: event.kind.into(),
            path: event.path,
            moved_from: event.moved_from,
            attempt: event.attempt,
        }
    }
}

impl From<&replies::Reply> for Work {
    fn from(reply: &replies::Reply) -> Self {
        Self::Reply(WireReply {
            message_id: reply.message_id.clone(),
            url: reply.url.clone(),
            handler: reply.handler.clone(),
            context: reply.context.clone(),
            outcome: reply.outcome.clone().into(),
            attempt: reply.attempt,
        })
    }
}

impl From<WireReply> for replies::Reply {
    fn from(reply: WireReply) -> Self {
        Self {
            message_id: reply.message_id,
            url: reply.url,
            handler: reply.handler,
            context: reply.context,
            outcome: reply.outcome.into(),
            attempt: reply.attempt,
        }
    }
}

impl From<&schedules::Due> for Work {
    fn from(due: &schedules::Due) -> Self {
        Self::Due(WireDue {
            id: due.id.clone(),
            schedule: due.schedule.clone(),
            due: due.due,
            attempt: due.attempt,
        })
    }
}

impl From<WireDue> for schedules::Due {
    fn from(due: WireDue) -> Self {
        Self {
            id: due.id,
            schedule: due.schedule,
            due: due.due,
            attempt: due.attempt,
        }
    }
}

impl From<messages::Message> for WireMessage {
    fn from(message: messages::Message) -> Self {
        Self {
            url: message.url,
            method: message.method.into(),
            headers: message.headers,
            body: message.body,
            timeout: message.timeout,
            encrypt: message.encrypt,
            reply_to: message.reply_to.map(|reply_to| WireReplyTo {
                handler: reply_to.handler,
                context: reply_to.context,
            }),
        }
    }
}

impl From<WireMessage> for messages::Message {
    fn from(message: WireMessage) -> Self {
        Self {
            url: message.url,
            method: message.method.into(),
            headers: message.headers,
            body: message.body,
            timeout: message.timeout,
            encrypt: message.encrypt,
            reply_to: message.reply_to.map(|reply_to| messages::ReplyTo {
                handler: reply_to.handler,
                context: reply_to.context,
            }),
        }
    }
}

impl From<types::Response> for WireAnswer {
    fn from(response: types::Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }
    }
}

impl From<WireAnswer> for types::Response {
    fn from(answer: WireAnswer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        }
    }
}

impl From<types::Outcome> for WireMessageOutcome {
    fn from(outcome: types::Outcome) -> Self {
        match outcome {
            types::Outcome::Answered(response) => Self::Answered(response.into()),
            types::Outcome::Expired => Self::Expired,
            types::Outcome::Rejected(why) => Self::Rejected(why),
        }
    }
}

impl From<WireMessageOutcome> for types::Outcome {
    fn from(outcome: WireMessageOutcome) -> Self {
        match outcome {
            WireMessageOutcome::Answered(answer) => Self::Answered(answer.into()),
            WireMessageOutcome::Expired => Self::Expired,
            WireMessageOutcome::Rejected(why) => Self::Rejected(why),
        }
    }
}

/// Says of two enums that they have the same cases.
macro_rules! same {
    ($ours:ty, $guests:ty: $($case:ident),*) => {
        impl From<$guests> for $ours {
            fn from(value: $guests) -> Self {
                match value {
                    $(<$guests>::$case => Self::$case),*
                }
            }
        }

        impl From<$ours> for $guests {
            fn from(value: $ours) -> Self {
                match value {
                    $(<$ours>::$case => Self::$case),*
                }
            }
        }
    };
}

same!(WireMethod, types::Method: Get, Head, Post, Put, Patch, Delete);
same!(WireProof, types::SenderProof: Claimed, Folder, Signed);
same!(WireEventKind, watch::EventKind: Created, Modified, Moved, Deleted);

impl From<messages::Error> for WireMessageError {
    fn from(error: messages::Error) -> Self {
        match error {
            messages::Error::NotGranted(why) => Self::NotGranted(why),
            messages::Error::Invalid(why) => Self::Invalid(why),
            messages::Error::TooMany(why) => Self::TooMany(why),
            messages::Error::Unavailable(why) => Self::Unavailable(why),
            messages::Error::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl From<WireMessageError> for messages::Error {
    fn from(error: WireMessageError) -> Self {
        match error {
            WireMessageError::NotGranted(why) => Self::NotGranted(why),
            WireMessageError::Invalid(why) => Self::Invalid(why),
            WireMessageError::TooMany(why) => Self::TooMany(why),
            WireMessageError::Unavailable(why) => Self::Unavailable(why),
            WireMessageError::Unknown(why) => Self::Unknown(why),
        }
    }
}
