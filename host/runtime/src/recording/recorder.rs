//! What takes note of a call, and gives a call that runs again what was noted before.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::Value;
use syft_manifest::units::show_size;
use zeroize::Zeroizing;

use super::clocks::Clock;
use super::earlier::{Earlier, Lack};
use super::mask::mask;
use super::{
    CallStep, Data, FORM, FoundAtPath, Given, HttpAnswer, MAX_FILE_BYTES, MAX_HELD_BYTES, NOTICE,
    PRIVATE, ROOM_BYTES, RecordedApp, RecordedEnd, RecordedRequest, Recording,
};
use crate::memory::{Room, Share};

/// Takes note of one call.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Notes>>);

struct Notes {
    started: Instant,
    given: Given,
    request: Option<RecordedRequest>,
    steps: Vec<CallStep>,
    end: RecordedEnd,
    /// Paths that the call may have changed.
    touched: BTreeSet<String>,
    secrets: Vec<(Zeroizing<String>, String)>,
    held_bytes: usize,
    most_bytes: usize,
    /// Why it is not kept.
    trouble: Option<String>,
    earlier: Option<Earlier>,
    /// Set aside for it.
    _room: Room,
}

/// A secret that a call gets or that is sent for it.
pub(crate) struct RecordedSecret {
    pub(crate) name: String,
    /// None where it is too short to be told from other words.
    pub(crate) value: Option<Zeroizing<String>>,
}

/// What a reading of a clock takes in a file.
const READING_BYTES: usize = 24;

impl Recorder {
    /// Returns one for a call, with a new seed for its random numbers; none where there is no
    /// memory for it.
    pub(crate) fn new(memory: &Share) -> Option<Self> {
        let mut seed = vec![0; 32];
        getrandom::fill(&mut seed).ok()?;
        let given = Given {
            seed: seed.into(),
            ..Given::default()
        };
        Self::with(memory, given, None)
    }

    /// Returns one for the call of a recording that runs again; none where there is no memory
    /// for it.
    pub(crate) fn again(memory: &Share, recording: &Recording) -> Option<Self> {
        let given = Given {
            seed: recording.given.seed.clone(),
            ..Given::default()
        };
        Self::with(memory, given, Some(Earlier::of(recording)))
    }

    fn with(memory: &Share, given: Given, earlier: Option<Earlier>) -> Option<Self> {
        let mut room = memory.nothing();
        // Who waits for it may hold what another call waits for.
        if !room.grow(ROOM_BYTES) {
            return None;
        }
        Some(Self(Arc::new(Mutex::new(Notes {
            started: Instant::now(),
            given,
            request: None,
            steps: Vec::new(),
            end: RecordedEnd::default(),
            touched: BTreeSet::new(),
            secrets: Vec::new(),
            held_bytes: 0,
            // One that runs again may do more than before, which is to be shown.
            most_bytes: match earlier {
                None => MAX_HELD_BYTES,
                Some(_) => 2 * MAX_HELD_BYTES,
            },
            trouble: None,
            earlier,
            _room: room,
        }))))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Takes note of what the call is given at its beginning.
    pub(crate) fn begin(
        &self,
        request: RecordedRequest,
        (args, variables): (Vec<String>, Vec<(String, String)>),
        secrets: Vec<RecordedSecret>,
    ) {
        let mut notes = self.notes();
        notes.hold(request.bytes());
        notes.request = Some(request);
        (notes.given.args, notes.given.variables) = (args, variables);
        for RecordedSecret { name, value } in secrets {
            if let Some(value) = value {
                notes.secrets.push((value, format!("[secret {name}]")));
            }
            notes.given.secrets.push(name);
        }
        // A longer one first, of which another may be a part.
        (notes.secrets).sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// Returns the number from which all random ones follow.
    pub(crate) fn seed(&self) -> [u8; 32] {
        let notes = self.notes();
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().zip(notes.given.seed.bytes()) {
            *place = *byte;
        }
        seed
    }

    /// Returns what a clock shows: what it showed before, where the call runs again.
    pub(crate) fn read(&self, clock: Clock, now: impl FnOnce() -> u64) -> u64 {
        let mut notes = self.notes();
        let last = notes.given.readings(clock).last().copied();
        let reading = match &mut notes.earlier {
            None => now(),
            Some(earlier) => {
                let next = earlier.next_reading(clock);
                next.unwrap_or_else(|| clock.after(last.unwrap_or(0)))
            }
        };
        if notes.hold(READING_BYTES) {
            notes.given.readings_mut(clock).push(reading);
        }
        reading
    }

    /// Takes note of something that the call asked for, and returns its place.
    pub(crate) fn step(&self, step: CallStep) -> usize {
        let mut notes = self.notes();
        if notes.hold(step.bytes()) {
            notes.steps.push(step);
        }
        notes.steps.len().saturating_sub(1)
    }

    /// Tells whether it is to be noted what is found at a path.
    pub(crate) fn wants(&self, path: &str, with_content: bool) -> bool {
        let notes = self.notes();
        let is_new = match notes.given.files.get(path) {
            None => true,
            Some(FoundAtPath::File { content: None, .. }) => {
                // What the call itself has written is not what was there.
                with_content && !notes.touched.contains(path)
            }
            Some(_) => false,
        };
        is_new && notes.trouble.is_none()
    }

    /// Takes note of what was found at a path. If the call runs again and its recording does not
    /// have it, that is noted too.
    pub(crate) fn found(&self, path: String, found: FoundAtPath) {
        let mut notes = self.notes();
        let earlier = notes.earlier.as_ref();
        let is_lacking = earlier.is_some_and(|earlier| earlier.lacks_at(&path, &found));
        if is_lacking {
            notes.lack(format!("what was at `{path}`"));
        }
        if notes.hold(path.len() + found.bytes()) {
            notes.given.files.insert(path, found);
        }
    }

    /// Takes note of a folder in which nothing was found, though the call did not ask for it.
    pub(crate) fn found_around(&self, path: String) {
        let mut notes = self.notes();
        if !notes.given.files.contains_key(&path) && notes.hold(path.len()) {
            notes.given.files.insert(path, FoundAtPath::Folder);
        }
    }

    /// Takes note that the call may have changed what is at a path.
    pub(crate) fn touch(&self, path: String) {
        let mut notes = self.notes();
        if notes.hold(path.len()) {
            notes.touched.insert(path);
        }
    }

    /// Returns what the call may have changed.
    pub(crate) fn touched(&self) -> Vec<String> {
        self.notes().touched.iter().cloned().collect()
    }

    /// Takes note of what is at a path when the call has ended.
    pub(crate) fn left(&self, path: String, found: FoundAtPath) {
        let mut notes = self.notes();
        if notes.given.files.get(&path) != Some(&found) && notes.hold(path.len() + found.bytes()) {
            // When it was written is different each time.
            let found = match found {
                FoundAtPath::File { size, content, .. } => FoundAtPath::File {
                    size,
                    modified: 0,
                    content,
                },
                found => found,
            };
            notes.end.files.insert(path, found);
        }
    }

    /// Returns how many bytes more there is room for.
    pub(crate) fn room(&self) -> usize {
        let notes = self.notes();
        notes.most_bytes.saturating_sub(notes.held_bytes)
    }

    /// Says that something is too large to be kept.
    pub(crate) fn too_large(&self) {
        let more = self.room() + 1;
        self.notes().hold(more);
    }

    /// Returns what the sender of the earlier call might read, or takes note of it.
    pub(crate) fn may_read(
        &self,
        path: &str,
        decide: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let known = {
            let notes = self.notes();
            let earlier = notes.earlier.as_ref();
            earlier.map(|earlier| earlier.given.sender_may_read.get(path).copied())
        };
        let decided = match known {
            None => decide(),
            Some(Some(true)) => Ok(()),
            Some(Some(false)) => Err("the sender might not read it".to_owned()),
            Some(None) => {
                let why = "the recording does not say whether the sender might read it";
                Err(why.to_owned())
            }
        };
        let mut notes = self.notes();
        if known == Some(None) {
            notes.lack(format!("whether the sender might read `{path}`"));
        }
        if notes.hold(path.len()) {
            let may = decided.is_ok();
            notes.given.sender_may_read.insert(path.to_owned(), may);
        }
        decided
    }

    /// Tells whether the value of a key is in the earlier recording, which counts for a call
    /// that runs again.
    pub(crate) fn knows_key(&self, key: &str) -> bool {
        let mut notes = self.notes();
        let Some(earlier) = &notes.earlier else {
            return true;
        };
        let is_known = earlier.keys.contains(key);
        if !is_known {
            notes.lack(format!("the value of `{key}` in the state"));
        }
        is_known
    }

    /// As [`Recorder::knows_key`], for lists of keys.
    pub(crate) fn knows_keys(&self) -> bool {
        let mut notes = self.notes();
        let Some(earlier) = &notes.earlier else {
            return true;
        };
        let is_known = earlier.is_listed;
        if !is_known {
            notes.lack("the keys of the state".to_owned());
        }
        is_known
    }

    /// Takes note that the call has written a key, and can read it from now on.
    pub(crate) fn wrote_key(&self, key: &str) {
        if let Some(earlier) = &mut self.notes().earlier {
            earlier.keys.insert(key.to_owned());
        }
    }

    /// Returns what came back for the same HTTP request before; nothing where the call does not
    /// run again.
    pub(crate) fn http_answer(&self, method: &str, url: &str) -> Option<HttpAnswer> {
        let mut notes = self.notes();
        let earlier = notes.earlier.as_mut()?;
        match earlier.take_answer(method, url) {
            Some(Some(answer)) => return Some(answer),
            // It never came.
            Some(None) => {}
            None => notes.lack(format!("an answer to HTTP {method} {url}")),
        }
        Some(HttpAnswer::Failed {
            error: "the recording has no answer to this request".to_owned(),
        })
    }

    /// Returns the look at what became of these messages before; nothing where the call does not
    /// run again.
    pub(crate) fn received_before(&self, ids: &[String]) -> Option<CallStep> {
        let mut notes = self.notes();
        let earlier = notes.earlier.as_mut()?;
        if let Some(step) = earlier.take_received(ids) {
            return Some(step);
        }
        notes.lack(format!("what became of the messages {}", ids.join(", ")));
        let why = "the recording does not say what became of these messages";
        Some(CallStep::Receive {
            ids: ids.to_vec(),
            outcomes: Vec::new(),
            error: Some(("unavailable".to_owned(), why.to_owned())),
        })
    }

    /// Takes note of a part of the body of an HTTP request.
    pub(crate) fn sent(&self, at: usize, bytes: &[u8]) {
        let mut notes = self.notes();
        if notes.hold(bytes.len())
            && let Some(CallStep::Http { body, answer, .. }) = notes.steps.get_mut(at)
            && !matches!(answer, Some(HttpAnswer::Failed { .. }))
        {
            body.extend(bytes);
        }
    }

    /// Takes note of what came back for an HTTP request.
    pub(crate) fn answered(&self, at: usize, came: HttpAnswer) {
        let mut notes = self.notes();
        if notes.hold(came.bytes())
            && let Some(CallStep::Http { answer, body, .. }) = notes.steps.get_mut(at)
        {
            if let HttpAnswer::Failed { .. } = came {
                // How much of it was sent until then is different each time.
                *body = Data::default();
            }
            *answer = Some(came);
        }
    }

    /// Takes note of a part of the body that came back.
    pub(crate) fn received(&self, at: usize, bytes: &[u8]) {
        let mut notes = self.notes();
        if notes.hold(bytes.len())
            && let Some(CallStep::Http {
                answer: Some(HttpAnswer::Answered { body, .. }),
                ..
            }) = notes.steps.get_mut(at)
        {
            body.extend(bytes);
        }
    }

    /// Takes note of how the call ended.
    pub(crate) fn end(&self, end: RecordedEnd) {
        let mut notes = self.notes();
        let answer = end.answer.as_ref().and_then(|answer| answer.body.as_ref());
        notes.hold(answer.map_or(0, |body| body.bytes().len()));
        let micros = notes.started.elapsed().as_micros();
        let files = std::mem::take(&mut notes.end.files);
        notes.end = RecordedEnd {
            files,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            ..end
        };
    }

    /// Returns what the recording of a call that ran again does not have.
    pub fn lacks(&self) -> Vec<Lack> {
        let notes = self.notes();
        let earlier = notes.earlier.as_ref();
        earlier.map_or_else(Vec::new, |earlier| earlier.lacks.clone())
    }

    /// Returns the recording of a call that has ended, as it is written.
    ///
    /// # Errors
    /// There is more of it than a recording holds.
    pub fn to_json(&self, app: RecordedApp, at: i64) -> Result<Vec<u8>, String> {
        let mut notes = self.notes();
        if let Some(trouble) = &notes.trouble {
            return Err(trouble.clone());
        }
        let request = notes.request.take();
        let recording = Recording {
            recording: FORM,
            notice: NOTICE.to_owned(),
            private: PRIVATE.map(str::to_owned).to_vec(),
            app,
            at,
            request: request.ok_or("the call did not begin")?,
            given: std::mem::take(&mut notes.given),
            steps: std::mem::take(&mut notes.steps),
            end: std::mem::take(&mut notes.end),
        };
        let document = serde_json::to_value(recording).map_err(|error| error.to_string())?;
        let document: Value = mask(document, &notes.secrets);
        let json = serde_json::to_vec_pretty(&document).map_err(|error| error.to_string())?;
        if json.len() > MAX_FILE_BYTES && notes.earlier.is_none() {
            return Err(too_large(MAX_FILE_BYTES));
        }
        Ok(json)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Notes {
    /// Makes sure that there is room for more; without it the recording is not kept, and what it
    /// holds goes.
    fn hold(&mut self, bytes: usize) -> bool {
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        if self.held_bytes <= self.most_bytes {
            return true;
        }
        if self.trouble.is_none() {
            self.trouble = Some(too_large(self.most_bytes));
            self.steps = Vec::new();
            self.given.files.clear();
        }
        false
    }

    fn lack(&mut self, what: String) {
        let n_before = self.steps.len();
        let Some(earlier) = &mut self.earlier else {
            return;
        };
        earlier.lack(Lack { n_before, what });
    }
}

fn too_large(bytes: usize) -> String {
    let most = show_size(bytes as u64);
    format!("the call was told or did more than the {most} that a recording holds")
}

impl HttpAnswer {
    fn bytes(&self) -> usize {
        match self {
            Self::Answered { headers, body, .. } => {
                let headers = headers
                    .iter()
                    .map(|(name, value): &(String, Data)| name.len() + value.bytes().len() + 64);
                headers.sum::<usize>() + body.bytes().len()
            }
            Self::Failed { error } => error.len(),
        }
    }
}
