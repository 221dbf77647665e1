//! `wasi:keyvalue`: the state of the app, in one bucket.

use wasmtime::component::Resource;

use crate::sandbox::bindings::wasi::keyvalue::atomics::{self, CasError};
use crate::sandbox::bindings::wasi::keyvalue::batch;
use crate::sandbox::bindings::wasi::keyvalue::store::{self, Error, KeyResponse};
use crate::sandbox::store::CallState;
use crate::state::SessionError;

/// The names of the bucket.
const BUCKET: [&str; 2] = ["default", ""];

/// The bucket. There is one, and all of it is in the call's session.
pub struct Bucket(());

/// A value as it was when a guest began to compare and swap.
pub struct Cas {
    key: String,
    value: Option<Vec<u8>>,
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// Guests are told what they did wrong, and that the host cannot.
fn answer<T>(result: Result<T, SessionError>) -> Answer<T> {
    Ok(result.map_err(|error| match error {
        SessionError::Absent => Error::AccessDenied,
        error => Error::Other(error.to_string()),
    }))
}

impl store::Host for CallState {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if !BUCKET.contains(&identifier.as_str()) {
            return Ok(Err(Error::NoSuchStore));
        }
        if let Err(error) = self.state.check() {
            return answer(Err(error));
        }
        Ok(Ok(self.table.push(Bucket(()))?))
    }
}

impl store::HostBucket for CallState {
    fn get(&mut self, _: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        answer(self.state.get(&key))
    }

    fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        answer(self.state.set(&key, value))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> Answer<()> {
        answer(self.state.delete(&key))
    }

    fn exists(&mut self, _: Resource<Bucket>, key: String) -> Answer<bool> {
        answer(self.state.get(&key).map(|value| value.is_some()))
    }

    fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<String>) -> Answer<KeyResponse> {
        let listed = self.state.keys(cursor.as_deref());
        answer(listed.map(|(keys, cursor)| KeyResponse { keys, cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for CallState {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        let value = match self.state.get(&key) {
            Ok(value) => value,
            Err(error) => return answer(Err(error)),
        };
        let Some(count) = value.map_or(Some(0), |value| integer(&value)) else {
            return Ok(Err(Error::Other(format!("{key:?} holds no integer"))));
        };
        let Some(count) = count.checked_add(delta) else {
            return Ok(Err(Error::Other(format!("{key:?} would overflow"))));
        };
        let set = self.state.set(&key, count.to_string().into_bytes());
        answer(set.map(|()| count))
    }

    /// Other calls change nothing that this one sees, so only its own writes make a
    /// swap fail. That others have changed it meanwhile is found at the end, for the
    /// whole call.
    fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let Cas { key, value: seen } = self.table.delete(cas)?;
        let swapped = match self.state.get(&key) {
            Ok(current) if current != seen => {
                let cas = self.table.push(Cas {
                    key,
                    value: current,
                })?;
                return Ok(Err(CasError::CasFailed(cas)));
            }
            Ok(_) => self.state.set(&key, value),
            Err(error) => Err(error),
        };
        Ok(answer(swapped)?.map_err(CasError::StoreError))
    }
}

impl atomics::HostCas for CallState {
    fn new(&mut self, _: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        match self.state.get(&key) {
            Ok(value) => Ok(Ok(self.table.push(Cas { key, value })?)),
            Err(error) => answer(Err(error)),
        }
    }

    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        Ok(Ok(self.table.get(&cas)?.value.clone()))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for CallState {
    fn get_many(
        &mut self,
        _: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let mut left = self.limits().hostcall_bytes;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            match self.state.get(&key) {
                Ok(None) => values.push(None),
                Ok(Some(value)) => {
                    let Some(rest) = left.checked_sub(value.len()) else {
                        let text = "these are too many bytes at once: get fewer";
                        return Ok(Err(Error::Other(text.to_owned())));
                    };
                    left = rest;
                    values.push(Some((key, value)));
                }
                Err(error) => return answer(Err(error)),
            }
        }
        Ok(Ok(values))
    }

    fn set_many(&mut self, _: Resource<Bucket>, values: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let mut values = values.into_iter();
        answer(values.try_for_each(|(key, value)| self.state.set(&key, value)))
    }

    fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        answer(keys.iter().try_for_each(|key| self.state.delete(key)))
    }
}

/// Reads an integer as `increment` writes it, which is as JSON has it.
fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
