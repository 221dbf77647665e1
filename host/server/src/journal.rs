//! Which calls are at work, in a file that outlives the host: after a crash it names the calls
//! that may have caused it.
//!
//! Each call writes into a slot of its own when it begins. That reaches the system and
//! is not forced to the disk: it is about a host that crashes, not about a machine that
//! does, and is forgotten with the machine's next start. The slot of a call that ended is
//! used again. A request that was answered clears
//! nothing, since its answer shows that it is over.
//!
//! Why: docs/decisions/30-crashes-are-journaled.md

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use syft_protocol::address::Address;
use syft_system::{boot, positions};
use uuid::Uuid;

use crate::private_folder::PrivateFolder;

const FILE: &str = "calls.journal";

/// Half a page, so that a record is written whole or not at all.
const SLOT_BYTES: u64 = 2048;

/// A call that was at work, or is suspected from earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    boot: String,
    call: Name,
    /// Crashes of the host during the call, without this run.
    crashes: u32,
    is_running: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Name {
    /// The address of a request.
    Request(String),
    /// The id of an event.
    Event(String),
    /// The host was to stop.
    Stop,
}

/// What an earlier run of the host left, since it did not end properly.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EarlierRun {
    /// Requests that are not known to be over, each with the crashes during it.
    pub(crate) requests: HashMap<Address, u32>,
    /// Events that were being delivered.
    pub(crate) events: Vec<Uuid>,
    /// Something was at work.
    pub(crate) has_crashed: bool,
    /// The host was to stop already, so somebody may have lost patience.
    pub(crate) was_stopping: bool,
}

impl EarlierRun {
    /// Keeps so many requests, those with most crashes.
    pub(crate) fn bound(&mut self, most: usize) {
        if self.requests.len() > most {
            let mut all: Vec<_> = self.requests.drain().collect();
            all.sort_unstable_by_key(|(_, crashes)| std::cmp::Reverse(*crashes));
            self.requests = all.into_iter().take(most).collect();
        }
    }
}

/// The journal of the calls of one app.
pub(crate) struct Journal {
    path: PathBuf,
    boot: String,
    file: File,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    free: Vec<u64>,
    used: u64,
    /// Requests that are suspected from earlier.
    suspects: HashMap<Address, (u64, u32)>,
}

/// A call at work. When this is dropped, the call is over and no longer suspected.
pub(crate) struct JournalEntry {
    journal: Arc<Journal>,
    slot: u64,
    is_answered: bool,
}

impl JournalEntry {
    /// Ends it where the answer of its request shows that it is over.
    pub(crate) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for JournalEntry {
    fn drop(&mut self) {
        if !self.is_answered {
            self.journal.write(self.slot, b"\n");
        }
        self.journal.slots().free.push(self.slot);
    }
}

/// Returns what an earlier run of the host left in the app's private folder.
///
/// # Errors
/// The file cannot be read. What is in it and makes no sense is passed over.
pub(crate) fn left(folder: &PrivateFolder) -> io::Result<EarlierRun> {
    let bytes = match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EarlierRun::default()),
        result => result?,
    };
    let (mut left, boot) = (EarlierRun::default(), boot_id());
    for slot in bytes.chunks(SLOT_BYTES as usize) {
        let line = slot.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            continue;
        };
        let is_crash = record.is_running && record.boot == boot;
        let crashes = record.crashes.saturating_add(is_crash.into());
        left.has_crashed |= is_crash && record.call != Name::Stop;
        match record.call {
            Name::Request(text) => {
                if let Some(address) = Address::parse(&text).filter(|_| crashes > 0) {
                    let known = left.requests.entry(address).or_default();
                    *known = crashes.max(*known);
                }
            }
            Name::Event(text) if is_crash => left.events.extend(Uuid::parse_str(&text)),
            Name::Event(_) => {}
            Name::Stop => left.was_stopping = true,
        }
    }
    Ok(left)
}

impl Journal {
    /// Begins a journal in the app's private folder, with the requests that are suspected
    /// from earlier.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn start(
        folder: &PrivateFolder,
        suspects: HashMap<Address, u32>,
    ) -> io::Result<Arc<Self>> {
        let path = folder.join(FILE);
        let file = write_suspects(&path, suspects.iter().map(|(address, n)| (address, *n)))?;
        let mut slots = Slots::default();
        for (address, crashes) in suspects {
            slots.suspects.insert(address, (slots.used, crashes));
            slots.used += 1;
        }
        Ok(Arc::new(Self {
            path,
            boot: boot_id(),
            file,
            slots: Mutex::new(slots),
        }))
    }

    /// Records that a request is handled from now on.
    pub(crate) fn request(self: &Arc<Self>, address: &Address) -> JournalEntry {
        let crashes = self.crashes(address);
        self.begin(Name::Request(address.to_string()), crashes)
    }

    /// Notes that an event is delivered from now on.
    pub(crate) fn event(self: &Arc<Self>, id: Uuid) -> JournalEntry {
        self.begin(Name::Event(id.to_string()), 0)
    }

    fn begin(self: &Arc<Self>, call: Name, crashes: u32) -> JournalEntry {
        let slot = self.slots().take();
        let record = Record {
            boot: self.boot.clone(),
            call,
            crashes,
            is_running: true,
        };
        self.write(slot, &record.line());
        JournalEntry {
            journal: Arc::clone(self),
            slot,
            is_answered: false,
        }
    }

    /// Returns how often the host has crashed during a request in earlier runs.
    pub(crate) fn crashes(&self, address: &Address) -> u32 {
        let slots = self.slots();
        slots
            .suspects
            .get(address)
            .map_or(0, |(_, crashes)| *crashes)
    }

    /// Records how often the host has crashed during a request; 0 ends the suspicion.
    pub(crate) fn suspect(&self, address: &Address, crashes: u32) {
        let mut slots = self.slots();
        let known = slots.suspects.get(address).copied();
        if known.map_or(0, |(_, crashes)| crashes) == crashes {
            return;
        }
        let slot = known.map_or_else(|| slots.take(), |(slot, _)| slot);
        match crashes {
            0 => {
                slots.suspects.remove(address);
                slots.free.push(slot);
                self.write(slot, b"\n");
            }
            _ => {
                slots.suspects.insert(address.clone(), (slot, crashes));
                self.write(slot, &Record::suspect(address, crashes).line());
            }
        }
    }

    /// Records that the host has to stop.
    pub(crate) fn stopping(&self) {
        let slot = self.slots().take();
        let record = Record {
            boot: self.boot.clone(),
            call: Name::Stop,
            crashes: 0,
            is_running: true,
        };
        self.write(slot, &record.line());
    }

    /// Ends the journal properly: calls still at work are not suspected.
    pub(crate) fn close(&self) {
        let slots = self.slots();
        let suspects = slots.suspects.iter();
        let suspects = suspects.map(|(address, (_, crashes))| (address, *crashes));
        if let Err(error) = write_suspects(&self.path, suspects) {
            tracing::warn!("cannot close the journal of calls: {error}");
        }
    }

    /// Serving goes on if the disk is full; only the suspicion is missing then.
    fn write(&self, slot: u64, line: &[u8]) {
        if line.len() as u64 > SLOT_BYTES {
            return;
        }
        if let Err(error) = positions::write_all_at(&self.file, line, slot * SLOT_BYTES) {
            tracing::debug!("cannot write the journal of calls: {error}");
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("no holder of this lock panics")
    }
}

impl Slots {
    fn take(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }
}

impl Record {
    fn suspect(address: &Address, crashes: u32) -> Self {
        Self {
            boot: String::new(),
            call: Name::Request(address.to_string()),
            crashes,
            is_running: false,
        }
    }

    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("texts are JSON");
        line.push(b'\n');
        line
    }
}

/// Returns which start of the machine this is. If that is not known the text is empty, and every
/// improper end counts as a crash of the host.
pub fn boot_id() -> String {
    boot::id().unwrap_or_default()
}

/// Makes a file with nothing but suspects in it, in the place of the one that was there.
fn write_suspects<'a>(
    path: &Path,
    suspects: impl Iterator<Item = (&'a Address, u32)>,
) -> io::Result<File> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    let mut bytes = Vec::new();
    for (address, crashes) in suspects {
        bytes.extend(Record::suspect(address, crashes).line());
        bytes.resize(bytes.len().next_multiple_of(SLOT_BYTES as usize), b' ');
    }
    if !bytes.is_empty() {
        file.write_all(&bytes)?;
        file.sync_data()?;
    }
    fs::rename(temporary, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = [
        "c9c22855-686a-49f9-b6f2-11c98f11b79a",
        "c9c22855-686a-49f9-b6f2-11c98f11b79b",
        "c9c22855-686a-49f9-b6f2-11c98f11b79c",
    ];

    fn address(n: usize) -> Address {
        Address::parse(&format!("/echo/bob@x.org/{}", IDS[n])).expect("an address")
    }

    fn requests(folder: &PrivateFolder) -> Vec<(usize, u32)> {
        let left = left(folder).expect("a journal");
        let n = |address: &Address| (0..3).find(|n| self::address(*n) == *address);
        let mut found: Vec<_> = left
            .requests
            .iter()
            .map(|(address, crashes)| (n(address).expect("one of ours"), *crashes))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn what_was_at_work_is_found_after_a_crash() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = PrivateFolder::new(place.path());
        let journal = Journal::start(&folder, HashMap::new()).expect("a journal");
        assert_eq!(requests(&folder), []);
        let _at_work = journal.request(&address(0));
        drop(journal.request(&address(1)));
        let event = Uuid::new_v4();
        let told = journal.event(event);
        assert_eq!(requests(&folder), [(0, 1)]);
        assert_eq!(left(&folder).expect("a journal").events, [event]);
        drop(told);
        journal.request(&address(2)).answered();
        // Its answer shows that it is over.
        assert_eq!(requests(&folder), [(0, 1), (2, 1)]);
        // The same slot.
        let _next = journal.request(&address(1));
        assert_eq!(requests(&folder), [(0, 1), (1, 1)]);
        let size = fs::metadata(folder.join(FILE)).expect("a file").len();
        assert!(size <= 2 * SLOT_BYTES, "{size} bytes for two at a time");
    }

    #[test]
    fn crashes_add_up_over_runs_and_end_with_the_suspicion() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = PrivateFolder::new(place.path());
        for crashes in 1..=3 {
            let left = left(&folder).expect("a journal");
            let journal = Journal::start(&folder, left.requests).expect("a journal");
            std::mem::forget(journal.request(&address(0)));
            assert_eq!(requests(&folder), [(0, crashes)]);
        }
        let left = left(&folder).expect("a journal");
        let journal = Journal::start(&folder, left.requests).expect("a journal");
        journal.suspect(&address(1), 1);
        journal.suspect(&address(1), 2);
        assert_eq!(requests(&folder), [(0, 3), (1, 2)]);
        let _at_work = journal.request(&address(1));
        journal.suspect(&address(0), 0);
        assert_eq!(requests(&folder), [(1, 3)]);
        journal.close();
        assert_eq!(requests(&folder), [(1, 2)]);
    }

    #[test]
    fn what_was_at_work_when_the_machine_stopped_is_not_suspected() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = PrivateFolder::new(place.path());
        let journal = Journal::start(&folder, HashMap::new()).expect("a journal");
        journal.suspect(&address(1), 1);
        std::mem::forget(journal.request(&address(0)));
        std::mem::forget(journal.request(&address(1)));
        std::mem::forget(journal.event(Uuid::new_v4()));
        assert_eq!(requests(&folder), [(0, 1), (1, 2)]);
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).expect("a file");
        let other = text.replace(&journal.boot, &"0".repeat(journal.boot.len()));
        fs::write(&path, other).expect("a file");
        assert_eq!(requests(&folder), [(1, 1)]);
        assert!(left(&folder).expect("a journal").events.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = PrivateFolder::new(place.path());
        let journal = Journal::start(&folder, HashMap::new()).expect("a journal");
        std::mem::forget(journal.request(&address(0)));
        std::mem::forget(journal.request(&address(1)));
        let path = folder.join(FILE);
        let mut bytes = fs::read(&path).expect("a file");
        bytes[3] = b'?';
        fs::write(&path, bytes).expect("a file");
        assert_eq!(requests(&folder), [(1, 1)]);
        fs::write(&path, [0xff; 5000]).expect("a file");
        assert_eq!(requests(&folder), []);
    }
}
