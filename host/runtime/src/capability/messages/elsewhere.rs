//! Messages of a call that runs for the host of an owner elsewhere, which decides and sends.

use super::interface::Answer;
use crate::meter::MemoryRefused;
use crate::wire::{Ask, HostReply, MOST_IDS, OwnerLink, Unanswered};
use crate::wit::messages::{Error, Message, Until};
use crate::wit::types::Outcome;

pub(super) async fn send(owner: &OwnerLink, message: Message) -> Answer<String> {
    match asked(owner, Ask::Send(message.into())).await? {
        HostReply::Sent(sent) => Ok(sent.map_err(Error::from)),
        _ => Err(owner.mistold().into()),
    }
}

pub(super) async fn receive(
    owner: &OwnerLink,
    mut ids: Vec<String>,
    until: Until,
    timeout: u64,
) -> Answer<Vec<Option<Outcome>>> {
    // As many as are refused.
    ids.truncate(MOST_IDS);
    let ask = Ask::Receive {
        ids,
        all: until == Until::All,
        timeout,
    };
    match asked(owner, ask).await? {
        HostReply::Received(Ok(received)) => {
            let to_guest = |outcome: Option<_>| outcome.map(Outcome::from);
            Ok(Ok(received.into_iter().map(to_guest).collect()))
        }
        HostReply::Received(Err(error)) => Ok(Err(error.into())),
        _ => Err(owner.mistold().into()),
    }
}

async fn asked(owner: &OwnerLink, ask: Ask) -> wasmtime::Result<HostReply> {
    owner.ask(ask).await.map_err(|unanswered| match unanswered {
        Unanswered::Lost(lost) => lost.into(),
        Unanswered::Exhausted => MemoryRefused::Total.into(),
    })
}
