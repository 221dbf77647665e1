//! The bindings of `syft:app`, generated from `wit/`: what apps export, and the imports
//! that hold no resources. Those that do have theirs beside their implementation.

use syft_protocol::address::Proof;
use syft_protocol::message::Method;
use syft_protocol::outbox::MessageOutcome;

pub use acting::exports::syft::app::{replies, schedules, watch};
pub use app::exports::syft::app::rpc;
pub use app::syft::app::{context, log, messages, types};

#[allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]
mod app {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package syft:host;

            world app {
                import syft:app/context@0.1.0;
                import syft:app/log@0.1.0;
                import syft:app/messages@0.1.0;
                export syft:app/rpc@0.1.0;
            }
        ",
        world: "syft:host/app",
        imports: {
            "syft:app/messages.send": async | trappable,
            "syft:app/messages.receive": async | trappable,
            default: trappable,
        },
        exports: { default: async },
    });
}

/// An app may lack each of these exports.
#[allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]
mod acting {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package syft:acting;

            world acting {
                export syft:app/watch@0.1.0;
                export syft:app/replies@0.1.0;
                export syft:app/schedules@0.1.0;
            }
        ",
        world: "syft:acting/acting",
        exports: { default: async },
        with: { "syft:app/types@0.1.0": super::app::syft::app::types },
    });
}

/// What became of a message, as the guest sees it.
impl From<MessageOutcome> for types::Outcome {
    fn from(outcome: MessageOutcome) -> Self {
        match outcome {
            MessageOutcome::Answered(answer) => Self::Answered(types::Response {
                status: answer.status.code(),
                headers: answer.headers.into_iter().collect(),
                body: answer.body,
            }),
            MessageOutcome::Expired => Self::Expired,
            MessageOutcome::Rejected(why) => Self::Rejected(why),
        }
    }
}

impl From<Method> for types::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Head => Self::Head,
            Method::Post => Self::Post,
            Method::Put => Self::Put,
            Method::Patch => Self::Patch,
            Method::Delete => Self::Delete,
        }
    }
}

impl From<types::Method> for Method {
    fn from(method: types::Method) -> Self {
        match method {
            types::Method::Get => Self::Get,
            types::Method::Head => Self::Head,
            types::Method::Post => Self::Post,
            types::Method::Put => Self::Put,
            types::Method::Patch => Self::Patch,
            types::Method::Delete => Self::Delete,
        }
    }
}

impl From<Proof> for types::SenderProof {
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Claimed => Self::Claimed,
            Proof::Folder => Self::Folder,
            Proof::Signed => Self::Signed,
        }
    }
}

impl From<types::SenderProof> for Proof {
    fn from(proof: types::SenderProof) -> Self {
        match proof {
            types::SenderProof::Claimed => Self::Claimed,
            types::SenderProof::Folder => Self::Folder,
            types::SenderProof::Signed => Self::Signed,
        }
    }
}
