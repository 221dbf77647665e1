//! What the courier does for one message: each step ends with one event.

use std::io;
use std::sync::{Arc, Weak};

use anyhow::Context;
use syft_manifest::clock::now;
use syft_protocol::encryption::{
    DECRYPTED, ENCRYPT_REPLY, ORIGINAL_SENDER, is_encrypt_reply, says_opened,
};
use syft_protocol::message::{MessageError, Response};
use syft_protocol::outbox::{
    Ending, Event, Look, MessageAnswer, MessageOutcome, OutboxAction, OutgoingMessage, Receiver,
    Way,
};
use syft_protocol::status::Status;
use syft_runtime::failpoint::{self, Step};
use syft_runtime::state::KeptMessage;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::tree_box::{Found, Place, Written, may_grow};
use super::{CourierShared, Done};
use crate::app::App;
use crate::encryption::Opening;
use crate::local::LocalRequest;

/// What a step came to.
enum Came {
    /// Nothing that ends the message.
    To(Event),
    /// The message was handed over; the answer comes here.
    Handed(oneshot::Receiver<Arc<Vec<u8>>>),
    /// The message is over.
    End(MessageOutcome),
    /// There is no such message, or it was over before.
    Over,
}

/// What is done for one message.
pub(super) struct Errand {
    pub(super) shared: Arc<CourierShared>,
    pub(super) id: Uuid,
    /// Files of it may lie in the tree.
    pub(super) has_files: bool,
}

impl Errand {
    /// Carries out an action.
    pub(super) async fn run(self, action: OutboxAction) -> Done {
        let id = self.id;
        let came = match action {
            OutboxAction::Send(_) => self.send().await,
            OutboxAction::Look(_) => self.look().await,
            OutboxAction::End(_, ending) => Ok(Came::End(outcome_of(ending))),
            OutboxAction::Clear(_) => self.clear().await,
        };
        let done = match came {
            Ok(Came::To(event)) => Ok(Done::Event(event)),
            Ok(Came::Handed(answer)) => Ok(Done::Handed(id, answer)),
            Ok(Came::End(outcome)) => self.end(outcome).await,
            Ok(Came::Over) => Ok(Done::Ended(id, None)),
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| {
            tracing::warn!(%id, "a message waits for another try: {error:#}");
            Done::Event(Event::Failed(id))
        })
    }

    /// Keeps what became of a message that was handed over.
    pub(super) async fn take_answer(self, answer: oneshot::Receiver<Arc<Vec<u8>>>) -> Done {
        let id = self.id;
        let Ok(answer) = answer.await else {
            return Done::Event(Event::Returned(id));
        };
        let ended = match self.read_local_answer(&answer) {
            Ok(outcome) => self.end(outcome).await,
            Err(error) => Err(error),
        };
        ended.unwrap_or_else(|error| {
            tracing::warn!(%id, "the answer to a message is asked for again: {error:#}");
            Done::Event(Event::Returned(id))
        })
    }

    fn read_local_answer(&self, answer: &[u8]) -> anyhow::Result<MessageOutcome> {
        let Some(kept) = self.message()? else {
            return Ok(MessageOutcome::Expired);
        };
        match Receiver::of(&kept.message.url) {
            Ok(receiver) => self.read(&receiver, answer),
            Err(error) => Ok(MessageOutcome::Rejected(error.to_string())),
        }
    }

    /// Returns the message without its body, if nothing is known of its outcome.
    fn message(&self) -> anyhow::Result<Option<KeptMessage>> {
        let kept = self.shared.app.state().message_without_body(self.id)?;
        Ok(kept.filter(|kept| !kept.is_ended))
    }

    async fn send(&self) -> anyhow::Result<Came> {
        let kept = self.shared.app.state().message(self.id)?;
        let Some(kept) = kept.filter(|kept| !kept.is_ended) else {
            return Ok(Came::Over);
        };
        let receiver = match Receiver::of(&kept.message.url) {
            Ok(receiver) => receiver,
            Err(error) => return Ok(rejected(error.to_string())),
        };
        let place = match self.shared.tree.place(receiver, self.id) {
            Ok(place) => place,
            Err(why) => return Ok(rejected(why)),
        };
        if let Some(answer) = self.hand_over(&place, &kept) {
            return Ok(Came::Handed(answer));
        }
        self.send_by_tree(place, kept).await
    }

    /// Hands the message to an app of this process, if it is for one. It does not leave the
    /// host, so nothing is encrypted.
    fn hand_over(
        &self,
        place: &Place,
        kept: &KeptMessage,
    ) -> Option<oneshot::Receiver<Arc<Vec<u8>>>> {
        let shared = &self.shared;
        if place.receiver.datasite != shared.tree.owner {
            return None;
        }
        let (app, id) = (Arc::downgrade(&shared.app), self.id);
        let (answer, answered) = oneshot::channel();
        let request = LocalRequest {
            address: place.address.clone(),
            n_bytes: kept.message.size() as u64,
            read: Box::new(move || read_again(&app, id)),
            answer,
        };
        let is_handed = shared.local_apps.hand_over(&place.receiver, request);
        is_handed.then_some(answered)
    }

    async fn send_by_tree(&self, place: Place, kept: KeptMessage) -> anyhow::Result<Came> {
        let mut message = kept.message;
        if message.encrypt {
            match self.seal(&place.receiver, message)? {
                Ok(sealed) => message = sealed,
                Err(why) => return Ok(rejected(why)),
            }
        }
        let owner = self.shared.tree.owner.as_str();
        let request = message.to_request(owner, kept.created).to_json();
        let (shared, id) = (Arc::clone(&self.shared), self.id);
        let write = move || {
            failpoint::reach(Step::BeforeSend, "");
            let path = place.folder_path();
            let written = shared.tree.write(&place, &request, |folder| {
                shared.hints.watch(id, folder, &path);
            });
            failpoint::reach(Step::AfterSend, "");
            written
        };
        Ok(match blocking(write).await? {
            Written::There => Came::To(Event::Sent(id, Way::Tree)),
            Written::Refused(why) => rejected(why),
        })
    }

    /// Encrypts the body of a message for its receiver, and asks for an answer that is
    /// encrypted, too.
    fn seal(
        &self,
        receiver: &Receiver,
        message: OutgoingMessage,
    ) -> anyhow::Result<Result<OutgoingMessage, String>> {
        let datasite = &receiver.datasite;
        let body = match message.body {
            None => None,
            Some(body) => match self.encryption().seal(datasite.as_str(), body)? {
                Ok(sealed) => Some(sealed),
                Err(why) => return Ok(Err(format!("it cannot be encrypted: {why}"))),
            },
        };
        let headers = message.headers.into_iter();
        let asking = (ENCRYPT_REPLY.to_owned(), "true".to_owned());
        Ok(Ok(OutgoingMessage {
            body,
            headers: headers
                .filter(|(name, _)| !is_encrypt_reply(name))
                .chain([asking])
                .collect(),
            ..message
        }))
    }

    async fn look(&self) -> anyhow::Result<Came> {
        let Some(kept) = self.message()? else {
            return Ok(Came::Over);
        };
        let is_told = kept.message.reply_to.is_some();
        if is_told && !self.shared.app.state().has_room_for_outcomes() {
            return Ok(self.looked(Look::NoRoom));
        }
        let receiver = match Receiver::of(&kept.message.url) {
            Ok(receiver) => receiver,
            Err(error) => return Ok(rejected(error.to_string())),
        };
        let place = match self.shared.tree.place(receiver.clone(), self.id) {
            Ok(place) => place,
            Err(why) => return Ok(rejected(why)),
        };
        let limit = self.shared.app.limits().message_answer_bytes as u64;
        let (shared, id) = (Arc::clone(&self.shared), self.id);
        let look = move || {
            // After a restart it is not watched yet.
            if !shared.hints.knows(id)
                && let Some(folder) = shared.tree.folder(&place)
            {
                let path = place.folder_path();
                shared.hints.watch(id, &folder, &path);
            }
            shared.tree.look(&place, limit)
        };
        let answer = match blocking(look).await? {
            Found::None(look) => return Ok(self.looked(look)),
            Found::Refused(why) => return Ok(rejected(why)),
            Found::Answer(answer) => answer,
        };
        if is_incomplete(&answer.bytes) && may_grow(&answer) {
            return Ok(self.looked(Look::Nothing));
        }
        Ok(Came::End(self.read(&receiver, &answer.bytes)?))
    }

    fn looked(&self, look: Look) -> Came {
        Came::To(Event::Looked(self.id, look))
    }

    /// Returns what an answer says.
    fn read(&self, receiver: &Receiver, answer: &[u8]) -> anyhow::Result<MessageOutcome> {
        let response = match Response::from_json(answer, now()) {
            Ok(response) => response,
            Err(error) => {
                let why = format!("the answer is malformed: {error}");
                return Ok(MessageOutcome::Rejected(why));
            }
        };
        if response.status == Status::EXPIRED {
            return Ok(MessageOutcome::Expired);
        }
        // Only the host says that it has opened something.
        let headers = response.headers.into_iter();
        let headers = headers.filter(|(name, _)| !says_opened(name));
        let answer = MessageAnswer {
            status: response.status,
            headers: headers.collect(),
            body: response.body,
        };
        self.open(receiver, answer)
    }

    /// Opens the body of an answer, if it is encrypted.
    fn open(&self, receiver: &Receiver, answer: MessageAnswer) -> anyhow::Result<MessageOutcome> {
        let Some(body) = &answer.body else {
            return Ok(MessageOutcome::Answered(answer));
        };
        let sender = receiver.datasite.as_str();
        let address = self.shared.tree.place(receiver.clone(), self.id);
        let address = address.map_err(anyhow::Error::msg)?.address;
        Ok(match self.encryption().open(&address, sender, body)? {
            Opening::Plain => MessageOutcome::Answered(answer),
            Opening::Opened(text) => {
                let says = [
                    (DECRYPTED.to_owned(), "true".to_owned()),
                    (ORIGINAL_SENDER.to_owned(), sender.to_owned()),
                ];
                MessageOutcome::Answered(MessageAnswer {
                    headers: answer.headers.into_iter().chain(says).collect(),
                    body: Some(text),
                    status: answer.status,
                })
            }
            Opening::Refused(why) => {
                let why = format!("the answer is encrypted and does not open: {why}");
                MessageOutcome::Rejected(why)
            }
        })
    }

    fn encryption(&self) -> &crate::encryption::Encryption {
        self.shared.app.encryption()
    }

    async fn clear(&self) -> anyhow::Result<Came> {
        let id = self.id;
        let cleared = Ok(Came::To(Event::Cleared(id)));
        let Some(kept) = self.shared.app.state().message_without_body(id)? else {
            return cleared;
        };
        let receiver = Receiver::of(&kept.message.url).ok();
        let place = receiver.and_then(|receiver| self.shared.tree.place(receiver, id).ok());
        let Some(place) = place else {
            return cleared;
        };
        let shared = Arc::clone(&self.shared);
        let clear = move || {
            failpoint::reach(Step::BeforeClear, "");
            shared.tree.clear(&place);
            Ok(())
        };
        blocking(clear).await?;
        cleared
    }

    /// Keeps what became of the message.
    async fn end(&self, outcome: MessageOutcome) -> anyhow::Result<Done> {
        let id = self.id;
        match &outcome {
            MessageOutcome::Answered(answer) => {
                tracing::debug!(%id, status = answer.status.code(), "a message was answered");
            }
            MessageOutcome::Expired => tracing::info!(%id, "a message has expired"),
            MessageOutcome::Rejected(why) => tracing::warn!(%id, "a message was rejected: {why}"),
        }
        failpoint::reach(Step::BeforeEnd, "");
        let state = self.shared.app.state();
        let due = state.end_message(id, outcome, self.has_files).await?;
        failpoint::reach(Step::AfterEnd, "");
        Ok(Done::Ended(id, due))
    }
}

fn rejected(why: String) -> Came {
    Came::End(MessageOutcome::Rejected(why))
}

fn outcome_of(ending: Ending) -> MessageOutcome {
    match ending {
        Ending::Expired => MessageOutcome::Expired,
        Ending::Gone => {
            let why = "the request was deleted before it was answered";
            MessageOutcome::Rejected(why.to_owned())
        }
    }
}

fn is_incomplete(answer: &[u8]) -> bool {
    matches!(
        Response::from_json(answer, now()),
        Err(MessageError::Incomplete(_))
    )
}

/// Returns a message as a request, for an app of this process whose turn it is.
fn read_again(app: &Weak<App>, id: Uuid) -> Option<Vec<u8>> {
    let app = app.upgrade()?;
    match app.state().message(id) {
        Ok(kept) => {
            let kept = kept.filter(|kept| !kept.is_ended)?;
            let owner = app.datasite().as_str();
            Some(kept.message.to_request(owner, kept.created).to_json())
        }
        Err(error) => {
            tracing::warn!(%id, "a message cannot be read: {error}");
            None
        }
    }
}

/// Does something with the tree in a thread in which waiting for the disk blocks nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    Ok(worked.context("the host failed")??)
}
