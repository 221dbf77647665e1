//! The state of an app as a call on another machine sees it: there what was fetched for the
//! operation that comes next, here what is told of it and what comes back.
//!
//! Why: docs/decisions/88-the-owner-decides-about-remote-calls.md

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use syft_manifest::Limits;

use super::pending::ValueWrite;
use super::session::PAGE;
use super::{Session, SessionError, StoreError};
use crate::meter::MemoryRefused;
use crate::wire::{Ask, HostReply, OwnerLink, StateError, StateSeen, StateWrite};

/// The state that the host of the owner has. Nothing of it is kept but for the next operation:
/// what a call may hold is counted where it is read.
pub(super) struct StateElsewhere {
    owner: OwnerLink,
    value: Option<Vec<u8>>,
    size: Option<usize>,
    keys: BTreeSet<String>,
    used_bytes: u64,
}

impl StateElsewhere {
    pub(super) fn take_value(&mut self) -> Option<Vec<u8>> {
        self.value.take()
    }

    pub(super) fn take_size(&mut self) -> Option<usize> {
        self.size.take()
    }

    pub(super) fn take_keys(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.keys)
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    async fn fetch(&mut self, ask: Ask, limits: &Limits) -> Result<(), SessionError> {
        match self.owner.ask(ask).await? {
            HostReply::Value(seen) => {
                let value = self.seen(seen, limits)?;
                self.value = value.map(ByteBuf::into_vec);
            }
            HostReply::Size(seen) => {
                let size = self.seen(seen, limits)?;
                self.size = size.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
            }
            HostReply::Keys(seen) => {
                let keys = self.seen(seen, limits)?;
                if keys.len() > PAGE {
                    return Err(self.owner.mistold().into());
                }
                self.keys = keys.into_iter().collect();
            }
            _ => return Err(self.owner.mistold().into()),
        }
        Ok(())
    }

    fn seen<T>(
        &mut self,
        seen: Result<StateSeen<T>, StateError>,
        limits: &Limits,
    ) -> Result<T, SessionError> {
        let StateSeen { seen, used_bytes } = seen.map_err(|error| match error {
            StateError::Absent => SessionError::Absent,
            StateError::Key => SessionError::Key(limits.state_key_bytes),
            StateError::Call => SessionError::Call(limits.state_call_bytes),
            StateError::Held => MemoryRefused::Held(limits.held_bytes).into(),
            StateError::Store(why) => StoreError::new(why).into(),
        })?;
        self.used_bytes = used_bytes;
        Ok(seen)
    }
}

/// On the machine where the call runs.
impl Session {
    /// Returns a session of which the host of the owner has the state.
    pub(crate) fn elsewhere(owner: OwnerLink, limits: &Limits) -> Self {
        let elsewhere = StateElsewhere {
            owner,
            value: None,
            size: None,
            keys: BTreeSet::new(),
            used_bytes: 0,
        };
        let mut session = Self::new(None, limits);
        session.elsewhere = Some(elsewhere);
        session
    }

    /// Waits before it reads a key: until it is its turn, or until the value is here.
    pub(crate) async fn before_read(&mut self, key: &str) -> Result<(), SessionError> {
        if self.elsewhere.is_none() {
            return self.wait_for_turn(key).await;
        }
        self.fetch_of(key, |key| Ask::StateGet { key }).await
    }

    /// Waits before it writes to a key.
    pub(crate) async fn before_write(&mut self, key: &str) -> Result<(), SessionError> {
        self.fetch_of(key, |key| Ask::StateSize { key }).await
    }

    /// Waits before it lists keys.
    pub(crate) async fn before_list(&mut self, cursor: Option<&str>) -> Result<(), SessionError> {
        let Some(elsewhere) = &mut self.elsewhere else {
            return Ok(());
        };
        let cursor = cursor.map(str::to_owned);
        let ask = Ask::StateList { cursor };
        elsewhere.fetch(ask, &self.limits).await
    }

    /// Fetches something of a key that the call has not written.
    async fn fetch_of(
        &mut self,
        key: &str,
        ask: impl FnOnce(String) -> Ask,
    ) -> Result<(), SessionError> {
        self.check_key(key)?;
        let is_written = self.touched.writes.contains_key(key);
        match &mut self.elsewhere {
            Some(elsewhere) if !is_written => {
                elsewhere.fetch(ask(key.to_owned()), &self.limits).await
            }
            _ => Ok(()),
        }
    }

    /// Returns what the call wrote, the last of each key.
    pub(crate) fn into_writes(self) -> Vec<StateWrite> {
        let writes = self.touched.writes.into_iter();
        let write = |(key, write): (String, ValueWrite)| StateWrite {
            key,
            value: write.value.map(Arc::unwrap_or_clone),
        };
        writes.map(write).collect()
    }
}

/// On the machine of the owner.
impl Session {
    /// Returns something of the state with what the app uses of it, as another machine is told.
    pub(crate) fn tell<T>(
        &mut self,
        read: Result<T, SessionError>,
    ) -> Result<StateSeen<T>, SessionError> {
        let seen = read?;
        let used_bytes = self.used_bytes();
        let used_bytes = self.note(used_bytes)?;
        Ok(StateSeen { seen, used_bytes })
    }

    /// Returns the bytes of a value that the call is about to replace.
    pub(crate) fn size_of(&mut self, key: &str) -> Result<Option<u64>, SessionError> {
        self.check_key(key)?;
        let size = self.stored_size(key);
        let size = self.note(size)?;
        Ok(size.map(|size| size as u64))
    }

    /// Takes what the call wrote, as if it had written it here.
    pub(crate) fn take_writes(&mut self, writes: Vec<StateWrite>) -> Result<(), SessionError> {
        for StateWrite { key, value } in writes {
            match value {
                Some(value) => self.set(&key, value)?,
                None => self.delete(&key)?,
            }
        }
        Ok(())
    }
}
