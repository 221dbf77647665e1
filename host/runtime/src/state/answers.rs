//! Answers of calls that wrote state, each kept together with what the call wrote.
//!
//! A host that is killed before an answer lies beside its request, or cannot write into
//! the tree, gives it later and does not run the call again. The record stays until its
//! time is over: a request file that comes back once it was answered gets the same
//! answer.
//!
//! Why: docs/decisions/26-answers-are-recorded-with-the-state.md

mod fingerprint;
mod index;
mod records;

use redb::{ReadableDatabase, ReadableTable};
use syft_protocol::address::Address;
use syft_protocol::timestamp::Timestamp;

use fingerprint::Likeness;
pub use fingerprint::RequestFingerprint;
pub(super) use index::AnswerIndex;
use index::NOTED_TOGETHER;
pub(super) use records::{AnswerRecord, AnswerRecords, Totals, make_tables};
use records::{ENDS, NEVER, RECORDS};

use super::file::guarded;
use super::writer::Changes;
use super::{Session, Store, StoreError};

/// What is known of a request that is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing that would keep it from running.
    Nothing,
    /// It has run; this is its answer.
    Answer(Vec<u8>),
    /// Its id was used for a request with another content.
    Other,
}

impl Session {
    /// Has the answer of the call kept with what it wrote, if it wrote anything or sent a
    /// message: an answer that changed nothing can be given anew. It is kept until its request
    /// expires, and no longer than answers are kept at all.
    pub fn keep_answer(
        &mut self,
        address: &Address,
        fingerprint: impl FnOnce() -> RequestFingerprint,
        answer: &[u8],
        answered: Timestamp,
        expires: Timestamp,
    ) {
        let Some(keep) = self.keeps_answers().filter(|_| self.has_effects()) else {
            return;
        };
        self.keep(AnswerRecord {
            address: address.to_string(),
            fingerprint: fingerprint().to_bytes(),
            end: expires.min(answered.saturating_add(keep)).micros(),
            answer: answer.to_vec(),
        });
    }
}

impl Store {
    /// Returns what is known of a request.
    ///
    /// # Errors
    /// The records cannot be read; or too many answers wait for a tree that cannot be
    /// written, and no others are to join them.
    pub async fn recorded(
        &self,
        address: &Address,
        fingerprint: impl FnOnce() -> RequestFingerprint,
    ) -> Result<Recorded, StoreError> {
        if self.index.is_empty() {
            return Ok(Recorded::Nothing);
        }
        let address = address.to_string();
        let find = || -> Result<Recorded, redb::Error> {
            let table = self.file.database()?.begin_read()?.open_table(RECORDS)?;
            let Some(found) = table.get(address.as_str())? else {
                return Ok(Recorded::Nothing);
            };
            let (of, _, answer) = found.value();
            Ok(match fingerprint().likeness(of) {
                Likeness::Same => Recorded::Answer(answer.to_vec()),
                // Released clients derive the id from the content, and send anew under it.
                Likeness::SentAnew => Recorded::Nothing,
                Likeness::Other => Recorded::Other,
            })
        };
        let recorded = guarded(find).map_err(StoreError::new)?;
        if recorded == Recorded::Nothing {
            self.make_room().await?;
        }
        Ok(recorded)
    }

    /// Makes sure that unpublished answers take no more than they may.
    async fn make_room(&self) -> Result<(), StoreError> {
        let is_full = || self.index.waiting_bytes() > self.waiting_bytes;
        if is_full() && self.index.n_to_note() > 0 {
            self.note_published().await?;
        }
        if is_full() {
            return Err(StoreError::new(
                "too many answers wait until they can be written beside their requests",
            ));
        }
        Ok(())
    }

    /// Takes note that the answer lies beside its request, or that nobody waits for it.
    /// That need not reach the disk: it is then found out again.
    pub fn published(&self, address: &Address) {
        if !self.index.is_empty() {
            self.index.publish(&address.to_string());
        }
    }

    /// Takes note of all answers for which nobody waits.
    pub fn publish_unless(&self, is_waiting: impl Fn(&Address) -> bool) {
        for text in self.index.unpublished() {
            if !Address::parse(&text).is_some_and(|address| is_waiting(&address)) {
                self.index.publish(&text);
            }
        }
    }

    /// Forgets the answers whose time is over, some in each transaction.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub async fn forget_answers(&self, now: Timestamp) -> Result<(), StoreError> {
        // As many as there are now: others are published meanwhile, without end.
        for _ in 0..self.index.n_to_note().div_ceil(NOTED_TOGETHER) {
            self.note_published().await?;
        }
        let mut is_any = false;
        while guarded(|| self.has_ended(now)).map_err(StoreError::new)? {
            let changes = Changes {
                forget: Some(now),
                ..Changes::default()
            };
            self.writer.commit(changes).await?;
            is_any = true;
        }
        if is_any {
            tracing::info!("answers were forgotten whose time is over");
        }
        Ok(())
    }

    async fn note_published(&self) -> Result<(), StoreError> {
        let changes = Changes {
            note_published: true,
            ..Changes::default()
        };
        self.writer.commit(changes).await
    }

    fn has_ended(&self, now: Timestamp) -> Result<bool, redb::Error> {
        let ends = self.file.database()?.begin_read()?.open_table(ENDS)?;
        let first = ends.first()?;
        Ok(first.is_some_and(|(key, _)| key.value().0 != NEVER && key.value().0 <= now.micros()))
    }
}
