//! `wasi:keyvalue`: the state of the app, in one bucket.

mod bindings;

use syft_manifest::Limits;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use bindings::atomics::{self, CasError};
use bindings::batch;
use bindings::store::{self, Error, KeyResponse};

use super::{CallSpan, CallSpans, Output, SpanOf};
use crate::meter::{Charge, MemoryRefused, Meter, Part};
use crate::recording::{CallStep, Recorder};
use crate::state::{Session, SessionError};

/// The names of the bucket.
const BUCKET: [&str; 2] = ["default", ""];

/// The bucket. There is one, and all of it is in the call's session.
pub struct Bucket(());

/// A value as it was when a guest began to compare and swap.
pub struct Cas {
    key: String,
    value: Option<Vec<u8>>,
    _charge: Charge,
}

/// What one call has of the state.
pub(crate) struct KeyValueCtx {
    session: Session,
    meter: Meter,
    /// What is on its way to the guest: the result of the last operation that had one worth
    /// counting. It may have arrived by now.
    passing: Charge,
    /// The most bytes of a value, and of what one operation returns.
    value_bytes: usize,
    returned_bytes: usize,
    /// For what is refused.
    output: Output,
    spans: CallSpans,
    recorder: Option<Recorder>,
}

/// All that the operations can reach.
pub(crate) struct KeyValueView<'a> {
    pub(crate) ctx: &'a mut KeyValueCtx,
    pub(crate) table: &'a mut ResourceTable,
}

struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueView<'a>;
}

/// Links the operations, each of which gets this view of a call.
pub(crate) fn add_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> KeyValueView<'_>,
) -> wasmtime::Result<()> {
    store::add_to_linker::<T, KeyValue>(linker, view)?;
    atomics::add_to_linker::<T, KeyValue>(linker, view)?;
    batch::add_to_linker::<T, KeyValue>(linker, view)
}

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// Keys, and behind which to go on.
type Listed = Result<(Vec<String>, Option<String>), SessionError>;

/// Guests are told what they did wrong, and that the host cannot.
fn answer<T>(result: Result<T, SessionError>) -> Answer<T> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(SessionError::Absent) => Ok(Err(Error::AccessDenied)),
        // It is ended, and runs again once there is more.
        Err(SessionError::Memory(MemoryRefused::Total)) => Err(MemoryRefused::Total.into()),
        Err(SessionError::Lost(lost)) => Err(lost.into()),
        Err(error) => Ok(Err(Error::Other(error.to_string()))),
    }
}

impl KeyValueCtx {
    /// Returns what a call has of a session, which the meter of the call counts from now on.
    pub(crate) fn new(
        mut session: Session,
        limits: &Limits,
        meter: &Meter,
        output: Output,
        recorder: Option<Recorder>,
    ) -> Self {
        session.count_by(meter);
        Self {
            session,
            meter: meter.clone(),
            passing: meter.nothing(Part::Held),
            value_bytes: limits.state_value_bytes,
            returned_bytes: limits.hostcall_bytes,
            spans: output.spans(),
            output,
            recorder,
        }
    }

    /// Returns the session of the call.
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Returns the state as the call left it.
    pub(crate) fn take_session(&mut self) -> Session {
        self.session.take()
    }

    /// Begins a span of an operation. It has no key and no value: these are the app's own.
    fn span(&self, operation: &'static str) -> CallSpan {
        self.spans
            .begin(SpanOf::State, || format!("state {operation}"))
    }

    /// Writes a value. That it is more than an app may keep is said in the log as well, once.
    async fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), SessionError> {
        let recorded = self.recorder.as_ref();
        let recorded =
            recorded.map(|recorder| (recorder, CallStep::state("set", key, Some(&value))));
        let more = (key.len() + value.len()) as u64;
        let set = match self.session.before_write(key).await {
            Ok(()) => self.session.set(key, value),
            Err(error) => Err(error),
        };
        if let Some((recorder, step)) = recorded {
            note_change(recorder, key, step, &set);
        }
        if let Err(error) = &set {
            self.output.state_refused(error, more);
        }
        set
    }

    async fn delete(&mut self, key: &str) -> Result<(), SessionError> {
        let deleted = match self.session.before_write(key).await {
            Ok(()) => self.session.delete(key),
            Err(error) => Err(error),
        };
        if let Some(recorder) = &self.recorder {
            note_change(
                recorder,
                key,
                CallStep::state("delete", key, None),
                &deleted,
            );
        }
        deleted
    }

    /// Lists keys, which are counted before they are there.
    pub(crate) async fn list(&mut self, cursor: Option<&str>) -> Listed {
        let span = self.span("list");
        span.end_with(self.list_counted(cursor).await)
    }

    async fn list_counted(&mut self, cursor: Option<&str>) -> Listed {
        self.passing.resize(self.session.listed_bytes())?;
        self.session.before_list(cursor).await?;
        if !self.recorder.as_ref().is_none_or(Recorder::knows_keys) {
            return Err(SessionError::Unrecorded);
        }
        let listed = self.session.keys(cursor);
        if let (Some(recorder), Ok((keys, _))) = (&self.recorder, &listed) {
            recorder.step(CallStep::list(cursor.unwrap_or_default(), keys));
        }
        listed
    }

    /// Reads a value that goes to the guest.
    pub(crate) async fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, SessionError> {
        let span = self.span("get");
        span.end_with(self.read(key, 0).await)
    }

    /// Reads a value that goes to the guest beside others of so many bytes, when it is the turn of
    /// the call.
    async fn read(&mut self, key: &str, others: usize) -> Result<Option<Vec<u8>>, SessionError> {
        self.session.before_read(key).await?;
        self.passing.resize(others + self.value_bytes)?;
        let recorder = self.recorder.as_ref();
        if !recorder.is_none_or(|recorder| recorder.knows_key(key)) {
            return Err(SessionError::Unrecorded);
        }
        let value = self.session.get(key)?;
        if let Some(recorder) = recorder {
            recorder.step(CallStep::state("get", key, value.as_deref()));
        }
        let bytes = value.as_ref().map_or(0, Vec::len);
        self.passing.resize(others + bytes)?;
        Ok(value)
    }
}

impl KeyValueView<'_> {
    /// Makes a handle that holds a value.
    async fn compare(&mut self, key: String) -> Answer<Resource<Cas>> {
        let value = match self.ctx.read(&key, 0).await {
            Ok(value) => value,
            Err(error) => return answer(Err(error)),
        };
        let bytes = key.len() + value.as_ref().map_or(0, Vec::len);
        match self.ctx.meter.hold(bytes) {
            Ok(_charge) => Ok(Ok(self.table.push(Cas {
                key,
                value,
                _charge,
            })?)),
            Err(refused) => answer(Err(refused.into())),
        }
    }
}

impl store::Host for KeyValueView<'_> {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if !BUCKET.contains(&identifier.as_str()) {
            return Ok(Err(Error::NoSuchStore));
        }
        if let Err(error) = self.ctx.session.check() {
            return answer(Err(error));
        }
        Ok(Ok(self.table.push(Bucket(()))?))
    }
}

impl store::HostBucket for KeyValueView<'_> {
    async fn get(&mut self, _: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        answer(self.ctx.get(&key).await)
    }

    async fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let span = self.ctx.span("set");
        answer(span.end_with(self.ctx.set(&key, value).await))
    }

    async fn delete(&mut self, _: Resource<Bucket>, key: String) -> Answer<()> {
        let span = self.ctx.span("delete");
        answer(span.end_with(self.ctx.delete(&key).await))
    }

    async fn exists(&mut self, _: Resource<Bucket>, key: String) -> Answer<bool> {
        let span = self.ctx.span("exists");
        let read = span.end_with(self.ctx.read(&key, 0).await);
        answer(read.map(|value| value.is_some()))
    }

    async fn list_keys(
        &mut self,
        _: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Answer<KeyResponse> {
        let listed = self.ctx.list(cursor.as_deref()).await;
        answer(listed.map(|(keys, cursor)| KeyResponse { keys, cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        let _span = self.ctx.span("increment");
        let value = match self.ctx.read(&key, 0).await {
            Ok(value) => value,
            Err(error) => return answer(Err(error)),
        };
        let Some(count) = value.map_or(Some(0), |value| integer(&value)) else {
            return Ok(Err(Error::Other(format!("{key:?} holds no integer"))));
        };
        let Some(count) = count.checked_add(delta) else {
            return Ok(Err(Error::Other(format!("{key:?} would overflow"))));
        };
        let set = self.ctx.set(&key, count.to_string().into_bytes()).await;
        answer(set.map(|()| count))
    }

    /// Other calls change nothing that this one sees, so only its own writes make a
    /// swap fail. That others have changed it meanwhile is found at the end, for the
    /// whole call.
    async fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let _span = self.ctx.span("swap");
        let seen = self.table.delete(cas)?;
        let swapped = match self.ctx.read(&seen.key, 0).await {
            Ok(current) if current != seen.value => {
                let key = seen.key.clone();
                drop(seen);
                return Ok(match self.compare(key).await? {
                    Ok(cas) => Err(CasError::CasFailed(cas)),
                    Err(error) => Err(CasError::StoreError(error)),
                });
            }
            Ok(_) => self.ctx.set(&seen.key, value).await,
            Err(error) => Err(error),
        };
        Ok(answer(swapped)?.map_err(CasError::StoreError))
    }
}

impl atomics::HostCas for KeyValueView<'_> {
    async fn new(&mut self, _: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        self.compare(key).await
    }

    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        let value = &self.table.get(&cas)?.value;
        match self.ctx.passing.resize(value.as_ref().map_or(0, Vec::len)) {
            Ok(()) => Ok(Ok(value.clone())),
            Err(refused) => answer(Err(refused.into())),
        }
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        _: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let _span = self.ctx.span("get many");
        let too_many = || {
            let text = "these are too many bytes at once: get fewer";
            Ok(Err(Error::Other(text.to_owned())))
        };
        let most = self.ctx.returned_bytes;
        let mut bytes = keys.len() * size_of::<Option<(String, Vec<u8>)>>();
        if bytes > most {
            return too_many();
        }
        if let Err(refused) = self.ctx.passing.resize(bytes) {
            return answer(Err(refused.into()));
        }
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            match self.ctx.read(&key, bytes).await {
                Ok(None) => values.push(None),
                Ok(Some(value)) => {
                    bytes += value.len();
                    if bytes > most {
                        return too_many();
                    }
                    values.push(Some((key, value)));
                }
                Err(error) => return answer(Err(error)),
            }
        }
        Ok(Ok(values))
    }

    async fn set_many(
        &mut self,
        _: Resource<Bucket>,
        values: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let span = self.ctx.span("set many");
        for (key, value) in values {
            if let Err(error) = self.ctx.set(&key, value).await {
                return answer(span.end_with(Err(error)));
            }
        }
        Ok(Ok(()))
    }

    async fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let span = self.ctx.span("delete many");
        for key in &keys {
            if let Err(error) = self.ctx.delete(key).await {
                return answer(span.end_with(Err(error)));
            }
        }
        Ok(Ok(()))
    }
}

/// Takes note of a change of a key.
fn note_change(recorder: &Recorder, key: &str, step: CallStep, changed: &Result<(), SessionError>) {
    match changed {
        Ok(()) => {
            recorder.wrote_key(key);
            recorder.step(step);
        }
        Err(error) => {
            recorder.step(step.refused(error.to_string()));
        }
    }
}

/// Reads an integer as `increment` writes it, which is as JSON has it.
fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
