//! Messages that an app sends, as they are kept from the call that sends them until nobody
//! asks for them any more.
//!
//! What a call sends is kept in its transaction, and is there for the courier only once that is
//! forced. What a call waits for is kept by a write of its own before it leaves.
//!
//! Why: docs/decisions/82-messages-are-effects-of-a-transaction.md

mod index;
mod records;
mod rows;

use std::sync::{Arc, OnceLock};

use redb::{ReadableDatabase, WriteTransaction};
use syft_manifest::clock::now;
use syft_protocol::address::Datasite;
use syft_protocol::due_calls::DueCall;
use syft_protocol::outbox::{MessageOutcome, OutgoingMessage, Stage};
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

pub use index::OutboxFull;
pub(super) use index::OutboxIndex;
pub(super) use records::make_tables;
pub use records::{KeptMessage, KeptOutcome};
use records::{Records, read_all};

use super::file::guarded;
use super::{Session, Store, StoreError};

/// A message of which something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMessage {
    /// Its id.
    pub id: Uuid,
    /// How far it has come.
    pub stage: Stage,
    /// When it expires.
    pub expires: Timestamp,
}

/// Lets go of messages of which no call is to tell the app any more.
pub(super) fn handled(
    transaction: &WriteTransaction,
    index: &OutboxIndex,
    ids: impl Iterator<Item = Uuid>,
) -> Result<(), redb::Error> {
    let mut records = Records::open(transaction, index)?;
    ids.into_iter().try_for_each(|id| records.handled(id))
}

impl Session {
    /// Makes sure that the app may keep another message for this receiver, beside those that the
    /// call has queued already: so many for the same receiver, and so many bytes in all.
    ///
    /// # Errors
    /// It may not: why, in words.
    pub fn room_for_messages(
        &self,
        receiver: &Datasite,
        n_queued: usize,
        queued_bytes: u64,
    ) -> Result<(), OutboxFull> {
        match self.store() {
            Some(store) => store.outbox.room(receiver.as_str(), n_queued, queued_bytes),
            None => Ok(()),
        }
    }

    /// Has messages kept together with what the call wrote, or not at all. They leave after
    /// that. One that is kept already, under the same id, stays as it is.
    pub fn also_send(&mut self, messages: Vec<OutgoingMessage>) {
        let Some(index) = self.store().map(|store| Arc::clone(&store.outbox)) else {
            return;
        };
        if messages.is_empty() {
            return;
        }
        let created = now();
        self.sends_messages();
        self.also(Box::new(move |transaction| {
            Records::open(transaction, &index)?.insert(&messages, created, false)
        }));
    }

    /// Has a message deleted together with what the call wrote, or not at all: the app has
    /// been told what became of it.
    pub fn also_handle_reply(&mut self, id: Uuid) {
        let Some(index) = self.store().map(|store| Arc::clone(&store.outbox)) else {
            return;
        };
        self.also(Box::new(move |transaction| {
            Records::open(transaction, &index)?.handled(id)
        }));
    }
}

impl Store {
    /// Returns once messages were kept of which [`Store::take_arrived`] has not told yet.
    pub async fn messages_arrived(&self) {
        self.outbox.arrived().await;
    }

    /// Returns the messages that were kept since the last time. The first time, and after the
    /// disk has failed, all of which something is to be done.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn take_arrived(&self) -> Result<Vec<OpenMessage>, StoreError> {
        self.load_outbox()?;
        Ok(self.outbox.take_arrived())
    }

    pub(super) fn load_outbox(&self) -> Result<(), StoreError> {
        self.outbox.load(|| {
            let read = || read_all(&*self.file.database()?);
            guarded(read).map_err(StoreError::new)
        })
    }

    /// Keeps messages that a call waits for, with no regard to how the call ends. One that is
    /// kept already stays as it is.
    ///
    /// # Errors
    /// They cannot be written. None of them was kept.
    pub async fn post(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError> {
        let created = now();
        self.change_outbox(move |records| records.insert(&messages, created, true))
            .await
    }

    /// Returns a message as it is kept, if it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn message(&self, id: Uuid) -> Result<Option<KeptMessage>, StoreError> {
        self.read_outbox(|transaction| {
            let Some(mut kept) = records::message(transaction, id)? else {
                return Ok(None);
            };
            kept.message.body = records::body(transaction, id)?;
            Ok(Some(kept))
        })
    }

    /// Returns a message as it is kept, without its body, which may be large.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn message_without_body(&self, id: Uuid) -> Result<Option<KeptMessage>, StoreError> {
        self.read_outbox(|transaction| records::message(transaction, id))
    }

    /// Returns what is known of the outcome of a message.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn outcome(&self, id: Uuid) -> Result<KeptOutcome, StoreError> {
        self.read_outbox(|transaction| records::outcome(transaction, id))
    }

    /// Tells whether it is known what became of a message; nothing where there is no such
    /// message, or none any more.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_ended(&self, id: Uuid) -> Result<Option<bool>, StoreError> {
        self.read_outbox(|transaction| records::is_ended(transaction, id))
    }

    /// Keeps what became of a message, unless that is known. Returns the call that is due now,
    /// if the app wants to be told: it is kept together with the outcome. With whether files of
    /// it may lie in the tree.
    ///
    /// Where there is much that apps were not told yet, [`Store::has_room_for_outcomes`] says
    /// so before.
    ///
    /// # Errors
    /// It cannot be written. Nothing of it was kept.
    pub async fn end_message(
        &self,
        id: Uuid,
        outcome: MessageOutcome,
        has_files: bool,
    ) -> Result<Option<DueCall>, StoreError> {
        let due = Arc::new(OnceLock::new());
        let (now, found) = (now(), Arc::clone(&due));
        let end = move |records: &mut Records<'_>| {
            if let Some(call) = records.end(id, &outcome, has_files, now)? {
                found.get_or_init(|| call);
            }
            Ok(())
        };
        self.change_outbox(end).await?;
        Ok(due.get().cloned())
    }

    /// Returns how many messages have no answer yet, or one of which the app was not told.
    pub fn n_open_messages(&self) -> usize {
        self.outbox.n_open()
    }

    /// Tells whether there is room for another outcome of which the app has to be told.
    pub fn has_room_for_outcomes(&self) -> bool {
        self.outbox.has_room_for_outcomes()
    }

    /// Keeps which messages were surely sent through the tree, and of which no files are left
    /// there.
    ///
    /// # Errors
    /// It cannot be written. Nothing of it was kept.
    pub async fn note_messages(
        &self,
        sent: Vec<Uuid>,
        cleared: Vec<Uuid>,
    ) -> Result<(), StoreError> {
        let note = move |records: &mut Records<'_>| {
            for id in sent {
                records.sent(id)?;
            }
            for id in cleared {
                records.cleared(id)?;
            }
            Ok(())
        };
        self.change_outbox(note).await
    }

    /// Deletes the messages for which nobody may ask any more.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub async fn forget_messages(&self, now: Timestamp) -> Result<(), StoreError> {
        while self.read_outbox(|transaction| records::is_any_over(transaction, now))? {
            self.change_outbox(move |records| records.forget(now))
                .await?;
        }
        Ok(())
    }

    async fn change_outbox(
        &self,
        change: impl FnOnce(&mut Records<'_>) -> Result<(), redb::Error> + Send + 'static,
    ) -> Result<(), StoreError> {
        let index = Arc::clone(&self.outbox);
        self.write(Box::new(move |transaction: &WriteTransaction| {
            change(&mut Records::open(transaction, &index)?)
        }))
        .await
    }

    fn read_outbox<T>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let read = || read(&self.file.database()?.begin_read()?);
        guarded(read).map_err(StoreError::new)
    }
}

#[cfg(test)]
mod tests;
