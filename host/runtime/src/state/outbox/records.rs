//! The tables of messages.

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use syft_protocol::due_calls::{DueCall, DueKind};
use syft_protocol::outbox::{KEEP_OUTCOME, MessageOutcome, OutgoingMessage, Stage};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use uuid::Uuid;

use super::OpenMessage;
use super::index::{Entry, FoundMessages, OutboxIndex, Weight};
use super::rows::{
    ANSWERED, CLEARED, ENCRYPT, ENDED, EXPIRED, Ended, HANDLED, Progress, REJECTED, SENT, Said,
    WAITED_FOR, headers_to_json, read_message, read_outcome,
};
use crate::state::due_calls;

const MESSAGES: TableDefinition<'_, u128, Said<'_>> = TableDefinition::new("messages");
/// Bodies are apart: most looks at a message want none, and who has ended has none.
const BODIES: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("message-bodies");
const PROGRESS: TableDefinition<'_, u128, Progress> = TableDefinition::new("message-progress");
const OUTCOMES: TableDefinition<'_, u128, Ended<'_>> = TableDefinition::new("message-outcomes");
/// When each message is forgotten for which nobody has to ask.
const ENDS: TableDefinition<'_, (i64, u128), ()> = TableDefinition::new("message-ends");

/// What a message takes in the file and in memory, whatever is in it.
const COST_BYTES: u64 = 512;

/// Messages that are forgotten in one transaction.
const FORGOTTEN_TOGETHER: usize = 1_000;

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// What the app said; without the body, where nobody asked for it or there is an outcome.
    pub message: OutgoingMessage,
    /// When it was kept.
    pub created: Timestamp,
    /// Its outcome is kept.
    pub is_ended: bool,
}

/// What is known of the outcome of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptOutcome {
    /// There is no such message, or none any more.
    Unknown,
    /// None yet.
    Open,
    /// This.
    Ended(MessageOutcome),
}

/// The tables, in a transaction.
pub(super) struct Records<'a> {
    transaction: &'a WriteTransaction,
    index: &'a OutboxIndex,
    messages: Table<'a, u128, Said<'static>>,
    bodies: Table<'a, u128, &'static [u8]>,
    progress: Table<'a, u128, Progress>,
    outcomes: Table<'a, u128, Ended<'static>>,
    ends: Table<'a, (i64, u128), ()>,
}

pub(in crate::state) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(MESSAGES)?;
    transaction.open_table(BODIES)?;
    transaction.open_table(PROGRESS)?;
    transaction.open_table(OUTCOMES)?;
    transaction.open_table(ENDS)?;
    Ok(())
}

impl<'a> Records<'a> {
    pub(super) fn open(
        transaction: &'a WriteTransaction,
        index: &'a OutboxIndex,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            transaction,
            index,
            messages: transaction.open_table(MESSAGES)?,
            bodies: transaction.open_table(BODIES)?,
            progress: transaction.open_table(PROGRESS)?,
            outcomes: transaction.open_table(OUTCOMES)?,
            ends: transaction.open_table(ENDS)?,
        })
    }

    /// Keeps messages that are not kept yet.
    pub(super) fn insert(
        &mut self,
        messages: &[OutgoingMessage],
        created: Timestamp,
        is_waited_for: bool,
    ) -> Result<(), redb::Error> {
        for message in messages {
            if self.progress.get(message.id.as_u128())?.is_none() {
                self.insert_new(message, created, is_waited_for)?;
            }
        }
        Ok(())
    }

    fn insert_new(
        &mut self,
        message: &OutgoingMessage,
        created: Timestamp,
        is_waited_for: bool,
    ) -> Result<(), redb::Error> {
        let mut flags = 0;
        if message.encrypt {
            flags |= ENCRYPT;
        }
        if is_waited_for {
            flags |= WAITED_FOR;
        }
        let bytes = COST_BYTES + message.size() as u64;
        let expires = created.saturating_add(message.timeout);
        let progress = (flags, created.micros(), expires.micros(), bytes);
        self.say(message)?;
        self.progress.insert(message.id.as_u128(), progress)?;
        self.index.stage_arrival(OpenMessage {
            id: message.id,
            stage: Stage::New,
            expires,
        });
        self.stage(message, bytes, Weight::Open);
        Ok(())
    }

    /// Notes that a message surely lies in the tree.
    pub(super) fn sent(&mut self, id: Uuid) -> Result<(), redb::Error> {
        match self.progress_of(id)? {
            Some((flags, created, expires, bytes)) if flags & (SENT | ENDED) == 0 => {
                let progress = (flags | SENT, created, expires, bytes);
                self.progress.insert(id.as_u128(), progress)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Notes that no file of a message lies in the tree any more.
    pub(super) fn cleared(&mut self, id: Uuid) -> Result<(), redb::Error> {
        let Some((flags, created, expires, bytes)) = self.progress_of(id)? else {
            return Ok(());
        };
        if flags & HANDLED != 0 && flags & WAITED_FOR == 0 {
            return self.delete(id);
        }
        let progress = (flags | CLEARED, created, expires, bytes);
        self.progress.insert(id.as_u128(), progress)?;
        Ok(())
    }

    /// Keeps the outcome of a message that has none, and the call that is due by it.
    pub(super) fn end(
        &mut self,
        id: Uuid,
        outcome: &MessageOutcome,
        has_files: bool,
        now: Timestamp,
    ) -> Result<Option<DueCall>, redb::Error> {
        let Some((flags, created, expires, _)) = self.progress_of(id)? else {
            return Ok(None);
        };
        let Some(message) = self.message(id)?.filter(|_| flags & ENDED == 0) else {
            return Ok(None);
        };
        // Nobody sends it again.
        self.bodies.remove(id.as_u128())?;
        self.put_outcome(id, outcome)?;
        let bytes = COST_BYTES + (message.size() + outcome.size()) as u64;
        let cleared = if has_files { 0 } else { CLEARED };
        let progress = (flags | ENDED | cleared, created, expires, bytes);
        self.progress.insert(id.as_u128(), progress)?;
        let Some(reply_to) = &message.reply_to else {
            self.stage(&message, bytes, Weight::Kept);
            self.keep_until(id, Timestamp::from_micros(expires), now)?;
            self.keep_within(bytes)?;
            return Ok(None);
        };
        self.stage(&message, bytes, Weight::Untold);
        let call = DueCall {
            id,
            kind: DueKind::Reply {
                message: id,
                url: message.url.as_str().to_owned(),
                handler: reply_to.handler.clone(),
            },
            due: now,
        };
        due_calls::add(self.transaction, &call)?;
        Ok(Some(call))
    }

    /// Notes that the app was told of an outcome. Only a call that runs again could ask for it.
    pub(super) fn handled(&mut self, id: Uuid) -> Result<(), redb::Error> {
        let Some((flags, created, expires, bytes)) = self.progress_of(id)? else {
            return Ok(());
        };
        if flags & ENDED == 0 || flags & HANDLED != 0 {
            return Ok(());
        }
        if flags & CLEARED != 0 && flags & WAITED_FOR == 0 {
            return self.delete(id);
        }
        let progress = (flags | HANDLED, created, expires, bytes);
        self.progress.insert(id.as_u128(), progress)?;
        if let Some(message) = self.message(id)? {
            self.stage(&message, bytes, Weight::Kept);
        }
        let expires = Timestamp::from_micros(expires);
        self.keep_until(id, expires, expires)?;
        self.keep_within(bytes)
    }

    /// Forgets messages whose time is over, some of them.
    pub(super) fn forget(&mut self, now: Timestamp) -> Result<(), redb::Error> {
        let mut over = Vec::new();
        for entry in self.ends.range(..(now.micros(), u128::MAX))? {
            over.push(entry?.0.value());
            if over.len() == FORGOTTEN_TOGETHER {
                break;
            }
        }
        for (at, id) in over {
            self.ends.remove((at, id))?;
            self.delete(Uuid::from_u128(id))?;
        }
        Ok(())
    }

    fn keep_until(
        &mut self,
        id: Uuid,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), redb::Error> {
        let until = expires.max(now).saturating_add(KEEP_OUTCOME);
        self.ends.insert((until.micros(), id.as_u128()), ())?;
        Ok(())
    }

    /// Forgets the oldest of what is only kept in case that somebody asks, until there is room
    /// for so many more bytes.
    fn keep_within(&mut self, bytes: u64) -> Result<(), redb::Error> {
        let mut surplus = (self.index.kept_bytes() + bytes).saturating_sub(self.index.most_bytes);
        let mut gone = Vec::new();
        for entry in self.ends.iter()? {
            if surplus == 0 {
                break;
            }
            let key = entry?.0.value();
            if let Some((flags, _, _, bytes)) = self.progress_of(Uuid::from_u128(key.1))?
                && flags & CLEARED != 0
            {
                surplus = surplus.saturating_sub(bytes);
                gone.push(key);
            }
        }
        for (at, id) in gone {
            self.ends.remove((at, id))?;
            self.delete(Uuid::from_u128(id))?;
        }
        Ok(())
    }

    fn delete(&mut self, id: Uuid) -> Result<(), redb::Error> {
        self.messages.remove(id.as_u128())?;
        self.bodies.remove(id.as_u128())?;
        self.progress.remove(id.as_u128())?;
        self.outcomes.remove(id.as_u128())?;
        self.index.stage(id, None);
        Ok(())
    }

    fn stage(&self, message: &OutgoingMessage, bytes: u64, weight: Weight) {
        let entry = Entry {
            receiver: message.url.datasite().to_owned(),
            bytes,
            weight,
        };
        self.index.stage(message.id, Some(entry));
    }

    fn progress_of(&self, id: Uuid) -> Result<Option<Progress>, redb::Error> {
        let found = self.progress.get(id.as_u128())?;
        Ok(found.map(|found| found.value()))
    }

    /// Returns a message without its body.
    fn message(&self, id: Uuid) -> Result<Option<OutgoingMessage>, redb::Error> {
        let (Some(progress), Some(said)) =
            (self.progress_of(id)?, self.messages.get(id.as_u128())?)
        else {
            return Ok(None);
        };
        Ok(read_message(id, said.value(), progress))
    }

    fn say(&mut self, message: &OutgoingMessage) -> Result<(), redb::Error> {
        if let Some(body) = &message.body {
            self.bodies.insert(message.id.as_u128(), body.as_slice())?;
        }
        let headers = headers_to_json(&message.headers);
        let reply_to = message.reply_to.as_ref();
        let said = (
            message.url.as_str(),
            message.method.as_str(),
            headers.as_str(),
            reply_to.map(|reply_to| reply_to.handler.as_str()),
            reply_to.and_then(|reply_to| reply_to.context.as_deref()),
        );
        self.messages.insert(message.id.as_u128(), said)?;
        Ok(())
    }

    fn put_outcome(&mut self, id: Uuid, outcome: &MessageOutcome) -> Result<(), redb::Error> {
        let headers;
        let ended = match outcome {
            MessageOutcome::Answered(answer) => {
                headers = headers_to_json(&answer.headers);
                let body = answer.body.as_deref();
                (ANSWERED, answer.status.code(), headers.as_str(), body)
            }
            MessageOutcome::Expired => (EXPIRED, 0, "", None),
            MessageOutcome::Rejected(reason) => (REJECTED, 0, reason.as_str(), None),
        };
        self.outcomes.insert(id.as_u128(), ended)?;
        Ok(())
    }
}

/// Returns all messages.
pub(super) fn read_all(database: &Database) -> Result<FoundMessages, redb::Error> {
    let transaction = database.begin_read()?;
    let messages = transaction.open_table(MESSAGES)?;
    let (mut all, mut open) = (Vec::new(), Vec::new());
    for entry in transaction.open_table(PROGRESS)?.iter()? {
        let (id, progress) = entry?;
        let (flags, _, expires, bytes) = progress.value();
        let Some(said) = messages.get(id.value())? else {
            continue;
        };
        let (url, _, _, handler, _) = said.value();
        let Ok(url) = SyftUrl::parse(url) else {
            continue;
        };
        let stage = match flags {
            _ if flags & ENDED != 0 => Stage::Ended,
            _ if flags & SENT != 0 => Stage::Sent,
            _ => Stage::Unsure,
        };
        let weight = match handler {
            _ if flags & ENDED == 0 => Weight::Open,
            Some(_) if flags & HANDLED == 0 => Weight::Untold,
            _ => Weight::Kept,
        };
        let id = Uuid::from_u128(id.value());
        let entry = Entry {
            receiver: url.datasite().to_owned(),
            bytes,
            weight,
        };
        all.push((id, entry));
        if flags & CLEARED == 0 {
            let expires = Timestamp::from_micros(expires);
            open.push(OpenMessage { id, stage, expires });
        }
    }
    Ok(FoundMessages { all, open })
}

/// Returns a message as it is kept, without its body.
pub(super) fn message(
    transaction: &ReadTransaction,
    id: Uuid,
) -> Result<Option<KeptMessage>, redb::Error> {
    let progress = transaction.open_table(PROGRESS)?.get(id.as_u128())?;
    let said = transaction.open_table(MESSAGES)?.get(id.as_u128())?;
    let (Some(progress), Some(said)) = (progress, said) else {
        return Ok(None);
    };
    let progress = progress.value();
    let kept = read_message(id, said.value(), progress).map(|message| KeptMessage {
        message,
        created: Timestamp::from_micros(progress.1),
        is_ended: progress.0 & ENDED != 0,
    });
    Ok(kept)
}

/// Returns the body of a message, if there is one.
pub(super) fn body(
    transaction: &ReadTransaction,
    id: Uuid,
) -> Result<Option<Vec<u8>>, redb::Error> {
    let body = transaction.open_table(BODIES)?.get(id.as_u128())?;
    Ok(body.map(|body| body.value().to_vec()))
}

/// Tells whether the outcome of a message is kept, if the message is.
pub(super) fn is_ended(
    transaction: &ReadTransaction,
    id: Uuid,
) -> Result<Option<bool>, redb::Error> {
    let progress = transaction.open_table(PROGRESS)?.get(id.as_u128())?;
    Ok(progress.map(|progress| progress.value().0 & ENDED != 0))
}

/// Returns what is known of the outcome of a message.
pub(super) fn outcome(transaction: &ReadTransaction, id: Uuid) -> Result<KeptOutcome, redb::Error> {
    let is_known = transaction.open_table(PROGRESS)?.get(id.as_u128())?;
    if is_known.is_none() {
        return Ok(KeptOutcome::Unknown);
    }
    let ended = transaction.open_table(OUTCOMES)?.get(id.as_u128())?;
    let ended = ended.map(|ended| read_outcome(ended.value()));
    Ok(ended.map_or(KeptOutcome::Open, KeptOutcome::Ended))
}

/// Tells whether there is a message whose time is over.
pub(super) fn is_any_over(
    transaction: &ReadTransaction,
    now: Timestamp,
) -> Result<bool, redb::Error> {
    let first = transaction
        .open_table(ENDS)?
        .first()?
        .map(|(key, _)| key.value());
    Ok(first.is_some_and(|(at, _)| at <= now.micros()))
}
