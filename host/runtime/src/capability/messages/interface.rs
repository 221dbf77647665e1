//! The operations of `syft:app/messages`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use syft_protocol::outbox::{MessageOutcome, OutgoingMessage, Receiver, message_id};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::courier::{CourierHandle, Receive, ReceiveError, Received, Until};
use super::{MessagesCtx, MessagesView, Queued, elsewhere, outgoing, recorded};
use crate::meter::{Charge, MemoryRefused};
use crate::state::Session;
use crate::wit::messages::{self, Error, Message};
use crate::wit::types::Outcome;

/// What a message takes beside its own bytes.
const BESIDE_BYTES: usize = 512;

/// The part of the time that is left, and the most of it, that waiting leaves to its call: the
/// guest is to learn that nothing came, and to say so.
const SPARED_PART: u32 = 10;
const MOST_SPARED: Duration = Duration::from_millis(500);

/// In words, where nobody carries messages.
const NO_COURIER: &str = "no messages are carried here, so there is nothing to wait for";

/// In words, where the app has no handlers of replies.
const NO_REPLIES: &str = "the app does not export `syft:app/replies`, so nobody could be told what \
                          becomes of the message";

pub(super) type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl messages::Host for MessagesView<'_> {
    async fn send(&mut self, message: Message) -> Answer<String> {
        match &self.ctx.guard.owner {
            Some(owner) => elsewhere::send(owner, message).await,
            None => Ok(self.ctx.send(message, self.session)?),
        }
    }

    async fn receive(
        &mut self,
        ids: Vec<String>,
        until: messages::Until,
        timeout: u64,
    ) -> Answer<Vec<Option<Outcome>>> {
        match &self.ctx.guard.owner {
            Some(owner) => elsewhere::receive(owner, ids, until, timeout).await,
            None => Ok(self.ctx.receive(ids, until, timeout).await?),
        }
    }
}

/// Why a message was not taken.
enum Refused {
    Message(Error),
    Memory(MemoryRefused),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Message(error)
    }
}

impl MessagesCtx {
    /// Takes a message.
    ///
    /// # Errors
    /// There is no memory for it, and the call is to be ended.
    pub(crate) fn send(
        &mut self,
        message: Message,
        session: &Session,
    ) -> Result<Result<String, Error>, MemoryRefused> {
        let span = self.guard.span(|| format!("send {}", message.url));
        let taken = match self.take(message, session) {
            // It is ended, and runs again once there is more.
            Err(Refused::Memory(MemoryRefused::Total)) => return Err(MemoryRefused::Total),
            Err(Refused::Memory(refused)) => Err(Error::TooMany(refused.to_string())),
            Err(Refused::Message(error)) => Err(error),
            Ok(id) => Ok(id.to_string()),
        };
        if let Err(Error::TooMany(why) | Error::Invalid(why)) = &taken {
            self.guard.log_limit(why);
        }
        span.end_with(taken.as_ref().map_err(words)).ok();
        Ok(taken)
    }

    /// Returns what became of messages, and waits for it.
    ///
    /// # Errors
    /// There is no memory for it, and the call is to be ended.
    pub(crate) async fn receive(
        &mut self,
        ids: Vec<String>,
        until: messages::Until,
        timeout: u64,
    ) -> Result<Result<Vec<Option<Outcome>>, Error>, MemoryRefused> {
        let span = self.guard.span(|| format!("receive {}", ids.len()));
        let received = match self.ids(&ids) {
            Ok(ids) => self.receive_of(ids, until, timeout).await?,
            Err(error) => Err(error),
        };
        span.end_with(received.as_ref().map_err(words)).ok();
        Ok(received)
    }

    /// Checks a message, decides about it, and keeps it until the call ends or waits for it.
    /// Returns its id: a call that runs again and sends the same has the same ids.
    fn take(&mut self, message: Message, session: &Session) -> Result<Uuid, Refused> {
        let most = self.limits.messages;
        if self.n_sent >= most {
            let why = format!("a call sends at most {most} messages");
            return Err(Error::TooMany(why).into());
        }
        if message.reply_to.is_some() && !self.guard.takes_replies {
            return Err(Error::Invalid(NO_REPLIES.to_owned()).into());
        }
        let owner = &self.identity.datasite;
        let (receiver, mut message) = outgoing::check(message, owner, &self.limits)?;
        let first = message_id(&self.key, &message, 0);
        let n_before = self.n_equal.get(&first).copied().unwrap_or(0);
        message.id = message_id(&self.key, &message, n_before);
        self.decide(&receiver, &message)?;
        let charge = self.meter.hold(message.size() + BESIDE_BYTES);
        let charge = charge.map_err(Refused::Memory)?;
        self.find_room(&receiver, &message, session)?;
        self.n_equal.insert(first, n_before + 1);
        self.n_sent += 1;
        let id = message.id;
        self.queue.push(Queued {
            receiver,
            message,
            charge,
        });
        Ok(id)
    }

    /// Makes sure that the app may have one more message that is not answered yet.
    fn find_room(
        &self,
        receiver: &Receiver,
        message: &OutgoingMessage,
        session: &Session,
    ) -> Result<(), Error> {
        let datasite = &receiver.datasite;
        let queued = self.queue.iter();
        let to_same = queued.filter(|queued| queued.receiver.datasite == *datasite);
        let n_queued = to_same.count();
        let sizes = self.queue.iter().map(|queued| queued.message.size());
        let bytes = sizes.chain([message.size()]).sum::<usize>() as u64;
        let room = session.room_for_messages(datasite, n_queued, bytes);
        room.map_err(|full| Error::TooMany(full.to_string()))
    }

    fn decide(&self, receiver: &Receiver, message: &OutgoingMessage) -> Result<(), Error> {
        let decided = self.guard.decide(&receiver.path());
        if let Some(recorder) = &self.guard.recorder {
            recorder.step(recorded::sent(message, decided.as_ref().err()));
        }
        decided.map_err(Error::NotGranted)
    }

    /// Reads the ids of messages to wait for.
    fn ids(&self, texts: &[String]) -> Result<Vec<Uuid>, Error> {
        let most = self.limits.messages;
        if texts.len() > most {
            let why = format!("at most {most} messages are received at a time");
            return Err(Error::TooMany(why));
        }
        let mut ids = Vec::with_capacity(texts.len());
        let mut known = HashSet::new();
        for text in texts {
            let invalid = |why| Error::Invalid(format!("{} {why}", excerpt(text)));
            let id = Uuid::try_parse(text).map_err(|_| invalid("is no id of a message"))?;
            if !known.insert(id) {
                return Err(invalid("is there twice"));
            }
            ids.push(id);
        }
        let is_replied = |queued: &&Queued| {
            known.contains(&queued.message.id) && queued.message.reply_to.is_some()
        };
        match self.queue.iter().find(is_replied) {
            Some(Queued { message, .. }) => Err(Error::Invalid(format!(
                "what becomes of {} goes to its handler: send it without `reply-to` to wait for it",
                message.id
            ))),
            None => Ok(ids),
        }
    }

    async fn receive_of(
        &mut self,
        ids: Vec<Uuid>,
        until: messages::Until,
        timeout: u64,
    ) -> Result<Result<Vec<Option<Outcome>>, Error>, MemoryRefused> {
        if ids.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        if let Some(earlier) = recorded::received_before(self.guard.recorder.as_ref(), &ids) {
            // They left then: now nothing does.
            self.queue
                .retain(|queued| !ids.contains(&queued.message.id));
            return Ok(earlier);
        }
        let received = self.ask(ids.clone(), until, timeout).await?;
        if let Some(recorder) = &self.guard.recorder {
            recorder.step(recorded::received(&ids, &received));
        }
        Ok(received)
    }

    async fn ask(
        &mut self,
        ids: Vec<Uuid>,
        until: messages::Until,
        timeout: u64,
    ) -> Result<Result<Vec<Option<Outcome>>, Error>, MemoryRefused> {
        let Some(courier) = self.guard.courier.clone() else {
            return Ok(Err(Error::Unavailable(NO_COURIER.to_owned())));
        };
        // Counted before it comes.
        let most_bytes = self.limits.message_answer_bytes;
        match self.passing.resize(most_bytes) {
            Err(MemoryRefused::Total) => return Err(MemoryRefused::Total),
            Err(refused) => return Ok(Err(Error::TooMany(refused.to_string()))),
            Ok(()) => {}
        }
        let received = self.exchange(&courier, ids, until, timeout).await;
        let bytes = received.as_ref().map_or(0, size);
        // Less than what was counted.
        self.passing.resize(bytes.min(most_bytes)).ok();
        let to_guest = |outcome: Option<MessageOutcome>| outcome.map(Outcome::from);
        let received = received.map(|received| received.into_iter().map(to_guest).collect());
        Ok(received.map_err(to_error))
    }

    /// Has the courier send what has to leave, and waits for what it says.
    async fn exchange(
        &mut self,
        courier: &CourierHandle,
        ids: Vec<Uuid>,
        until: messages::Until,
        timeout: u64,
    ) -> Result<Received, ReceiveError> {
        let n_ids = ids.len();
        let (reply, answer) = oneshot::channel();
        // What they take is counted until they have left.
        let (post, _charges) = self.take_posted(&ids);
        let receive = Receive {
            post,
            ids,
            until: match until {
                messages::Until::All => Until::All,
                messages::Until::Any => Until::Any,
            },
            deadline: self.wait_until(Duration::from_micros(timeout)),
            most_bytes: self.limits.message_answer_bytes,
            reply,
        };
        let received = hand_in(courier, receive, answer, self.deadline).await?;
        if received.len() == n_ids {
            Ok(received)
        } else {
            Err(unavailable())
        }
    }

    /// Takes those of these messages that did not leave yet.
    fn take_posted(&mut self, ids: &[Uuid]) -> (Vec<OutgoingMessage>, Vec<Charge>) {
        let is_asked_for = |queued: &Queued| ids.contains(&queued.message.id);
        let (posted, queue): (Vec<Queued>, Vec<Queued>) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(is_asked_for);
        self.queue = queue;
        let posted = posted.into_iter();
        posted.map(|queued| (queued.message, queued.charge)).unzip()
    }

    /// Returns until when a call waits: for so long, and so that it can still make something of it.
    fn wait_until(&self, time: Duration) -> Instant {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let most = left - (left / SPARED_PART).min(MOST_SPARED);
        now + time.min(most)
    }
}

/// Hands in what a call waits for, and waits. The courier keeps to the deadline that it is given;
/// the end of the call bounds it in any case.
async fn hand_in(
    courier: &CourierHandle,
    receive: Receive,
    answer: oneshot::Receiver<Result<Received, ReceiveError>>,
    end: Instant,
) -> Result<Received, ReceiveError> {
    let asked = async {
        courier.send(receive).await.map_err(|_| unavailable())?;
        answer.await.map_err(|_| unavailable())?
    };
    let asked = tokio::time::timeout_at(end.into(), asked).await;
    asked.unwrap_or_else(|_| Err(unavailable()))
}

fn unavailable() -> ReceiveError {
    ReceiveError::Unavailable("the host stops, or cannot carry messages now".to_owned())
}

fn to_error(error: ReceiveError) -> Error {
    let why = error.to_string();
    match error {
        ReceiveError::Unknown(_) => Error::Unknown(why),
        ReceiveError::TooMany(_) | ReceiveError::TooLarge(_) => Error::TooMany(why),
        ReceiveError::Unavailable(_) => Error::Unavailable(why),
    }
}

fn size(received: &Received) -> usize {
    let known = received.iter().flatten();
    known.map(MessageOutcome::size).sum()
}

/// Quotes what a guest wrote.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    format!("{:?}", text.chars().take(MAX_CHARS).collect::<String>())
}

/// Returns what the guest is told.
fn words(error: &Error) -> &str {
    match error {
        Error::NotGranted(why)
        | Error::Invalid(why)
        | Error::TooMany(why)
        | Error::Unavailable(why)
        | Error::Unknown(why) => why,
    }
}
